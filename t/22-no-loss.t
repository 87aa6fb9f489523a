# SPDX-License-Identifier: Apache-2.0
# Reloads, another module file and another binary under load: nothing fails, nothing is reset, and
# WebSockets stay open. WEIR_STRESS: seconds (default: 40 reloads as fast as they go).
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use Weir::Test;
use File::Copy qw(copy);

need_tool('node');
plan skip_all => 'sanitizers slow the load down too much' if is_sanitized();
my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
plan skip_all => 'WEIR_BUILD is not set: run make check' unless -e "$build/weir";
my $dir = new_dir();
my ($cert, $key) = make_certificate($dir);
my ($posts, $h2, $sockets) = (50, 20, 200);

# Puts a file in the place of another, as a package does.
sub replace { my ($from, $to) = @_; copy($from, "$to.new") or die $!; chmod 0755, "$to.new"; rename "$to.new", $to or die $! }

# A copy of what is installed, to be replaced.
mkdir "$dir/modules";
replace($_, "$dir/modules/" . s{.*/}{}r) for glob "$build/modules/*/.libs/*.so";
replace("$build/weir", "$dir/weir");
$ENV{WEIR} = "$dir/weir";
my $backend = free_port();
my $config = <<"END";
sites = ( { listen = [ "http://127.0.0.1:%port:web%", "https://127.0.0.1:%port:tls%" ]; http2 = true;
  tls = { certificate = "$cert"; key = "$key"; }; proxy = { to = "http://127.0.0.1:$backend"; };
  routes = ( { path = "/version"; respond = { text = "VERSION"; }; } ); } );
END
my $weir = weir($config =~ s/VERSION/0/r, workers => 2, level => 'warn', server => qq[modules_path = [ "$dir/modules" ];]);
my $load = program(['node', lib_dir() . '/steady-load.js', $backend, $weir->port, $weir->port('tls'), $posts, $h2,
    $sockets, "$dir/counts"], port => $backend);
sub counts { my $text = read_file("$dir/counts"); return $text ? JSON::PP->new->decode($text) : { map { $_ => 0 } qw(open posts h2) } }

# Memory of all that serves, each shared page counted once.
sub memory {
    my $kib = 0;
    for my $pid ($weir->{pid}, $weir->loader_pids, $weir->worker_pids) {
        $kib += $1 if read_file("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+)/m;
    }
    return $kib;
}
my $generations = sub { scalar(my @pids = $weir->loader_pids) };

ok wait_for { my $c = counts(); $c->{open} == $sockets && $c->{posts} > 500 && $c->{h2} > 100 }, 'the load runs';
ok $weir->reload($config =~ s/VERSION/1/r), 'once to begin with';
ok wait_for { $generations->() == 1 }, 'the first generation ends';
my $settle = sub { my $served = counts()->{posts}; wait_for { counts()->{posts} > $served + 8000 } };
$settle->(); # each generation fills its caches first
my $before = memory();
my ($most, $n, $end) = (0, 0, time + ($ENV{WEIR_STRESS} || 0));
my $master = $weir->{pid};
for (my $i = 2; $i <= 41 || time < $end; $i++) {
    replace("$build/modules/respond/.libs/respond.so", "$dir/modules/respond.so") if $i == 15;
    $weir->configure($config =~ s/VERSION/$i/r);
    if ($i == 25) {
        replace("$build/weir", "$dir/weir");
        like $weir->command('upgrade'), qr/^ok generation/, 'another binary takes over';
        like $weir->command('status'), qr/^master +$master$/m, 'in the same process';
    } else {
        $weir->command('reload') =~ /^ok/ or diag('a reload was refused');
    }
    my $version = get($weir, '/version');
    $n += $version->{body} eq $i;
    diag "generation $i: status $version->{status}, body $version->{body}" if $version->{body} ne $i;
    $most = $generations->() if $generations->() > $most;
    wait_for { counts()->{posts} > 20 * $i };
}
cmp_ok $n, '>=', 40, 'each generation answers from then on';
ok wait_for { $generations->() == 1 }, 'P5: old generations do not pile up';
$settle->();
my $after = memory();
wait_for { ($after = memory()) < $before * 1.1 };
cmp_ok $after, '<', $before * 1.1, "memory: $before KiB before, $after KiB after";
my $last = counts();
ok wait_for { my $c = counts(); $c->{echoes} > $last->{echoes} + 2 * $sockets && $c->{posts} > $last->{posts} + $posts },
    'all that was open still works';
write_file("$dir/counts.stop", '');
wait_for { !-d "/proc/$load->{pid}" || waitpid($load->{pid}, 1) };
my $c = counts();
is_deeply [@{ $c->{failed} }[0 .. ($#{ $c->{failed} } < 9 ? $#{ $c->{failed} } : 9)]], [], 'row 81, P4: nothing failed';
is $c->{open}, $sockets, 'row 81, P5: all WebSockets are open';
diag $weir->error_log if grep { !$_ } Test::More->builder->summary;
note "$c->{posts} POSTs on $c->{connections} connections, $c->{h2} HTTP/2 requests in $c->{sessions} sessions, "
    . "$c->{echoes} echoes, at most $most generations at a time";
done_testing;
