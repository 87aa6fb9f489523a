# SPDX-License-Identifier: Apache-2.0
# Random workers are killed under load: only what they had under way is lost, no lock stays taken, and
# what is counted in shared memory is right afterwards. WEIR_STRESS: how often (20).
use strict;
use warnings;
use Test::More;
use POSIX ();
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/shared.so";
my ($kills, $clients, $workers) = ($ENV{WEIR_STRESS} || 20, 6, 4);
my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; shared = { layout = 1; }; } );',
    workers => $workers, may_die => 1, level => 'error', server => qq[modules_path = [ "$build/modules", "$mine" ];]);
my $dir = new_dir();
my @pids = map {
    my $n = $_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        my ($fine, $lost) = (0, 0);
        until (-e "$dir/stop") {
            my $body = eval { get($weir, '/a')->{body} } // '';
            $body =~ /^count \d+/ ? $fine++ : $lost++;
        }
        write_file("$dir/$n", "$fine $lost");
        POSIX::_exit(0);
    }
    $pid;
} 1 .. $clients;

my $done = 0;
for (1 .. $kills) {
    wait_for { scalar(my @now = $weir->worker_pids) == $workers } or last;
    my @now = $weir->worker_pids;
    my $victim = $now[rand @now];
    kill 'KILL', $victim or next;
    $done += !!wait_for { !grep { $_ == $victim } $weir->worker_pids };
}
is $done, $kills, 'each killed worker goes, and others come';
write_file("$dir/stop", '');
waitpid $_, 0 for @pids;
my ($fine, $lost) = (0, 0);
for (1 .. $clients) {
    my ($f, $l) = split ' ', read_file("$dir/$_");
    $fine += $f;
    $lost += $l;
}
ok wait_for { scalar(my @now = $weir->worker_pids) == $workers }, 'all workers are back';
my ($count) = (get($weir, '/a')->{body} // '') =~ /^count (\d+)/;
ok $count, 'the zone can be locked';
cmp_ok $lost, '<=', $kills * $clients, "at most what the killed ones had under way is lost: $lost, $fine were answered";
cmp_ok $fine, '>', $kills * 5, 'there was load';
# One that was counted and then killed before it had answered is not among the answered.
ok $count - 1 >= $fine && $count - 1 <= $fine + $lost, "the count is right: $count";
my ($table) = get($weir, '/a')->{body} =~ /path (\d+)/;
ok $table - 2 >= $fine && $table - 2 <= $fine + $lost, "in the table, too: $table";
done_testing;
