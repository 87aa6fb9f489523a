# SPDX-License-Identifier: Apache-2.0
# While a module of one site crashes, spins and dies with a lock, another site's requests take about as
# long as always: their 99th percentile stays within twice what it is without that. Each fault may
# hold up what is under way, and the share of it is below the percentile by count; so what is compared
# does not depend on how fast the machine is. A disturbed machine is measured again.
use strict;
use warnings;
use Test::More;
use POSIX ();
use Time::HiRes qw(time);
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/crash.so";
plan skip_all => 'sanitizers have handlers of their own' if is_sanitized();
my ($clients, $requests, $rounds) = (2, 400, 10);
my @faults = qw(null spin lock); # of each at most $clients requests notice: 6 of 800
my $routes = join ', ', map { qq[{ path = "/$_"; crash = { mode = "$_"; }; }] } @faults;
my $weir = weir(<<"END", workers => 2, may_die => 1, server => qq[modules_path = [ "$build/modules", "$mine" ]; stall_timeout = "200ms";]);
sites = ( { names = [ "one.example" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = true; routes = ( $routes ); },
  { names = [ "other.example" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "other"; }; } );
END
my $dir = new_dir();

# The 99th percentile of the other site's requests, from $clients processes, while the code runs.
sub p99 {
    my ($meanwhile) = @_;
    my @pids = map {
        my $n = $_;
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my @took = map { my $start = time; eval { request($weir, 'GET', '/', { Host => 'other.example' }) }; time - $start } 1 .. $requests;
            write_file("$dir/$n", "@took");
            POSIX::_exit(0);
        }
        $pid;
    } 1 .. $clients;
    $meanwhile->();
    waitpid $_, 0 for @pids;
    my @all = sort { $a <=> $b } map { split ' ', read_file("$dir/$_") } 1 .. $clients;
    return $all[int(0.99 * @all) - 1];
}
my $faults = sub {
    for my $fault (@faults) {
        wait_for { scalar(my @now = $weir->worker_pids) == 2 };
        my $seen = () = $weir->error_log =~ m{route /$fault,}g;
        request($weir, 'GET', "/$fault", { Host => 'one.example' });
        wait_for { my $now = () = $weir->error_log =~ m{route /$fault,}g; $now > $seen };
    }
};
my ($usual, $disturbed, $round) = (0, 1, 0);
while ($round++ < $rounds && $disturbed > 2 * $usual) {
    $weir->reload; # the module's past is forgotten
    $usual = p99(sub { });
    $disturbed = p99($faults);
}
cmp_ok $disturbed, '<=', 2 * $usual, sprintf 'p99 %.2f ms, usually %.2f ms (round %d)', 1000 * $disturbed, 1000 * $usual, $round;
my @died = $weir->error_log =~ m{(?:died of|is stuck for).* in module crash, phase prepare, site one\.example, route /(\w+), request}g;
is_deeply [sort { $a cmp $b } keys %{ { map { $_ => 1 } @died } }], [sort @faults], 'each fault happened, and is named';
is request($weir, 'GET', '/', { Host => 'other.example' })->{body}, 'other', 'the other site goes on';
done_testing;
