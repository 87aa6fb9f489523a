# SPDX-License-Identifier: Apache-2.0
# Mistakes in a configuration: all in one run, each with its line and the nearest right spelling.
use strict;
use warnings;
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
is $status, 1, 'a wrong configuration is refused';
for my $case (['an unknown key of the host', 'weir.conf:1: error:.*keepalve.*"keepalive"'],
    ['a unit', 'weir.conf:4: error:.*read_timeout.*5x'],
    ['an unknown option', 'weir.conf:4: error:.*buferring.*"buffering"'],
    ['an unknown group', 'weir.conf:5: error:.*porxy.*"proxy"'],
    ['an unknown variable', 'weir.conf:6: error:.*remote_adr.*remote_addr'],
    ['a wrong type', 'weir.conf:7: error:.*status'],
    ['a name claimed twice', 'weir.conf:\d: error:.*a\.test']) {
    like $said, qr/$case->[1]/s, $case->[0];
}
($status, $said) = check_config("sites = (\n  { names = [ \"a\" ]\n    listen = [ \"http://*:80\" ];;\n }\n);\n");
is $status, 1, 'a syntax error is refused';
like $said, qr/weir\.conf:[23]: error.*\^/s, 'with a caret';
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
    'row 11: an upstream defined twice names both places';
($status, $said) = check_config('server = { modules_path = [ "" ]; }; sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; } );');
ok $status == 1 && $said =~ /server\.modules_path = "": expected a path/, 'an empty path';
done_testing;
