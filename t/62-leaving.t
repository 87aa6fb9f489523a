# SPDX-License-Identifier: Apache-2.0
# Clients that leave while their request is under way, and those that only end their side: a backend does
# not work on for nobody, and who still waits is answered.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $gate = gate();
my $held = backend(sub { # answers once the gate is open; notes when weir gives it up before
    my ($conn, $r) = @_;
    $conn->note("asked $r->{path}");
    return $conn->answer(200, 'in the end') if $r->{path} =~ /waits/ && $gate->wait;
    $conn->note("given up $r->{path}") if $conn->is_closed;
});
my $stream = backend(sub {
    my ($conn, $r) = @_;
    $conn->answer_chunked(200, 'Content-Type' => 'text/event-stream');
    $conn->note('begun');
    while ($conn->send_chunk("data: x\n\n")) { last if $conn->is_closed(0.05) }
    $conn->note('given up');
});
my $weir = weir(<<"CONF");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; client = { max_body = "1g"; }; routes = (
  { path = "/held"; proxy = { to = "http://127.0.0.1:$held->{port}"; }; },
  { path = "/stream"; proxy = { to = "http://127.0.0.1:$stream->{port}"; }; },
  { path = "/ok"; respond = { text = "ok"; }; } ); } );
CONF
sub ask {
    my ($path, $version) = @_;
    my $c = client($weir);
    $c->send("GET $path HTTP/1." . ($version // 1) . "\r\nHost: a\r\n\r\n");
    return $c;
}

ask('/held/close')->close;
ok $held->noted('asked /held/close'), 'a client closes its connection';
ok $held->noted('given up /held/close'), 'and its request is given up before there is anything to send';
my $c = ask('/held/reset');
ok $held->noted('asked /held/reset'), 'another one resets it';
$c->reset;
ok $held->noted('given up /held/reset'), 'and its request is given up at once';

my @half = map { [$_, ask("/held/waits$_", $_)] } 0, 1;
ok $held->noted("asked /held/waits$_->[0]"), "HTTP/1.$_->[0]: a client ends its side and waits" for @half;
$_->[1]->half_close for @half;
ok $half[1][1]->until(qr/^HTTP\/1.1 102 [^\r]*\r\n\r\n/), 'HTTP/1.1: it is asked whether it does, by an interim answer';
$gate->open;
like $half[0][1]->rest, qr/^HTTP\/1\.[01] 200 .*in the end$/s, 'HTTP/1.0: which this version does not know; it is answered';
is $half[1][1]->response->{body}, 'in the end', 'HTTP/1.1: and is answered, too';
$c = ask('/ok');
$c->half_close;
is scalar @{ $c->response->{interim} }, 0, 'who is answered soon is not asked';

$c = ask('/stream');
ok $c->until(qr/data: x/), 'a client of an event stream';
$c->close;
ok $stream->noted('given up'), 'leaves, and the stream ends';

# In the middle of an upload, while nothing of it moves.
my $blocked = gate();
my $slow = backend(sub {
    my ($conn) = @_;
    $conn->until(qr/\r\n\r\n/);
    $conn->note('stuck');
    $blocked->wait;
    $conn->rest;
    $conn->note('over');
}, raw => 1);
ok $weir->reload(<<"CONF"), 'uploads';
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; client = { max_body = "1g"; }; routes = (
  { path = "/up"; proxy = { to = "http://127.0.0.1:$slow->{port}"; }; }, { path = "/ok"; respond = { text = "ok"; }; } ); } );
CONF
my @uploads = map {
    my $c = client($weir);
    $c->send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    $c->{socket}->blocking(0);
    my $data = 'x' x 1_000_000;
    1 while syswrite $c->{socket}, $data; # until no buffer on the way has room
    $c;
} 1 .. 3;
ok wait_for { (grep { $_ eq 'stuck' } $slow->notes) == 3 }, 'three clients upload to a backend that reads nothing';
$uploads[0]->reset;
$uploads[1]->close;
$blocked->open; # what is left of theirs moves now, and reading on finds that they are gone
ok wait_for { (grep { $_ eq 'over' } $slow->notes) >= 2 }, 'two of them leave: their uploads end';
is get($weir, '/ok')->{body}, 'ok', 'and weir goes on';
$uploads[2]->close;
ok wait_for { (grep { $_ eq 'over' } $slow->notes) == 3 }, 'so does the last one';
done_testing;
