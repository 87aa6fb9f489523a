# SPDX-License-Identifier: Apache-2.0
# weir peers: what is known of peers, and orders at run time, which hold for all workers and across
# reloads.
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use Weir::Test;

my %p = map { my $name = $_; $name => backend(sub { $_[0]->answer(200, $name) }) } qw(a b c);
my %at = map { $_ => "127.0.0.1:$p{$_}{port}" } keys %p;
my $text = <<"END";
upstream = { app = { servers = [ "$at{a}", "$at{b}" ]; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://app"; };
            routes = ( { path = "/old"; respond = { text = "TEXT"; }; } ); } );
END
my $weir = weir($text, workers => 2);
my $peers = sub { run_weir('-c', $weir->{conf}, 'peers', @_) };
my $order = sub { my ($status, $out, $err) = $peers->('app', @_); $status == 0 or diag "@_: $out$err"; $status == 0 };
my $rows = sub { map { my $r = JSON::PP->new->decode($_); $r->{peer} => $r } split /\n/, ($peers->('app', '--json'))[1] };
# Who answers, over connections that both workers take.
sub answers { my ($n) = @_; my %seen; $seen{ get($weir, '/')->{body} }++ for 1 .. $n || 40; return join ' ', sort keys %seen }

is answers(), 'a b', 'both are asked';
my ($status, $out) = $peers->();
is $status, 0, 'weir peers';
like $out, qr/^app\n  \Q$at{a}\E +up +weight 1 +in flight 0 +fails 0\n  \Q$at{b}\E +up /m, 'lists them';
my %row = $rows->();
is_deeply [@{ $row{ $at{a} } }{qw(upstream state weight in_flight fails health backup added)}],
    ['app', 'up', 1, 0, 0, 'unknown', JSON::PP::false, JSON::PP::false], 'as JSON, too';

ok $order->('drain', $at{a}), 'drain';
is answers(), 'b', 'a is asked no more, by any worker';
%row = $rows->();
is $row{ $at{a} }{state}, 'draining', 'and listed so';
ok $weir->reload($text =~ s/TEXT/new/r), 'a reload';
is answers(), 'b', 'keeps that';
ok $order->('enable', $at{a}), 'enable';
is answers(), 'a b', 'a is back';

ok $order->('weight', $at{b}, 9), 'weight';
my %share;
$share{ get($weir, '/')->{body} }++ for 1 .. 200;
cmp_ok $share{b}, '>', 4 * $share{a}, "b is asked more often: $share{b} of 200";
ok $order->('disable', $at{b}), 'disable';
is answers(), 'a', 'b is not asked';

ok $order->('add', $at{c}), 'add';
is answers(), 'a c', 'the new one is asked by all workers';
ok $weir->reload($text), 'one more reload';
is answers(), 'a c', 'keeps it, and that b is disabled';
%row = $rows->();
is_deeply [map { $row{ $at{$_} }{state} } qw(a b c)], [qw(up disabled up)], 'all of which is listed';
ok $row{ $at{c} }{added}, 'as is where it comes from';
is $row{ $at{b} }{weight}, 9, 'and the weight';

like +($peers->('nobody'))[2], qr/no route uses an upstream "nobody"/, 'an upstream that is not there';
like +($peers->('app', 'drain', '127.0.0.1:1'))[2], qr/there is no peer 127\.0\.0\.1:1 in upstream app/, 'a peer that is not';
like +($peers->('app', 'explode', $at{a}))[2], qr/"explode": expected add, drain, disable, enable, or weight/, 'an order';
like +($peers->('app', 'weight', $at{a}, 0))[2], qr/weight with a number from 1 to 65535/, 'a weight';
like +($peers->('app', 'drain'))[2], qr/an address is missing after "drain"/, 'what is missing';
done_testing;
