# SPDX-License-Identifier: Apache-2.0
# A module from outside of the tree: begun by weir-module, written from the manual, built and tested by
# one command; then with each mistake that beginners make, and what they are told.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('cc', 'make', 'pkg-config', 'readelf', 'nm');
my $sdk = source_dir() . '/sdk';
my $dir = new_dir();
$ENV{WEIR} = Weir::Test::binary() =~ s{^(?!/)}{$ENV{PWD}/}r;
$ENV{PATH} = "$sdk:$ENV{PATH}";
$ENV{PKG_CONFIG_PATH} = $ENV{WEIR_BUILD} || source_dir() . '/build';

sub shell { my ($in, $command) = @_; my $said = `cd '$in' && $command 2>&1`; return ($? >> 8, $said) }

my $good = read_file(source_dir() . '/t/outside/doorman/doorman.c');
cmp_ok scalar(() = $good =~ /\n/g), '<', 200, 'a rule, a shared counter, an asynchronous call and a filter in under 200 lines';
shell($dir, 'weir-module new doorman');
write_file("$dir/doorman/doorman.c", $good);
write_file("$dir/doorman/t/doorman.t", read_file(source_dir() . '/t/outside/doorman/doorman.test'));
my ($status, $said) = shell("$dir/doorman", 'make');
is $status, 0, 'one command builds it' or diag($said);
unlike $said, qr/warning/, 'without a warning';
($status, $said) = shell("$dir/doorman", 'make check');
is $status, 0, 'and one tests it' or diag($said);
like $said, qr/ok\s+\Q$_\E/, $_ for 'it loads', 'requests of all kinds', 'bodies in random pieces', 'a deadline that passes at each suspension',
    'a client that leaves at each suspension', 'nothing grows', 'memory that is not there';
like $said, qr/Result: PASS/, 'its own test ran';

# The kit as the host of the next minor would be: every table has grown at its end.
my $headers = new_dir();
mkdir "$headers/weir";
for my $header (glob "$sdk/include/weir/*.h") {
    my ($name) = $header =~ m{([^/]+)\z};
    my $text = read_file($header);
    $text =~ s/(define WEIR_ABI_MINOR) (\d+)/"$1 " . ($2 + 1)/e;
    $text =~ s/\n\} (weir_(?:req|chain|loop|cfg|conn|zone|metric)_api|weir_host|weir_module);/\n    void (*next_minor)(void);\n} $1;/g;
    write_file("$headers/weir/$name", $text);
}
($status, $said) = shell($dir, "cc -std=gnu17 -O0 -w -I'$headers' -rdynamic '$sdk'/kit/*.c -o kit -ldl && ./kit doorman/doorman.so");
is $status, 0, 'the same file serves a host of the next minor' or diag($said);

# What is said of the module when `from` is `to` in its source.
my $cc = "cc -shared -fPIC -O0 -w -fvisibility=hidden -I'$sdk/include' doorman.c -o doorman.so";
sub mistake {
    my ($from, $to, $then) = @_;
    my $text = $good =~ s/\Q$from\E/$to/r;
    isnt $text, $good, "\"$from\" is there";
    write_file("$dir/doorman/doorman.c", $text);
    return (shell("$dir/doorman", $then // "$cc && ../kit ./doorman.so"))[1];
}
like mistake('calloc(1, sizeof(*job))', 'job_make()', 'weir-module build'), qr/job_make.*is the name right, is its header included, and is its library named/s,
    'a function that is not there, at the build';
like mistake('calloc(1, sizeof(*job))', 'job_make()', 'make'), qr/job_make.*is it right, is its header included, is its library in LIBS/s, 'and by the Makefile';
like mistake('#include <stdio.h>', "#include <stdio.h>\nextern void *job_make(void);\nvoid *(*maker)(void) = job_make;",
    "$cc; weir-module check doorman.so"),
    qr/NOT OK\s+it loads .*undefined symbol: job_make.*LIBS=-lNAME weir-module build/s, 'and when it is loaded';
like mistake('WEIR_MODULE(doorman, 3,', 'WEIR_MODULE(doorman, 99,', "$cc; weir-module check doorman.so"),
    qr/needs module ABI 0\.99, this weir offers 0\.\d+: install a newer weir, or a build of doorman for ABI 0\.\d+/, 'a newer ABI';
like mistake('WEIR_MODULE_HEAD("doorman", "1.0"),', '.size = 8, .name = "doorman",', "$cc; weir-module check doorman.so"),
    qr/begin weir_module with WEIR_MODULE_HEAD and build it again/, 'tables that are none';
write_file("$dir/doorman/doorman.c", $good);
shell("$dir/doorman", $cc);
my (undef, $typo) = check_config("server = { modules_path = [ \"$dir/doorman\", \"" . modules_dir() . "\" ]; };\n"
    . 'sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; doorman = { kys = "/etc/passwd"; }; } );');
like $typo, qr/weir\.conf:2:.*kys.*did you mean.*keys/s, 'a typo in an option';
like mistake('weir_resume(job->token, job->is_known', '(void)(job->is_known'),
    qr/NOT OK .*phase access: suspends the request, and nothing .* resumes it: somebody has to call weir_resume/, 'a forgotten resume';
like mistake('        state->job = NULL;' . "\n" . '        weir_resume', '        state->job = NULL;' . "\n" . '        weir_resume(job->token, WEIR_NEXT);' . "\n" . '        weir_resume'),
    qr/NOT OK .*resumes a token that it has resumed already/, 'a double resume';
like mistake('.ctx_size = sizeof(struct state)', '.ctx_size = sizeof(struct state *)'),
    qr/NOT OK .*the end of its context, which has 8 bytes: is ctx_size in weir_module the sizeof/, 'writing past the context';
like mistake('if (weir_table_add', 'if (system("true") || weir_table_add'),
    qr/NOT OK .*phase access: calls system\(\), which blocks the worker .*weir_offload/, 'a call that blocks';
like mistake("    if (state->job) {\n        state->job->req = NULL;", "    if (!state) {\n        state->job->req = NULL;"),
    qr/NOT OK .*touches a request that has ended: stop timers/, 'going on after the client has left';
like mistake('    if (!job) {', '    if (0) {'), qr/NOT OK .*after an allocation failed: look at what malloc\(\) returns/, 'memory that is not there';
like mistake('return WEIR_AGAIN;', 'return WEIR_NEXT;'), qr/has called weir_suspend\(\), and returns 0: it has to return WEIR_AGAIN/, 'going on while suspended';
done_testing;
