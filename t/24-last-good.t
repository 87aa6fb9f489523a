# SPDX-License-Identifier: Apache-2.0
# A restart whose configuration is wrong: it ends, or goes on with what served last, where that is wanted. Row 84.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
my $port = free_port();
my $text = sub { write_file("$dir/weir.conf", "server = { workers = 1; control = \"$dir/control\"; pid_file = \"$dir/pid\"; error_log = { path = \"$dir/error.log\"; }; };\n"
    . "sites = ( { listen = [ \"http://127.0.0.1:$port\" ]; $_[0] } );\n") };
my $says = sub { get($port, '/')->{body} };
my $start = sub { program([$ENV{WEIR}, '-c', "$dir/weir.conf", @_], port => $port) };
my @keep = ('--last-good', "$dir/good.conf");

$text->('respond = { text = "one"; };');
my $weir = $start->(@keep);
is $says->(), 'one', 'a configuration serves';
ok wait_for { -s "$dir/good.conf" }, 'and is kept';
is sprintf('%o', (stat "$dir/good.conf")[2] & 0777), '600', 'for nobody else to read';
$weir->stop;

$text->('respond = { text = "two" ');
my ($status, undef, $said) = run_weir('-c', "$dir/weir.conf");
is $status, 1, 'row 84: a restart with a wrong one ends';
like $said, qr{weir\.conf:2}, 'and says where it is wrong';
$weir = $start->(@keep);
is $says->(), 'one', 'row 84: with --last-good it goes on with the one before';
like read_file("$weir->{dir}/stderr") . read_file("$dir/error.log"), qr/refused: starting with the last good one, \Q$dir\E\/good\.conf/, 'loudly';
($status) = run_weir('-c', "$dir/weir.conf", '-s', 'reload');
isnt $status, 0, 'a reload is still refused';
is $says->(), 'one', 'and changes nothing';
$text->('respond = { text = "three"; };');
($status, undef, $said) = run_weir('-c', "$dir/weir.conf", '-s', 'reload');
is $status, 0, 'a reload takes the mended files' or diag $said;
is $says->(), 'three', 'which serve';
ok wait_for { read_file("$dir/good.conf") =~ /three/ }, 'and are kept from then on';
$text->('respond = { text = "four"; };');
($status) = run_weir('-c', "$dir/weir.conf", '-s', 'reload', '--confirm', '60s');
is "$status " . $says->(), '0 four', 'on probation a configuration serves';
like read_file("$dir/good.conf"), qr/three/, 'but is not kept';
($status) = run_weir('-c', "$dir/weir.conf", '-s', 'confirm');
ok wait_for { read_file("$dir/good.conf") =~ /four/ }, 'until it is confirmed';
$weir->stop;
write_file("$dir/$_.conf", 'nonsense') for qw(weir good);
($status) = run_weir('-c', "$dir/weir.conf", @keep);
is $status, 1, 'where both are wrong it ends';
done_testing;
