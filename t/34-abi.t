# SPDX-License-Identifier: Apache-2.0
# The ABI of modules: its description is checked in, only additions pass, and what was built for an
# older minor loads and works.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('cc');
my $sdk = source_dir() . '/sdk';
my $dir = new_dir();
my $said = `'$sdk/abi-check' 2>&1`;
is $?, 0, 'the headers keep what the description promises' or diag($said);
my ($installed) = read_file(source_dir() . '/Makefile.am') =~ /^weirinclude_HEADERS = (.*?[^\\])$/ms;
is join(' ', sort $installed =~ m{include/weir/(\w+\.h)}g), join(' ', sort map { m{([^/]+)\z} } glob "$sdk/include/weir/*.h"), 'every header is installed';
my @headers = map { "'$_'" } glob "$sdk/include/weir/*.h";
for my $language (['cc -std=c11 -xc', 'C11'], ['cc -std=c17 -xc', 'C17'], ['c++ -std=c++17 -xc++', 'C++17']) {
    my ($command, $name) = @$language;
    SKIP: {
        skip "there is no $name compiler", 1 if $name eq 'C++17' && !grep { -x "$_/c++" } split /:/, $ENV{PATH};
        is `$command -Wall -Wextra -Werror -fsyntax-only -I'$sdk/include' @headers 2>&1`, '', "each header alone is $name";
    }
}
my $reference = ($ENV{WEIR_BUILD} || source_dir() . '/build') . '/doc/generated/sdk-reference.md';
SKIP: {
    skip 'the reference was not made', 1 unless -e $reference;
    my $text = read_file($reference);
    is join(' ', grep { $text !~ /^### \Q$_\E(?:\(\))?$/m } read_file("$sdk/abi") =~ /^function (\w+)/mg), '', 'the reference has every function';
}
mkdir "$dir/weir";
for my $header (glob "$sdk/include/weir/*.h") {
    my ($name) = $header =~ m{([^/]+)\z};
    write_file("$dir/weir/$name", read_file($header));
}

# What abi-check says of a copy in which `from` in a header was replaced.
sub altered {
    my ($header, $from, $to) = @_;
    my $text = read_file("$sdk/include/weir/$header");
    my $changed = $text =~ s/$from/$to/r;
    isnt $changed, $text, "$header: /$from/ is there";
    write_file("$dir/weir/$header", $changed);
    my $answer = `'$sdk/abi-check' --headers '$dir/weir' --description '$sdk/abi' 2>&1`;
    write_file("$dir/weir/$header", $text);
    return ($? >> 8) . " $answer";
}

for my $change (
    ['host.h', qr/    weir_rc \(\*set_status\)/, "    void (*extra)(void);\n    weir_rc (*set_status)",
        qr/^1 .*weir_req_api\.set_status: was at \d+ and is at \d+: what is new stands behind/s, 'a member in the middle'],
    ['host.h', qr/    bool own_codec; /, '    bool own_codec, more; ', qr/^1 .*weir_forward_conf\.more: is new at \d+, inside/s, 'one in a gap'],
    ['connection.h', qr/    bool \(\*wants_input\).*\n/, '', qr/^1 .*weir_codec_ops\.wants_input: is gone/s, 'the last one gone'],
    ['connection.h', qr/weir_rc \(\*input\)\(void \*codec, const char \*p, size_t n\)/, 'weir_rc (*input)(void *codec, const char *p, uint32_t n)',
        qr/^1 .*weir_codec_ops\.input: was .*size_t\) and is /s, 'another parameter'],
    ['options.h', qr/    const char \*example;/, "    const char *example;\n    int more;", qr/^1 .*weir_opt: had \d+ bytes/s, 'a row that grows'],
    ['types.h', qr/WEIR_HANDLED = 2,/, 'WEIR_HANDLED = 7,', qr/^1 .*WEIR_HANDLED: was 2 and is 7/s, 'another number'],
    ['types.h', qr/    WEIR_REASON_DNS_ERROR,\n/, "    WEIR_REASON_NEW,\n    WEIR_REASON_DNS_ERROR,\n", qr/^1 .*WEIR_REASON_DNS_ERROR: was 3 and is 4/s, 'an enum that shifts'],
    ['zone.h', qr/WEIR_ZONE_STRIPES 64/, 'WEIR_ZONE_STRIPES 32', qr/^1 .*WEIR_ZONE_STRIPES: was 64/s, 'a constant'],
    ['host.h', qr/weir_timer_stop\(uint64_t timer\)/, 'weir_timer_end(uint64_t timer)', qr/^1 .*weir_timer_stop: is gone.*add instead/si, 'a wrapper gone'],
    ['module.h', qr/WEIR_ABI_MINOR 3/, 'WEIR_ABI_MINOR 2', qr/^1 .*it never goes back/s, 'the version backwards'],
    ['host.h', qr/(    void \(\*set_user\).*\n)/, "    void (*set_user)(weir_req *request, weir_str user_name);\n    void (*extra)(weir_req *req);\n",
        qr/^0 .*1 of them new/s, 'a member at the end, and other names of parameters, pass'],
    ['types.h', qr/    WEIR_REASON_COUNT/, "    WEIR_REASON_NEW,\n    WEIR_REASON_COUNT", qr/^0 /, 'so does an enum that grows'],
) {
    my ($header, $from, $to, $expect, $what) = @$change;
    like altered($header, $from, $to), $expect, $what;
}

# Sources that stay as they were, with the headers of their time.
my $made = new_dir();
for my $old (['0.1', 'kept_0_1'], ['0.2', 'kept_0_2']) {
    my ($abi, $name) = @$old;
    my $folder = source_dir() . "/t/abi/$abi";
    $said = `cc -std=c11 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden -I'$folder' '$folder/$name.c' -o '$made/$name.so' 2>&1`;
    is $said, '', "P21: a module for ABI $abi builds with that one's headers";
}
my @backends = map { my $n = $_; backend(sub { my ($conn) = @_; $conn->answer(200, $n) }) } 1 .. 2;
my $servers = join ', ', map { "\"127.0.0.1:$_->{port}\"" } @backends;
my $weir = weir(<<"END", server => "modules_path = [ \"$made\", \"" . modules_dir() . '" ];');
upstream = { app = { servers = [ $servers ]; balance = "kept_last"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://app"; };
  routes = ( { path = "/one"; kept_0_1 = { key = "1234"; }; },
             { path = "/two"; kept_0_2 = { name = "mine"; }; } ); } );
END
is get($weir, '/one', 'X-Key' => 'no')->{status}, 403, '0.1: refuses';
my $answer = get($weir, '/one', 'X-Key' => 'abcd');
is $answer->{body}, 'kept at test', '0.1: waits, and answers with its variable';
is $answer->header('X-Kept'), 'yes', '0.1: edits';
$answer = get($weir, '/two');
is $answer->{body}, '2', '0.2: balances';
is $answer->header('X-Kept'), 'mine', '0.2: and configures itself';
done_testing;
