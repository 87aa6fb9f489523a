# SPDX-License-Identifier: Apache-2.0
# Modules that crash, spin, end the process, overflow the stack, leak, die with a lock or return
# nonsense: each is named and contained, and one that goes on is taken out.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/crash.so";
plan skip_all => 'sanitizers have handlers of their own' if is_sanitized();
my $routes = join ', ', map { qq[{ path = "/$_"; crash = { mode = "$_"; }; }] } qw(null abort exit spin stack nonsense leak lock unlock);
my $config = qq[sites = ( { names = [ "one.example" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "fine"; }; routes = ( $routes ); },
  { names = [ "other.example" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "other"; }; } );];
my $weir = weir($config, workers => 2, may_die => 1,
    server => qq[modules_path = [ "$build/modules", "$mine" ]; stall_timeout = "300ms"; worker_memory = "200m";]);
my $do = sub { request($weir, 'GET', $_[0], { Host => 'one.example' }) };
my $other = sub { request($weir, 'GET', '/', { Host => 'other.example' })->{body} };

is $do->('/nonsense')->{status}, 503, 'a return code that does not exist closes the route';
my %how = (
    null => qr/died of signal 11 .* in module crash, phase prepare, site one\.example, route \/null, request [0-9a-f]{32}; it touched 0x0, a null pointer; the instruction was at 0x[0-9a-f]+, in .*crash\.so/,
    abort => qr/died of signal 6 .* in module crash, phase prepare, site one\.example, route \/abort, request/,
    exit => qr/ended with status 0 in module crash, phase prepare, site one\.example, route \/exit, request/,
    spin => qr/is stuck for \d+ ms in module crash, phase prepare, site one\.example, route \/spin, request/,
    stack => qr/died of signal 11 .* in module crash, .*route \/stack, .*the instruction was at .*crash\.so/,
);
for my $mode (qw(null abort exit spin stack)) {
    $weir->reload; # the module's past is forgotten
    $do->("/$mode");
    ok $weir->logged(qr/worker \d+ $how{$mode}/), "$mode is named" or diag($weir->error_log);
    is $other->(), 'other', 'the other site goes on';
    ok wait_for { scalar(my @now = $weir->worker_pids) >= 2 }, 'the worker is replaced';
}

$weir->reload;
ok wait_for { $do->('/leak'); $weir->error_log =~ qr/worker \d+ died of signal \d+ .* in module crash, phase prepare, site one\.example, route \/leak/ },
    'a leak ends at server.worker_memory, and is named';
is $other->(), 'other', 'the other site goes on';
$do->('/lock');
ok $weir->logged(qr/worker \d+ died of signal 9 .* in module crash, phase prepare, site one\.example, route \/lock, request/), 'one that dies with a lock is named';
ok wait_for { $do->('/unlock')->{status} == 200 }, 'the lock can be taken';
ok $weir->logged(qr/the lock's owner had died: repaired/), 'by who is told of it';
ok wait_for { (run_weir('-c', $weir->{conf}, 'status'))[1] =~ /^state +DEGRADED\n.*^TROUBLE +\d+ workers died, 0 were stuck; the last at 20\S+: worker \d+ died of signal 9/ms }, 'weir status is red';
is +(run_weir('-c', $weir->{conf}, 'status'))[0], 1, 'and says so with its exit status';

$weir->reload;
for (1 .. 3) {
    wait_for { scalar(my @now = $weir->worker_pids) == 2 };
    my $seen = () = $weir->error_log =~ /route \/null/g;
    $do->('/null');
    wait_for { my $now = () = $weir->error_log =~ /route \/null/g; $now > $seen };
}
ok wait_for { $weir->all_output =~ /module crash is in quarantine/ }, 'three times in a minute: quarantine';
ok wait_for { my $r = $do->('/null'); ($r->{body} || '') eq 'fine' }, 'the route goes on without the module, which guards nothing';
like $weir->command('status'), qr/^QUARANTINE +crash$/m, 'status says so';
$weir->reload;
unlike $weir->command('status'), qr/QUARANTINE/, 'a reload lets it in again';
done_testing;
