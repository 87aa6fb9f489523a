# SPDX-License-Identifier: Apache-2.0
# The systemd service: well-formed, and as closed as a proxy's can be.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('systemd-analyze');
my $dir = new_dir();
my $pid = Weir::Test::spawn($dir, 'systemd-analyze', 'security', '--offline=true', '--no-pager',
    source_dir() . '/debian/weir.service');
wait_for { waitpid($pid, POSIX::WNOHANG()) == $pid };
my $said = read_file("$dir/stdout");
plan skip_all => 'this systemd-analyze judges no files' unless $said =~ /exposure level/;
my ($level) = $said =~ /exposure level for weir\.service: ([\d.]+)/;
cmp_ok $level, '<', 2, 'row 78: systemd-analyze security';
unlike $said, qr/\xe2\x9c\x97 User=/, 'no process is root';
is read_file("$dir/stderr"), '', 'every line is understood';
done_testing;
