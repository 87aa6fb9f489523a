# SPDX-License-Identifier: Apache-2.0
# The known floods of HTTP/2, again and again from several connections: a normal client beside each is
# answered, and memory stays bounded. What becomes of the flooder is in 48-http2-abuse.t.
use strict;
use warnings;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Weir::Frames;
use Weir::Test;

my $dir = new_dir();
write_file("$dir/large", 'x' x 1_000_000);
my $weir = weir(<<"END", workers => 1);
sites = ( { names = [ "example.com" ]; listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; };
            respond = { text = "fine"; }; routes = ( { path = "/large"; static = { root = "$dir"; }; respond = false; } ); } );
END
my $authority = "\x41\x0bexample.com";
my ($get, $post) = map { "$_\x86\x84$authority" } "\x82", "\x83"; # HPACK's static table
my $large = "\x82\x86\x04\x06/large$authority";
my ($streams, $requests) = $ENV{WEIR_STRESS} ? (5000, 500) : (500, 20);

sub many(&) { my ($make) = @_; return join '', map { $make->(2 * $_ + 1) } 0 .. $streams - 1 }
sub number { my ($n) = @_; my $text = "\x7f"; for ($n -= 127; $n >= 128; $n >>= 7) { $text .= chr($n & 127 | 128) } return $text . chr $n }
my $bomb = "\x40\x01x" . number(4000) . 'y' x 4000 . "\xbe" x 8000; # one field, and 8,000 times the same by its index
my @floods = (
    ['rapid reset', many { frame($HEADERS, $END_STREAM | $END_HEADERS, $_[0], $get) . frame($RST, 0, $_[0], pack 'N', 8) }],
    ['made you reset: windows too large', many { frame($HEADERS, $END_HEADERS, $_[0], $post) . frame($WINDOW, 0, $_[0], pack 'N', 0x7fffffff) }],
    ['made you reset: windows by nothing', many { frame($HEADERS, $END_HEADERS, $_[0], $post) . frame($WINDOW, 0, $_[0], pack 'N', 0) }],
    ['made you reset: a stream that depends on itself', many { frame($HEADERS, $END_HEADERS, $_[0], $post) . frame($PRIORITY, 0, $_[0], pack 'NC', $_[0], 1) }],
    ['made you reset: more after the end', many { frame($HEADERS, $END_STREAM | $END_HEADERS, $_[0], $get) . frame($DATA, 0, $_[0], 'x') }],
    ['continuations', frame($HEADERS, $END_STREAM, 1, $get) . many { frame($CONTINUATION, 0, 1, '') }],
    ['long continuations', frame($HEADERS, $END_STREAM, 1, $get) . many { frame($CONTINUATION, 0, 1, "\x00\x01x\x7f\x00" . 'y' x 127) }],
    ['settings', many { frame($SETTINGS, 0, 0, pack 'nN', 4, 65535) }],
    ['pings', many { frame($PING, 0, 0, 'x' x 8) }],
    ['empty data', frame($HEADERS, $END_HEADERS, 1, $post) . many { frame($DATA, 0, 1, '') }],
    ['priorities', many { frame($PRIORITY, 0, $_[0], "\0\0\0\0\x10") }],
    ['unknown frames', many { frame(0x77, 0, 0, 'x') }],
    ['windows byte by byte', many { frame($WINDOW, 0, 0, pack 'N', 1) }],
    ['a bomb of fields', join '', map { my $id = 2 * $_ + 1; frame($HEADERS, $END_STREAM | $END_HEADERS, $id, $get . $bomb) } 0 .. 20],
    ['heads without an end', many { frame($HEADERS, $END_HEADERS, $_[0], $post) }],
    ['answers that nobody reads', many { frame($HEADERS, $END_STREAM | $END_HEADERS, $_[0], $large) }, 4, 1],
);

# Floods until it is stopped: whenever a connection is closed there is another one.
sub flood {
    my ($bytes, @settings) = @_;
    my $hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, pack '(nN)*', @settings);
    while (1) {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $weir->port) or next;
        syswrite $socket, $hello . $bytes or next;
        1 while sysread $socket, my $into, 65536;
    }
}

sub memory { my ($pid) = $weir->worker_pids; return read_file("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+)/m ? $1 : 0 }

my $before = memory();
for my $flood (@floods) {
    my ($name, @what) = @$flood;
    my @pids = map { my $pid = fork; $pid or setpriority(0, 0, 19), alarm 60, flood(@what); $pid } 1 .. 4;
    my ($worst, $served) = (0, 0);
    for (1 .. $requests) {
        my $start = time;
        $served += get($weir, '/', Host => 'example.com')->{status} == 200;
        my $took = time - $start;
        $worst = $took if $took > $worst;
    }
    kill 'KILL', @pids;
    waitpid $_, 0 for @pids;
    is $served, $requests, sprintf '%s: who is beside it is served, the slowest in %d ms', $name, 1000 * $worst;
    cmp_ok $worst, '<', 0.1, 'promptly' if $ENV{WEIR_STRESS};
}
my $more = memory() - $before;
cmp_ok $more, '<', 30_000, "$more KiB more were enough" unless is_sanitized();
done_testing;
