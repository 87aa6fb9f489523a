# SPDX-License-Identifier: Apache-2.0
# The tool of module authors: a module of each kind is begun, built, checked and tested as it stands.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('readelf', 'nm', 'cc');
my $tool = source_dir() . '/sdk/weir-module';
my $dir = new_dir();
$ENV{WEIR} ||= Weir::Test::binary();
$ENV{PERL5LIB} = lib_dir();

sub tool {
    my ($in, @words) = @_;
    my $said = `cd '$in' && '$tool' @words 2>&1`;
    return ($? >> 8, $said);
}

for my $kind (qw(access content filter log balancer)) {
    my $name = "my_$kind";
    my ($status, $said) = tool($dir, 'new', $name, '--kind', $kind);
    is $status, 0, "new --kind $kind" or diag $said;
    ($status, $said) = tool("$dir/$name", 'build');
    is $status, 0, 'builds' or diag $said;
    unlike $said, qr/warning/, 'without warnings';
    ($status, $said) = tool("$dir/$name", 'test', "$name.so");
    is $status, 0, 'passes its check and its test' or diag $said;
    unlike $said, qr/NOT OK/, 'whole';
    like $said, qr/Result: PASS/, 'and the test ran';
    ok -x "$dir/$name/debian/rules" && -e "$dir/$name/t/$name.t" && -e "$dir/$name/README.md", 'packaging, test and README are there';
}
my ($status, $said) = tool($dir, 'new', 'my_log');
like $said, qr/my_log is there already/, 'nothing is written over';
($status, $said) = tool($dir, 'new', 'x', '--kind', 'magic');
like $said, qr/no kind "magic": it is one of access/, 'an unknown kind';

my $bad = "$dir/my_access";
write_file("$bad/loud.c", read_file("$bad/my_access.c") =~ s/my_access/loud/gr =~ s/static weir_rc on_access/weir_rc on_access(weir_req *, const void *);\n__attribute__((visibility("default"))) weir_rc on_access/r
    =~ s/\.doc = "The field that requests need\."/.doc = ""/r);
tool($bad, 'build', 'loud.c');
($status, $said) = tool($bad, 'check', 'loud.so');
is $status, 1, 'a module with faults does not pass';
like $said, qr/NOT OK\s+it exports weir_module_v1 and nothing else: it exports .*on_access/, 'a symbol too many';
like $said, qr/NOT OK\s+every option has a sentence: field/, 'an option without a sentence';
write_file("$bad/empty.c", "int nothing;\n");
tool($bad, 'build', 'empty.c');
($status, $said) = tool($bad, 'check', 'empty.so');
like $said, qr/section \.weir\.abi is missing/, 'a file that is no module';
done_testing;
