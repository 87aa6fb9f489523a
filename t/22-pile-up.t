# SPDX-License-Identifier: Apache-2.0
# Reloads in a row with 200 WebSockets open: the sockets stay open, old generations neither pile up
# nor stay, and memory is what it was. WEIR_STRESS: how many (40; a hundred take a minute).
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use Weir::Test;

need_tool('node');
plan skip_all => 'sanitizers change what memory is used' if is_sanitized();
my ($sockets, $reloads) = (200, $ENV{WEIR_STRESS} || 40);
my $dir = new_dir();
my $backend = free_port();
my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:' . $backend . '"; }; } );',
    workers => 2, level => 'warn');
my $load = program(['node', lib_dir() . '/steady-load.js', $backend, $weir->port, 1, 0, 0, $sockets, "$dir/counts"], port => $backend);
sub counts { my $text = read_file("$dir/counts"); return $text ? JSON::PP->new->decode($text) : { open => 0, echoes => 0 } }
sub all_echo { my $seen = counts()->{echoes}; return wait_for { counts()->{echoes} > $seen + 3 * $sockets } }
my $generations = sub { scalar(my @pids = $weir->loader_pids) };

# Memory of all that serves, each shared page counted once.
sub memory {
    my $kib = 0;
    for my $pid ($weir->{pid}, $weir->loader_pids, $weir->worker_pids) {
        $kib += $1 if read_file("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+)/m;
    }
    return $kib;
}

ok wait_for { counts()->{open} == $sockets }, 'the sockets are open';
ok $weir->reload && wait_for { $generations->() == 1 }, 'once to begin with';
all_echo();
my $before = memory();
my ($most, $done) = (0, 0);
for (1 .. $reloads) {
    $done += $weir->command('reload') =~ /^ok/;
    $most = $generations->() if $generations->() > $most;
}
is $done, $reloads, 'each reload was done';
# The one that serves, one that is being loaded, and the two that a reload does not wait for.
cmp_ok $most, '<=', 4, 'at no time were there many generations';
ok wait_for { $generations->() == 1 }, 'afterwards there is one';
ok all_echo(), 'all sockets still work';
my $after = memory();
wait_for { ($after = memory()) < $before * 1.1 };
cmp_ok $after, '<', $before * 1.1, "memory: $before KiB before, $after KiB after";
my $c = counts();
is $c->{open}, $sockets, 'all are open';
is_deeply $c->{failed}, [], 'none was closed on the way';
write_file("$dir/counts.stop", '');
done_testing;
