# SPDX-License-Identifier: Apache-2.0
# Tunnels of clients of HTTP/1.1 and of HTTP/2: bytes pass as they are, each side ends by itself, and an idle
# one is cut after tunnel_timeout. Row 48.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;
use Weir::Frames;

my $echo = backend(sub { # echoes; after the end of what comes it has a last word
    my ($conn, $r) = @_;
    return $conn->answer(200, 'plain ' . ($r->{headers}{upgrade} // 'none')) unless $r->{headers}{upgrade};
    $conn->send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    while ($conn->more) { $conn->send(substr $conn->{buffer}, 0, length $conn->{buffer}, '') }
    $conn->note('ended');
    $conn->send('a last word');
    $conn->close;
});
my $to = qq[to = "http://127.0.0.1:$echo->{port}"];
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; }; routes = (
  { path = "/long"; proxy = { $to; read_timeout = "2s"; send_timeout = "2s"; }; },
  { path = "/short"; proxy = { $to; tunnel_timeout = "2500ms"; }; } ); } );
END
my $ping = "\x89\x04ping\x8a\x00"; # frames of a WebSocket, which are none of weir's business

# A tunnel of each kind: { send, end, take, over }.
sub over_http1 {
    my $c = client($weir);
    $c->send("GET $_[0] HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    is $c->response->{status}, 101, "HTTP/1.1: a tunnel at $_[0]";
    return { send => sub { $c->send($_[0]) }, end => sub { $c->half_close }, take => sub { $c->take($_[0]) }, over => sub { $c->is_closed } };
}
sub over_http2 {
    my $c = client($weir);
    my ($data, $ended) = ('', 0);
    my $more = sub {
        my $f = next_frame($c) or return $ended = 1;
        my ($type, $flags, $stream, $text) = @$f;
        $c->send(frame($SETTINGS, $ACK, 0, '')) if $type == $SETTINGS && !($flags & $ACK);
        $data .= $text if $type == $DATA && $stream == 1;
        $ended = 1 if $stream == 1 && ($type == $RST || ($flags & $END_STREAM && ($type == $DATA || $type == $HEADERS)));
        return $type;
    };
    my $head = pack_fields(':method', 'CONNECT', ':protocol', 'websocket', ':scheme', 'http', ':authority', 'a', ':path', $_[0]);
    $c->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, '') . frame($HEADERS, $END_HEADERS, 1, $head));
    my $type;
    1 while !$ended && ($type = $more->()) != $HEADERS;
    ok !$ended, "HTTP/2: a tunnel at $_[0]";
    return {
        send => sub { $c->send(frame($DATA, 0, 1, $_[0])) }, end => sub { $c->send(frame($DATA, $END_STREAM, 1, '')) },
        take => sub { my ($n) = @_; $more->() while length $data < $n && !$ended; substr $data, 0, $n, '' },
        over => sub { $more->() while !$ended; 1 },
    };
}
my %tunnels = map { my ($name, $open) = @$_; $name => { long => $open->('/long'), short => $open->('/short') } }
    ['HTTP/1.1', \&over_http1], ['HTTP/2', \&over_http2];
my $start;
for my $name (sort keys %tunnels) {
    my ($long, $short) = @{ $tunnels{$name} }{qw(long short)};
    $long->{send}->($ping);
    is $long->{take}->(8), $ping, "$name: pings are passed on, and not answered by weir";
    $start //= time;
    $short->{send}->('x');
    is $short->{take}->(1), 'x', "$name: a tunnel that is used";
}
for my $name (sort keys %tunnels) {
    ok $tunnels{$name}{short}{over}->(), "$name: is cut when it is idle";
    cmp_ok time - $start, '>=', 2.49, "$name: for tunnel_timeout";
}
for my $name (sort keys %tunnels) {
    my $t = $tunnels{$name}{long};
    $t->{send}->('still here');
    is $t->{take}->(10), 'still here', "$name: timeouts of requests do not cut a tunnel";
    my $before = grep { $_ eq 'ended' } $echo->notes;
    $t->{end}->();
    ok wait_for { (grep { $_ eq 'ended' } $echo->notes) > $before }, "$name: a client ends its side, and the backend sees it";
    is $t->{take}->(11), 'a last word', "$name: while the other direction goes on";
    ok $t->{over}->(), "$name: to its own end";
}
is get($weir, '/long')->{body}, 'plain none', 'a plain request on the same route';
done_testing;
