# SPDX-License-Identifier: Apache-2.0
# The unit tests in C, each a program that speaks TAP of its own.
use strict;
use warnings;
use Test::More;

my $build = $ENV{WEIR_BUILD} or plan skip_all => 'WEIR_BUILD is not set: run make check';
my @programs = grep { -x && -f && !m{\.[^/]*$} } glob "$build/t/unit/*";
cmp_ok(scalar @programs, '>=', 7, 'the unit tests are built');
for my $program (@programs) {
    my $output = `$program 2>&1`;
    my $status = $?;
    my ($plan) = $output =~ /^1\.\.(\d+)$/m;
    my $passed = () = $output =~ /^ok /mg;
    is($status, 0, $program) or diag($output);
    is($passed, $plan || -1, "$program: all of its tests");
}
done_testing;
