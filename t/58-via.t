# SPDX-License-Identifier: Apache-2.0
# Via: what backends and clients see of it, and a request that comes through twice.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $backend = backend(sub {
    my ($conn, $request) = @_;
    $conn->answer(200, $request->header('Via') // 'none', 'Cache-Control' => 'max-age=60',
        $request->{path} =~ /far/ ? (Via => '1.0 far (an old one)') : ());
});
my $weir = weir(<<"CONF");
cache = { small = { memory = "1m"; }; };
sites = ( {
  listen = [ "http://127.0.0.1:%port:web%" ];
  via    = { name = "edge1"; };
  proxy  = { to = "http://127.0.0.1:$backend->{port}"; };
  cache  = { zone = "small"; };
  routes = ( { path = "/loop"; proxy = { to = "http://127.0.0.1:%port:web%"; }; },
             { path = "/own"; respond = { text = "own"; }; } );
}, { listen = [ "http://127.0.0.1:%port:plain%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } );
CONF

my $r = get($weir, '/a');
is $r->{body}, '1.1 edge1', 'the backend gets it';
is $r->header('Via'), '1.1 edge1', 'the client gets it';
$r = get($weir, '/a');
is $r->header('Via'), '1.1 edge1', '... from the cache, too, once';
like $r->header('Cache-Status'), qr/hit/, '... which it is';
$r = get($weir, '/far', Via => '1.0 first, HTTP/2 second (edge1, a comment)');
is $r->{body}, '1.0 first, HTTP/2 second (edge1, a comment), 1.1 edge1', 'it comes behind those that were there';
is $r->header('Via'), '1.0 far (an old one), 1.1 edge1', '... in responses, too';
is get($weir, '/b', Via => ['1.1 x', '1.1 y'])->{body}, '1.1 x, 1.1 y, 1.1 edge1', 'two lines are one list';
is raw($weir, "GET /old HTTP/1.0\r\nHost: test\r\n\r\n")->{body}, '1.0 edge1', 'the protocol is the client\'s';
is get($weir, '/c', Via => '1.1 edge1')->{status}, 508, 'a request that was here before is refused';
$r = get($weir, '/loop');
is $r->{status}, 508, 'a route that leads back is found out';
ok $weir->logged(qr/proxy_loop_detected/), '... and the log says so';
is get($weir, '/own')->header('Via'), undef, 'what weir makes itself came through nobody';
is get(client_port($weir, 'plain'), '/far')->header('Via'), '1.0 far (an old one)', 'without the group it passes as it is';
sub client_port { my ($weir, $name) = @_; return $weir->port($name) }
my ($status, $said) = check_config('sites = ( { listen = [ "http://*:80" ]; via = { name = "two words"; }; respond = { text = "x"; }; } );');
ok $status, 'a name of two words is refused';
like $said, qr/weir\.conf:1: .*"two words": expected one word/, '... and says why';
done_testing;
