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
is get($weir, '/')->{status}, 200, 'who comes later gets a place: of those that wait for nothing the oldest goes';
$weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "hi"; }; } );', server => 'connections_per_address = 3;');
@held = map { my $one = client($weir); $one->send($ask); $one->response; $one } 1 .. 3;
$c = client($weir);
ok $c->is_closed, 'server.connections_per_address: the fourth is closed';
ok $weir->logged(qr/server\.connections_per_address: 127\.0\.0\.1 has that many connections/), 'and it is logged';
my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.9', PeerHost => '127.0.0.1', PeerPort => $weir->port);
$c = Weir::Test::Wire->new($socket);
$c->send($ask);
is $c->response->{status}, 200, 'another address is let in';
$held[1]->send($ask);
is $held[1]->response->{status}, 200, 'those that are here stay';
(shift @held)->close;
ok wait_for { my $next = client($weir); $next->send($ask); ($next->response->{status} || 0) == 200 }, 'a place that became free is used again';
done_testing;
