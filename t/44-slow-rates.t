# SPDX-License-Identifier: Apache-2.0
# client.min_rate and min_response_rate end bodies that drip in and responses that are taken in drips, over
# HTTP/1 and HTTP/2; what a backend takes does not count. server.worker_memory: short of memory, a worker
# begins nothing more.
use strict;
use warnings;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Weir::Frames;
use Weir::Test;

my $dir = new_dir();
sub noted { my ($pattern) = @_; return wait_for { read_file("$dir/access.log") =~ $pattern } }

my $gate = gate();
my $backend = backend(sub {
    my ($conn, $r) = @_;
    $gate->wait if $r->{path} eq '/wait';
    $conn->read_body($r);
    $conn->answer(200, $r->{path} =~ /large/ ? 'x' x 16_000_000 : 'fine');
}, lazy_body => 1);
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; };
  proxy = { to = "http://127.0.0.1:$backend->{port}"; buffering = false; };
  access_log = { path = "$dir/access.log"; format = "\$request_uri \$reason_detail"; };
  client = { min_rate = "1k"; min_response_rate = "1g"; min_rate_grace = "200ms"; }; } );
END
# A gigabyte per second, since the client's kernel takes some megabytes for it at once.
my $c = client($weir);
$c->send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx");
is $c->response->{status}, 408, 'client.min_rate';
ok $weir->logged(qr{/post.*slower than client\.min_rate}), 'is logged';
$c = client($weir);
$c->send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
ok noted(qr{^/large the client takes less than client\.min_response_rate}m), 'client.min_response_rate';
ok length $c->rest < 16_000_000, 'what it takes now is less than all: the connection was cut';

my $pid = fork;
if (!$pid) {
    POSIX::_exit(request($weir, 'POST', '/wait', {}, 'x' x 20_000_000)->{status} == 200 ? 0 : 1);
}
my $start = time;
wait_for { time - $start > 1 };
$gate->open;
waitpid $pid, 0;
is $?, 0, 'a backend that takes its time is not the client\'s fault';

sub h2 {
    my ($path, $flags, @settings) = @_;
    my $conn = client($weir);
    $conn->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, pack '(nN)*', @settings)
        . frame($HEADERS, $END_HEADERS | $flags, 1, ($flags ? "\x82" : "\x83") . "\x86\x04" . chr(length $path) . "$path\x41\x01a"));
    return $conn;
}
$c = h2('/post-h2', 0);
$c->send(frame($DATA, 0, 1, 'x'));
ok $weir->logged(qr{/post-h2.*408.*slower than client\.min_rate|408.*/post-h2.*slower than client\.min_rate}), 'HTTP/2: client.min_rate';
$c = h2('/large-h2', $END_STREAM, 4, 100);
ok noted(qr{^/large-h2 the client takes less than client\.min_response_rate}m), 'HTTP/2: client.min_response_rate';
ok $c->is_closed, 'the connection is ended';

SKIP: {
    skip 'a sanitizer has a heap of its own', 4 if is_sanitized();
    my $large = backend(sub { my ($conn) = @_; $conn->answer(200, 'x' x 16_000_000) });
    $weir = weir(<<"END", server => 'worker_memory = "64m";');
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "fine"; };
  routes = ( { path = "/status"; status = true; respond = false; },
    { path = "/large"; proxy = { to = "http://127.0.0.1:$large->{port}"; buffer_body = "12m"; }; respond = false; } ); } );
END
    my @taking;
    ok wait_for {
        if (@taking < 10) {
            push @taking, client($weir);
            $taking[-1]->send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
        }
        get($weir, '/')->{status} == 503;
    }, 'server.worker_memory: requests are refused when it becomes short';
    ok $weir->logged(qr/four fifths of server\.worker_memory/), 'the log says why';
    is get($weir, '/status/metrics')->{status}, 200, 'the status is served';
    $_->close for @taking;
    ok wait_for { get($weir, '/')->{status} == 200 }, 'when there is memory again so is all else';
}
done_testing;
