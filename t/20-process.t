# SPDX-License-Identifier: Apache-2.0
# Master, loader, workers: reload, refusal, a killed worker, reopened logs, an orderly end.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $site = 'sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "TEXT"; };'
    . ' access_log = { path = "%dir%/access.log"; flush = "10ms"; }; } );';
my $weir = weir($site =~ s/TEXT/one/r, workers => 2, may_die => 1);
is get($weir, '/')->{body}, 'one', 'it serves';
is scalar(my @workers = $weir->worker_pids), 2, 'two workers';

ok $weir->reload($site =~ s/TEXT/two/r), 'a reload';
is get($weir, '/')->{body}, 'two', 'row 80, P6: is live when it says so';
ok !$weir->reload('sites = ( { listen = "nonsense"; } );'), 'row 80, row 84: a wrong configuration is refused';
my ($refused, undef, $refusal) = run_weir('-c', $weir->{conf}, '-s', 'reload');
like "$refused $refusal", qr/^[1-9]\d* .*weir\.conf:\d+: error/s, 'row 80, P6: weir -s reload says so, and fails';
like $weir->{said}, qr/weir\.conf:\d+: error/, 'with the reason';
is get($weir, '/')->{body}, 'two', 'row 80, row 84: and the old one goes on';
$weir->configure($site =~ s/TEXT/two/r);

my ($victim) = $weir->worker_pids;
kill 'KILL', $victim;
ok $weir->logged(qr/worker $victim died of signal 9/), 'a killed worker is logged';
ok wait_for { my @now = $weir->worker_pids; @now == 2 && !grep { $_ == $victim } @now },
    'and replaced';
is get($weir, '/')->{status}, 200, 'the service goes on';

rename "$weir->{dir}/access.log", "$weir->{dir}/access.log.1";
like $weir->command('reopen'), qr/^ok/, 'reopen';
ok wait_for { -e "$weir->{dir}/access.log" }, 'row 16: the log has a new file';
ok wait_for { get($weir, '/after'); read_file("$weir->{dir}/access.log") =~ m{GET /after HTTP/1.1" 200} },
    'which gets the new lines once each worker has it';

my $busy = weir('sites = ( { listen = [ "http://127.0.0.1:' . $weir->port . '" ]; respond = {}; } );',
    may_fail => 1);
isnt scalar($busy->wait_end), 0, 'row 2: a port in use ends the start';
like $busy->all_output, qr/weir\.conf:\d+: error: cannot listen on .*in use/, 'and is named';
my $other = weir(qq[server = { workers = 1; user = "] . ($> ? 'nobody' : 'root') . qq["; control = "$weir->{dir}/control.sock"; };
    sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "other"; }; } );], bare => 1);
is get($other, '/')->{body}, 'other', 'another weir with the same control socket serves';
like $other->all_output, qr/control\.sock is another weir's: give this one a path of its own/, 'is told to take another path';
like $weir->command('status'), qr/^ok/, 'and does not take it away';
ok $weir->stop('QUIT'), 'an orderly end';

my @libraries = grep { !/^(linux-vdso|ld-linux|lib(?:a|ub)san|libstdc|libgcc|libm\.|libdl|librt|libpthread)/ }
    map { m{^\s*(?:\S*/)?([^/\s]+\.so\S*)} ? $1 : () } `ldd $ENV{WEIR}`;
is join(' ', sort map { s/[-.].*//r } @libraries), 'libc libconfig libevent_core', 'ldd: what the host is linked with';
done_testing;
