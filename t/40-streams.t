# SPDX-License-Identifier: Apache-2.0
# Tunnels, event streams, early answers, slow clients.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $gate = gate();
my $backend = backend(sub {
    my ($conn, $request) = @_;
    if (($request->{headers}{upgrade} || '') eq 'echo') {
        $conn->send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi");
        while (1) {
            my $data = $conn->{buffer};
            $conn->{buffer} = '';
            $conn->send($data) if length $data;
            $conn->more or last;
        }
        return $conn->close;
    }
    if ($request->{path} eq '/events') {
        $conn->answer(200, "data: 1\n\n", 'Content-Type' => 'text/event-stream',
            'Transfer-Encoding' => 'none-yet') if 0;
        $conn->answer_chunked(200, 'Content-Type' => 'text/event-stream');
        $conn->send_chunk("data: 1\n\n");
        $gate->wait;
        $conn->send_chunk("data: 2\n\n");
        return $conn->last_chunk;
    }
    if ($request->{path} eq '/early') {
        $conn->answer(403, 'no', Connection => 'close');
        return $conn->close;
    }
    if ($request->{path} eq '/large') {
        $conn->answer(200, 'x' x (8 << 20));
        return $conn->note('all sent');
    }
    $conn->answer(200, $request->{headers}{connection} || 'none');
}, lazy_body => 1);
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; "
    . "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );");

my $c = client($weir);
$c->send("GET /ws/ HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
is $c->response->{status}, 101, 'row 47: an upgrade';
is $c->take(2), 'hi', 'what came with it';
my $data = join '', map { chr($_ % 251) } 1 .. 1 << 20;
my $child = fork;
if (!$child) { $c->send($data); POSIX::_exit(0) }
ok $c->take(1 << 20) eq $data, 'row 47: 1 MiB each way through the tunnel';
waitpid $child, 0;
$c->half_close;
ok $c->is_closed, 'its end passes through';
is get($weir, '/ws/')->{body}, 'none', 'row 46: a plain request has no Connection: upgrade';

$c = client($weir);
$c->send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
ok $c->until(qr/data: 1\n\n/), 'row 37, P7: an event is passed on at once';
$gate->open;
ok $c->until(qr/data: 2\n\n/), 'and the next one';

$c = client($weir);
$c->send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nstart");
is $c->response->{status}, 403, 'an early answer to a large upload';

$c = client($weir);
$c->send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
ok $backend->noted('all sent'), 'row 37: a slow client does not hold the backend';
my $r = $c->response;
is length $r->{body}, 8 << 20, 'and gets all of it';
done_testing;
