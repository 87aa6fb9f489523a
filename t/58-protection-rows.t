# SPDX-License-Identifier: Apache-2.0
# Mistakes that other servers invite (rows 29 to 32, 41, 42, 89; pains P10 to P13, P25, P27, P29): they
# cannot be made, or are refused.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
mkdir "$dir/$_" for 'files', 'files-private';
write_file("$dir/files/a.txt", 'a file');
write_file("$dir/files-private/secret", 'for nobody');
my $backend = backend(sub { my ($conn, $r) = @_;
    $conn->answer(200, join "\n", $r->{line}, @{ $r->{lines} }, "body " . length $r->{body}) });
my $weir = weir(<<"END");
limit = { slow = { rate = "1r/m"; }; };
sites = (
  { names = [ "minimal.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
  { names = [ "front.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
    realip = { from = [ "127.0.0.1" ]; }; },
  { names = [ "example.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
    headers = { request = { set = { X-Site = "site"; }; }; };
    routes = ( { path = "/more"; headers = { request = { set = { X-Route = "route"; }; }; }; },
      { path = "/small"; client = { max_body = "10"; }; },
      { path = "/files"; proxy = false; static = { mount = "$dir/files"; }; },
      { path = "/strip/"; proxy = { strip_prefix = "/strip"; }; },
      { path = "/beta"; match = { header = { X-Beta = "^1\$"; }; }; proxy = false; respond = { text = "beta"; };
        headers = { response = { set = { X-One = "1"; X-Two = "2"; }; }; }; },
      { path = "/limited"; limit = { zone = "slow"; }; } ); },
  { names = [ "old.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; redirect = { to = "https://\$host\$request_uri"; status = 308; };
    routes = ( { path = "/.well-known/acme-challenge/"; redirect = false; respond = { text = "challenge"; }; } ); } );
END
sub at { my ($host, $path, %h) = @_; return get($weir, $path, Host => $host, %h) }
sub seen { my %h = map { lc($_->[0]) => $_->[1] } map { [split /: /, $_, 2] } grep { /: / } split /\n/, $_[0]{body}; return \%h }

my @lies = ('X-Forwarded-For' => '1.2.3.4', 'X-Real-IP' => '1.2.3.4', 'X-Forwarded-Proto' => 'https', 'X-Forwarded-Host' => 'evil.com');
my $h = seen(at('minimal.test', '/', @lies));
is $h->{'x-forwarded-for'}, '127.0.0.1', 'row 29, P10: nobody tells another address of himself';
is $h->{'x-forwarded-proto'}, 'http', 'row 30: nor another scheme';
is seen(at('front.test', '/', 'X-Forwarded-For' => '6.6.6.6, 192.0.2.7'))->{'x-forwarded-for'}, '192.0.2.7, 127.0.0.1',
    'row 29, P10: of a trusted proxy\'s list the right end is believed, and who sent it is appended';
is seen(at('front.test', '/', @lies))->{'x-forwarded-proto'}, 'https', 'row 30: a trusted proxy knows the scheme';
is join('|', map { $h->{$_} } qw(host x-real-ip x-forwarded-for x-forwarded-proto x-forwarded-host)), 'minimal.test|127.0.0.1|127.0.0.1|http|minimal.test',
    'row 32: one line of configuration tells the backend all of it';
$h = seen(at('example.test', '/more'));
is join('|', map { $h->{$_} // '-' } qw(x-site x-route x-real-ip x-forwarded-for x-forwarded-proto host)), 'site|route|127.0.0.1|127.0.0.1|http|example.test',
    'row 31: a route that adds a field loses none of the others';
my $r = request($weir, 'POST', '/small', { Host => 'example.test' }, 'x' x 11);
is $r->{status}, 413, 'row 41: a body over the limit';
like $r->{body}, qr/^The limit is 10 bytes/m, 'row 41: the answer names the limit';
ok $weir->logged(qr/client\.max_body, 10 bytes \(\S*weir\.conf:\d+\)/), 'row 41: the log names the line that sets it';
is request($weir, 'POST', '/small', { Host => 'example.test' }, 'x' x 10)->{status}, 200, 'row 41: what fits passes';
my $c = client($weir);
$c->send("POST /small HTTP/1.1\r\nHost: example.test\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
is $c->response->{status}, 413, 'row 41: who asks first is told before he sends';
$r = at('old.test', '/p%20q?x=1&y');
is "$r->{status} " . $r->header('Location'), '308 https://old.test/p%20q?x=1&y', 'row 42: path and query stay, and so does the method';
is at('old.test', '/.well-known/acme-challenge/x')->{body}, 'challenge', 'row 42: a path is exempt';
for my $host ('evil.com', 'old.test.evil.com', 'old.test@evil.com', "old.test:80\@evil.com", '') {
    $r = at($host, '/');
    like $r->{status}, qr/^4(00|21)$/, "row 42, P27: \"$host\" gets no redirect, and no site";
    is $r->header('Location'), undef, 'row 42, P27: nor a place to go to';
}
is at('example.test', '/files/a.txt')->{body}, 'a file', 'P11: a mount';
is at('example.test', $_)->{body} =~ /for nobody/ ? 'leaked' : 'safe', 'safe', "P11: $_" for '/files../files-private/secret', '/files-private/secret',
    '/files/../files-private/secret', '/files/%2e%2e/files-private/secret', '/files%2f..%2ffiles-private/secret', '/files//../files-private/secret';
like at('example.test', '/strip/a%2Fb//c%20d;e?q=%20')->{body}, qr{^GET /a%2Fb//c%20d;e\?q=%20 HTTP}, 'P12: a prefix goes, every other byte stays';
like at('example.test', '/a%2Fb/%7e?')->{body}, qr{^GET /a%2Fb/%7e\? HTTP}, 'P12: without one all stay';
$r = at('example.test', '/beta', 'X-Beta' => '1');
is join('|', $r->{body}, map { $r->header($_) } qw(X-One X-Two)), 'beta|1|2', 'P13: what a condition chooses holds as a whole';
like at('example.test', '/beta')->{body}, qr{^GET /beta}, 'P13: else the route is as if it were not there';
is at('example.test', '/limited')->{status}, 200, 'row 89';
$r = at('example.test', '/limited');
is $r->{status}, 429, 'row 89, P25: over a rate is 429';
like $r->header('Retry-After'), qr/^[1-9]\d?$/, 'row 89, P25: with the time to wait';
is join('|', map { $r->header("RateLimit-$_") } qw(Limit Remaining)), '1|0', 'row 89: and what there is';
$h = seen(at('minimal.test', '/', Connection => 'close, X-Secret, X-Forwarded-For, Host, Authorization', 'X-Secret' => 'x', 'Keep-Alive' => 'timeout=5',
    'Proxy-Authorization' => 'Basic eDp5', 'Proxy-Connection' => 'keep-alive', TE => 'gzip', Upgrade => 'x', Authorization => 'Basic eDp5'));
is $h->{$_}, undef, "P29: $_ is for this hop" for qw(x-secret keep-alive proxy-authorization proxy-connection te upgrade);
is $h->{$_->[0]}, $_->[1], "P29: $_->[0] cannot be taken off" for ['x-forwarded-for', '127.0.0.1'], [host => 'minimal.test'], [authorization => 'Basic eDp5'];
done_testing;
