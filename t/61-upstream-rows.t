# SPDX-License-Identifier: Apache-2.0
# What a peer does wrong, and what is refused: connecting, sending, large heads, upgrades, tunnels.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

my $gate = gate();
my $hole = blackhole();
my $fine = backend(sub { $_[0]->answer(200, 'fine') });
my $stalled = backend(sub { my ($conn) = @_; $conn->until(qr/\r\n\r\n/); $gate->wait }, raw => 1);
my $resetting = backend(sub { my ($conn) = @_; $conn->until(qr/\r\n\r\n/); $conn->take(50000); $conn->note('reset'); $conn->reset }, raw => 1);
my $head = backend(sub {
    my ($conn, $r) = @_;
    my ($kib) = $r->{path} =~ /(\d+)/;
    $conn->answer(200, 'ok', 'X-Small' => 'yes', 'X-Large' => 'v' x ($kib << 10), 'X-Last' => 'end');
});
my $echo = backend(sub {
    my ($conn, $r) = @_;
    return $conn->answer(200, join ',', grep { /^(upgrade|connection|sec-)/i } @{ $r->{lines} })
        unless $r->{headers}{upgrade} || $r->{path} =~ /unasked/;
    $conn->send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    while ($conn->more) { $conn->send(substr $conn->{buffer}, 0, length $conn->{buffer}, '') }
    $conn->close;
});
my $weir = weir(<<"CONF");
upstream = {
  hole = { servers = ( { address = "127.0.0.1:$hole->{port}"; max_fails = 0; }, { address = "127.0.0.1:$fine->{port}"; backup = true; } ); };
  reset = { servers = ( { address = "127.0.0.1:$resetting->{port}"; max_fails = 0; }, { address = "127.0.0.1:$fine->{port}"; backup = true; } ); };
};
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/hole"; proxy = { to = "http://127.0.0.1:$hole->{port}"; connect_timeout = "300ms"; }; },
  { path = "/next"; proxy = { to = "http://hole"; connect_timeout = "300ms"; }; },
  { path = "/stalled"; proxy = { to = "http://127.0.0.1:$stalled->{port}"; send_timeout = "400ms"; read_timeout = "60s"; }; },
  { path = "/head"; proxy = { to = "http://127.0.0.1:$head->{port}"; }; },
  { path = "/tight"; proxy = { to = "http://127.0.0.1:$head->{port}"; buffer_head = "4k"; }; },
  { path = "/plain"; proxy = { to = "http://127.0.0.1:$echo->{port}"; websocket = false; }; },
  { path = "/tunnel"; proxy = { to = "http://127.0.0.1:$echo->{port}"; tunnel_timeout = "800ms"; read_timeout = "200ms"; }; },
  { path = "/deadline"; proxy = { to = "http://127.0.0.1:$echo->{port}"; deadline = "200ms"; }; },
  { path = "/reset"; proxy = { to = "http://reset"; }; }
); } );
CONF

my $start = time;
is get($weir, '/hole')->{status}, 504, 'row 33: no connection: 504';
my $took = time - $start;
ok $took >= 0.29 && $took < 3, 'row 33: after connect_timeout' or diag $took;
like $weir->logged(qr/504 connection_timeout/), qr/127\.0\.0\.1:$hole->{port}.*connect_timeout/, 'row 33: the log names peer and limit';
is get($weir, '/next')->{body}, 'fine', 'row 33: or the next peer answers';
is request($weir, 'POST', '/next', {}, 'x')->{body}, 'fine', 'row 33: a POST, too, of which nothing was sent';

$start = time;
my $r = request($weir, 'POST', '/stalled', {}, 'x' x (24 << 20));
$took = time - $start;
is $r->{status}, 504, 'row 34: a peer that stops reading: 504';
ok $took >= 0.39 && $took < 5, 'row 34: after send_timeout' or diag $took;
like $weir->logged(qr/504 connection_write_timeout/), qr/127\.0\.0\.1:$stalled->{port}.*send_timeout/, 'row 34: the log names peer and limit';
$gate->open;

$r = get($weir, '/head/40');
is $r->{status}, 200, 'row 38, P8: a head of 40 KiB';
is length $r->header('X-Large'), 40 << 10, 'row 38: passes whole';
is $r->header('X-Last') . $r->{body}, 'endok', 'row 38: with what follows';
is get($weir, '/head/70')->{status}, 502, 'row 38: one of 70 KiB: 502';
like $weir->logged(qr/502 http_response_header_section_size.*head\/70/), qr/buffer_head, 65536 bytes.*x-large/i, 'row 38: the log names limit and field';
is get($weir, '/tight/3')->{status}, 200, 'row 38: below a limit of 4k';
is get($weir, '/tight/4')->{status}, 502, 'row 38: above it';
like $weir->logged(qr/502 http_response_header_section_size.*tight\/4/), qr/buffer_head, 4096 bytes.*x-large/i, 'row 38: which is named';

my %ask = (Connection => 'Upgrade', Upgrade => 'echo', 'Sec-WebSocket-Version' => 13);
is request($weir, 'GET', '/plain', \%ask)->{body}, 'Sec-WebSocket-Version: 13', 'row 45: where upgrades are not allowed the peer sees a plain request';
is request($weir, 'GET', '/plain/unasked', \%ask)->{status}, 502, 'row 45: and cannot switch protocols';
is request($weir, 'GET', '/tunnel', \%ask)->{status}, 101, 'row 45: where they are, it can';

sub tunnel {
    my $c = client($weir);
    $c->send("GET $_[0] HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    is $c->response->{status}, 101, "row 48: a tunnel at $_[0]";
    return $c;
}
sub passes { my $end = time + $_[0]; wait_for { time > $end } }
my $c = tunnel('/tunnel');
passes(0.5);
$start = time;
$c->send('still here');
is $c->take(10), 'still here', 'row 48: read_timeout does not cut an idle tunnel';
ok $c->is_closed, 'row 48: tunnel_timeout does';
$took = time - $start;
ok $took >= 0.79 && $took < 5, 'row 48: after it was idle for so long' or diag $took;
$c = tunnel('/deadline');
passes(0.4);
$c->send('on');
is $c->take(2), 'on', 'row 48: a deadline is for the request, not for the tunnel';
$c->close;

is request($weir, 'POST', '/reset', {}, 'x' x 5_000_000)->{status}, 502, 'row 57: a peer resets during the body: 502';
is request($weir, 'POST', '/reset', {}, 'x' x 60_000)->{status}, 502, 'row 57: a POST is not sent again';
is request($weir, 'PUT', '/reset', {}, 'x' x 60_000)->{body}, 'fine', 'row 57: a small PUT is';
is $fine->last_request->{body_bytes}, 60_000, 'row 57: with all of its body';
is request($weir, 'PUT', '/reset', {}, 'x' x 5_000_000)->{status}, 502, 'row 57: a large one is no longer there to be sent';
like $weir->logged(qr/502 connection_terminated/), qr/127\.0\.0\.1:$resetting->{port}/, 'row 57: the log names the peer';
done_testing;
