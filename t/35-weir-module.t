# SPDX-License-Identifier: Apache-2.0
# The tool of module authors: a module of each kind is begun, built, checked and tested as it stands.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('readelf', 'nm', 'cc', 'wrk');
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
    like read_file("$dir/$name/debian/control") . read_file("$dir/$name/debian/changelog"), qr/^Source: weir-module-my-$kind\n(?s:.*)^Package: weir-module-my-$kind\n(?s:.*)^weir-module-my-$kind \(/m,
        'the package has a name that Debian allows';
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

# What costs a millisecond in each call is seen beside what does nothing; the machine may be as busy as it likes.
write_file("$bad/burn.c", read_file("$bad/my_access.c") =~ s/my_access/burn/gr =~ s/#include <weir/#include <time.h>\n#include <weir/r
    =~ s/    weir_str value, .*\n/    struct timespec t = {0, 0};\n    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);\n    long end = t.tv_sec * 1000000 + t.tv_nsec \/ 1000 + 1000;\n$&/r
    =~ s/    if \(weir_field_named.*/    while (t.tv_sec * 1000000 + t.tv_nsec \/ 1000 < end) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);\n$&/r);
($status, $said) = tool($bad, 'build', 'burn.c');
is $status, 0, 'one that burns time' or diag $said;
($status, $said) = tool($bad, 'bench', 'burn.so', '--rounds', 1, '-H', '"X-Key: 1"');
is $status, 0, 'is measured' or diag $said;
my $row = qr/ +(\d+\.\d\d) +([+-]\d+\.\d\d) +(\d+\.\d\d) +(-?\d+\.\d\d)$/m;
like $said, qr/^no module +\d+\.\d\d$/m, 'beside none';
my (undef, $empty, $empty_calls) = $said =~ /^an empty module$row/m or diag $said;
my ($all, $more, $calls, $per_call) = $said =~ /^burn$row/m or diag $said;
is "$empty_calls $calls", '1.00 1.00', 'both are called once for a request';
cmp_ok $more, '>=', 500, "$more us for a request";
cmp_ok $per_call, '>=', 500, "$per_call us for a call";
cmp_ok $empty, '<', 500, "$empty us for nothing";
like $said, qr/^burn is called: access 1\.00$/m, 'and where';
unlike $said, qr/400 and up/, 'requests got through';
($status, $said) = tool($bad, 'bench', 'burn.so', '"fild = 1;"');
like $said, qr/these settings are not right:.*no option "fild": did you mean "field"/s, 'settings with a mistake';
done_testing;
