# SPDX-License-Identifier: Apache-2.0
# What fuzzing has found, and where it began, runs through each target again.
use strict;
use warnings;
use Test::More;

my $build = $ENV{WEIR_BUILD} or plan skip_all => 'WEIR_BUILD is not set: run make check';
my $source = $ENV{WEIR_SOURCE} || '.';
for my $folder (glob "$source/t/fuzz/corpus/*") {
    my ($name) = $folder =~ m{([^/]+)$};
    my @files = glob "$folder/*";
    my $output = `$build/t/fuzz/$name @files 2>&1`;
    is($?, 0, "$name: " . @files . ' inputs') or diag($output);
}
done_testing;
