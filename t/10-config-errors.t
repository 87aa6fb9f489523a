# SPDX-License-Identifier: Apache-2.0
# Mistakes in a configuration: all in one run, each with its line and the nearest right spelling.
use strict;
use warnings;
use JSON::PP ();
use Test::More;
use Weir::Test;

my ($status, $said) = check_config(<<'CONF');
upstream = { app = { servers = [ "127.0.0.1:3000" ]; keepalve = 3; }; };
sites = (
  { names = [ "a.test" ]; listen = [ "http://127.0.0.1:8099" ];
    proxy = { to = "http://app"; read_timeout = "5x"; buferring = true; };
    porxy = true;
    headers = { response = { set = { X-A = "$remote_adr"; }; }; }; },
  { names = [ "a.test" ]; listen = [ "http://127.0.0.1:8099" ]; respond = { status = "no"; }; }
);
CONF
is $status, 1, 'row 79, P22: a wrong configuration is refused';
for my $case (['an unknown key of the host', 'weir.conf:1: error:.*keepalve.*"keepalive"'],
    ['a unit', 'weir.conf:4: error:.*read_timeout.*5x'],
    ['an unknown option', 'weir.conf:4: error:.*buferring.*"buffering"'],
    ['an unknown group', 'weir.conf:5: error:.*porxy.*"proxy"'],
    ['an unknown variable', 'weir.conf:6: error:.*remote_adr.*remote_addr'],
    ['a wrong type', 'weir.conf:7: error:.*status'],
    ['a name claimed twice, row 4', 'weir.conf:7: error:.*a\.test.*weir.conf:3']) {
    like $said, qr/$case->[1]/s, "row 79, P22: all at once: $case->[0]";
}
($status, $said) = check_config("sites = (\n  { names = [ \"a\" ]\n    listen = [ \"http://*:80\" ];;\n }\n);\n");
is $status, 1, 'row 92: a syntax error is refused';
like $said, qr/weir\.conf:[23]: error.*\^/s, 'row 92: with a caret';
for my $case (['a bracket that is open', "sites = (\n  { listen = [ \"http://*:80\";\n    respond = true; } );\n"], ['a comma too many', "sites = (\n  { listen = [ \"http://*:80\", ]; respond = true; } );\n"],
    ['a quote that is open', "sites = (\n  { names = [ \"a ];\n    respond = true; } );\n"]) {
    (undef, $said) = check_config("# a comment\n// another\n$case->[1]");
    like $said, qr/^weir\.conf:4: error: [^\n]+\n[^\n]*(?:listen|names)[^\n]*\n *\^/m, "row 92: $case->[0] is found at its own line, with a caret" or diag $said;
}
my $units = sub { my ($options) = @_; my ($rc, $out) = check_config("/* a comment */ sites = ( { listen = [ \"http://127.0.0.1:1\" ]; proxy = { to = \"http://127.0.0.1:2\"; $options }; } );"); return "$rc $out" };
like $units->("$_->[0] = $_->[1];"), $_->[2], "row 92: $_->[0] = $_->[1]" for
    (map { ['buffer_body', $_, qr/^0 /] } '"4k"', '"10m"', '"1g"', 4096), (map { ['deadline', $_, qr/^0 /] } '"60s"', '"10m"', '"1h"', '"2d"', '"1y"', '"250ms"', 60),
    ['buffer_body', '"4kk"', qr/^1 .*weir\.conf:1: error: .*4kk/s], ['deadline', '"5x"', qr/^1 .*weir\.conf:1: error: .*5x/s], ['deadline', '"10 m"', qr/^1 .*weir\.conf:1: error: .*10 m/s];
($status, $said) = check_config('upstream = { app_backend = { servers = [ "127.0.0.1:3000" ]; }; };'
    . 'sites = ( { listen = "http://127.0.0.1:8099"; proxy = { to = "http://app_backnd"; }; } );');
my $weir = weir('sites = ( { listen = "http://127.0.0.1:%port:web%"; '
    . 'proxy = { to = "http://app_backnd"; }; } ); upstream = { app_backend = { servers = "127.0.0.1:1"; }; };',
    may_fail => 1);
$weir->wait_end;
like $weir->all_output, qr/app_backnd.*app_backend/s, 'row 10: an unknown upstream, with the nearest name';
($status, $said) = check_config('upstream = { a = { servers = "127.0.0.1:1"; }; };',
    '10-more.conf' => 'upstream = { a = { servers = "127.0.0.1:2"; }; };');
like $said, qr/00-weir\.conf.*10-more\.conf|10-more\.conf.*00-weir\.conf/s,
    'row 11, row 91: an upstream defined twice names both places';
($status, $said) = check_config('server = { modules_path = [ "" ]; }; sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; } );');
ok $status == 1 && $said =~ /server\.modules_path = "": expected a path/, 'an empty path';
# For programs: the same as JSON.
my $wrong = write_file(new_dir() . '/wrong.conf', qq[sites = ( { listen = [ "http://*:80" ];\n  porxy = true; } );\n]);
my ($rc, $out, $err) = run_weir('-t', '--json', '-c', $wrong);
is $rc, 1, 'row 79: weir -t --json';
my $found = JSON::PP->new->decode($out);
ok !$found->{ok}, 'row 79: says that it is wrong';
my ($first) = grep { $_->{text} =~ /porxy/ } @{ $found->{messages} };
is_deeply [@{$first}{qw(level file line)}], ['error', $wrong, 2], 'row 79: and where';
is $err, '', 'row 79: and nothing else';
done_testing;
