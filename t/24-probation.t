# SPDX-License-Identifier: Apache-2.0
# reload --confirm: a mistake is taken back by itself, and a kept generation is kept.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $text = 'sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "TEXT"; status = STATUS; }; } );';
my $config = sub { $text =~ s/TEXT/$_[0]/r =~ s/STATUS/$_[1] || 200/er };
my $weir = weir($config->('one'), workers => 2);
my $reload = sub { $weir->configure($_[0]); my @said = run_weir('-c', $weir->{conf}, '-s', 'reload', @_[1 .. $#_]); $said[0] == 0 };

ok $reload->($config->('two'), '--confirm', '1s'), 'a reload on probation';
is get($weir, '/')->{body}, 'two', 'serves';
ok !$reload->($config->('three'), '--confirm', '1s'), 'another one has to wait for it';
ok wait_for { get($weir, '/')->{body} eq 'one' }, 'and is taken back when nobody confirms it';
like $weir->all_output, qr/generation 2 is taken back, since it was not confirmed in time; generation 1 serves again/, 'the log says why';
ok wait_for { scalar(my @l = $weir->loader_pids) == 1 }, 'it ends';

ok $reload->($config->('broken', 500), '--confirm', '1h', '--max-5xx', '20%'), 'one that answers 500';
ok wait_for { get($weir, '/')->{body} eq 'one' }, 'is taken back at once';
like $weir->all_output, qr/generation 3 is taken back, since \d+ of its \d+ answers had a status of 500 and up/, 'with the figures';

ok $reload->($config->('four'), '--confirm', '1h', '--max-5xx', '20%'), 'one that is right';
get($weir, '/') for 1 .. 20;
is((run_weir('-c', $weir->{conf}, '-s', 'confirm'))[0], 0, 'is confirmed');
ok wait_for { scalar(my @l = $weir->loader_pids) == 1 }, 'and the one before ends';
is get($weir, '/')->{body}, 'four', 'it serves';
isnt((run_weir('-c', $weir->{conf}, '-s', 'confirm'))[0], 0, 'there is nothing more to confirm');
like +(run_weir('-c', $weir->{conf}, '-s', 'quit', '--confirm', '1s'))[2], qr/belong to -s reload/, 'only reloads have a probation';
done_testing;
