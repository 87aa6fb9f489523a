# SPDX-License-Identifier: Apache-2.0
# Who the client is: trusted proxies are believed, from the right, and nobody else.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $backend = backend(sub { my ($conn, $r) = @_;
    $conn->answer(200, join '|', map { $r->header($_) // '-' } qw(X-Forwarded-For X-Real-IP X-Forwarded-Proto X-Forwarded-Host Forwarded));
});
my $proxied = backend(sub { my ($conn) = @_;
    my $line = $conn->until(qr/\r\n/) or return; # version 1
    $line =~ s/\r\n//;
    $conn->until(qr/\r\n\r\n/);
    $conn->answer(200, $line);
}, raw => 1);
my $text = 'respond = { text = "$remote_addr $proxy_add_x_forwarded_for $http_x_forwarded_for"; };';
my $weir = weir(<<"END");
access_log = { path = "%dir%/access.log"; format = "\$remote_addr \$status \$host"; };
upstream = { told = { servers = ( { address = "127.0.0.1:$proxied->{port}"; proxy_protocol = 1; } ); }; };
limit = { one = { rate = "1r/h"; }; };
realip = { from = [ "127.0.0.1", "10.0.0.0/8", "2001:db8:5::/48" ]; };
sites = (
  { names = [ "a" ]; listen = [ "http://127.0.0.1:%port:web%" ]; $text
    routes = ( { path = "/proxy"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
      { path = "/told"; proxy = { to = "http://told"; }; },
      { path = "/limited"; limit = { zone = "one"; }; },
      { path = "/closed"; access = { deny = [ "192.0.2.66" ]; }; } ); },
  { names = [ "rfc" ]; listen = [ "http://127.0.0.1:%port:web%" ]; $text realip = { header = "Forwarded"; };
    routes = ( { path = "/proxy"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } ); },
  { names = [ "other" ]; listen = [ "http://127.0.0.1:%port:web%" ]; $text realip = { from = [ "192.0.2.0/24" ]; };
    routes = ( { path = "/proxy"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } ); },
  { listen = [ "http://127.0.0.1:%port:pp%", "http://127.0.0.1:%port:own%" ]; realip = { header = "proxy_protocol"; }; $text },
  { listen = [ "http://127.0.0.1:%port:far%" ]; realip = { from = [ "192.0.2.0/24" ]; header = "proxy_protocol"; }; $text } );
END
sub asked { my ($host, @h) = @_; return get($weir, '/', Host => $host, @h)->{body} }
sub xff { return (split / /, asked('a', 'X-Forwarded-For' => $_[0]))[0] }
sub rfc { return (split / /, asked('rfc', Forwarded => $_[0]))[0] }

# ---- X-Forwarded-For ----
my @rows = (['192.0.2.7', '192.0.2.7'], ['6.6.6.6, 192.0.2.7', '192.0.2.7'], ['6.6.6.6, 192.0.2.7, 10.1.1.1', '192.0.2.7'],
    ['6.6.6.6,10.9.9.9 ,10.1.1.1', '6.6.6.6'], ['10.9.9.9, 10.1.1.1', '10.9.9.9'], [['6.6.6.6', '192.0.2.7'], '192.0.2.7'],
    ['192.0.2.7:4711', '192.0.2.7'], ['[2001:db8::1]:80', '2001:db8::1'], ['2001:db8::1, 2001:db8:5::9', '2001:db8::1'],
    ['unknown', '127.0.0.1'], ['6.6.6.6, unknown, 10.1.1.1', '10.1.1.1'], ['6.6.6.6, 10.1.1', '127.0.0.1'], ['', '127.0.0.1'], [',', '127.0.0.1'],
    ['256.1.1.1', '127.0.0.1'], ['1.2.3.4.5', '127.0.0.1'], ['::ffff:192.0.2.9', '::ffff:192.0.2.9'], [join(', ', ('6.6.6.6') x 50, '192.0.2.7'), '192.0.2.7']);
is xff($_->[0]), $_->[1], 'X-Forwarded-For: ' . (ref $_->[0] ? 'two lines' : substr $_->[0], 0, 60) for @rows;
is asked('a', 'X-Forwarded-For' => '6.6.6.6, 192.0.2.7, 10.1.1.1'), '192.0.2.7' . ' 192.0.2.7, 10.1.1.1, 127.0.0.1' x 2, 'variables agree; what nobody vouches for is gone';
is asked('other', 'X-Forwarded-For' => '192.0.2.7', Forwarded => 'for=6.6.6.6'), '127.0.0.1 127.0.0.1 ', 'others are not believed';

# ---- Forwarded ----
@rows = (['for=192.0.2.7', '192.0.2.7'], ['For="192.0.2.7:80";proto=https, for=10.1.1.1', '192.0.2.7'], ['for="[2001:db8::1]:80"', '2001:db8::1'],
    ['for=6.6.6.6, for=192.0.2.7;by=_x', '192.0.2.7'], ['for=_hidden, for=10.1.1.1', '10.1.1.1'], ['for=192.0.2.7, for="10.1.1.1', '127.0.0.1'],
    ['for=6.6.6.6;for=192.0.2.7', '127.0.0.1'], ['for = 192.0.2.7', '127.0.0.1'], [',, for=192.0.2.7 ,', '192.0.2.7'], ['for="6.6.6.6, for=192.0.2.7"', '127.0.0.1'],
    ['for="192.0.2.7\\"', '127.0.0.1'], ['192.0.2.7', '127.0.0.1'], [['for=6.6.6.6', 'proto=http;for=192.0.2.7'], '192.0.2.7'], ['for=192.0.2.7;', '127.0.0.1']);
is rfc($_->[0]), $_->[1], 'Forwarded: ' . (ref $_->[0] ? 'two lines' : $_->[0]) for @rows;
is asked('rfc', 'X-Forwarded-For' => '192.0.2.7'), '127.0.0.1 127.0.0.1 ', 'the other field does not count';

# ---- what everybody else is told ----
sub told { my ($host, @h) = @_; return get($weir, '/proxy', Host => $host, @h)->{body} }
is told('a', 'X-Forwarded-For' => '6.6.6.6, 192.0.2.7', 'X-Forwarded-Proto' => 'https', 'X-Forwarded-Host' => 'evil'),
    '192.0.2.7, 127.0.0.1|192.0.2.7|https|a|-', 'backends: the same client, and the trusted word on TLS';
is told('a', 'X-Forwarded-For' => '192.0.2.7', 'X-Forwarded-Proto' => 'gopher'), '192.0.2.7, 127.0.0.1|192.0.2.7|http|a|-', 'if it makes sense';
is told('rfc', Forwarded => 'for=192.0.2.7;proto=https'), '192.0.2.7, 127.0.0.1|192.0.2.7|https|rfc|-', 'the same by Forwarded';
is told('other', 'X-Forwarded-For' => '192.0.2.7', 'X-Forwarded-Proto' => 'https', 'X-Real-IP' => '6.6.6.6', Forwarded => 'for=6.6.6.6'),
    '127.0.0.1|127.0.0.1|http|other|-', 'backends hear nothing of what the untrusted say';
like get($weir, '/told', Host => 'a', 'X-Forwarded-For' => '192.0.2.7:99')->{body}, qr/^PROXY (TCP4 192\.0\.2\.7 127\.0\.0\.1 99 \d+|UNKNOWN)$/, 'by PROXY, too';
my @status = map { get($weir, '/limited', Host => 'a', 'X-Forwarded-For' => $_)->{status} } '192.0.2.1', '192.0.2.2', '6.6.6.6, 192.0.2.1';
is "@status", '200 200 429', 'limits count the client';
@status = map { get($weir, '/closed', Host => 'a', 'X-Forwarded-For' => $_)->{status} } '192.0.2.66', '192.0.2.66, 192.0.2.67';
is "@status", '403 200', 'access rules see it';
is get($weir, '/', Host => 'nobody', 'X-Forwarded-For' => '192.0.2.99')->{status}, 421, 'no site';
ok wait_for { read_file("$weir->{dir}/access.log") =~ /^192\.0\.2\.99 421/m }, 'logs know it, even without a site';
like read_file("$weir->{dir}/access.log"), qr/^192\.0\.2\.66 403 a$/m, 'and with one';
ok $weir->logged(qr/\[client 192\.0\.2\.66\].*403/), 'the error log, too';

# ---- PROXY ----
sub greeted { my ($port, @pieces) = @_;
    my $c = client($weir, $port);
    $c->send($_) for @pieces;
    $c->send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n");
    return $c->rest =~ /\r\n\r\n(.*)/s ? (split / /, $1)[0] : 'closed';
}
my $sig = "\r\n\r\n\0\r\nQUIT\n";
sub v2 { my ($command, $family, $rest) = @_; return $sig . pack('CCn', $command, $family, length $rest) . $rest }
my $four = pack('C4 C4 n n', 192, 0, 2, 7, 127, 0, 0, 1, 99, 80);
my @greetings = (["PROXY TCP4 192.0.2.7 127.0.0.1 99 80\r\n", '192.0.2.7'], ["PROXY TCP6 2001:db8::1 ::1 99 80\r\n", '2001:db8::1'],
    ["PROXY UNKNOWN\r\n", '127.0.0.1'], ["PROXY UNKNOWN what ever\r\n", '127.0.0.1'], [v2(0x21, 0x11, $four), '192.0.2.7'],
    [v2(0x21, 0x11, $four . "\x04\0\3abc"), '192.0.2.7'], [v2(0x21, 0x21, pack('n8 n8 n n', 0x2001, 0xdb8, (0) x 5, 5, (0) x 7, 1, 9, 80)), '2001:db8::5'],
    [v2(0x20, 0, ''), '127.0.0.1'], [v2(0x21, 0x31, 'x' x 216), '127.0.0.1'],
    map { [$_, 'closed'] } '', "PROXY TCP4 192.0.2.7 127.0.0.1 99\r\n", "PROXY TCP4 192.0.2.7 127.0.0.1 99 80 1\r\n", "PROXY TCP4  192.0.2.7 127.0.0.1 99 80\r\n",
        "PROXY TCP4 192.0.2.7 127.0.0.1 099 80\r\n", "PROXY TCP4 192.0.2.7 127.0.0.1 99 65536\r\n", "PROXY TCP6 192.0.2.7 127.0.0.1 99 80\r\n", "PROXY TCP4 192.0.2.7 127.0.0.1 99 80\n",
        'PROXY ' . 'x' x 120, v2(0x22, 0x11, $four), v2(0x31, 0x11, $four), v2(0x21, 0x11, substr $four, 0, 8), $sig . "\x21\x11\xff\xff");
is greeted('pp', $_->[0]), $_->[1], 'PROXY: ' . ($_->[0] =~ s/[^ -~]+/./gr || 'none') for @greetings;
is greeted('pp', split /(?<=[ .])/, $greetings[0][0]), '192.0.2.7', 'in pieces';
is greeted('pp', split //, $greetings[4][0]), '192.0.2.7', 'byte by byte';
is greeted('far', ''), '127.0.0.1', 'who is not trusted speaks as usual';
like raw($weir->port('far'), $greetings[0][0] . "GET / HTTP/1.1\r\nHost: a\r\n\r\n")->{status}, qr/^400$/, 'and PROXY is no HTTP';
ok $weir->logged(qr/realip: a trusted proxy's connection does not begin with the PROXY protocol/), 'it is logged';

sub said { return (check_config("realip = { $_[0] }; sites = ();"))[1] }
my $said = said('from = [ "10.0.0.1/8", "nowhere" ];');
like $said, qr/weir\.conf:1: error: realip\.from: "10\.0\.0\.1\/8": it has bits behind/, 'mistakes are named';
like $said, qr/"nowhere": expected an address, a network/, 'all of them';
like said('from = "10.0.0.1"; header = "X-Client";'), qr/realip\.header.*"X-Forwarded-For"/, 'with what is expected';
done_testing;
