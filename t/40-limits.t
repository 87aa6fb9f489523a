# SPDX-License-Identifier: Apache-2.0
# Limits on clients: requests per connection, connections, time for a head and a body.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "hi"; };'
    . ' client = { keepalive_requests = 2; header_timeout = "300ms"; body_timeout = "300ms";'
    . ' keepalive_timeout = "300ms"; }; } );', server => 'connections = 3;');
my $ask = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
my $c = client($weir);
$c->send($ask);
is $c->response->header('Connection'), undef, 'the first request keeps the connection';
$c->send($ask);
is $c->response->header('Connection'), 'close', 'client.keepalive_requests ends it';
ok $c->is_closed, 'and it is closed';
$c = client($weir);
$c->send("GET / HTTP/1.1\r\nHost:");
is $c->response->{status}, 408, 'client.header_timeout';
$c = client($weir);
$c->send($ask);
$c->response;
ok $c->is_closed, 'client.keepalive_timeout';
my @held = map { my $one = client($weir); $one->send("GET / HTTP/1.1\r\n"); $one } 1 .. 3;
ok $weir->logged(qr/server\.connections: 3 clients/), 'server.connections is reached';
is get($weir, '/')->{status}, 200, 'who comes later waits for a place';
done_testing;
