# SPDX-License-Identifier: Apache-2.0
# No free descriptors: who waits for nothing gives way; while nobody can, the worker does not spin.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('prlimit');
my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "hi"; };
    routes = ( { path = "/take"; proxy = { to = "http://127.0.0.1:1"; request_buffering = true; }; } ); } );', workers => 1);
my $pid;
wait_for { ($pid) = $weir->worker_pids; return $pid };
my $room = 20 + scalar(my @open = glob "/proc/$pid/fd/*");
is system('prlimit', '--pid', $pid, "--nofile=$room:$room"), 0, "descriptors: $room";
sub ticks { my @stat = split ' ', read_file("/proc/$pid/stat") =~ s/.*\)//r; return $stat[11] + $stat[12] }

my @idle = map { client($weir) } 1 .. 40;
is get($weir, '/')->{body}, 'hi', 'beside 40 that say nothing there is a place';
ok $weir->logged(qr/accept: .*: new connections have to wait; raise the limit of open files/), 'and it is said what to do';
$_->close for @idle;

my @busy = map { my $one = client($weir); $one->send("POST /take HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1"); $one } 1 .. 40;
my $late = client($weir);
$late->send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
my ($before, $end) = (ticks(), time + 2);
wait_for { return time > $end };
cmp_ok ticks() - $before, '<', 50, 'beside 40 that are busy it has to wait, and the worker does so, too';
$_->close for @busy;
like $late->rest, qr/\r\n\r\nhi\z/, 'until they are gone';
done_testing;
