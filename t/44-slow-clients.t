# SPDX-License-Identifier: Apache-2.0
# Slow heads, slow bodies and slow readers in numbers (slowhttptest), below and above the limit on
# connections: everybody else is answered meanwhile, and memory stays bounded. WEIR_STRESS: 5,000 each.
use strict;
use warnings;
use Test::More;
use IO::Socket::IP;
use POSIX ();
use Time::HiRes qw(time);
use Weir::Test;

need_tool('slowhttptest');
my $n = $ENV{WEIR_STRESS} ? 5000 : 300;
my $seconds = $ENV{WEIR_STRESS} ? 20 : 3;
my $dir = new_dir();
write_file("$dir/large", 'x' x 4_000_000);
my $backend = backend(sub { my ($conn, $r) = @_; $conn->answer(200, 'fine') });

# The attack's bodies go where nobody reads: what their backend does is not to be measured.
my $listen = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 4096) or die "listen: $@";
my $attacked = $listen->sockport;
my $sink = fork;
if (!$sink) {
    my @kept;
    push @kept, $_ while $_ = $listen->accept;
    POSIX::_exit(0);
}
close $listen;
END { if ($sink && $$ == $Weir::Test::main_pid) { local $?; kill 'KILL', $sink; waitpid $sink, 0 } }

sub memory { my ($weir) = @_; # KiB of all workers
    my $sum = 0;
    for my $pid ($weir->worker_pids) { $sum += $1 if read_file("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+)/m }
    return $sum;
}

# A client from elsewhere than the attack.
sub ask {
    my ($weir) = @_;
    my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.9', PeerHost => '127.0.0.1', PeerPort => $weir->port) or return 0;
    my $c = Weir::Test::Wire->new($socket);
    $c->send("GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return $c->response->{status} || 0;
}

my @kinds = (
    ['slow heads', '-H', '-i', 1],
    ['slow bodies', '-B', '-i', 1, '-s', 8192],
    ['slow readers', '-X', '-w', 1, '-y', 2, '-n', 1, '-z', 1, '-k', 1],
);
for my $kind (@kinds) {
    my ($name, @how) = @$kind;
    for my $above (0, 1) {
        # Above: the attack has more connections than weir takes in all, but they are all of one address, or
        # wait for nothing.
        my $limit = $above ? int($n / 2) : 2 * $n;
        my $weir = weir(<<"END", server => "connections = $limit; " . ($above && $name ne 'slow heads' ? 'connections_per_address = ' . int($n / 4) . ';' : ''));
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; static = { root = "$dir"; };
  client = { header_timeout = "10s"; body_timeout = "10s"; send_timeout = "10s"; };
  routes = ( { path = "/fine"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; static = false; },
    { path = "/post"; proxy = { to = "http://127.0.0.1:$attacked"; }; static = false; } ); } );
END
        my $path = $name eq 'slow readers' ? 'large' : $name eq 'slow bodies' ? 'post' : 'large';
        my $before = memory($weir);
        my $pid = fork;
        if (!$pid) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', '/dev/null';
            setpriority 0, 0, 19; # it would have a machine of its own
            exec 'slowhttptest', @how, '-c', $n, '-r', $n, '-l', $seconds, '-p', 1, '-u', 'http://127.0.0.1:' . $weir->port . "/$path";
        }
        my ($worst, $asked, $most) = (0, 0, 0);
        until (wait_for { waitpid $pid, 1 } 0.05) {
            my $start = time;
            my $status = ask($weir);
            fail("$name: $status") if $status != 200;
            my $took = time - $start;
            $worst = $took if $took > $worst;
            $asked++;
            my $now = memory($weir);
            $most = $now if $now > $most;
        }
        my $label = "$name, " . ($above ? 'above' : 'below') . ' the limit';
        cmp_ok $asked, '>=', 5, sprintf '%s: %d requests answered beside %d clients, the slowest in %d ms', $label, $asked, $n, 1000 * $worst;
        cmp_ok $worst, '<', $ENV{WEIR_STRESS} ? 0.1 : 5, 'promptly';
        cmp_ok $most - $before, '<', 40 * $n + 20_000, sprintf 'and %d KiB more were enough', $most - $before
            unless is_sanitized();
        $weir->stop;
    }
}
done_testing;
