# SPDX-License-Identifier: Apache-2.0
# access: networks by longest prefix, conditions, report, long lists.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
write_file("$dir/list", "# many\n" . join '', map { sprintf "%d.%d.%d.0/24 ; known\n", 11 + $_ / 65536, $_ / 256 % 256, $_ % 256 } 0 .. 99_999);
my $weir = weir(<<"CONF");
sites = ( { listen = [ "http://127.0.0.1:%port:web%", "http://unix:%dir%/weir.sock" ];
  respond = { text = "in"; };
  access = { address = "\$arg_a"; deny = "all"; allow = [ "10.0.0.0/8", "2001:db8::/32" ]; };
  routes = ( { path = "/longest"; access = { allow = [ "10.0.0.0/8", "10.1.2.0/24" ]; deny = [ "10.1.0.0/16", "10.1.2.0/24", "10.1.2.3/32" ]; }; },
    { path = "/only"; access = { allow = "10.0.0.0/8"; deny = [ ]; }; },
    { path = "/list"; access = { allow = [ ]; deny = [ ]; deny_file = "$dir/list"; }; },
    { path = "/if"; access = { deny = [ ]; allow = "10.0.0.0/8"; deny_if = "\$http_x_bad"; }; },
    { path = "/or"; access = { deny = "10.9.0.0/16"; allow = "10.0.0.0/8"; allow_if = [ "\$http_x_good", "0" ]; }; },
    { path = "/report"; access = { mode = "report"; }; },
    { path = "/open"; access = false; },
    { path = "/client"; access = { address = "\$remote_addr"; allow = "127.0.0.0/8"; }; } ); } );
CONF
for my $case (['/?a=10.1.2.3', 200], ['/?a=11.1.2.3', 403], ['/?a=2001:db8:1::1', 200], ['/?a=2001:db9::1', 403],
    ['/?a=::ffff:10.1.1.1', 200], ['/?a=', 403], ['/?a=rubbish', 403], ['/longest?a=10.2.0.1', 200],
    ['/longest?a=10.1.0.1', 403], ['/longest?a=10.1.2.9', 403, 'deny wins a tie'], ['/longest?a=11.0.0.1', 200],
    ['/only?a=10.1.1.1', 200], ['/only?a=9.1.1.1', 403, 'allow alone denies the rest'], ['/list?a=11.0.0.77', 403],
    ['/list?a=12.134.159.1', 403, 'the 100,000th'], ['/list?a=12.134.160.1', 200], ['/report?a=1.1.1.1', 200],
    ['/open?a=1.1.1.1', 200], ['/client?a=1.1.1.1', 200]) {
    my ($path, $status, $why) = @$case;
    is get($weir, $path)->{status}, $status, $why || $path;
}
is get($weir, '/if?a=10.0.0.1', 'X-Bad' => '1')->{status}, 403, 'deny_if';
is get($weir, '/if?a=10.0.0.1', 'X-Bad' => '0')->{status}, 200, 'deny_if, "0"';
is get($weir, '/or?a=1.1.1.1', 'X-Good' => 'yes')->{status}, 200, 'allow_if';
is get($weir, '/or?a=10.9.1.1', 'X-Good' => 'yes')->{status}, 403, 'allow_if does not lift a network\'s deny';
is request("$weir->{dir}/weir.sock", 'GET', '/client')->{status}, 403, 'a unix socket has no address';
ok $weir->logged(qr/report.*this passes: 1\.1\.1\.1 may not/), 'report is logged';
ok $weir->logged(qr/403 access_denied.*11\.1\.2\.3 may not: its longest match/), 'and so is why';
my (undef, $said) = check_config('sites = ( { listen = "http://127.0.0.1:8099"; respond = true; access = {'
    . "\n" . 'allow = [ "10.0.0.1/8", "example.com" ]; }; } );');
like $said, qr/weir\.conf:2: error.*10\.0\.0\.1\/8.*behind its prefix.*weir\.conf:2: error.*example\.com.*network/s, 'mistakes';
done_testing;
