# SPDX-License-Identifier: Apache-2.0
# Another service decides who may pass.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $gate = gate();
my $auth = backend(sub { my ($conn, $r) = @_;
    my $uri = $r->header('X-Original-URI');
    if ($uri eq '/wait') { $conn->note('waiting'); $gate->wait }
    return $conn->answer(401, 'no', 'WWW-Authenticate' => 'Custom realm="x"', 'X-Secret' => 'inner') if $uri =~ m{/login};
    return $conn->answer(302, '', Location => 'https://login.example/', 'Set-Cookie' => 'state=1') if $uri =~ m{/go};
    return $conn->answer($1, 'no') if $uri =~ m{/status/(\d+)};
    return $conn->close if $uri =~ m{/dead};
    $conn->answer(204, undef, 'X-User' => 'alice', 'X-Groups' => "a, b", 'X-Other' => 'no');
});
my $app = backend(sub { my ($conn, $r) = @_; $conn->answer(200, join '|', map { $r->header($_) // '-' } qw(X-User X-Groups X-Other Content-Length)) });
my $closed = closed_port();
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$app->{port}"; };
  auth_request = { to = "http://127.0.0.1:$auth->{port}/check?x=1"; headers = [ "X-User", "X-Groups" ]; };
  routes = ( { path = "/public"; auth_request = false; },
    { path = "/report"; auth_request = { mode = "report"; }; },
    { path = "/nobody"; auth_request = { to = "http://127.0.0.1:$closed/"; }; },
    { path = "/local"; satisfy = "any"; access = { allow = [ "127.0.0.1" ]; }; },
    { path = "/s"; auth_request = false; status = true; } ); } );
END

my $r = request($weir, 'POST', '/a?b=c', { 'X-User' => 'evil', Authorization => 'Bearer x', Cookie => 'c=1', 'X-Original-URI' => '/fake', Range => 'bytes=0-1' }, 'some body');
is $r->{body}, 'alice|a, b|-|9', 'a good answer: its fields reach the backend, the client\'s do not';
my $asked = $auth->last_request;
is $asked->{line}, 'GET /check?x=1 HTTP/1.1', 'one GET';
is $asked->header($_->[0]), $_->[1], "with $_->[0]" for ['X-Original-URI', '/a?b=c'], ['X-Original-Method', 'POST'], ['X-Forwarded-For', '127.0.0.1'],
    ['X-Forwarded-Proto', 'http'], ['X-Forwarded-Host', 'test'], [Authorization => 'Bearer x'], [Cookie => 'c=1'], [Host => "127.0.0.1:$auth->{port}"];
is $asked->header($_), undef, "without $_" for qw(Range Content-Length X-User-Evil);
is $asked->{body}, '', 'and no body';
$r = get($weir, '/login');
is "$r->{status} " . $r->header('WWW-Authenticate'), '401 Custom realm="x"', '401: as it was said';
is $r->header('X-Secret'), undef, 'and no more of it';
$r = get($weir, '/go');
is join(' ', $r->{status}, map { $r->header($_) } qw(Location Set-Cookie)), '302 https://login.example/ state=1', 'to a login page';
is get($weir, "/status/$_")->{status}, $_ == 403 ? 403 : 503, "an answer of $_" for 403, 404, 500, 302, 304;
is get($weir, '/dead')->{status}, 503, 'no answer: nobody passes';
is get($weir, '/nobody')->{status}, 503, 'nobody there: nobody passes';
ok $weir->logged(qr/503.*auth_request: no answer of http:\/\/127\.0\.0\.1:$closed\/: /), 'the log says why';
is get($weir, '/public/login')->{status}, 200, 'off where it is switched off';
is get($weir, '/report/login', 'X-User' => 'evil')->{body}, '-|-|-|-', 'report: it passes, without what nobody has said';
ok $weir->logged(qr/auth_request\.mode is "report", this passes: .* answered 401/), 'and is logged';
like get($weir, '/s/metrics')->{body}, qr/^weir_auth_request_reported_total 1$/m, 'and counted';
is get($weir, '/local/login')->{status}, 200, 'satisfy = "any": access is enough';
my $n = () = $app->requests;
my $c = client($weir);
$c->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
ok $auth->noted('waiting'), 'a client that leaves while it is asked';
$c->reset;
$gate->open;
is get($weir, '/')->{status}, 200, 'harms nobody';
is scalar(my @all = $app->requests), $n + 1, 'and reaches nothing';
my (undef, $said) = check_config('sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; auth_request = { headers = "X"; }; } );');
like $said, qr/auth_request\.to.*missing|auth_request.*to/, 'without `to` it is no use';
done_testing;
