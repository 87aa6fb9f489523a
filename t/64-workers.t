# SPDX-License-Identifier: Apache-2.0
# Addresses of both kinds, counts with several workers, and memory under slow clients. Rows 2, 39, 50.
use strict;
use warnings;
use Test::More;
use IO::Socket::IP;
use Weir::Test;

my @backends = map { my $n = $_; backend(sub { $_[0]->answer(200, "b$n") }) } 1 .. 3;
my $servers = join ', ', map { qq["127.0.0.1:$_->{port}"] } @backends;
my $rows = qq[upstream = { three = { servers = [ $servers ]; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://three"; }; } );];
for my $workers (1, 2, 4) {
    my $weir = weir($rows, workers => $workers);
    my %seen;
    $seen{ get($weir, '/')->{body} }++ for 1 .. 120;
    # Each worker goes round by itself, so the counts can differ by one for each.
    my ($least, $most) = (sort { $a <=> $b } map { $seen{"b$_"} || 0 } 1 .. 3)[0, 2];
    is $seen{b1} + $seen{b2} + $seen{b3}, 120, "row 50: all are answered with $workers workers";
    cmp_ok $most - $least, '<=', $workers, "row 50: round robin is exact for each of $workers workers";
    $weir->stop;
}

SKIP: {
    IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1) or skip 'no IPv6 on this machine', 4;
    my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%", "http://[::1]:%port:six%" ]; respond = { text = "$remote_addr"; }; },
        { names = [ "any" ]; listen = [ "http://[::]:%port:any%", "http://*:%port:four%" ]; respond = { text = "$remote_addr"; }; } );');
    my $six = sub {
        my $socket = IO::Socket::IP->new(PeerHost => '::1', PeerPort => $weir->port($_[0])) or return "no connection";
        print $socket "GET / HTTP/1.0\r\nHost: any\r\n\r\n";
        return (split /\r\n\r\n/, join '', <$socket>)[1];
    };
    is get($weir, '/')->{body}, '127.0.0.1', 'row 2: listens at an IPv4 address';
    is $six->('six'), '::1', 'row 2: and at an IPv6 one';
    is $six->('any'), '::1', 'row 2: [::] takes IPv6';
    is $six->('four'), 'no connection', 'row 2: and * takes IPv4 alone';
}

SKIP: {
    skip 'sanitizers keep memory of their own', 2 if is_sanitized();
    my $big = backend(sub { $_[0]->answer(200, 'x' x (4 << 20)) });
    my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$big->{port}"; buffer_body = "64k"; }; } );
END
    my @slow = map { my $c = client($weir); $c->send("GET /$_ HTTP/1.1\r\nHost: a\r\n\r\n"); $c } 1 .. 60;
    ok wait_for { $big->requests == 60 }, 'row 39: 60 clients that do not read ask for 4 MiB each';
    $_->until(qr/200/) for @slow;
    my ($pid) = $weir->worker_pids;
    my ($kib) = read_file("/proc/$pid/status") =~ /VmRSS:\s+(\d+)/;
    cmp_ok $kib, '<', 40 * 1024, 'row 39: what waits for them is in files, not in memory';
}
done_testing;
