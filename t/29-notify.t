# SPDX-License-Identifier: Apache-2.0
# What a service manager is told over its socket (sd_notify): ready, reloading since when, ready again
# whatever became of it, stopping; and that it lives.
use strict;
use warnings;
use Test::More;
use Socket qw(SOCK_DGRAM);
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use Weir::Test;

my $dir = new_dir();
my $manager = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => "$dir/notify") or die "notify: $!";
$ENV{NOTIFY_SOCKET} = "$dir/notify";
$ENV{WATCHDOG_USEC} = 100_000;
my $alive = 0;
sub message {
    return '' unless Weir::Test::wait_readable($manager);
    recv $manager, my $text, 4096, 0;
    return $text;
}
# The next message that is news, as { NAME => value }.
sub told {
    my $text = message();
    while ($text =~ /^WATCHDOG=1/) { $alive++; $text = message() }
    return { map { /^(\w+)=(.*)$/ ? ($1 => $2) : () } split /\n/, $text };
}
sub now_us { return clock_gettime(CLOCK_MONOTONIC) * 1e6 }

my $text = 'sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "TEXT"; }; } );';
my $weir = weir($text);
my $ready = told();
is $ready->{READY}, 1, 'row 78: it is ready once it serves';
is $ready->{STATUS}, 'Serving 1 site with 1 worker', 'row 78: and the manager shows what';

my $before = now_us();
ok $weir->reload(($text =~ s/TEXT/two/r) =~ s/^sites = \( (.*) \);/sites = ( $1, { names = [ "b.test" ]; listen = [ "http:\/\/127.0.0.1:%port:web%" ]; respond = true; } );/r), 'a reload';
my ($first, $second, $after) = (told(), told(), now_us());
is $first->{RELOADING}, 1, 'is announced';
ok $first->{MONOTONIC_USEC} >= $before && $first->{MONOTONIC_USEC} <= $after, 'with the time of its start'
    or diag "$before $first->{MONOTONIC_USEC} $after";
is $second->{READY}, 1, 'row 78: and its end, which the answer does not precede';
is $second->{STATUS}, 'Serving 2 sites with 1 worker', 'row 78: with what is served now';

ok !$weir->reload('nonsense'), 'a reload that is refused';
($first, $second) = (told(), told());
is $first->{RELOADING}, 1, 'is announced';
is $second->{READY}, 1, 'and ends, too';
like $second->{STATUS}, qr/^Serving 2 sites.*refused/, 'row 78: with a word of it';
$weir->configure($text);

$weir->signal('HUP');
($first, $second) = (told(), told());
is_deeply [$first->{RELOADING}, $second->{READY}], [1, 1], 'the same after a signal';
ok wait_for { message() =~ /^WATCHDOG=1/ && ++$alive > 3 }, 'row 78: now and then it says that it lives';
ok $weir->stop, 'the end';
is told()->{STOPPING}, 1, 'is announced';
done_testing;
