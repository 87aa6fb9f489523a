# SPDX-License-Identifier: Apache-2.0
# Shared memory: one view for all workers, kept across reloads and a worker that dies with a lock.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/shared.so";
my $config = 'sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; shared = { layout = 1; }; } );';
my $weir = weir($config, workers => 3, may_die => 1, server => qq[modules_path = [ "$build/modules", "$mine" ];]);

get($weir, '/a') for 1 .. 40;
is get($weir, '/b')->{body}, 'count 41 repairs 0 path 1', 'three workers count together';
is get($weir, '/a')->{body}, 'count 42 repairs 0 path 41', 'in a zone and in a table';
ok $weir->reload($config), 'a reload';
is get($weir, '/a')->{body}, 'count 43 repairs 0 path 42', 'keeps both';

request($weir, 'GET', '/a?die');
ok $weir->logged(qr/worker \d+ died of signal 9/), 'a worker dies with the lock';
is get($weir, '/a')->{body}, 'count 44 repairs 1 path 43', 'the next one to take it is told, and goes on';
is get($weir, '/a')->{body}, 'count 45 repairs 1 path 44', 'once';
ok wait_for { scalar(my @now = $weir->worker_pids) == 3 }, 'the worker is replaced';

ok $weir->reload($config =~ s/layout = 1/layout = 2/r), 'with another layout';
is get($weir, '/a')->{body}, 'count 1 repairs 0 path 45', 'that zone begins anew, the others do not';
done_testing;
