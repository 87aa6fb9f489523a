# SPDX-License-Identifier: Apache-2.0
# Which peer is asked, by each balancer, with 1, 2 and 4 workers: they all count together.
use strict;
use warnings;
use Test::More;
use IO::Socket::IP;
use Weir::Test;

my %gates = map { $_ => gate() } map { ("least$_", "two$_") } 1, 2, 4;
my %b = map {
    my $name = $_;
    $name => backend(sub {
        my ($conn, $r) = @_;
        return $conn->close if $r->{path} =~ /drop-$name/;
        $gates{$1}->wait if $r->{path} =~ /hold-(\w+)/;
        $conn->answer(200, $name);
    })
} qw(a b c d);
my %slow = map { my $ms = $_; $ms => backend(sub { select undef, undef, undef, $ms / 1000; $_[0]->answer(200, "after $ms") }) } 0, 60;
my $dead = closed_port();
my @ways = ('round_robin', 'least_conn', 'ip_hash', 'ip_hash_24', 'hash', 'random_two', 'ewma');
sub server { my ($name, $more) = @_; return qq[{ address = "127.0.0.1:$b{$name}{port}"; ] . ($more || '') . ' }' }
sub group {
    my ($name, $way, @servers) = @_;
    return qq[$name = { balance = "$way"; key = "\$request_uri"; servers = ( ] . join(', ', @servers) . " ); };\n";
}
sub sites {
    my $routes = join ', ', map { qq[{ path = "/$_"; proxy = { to = "http://$_"; }; }] } @_;
    return qq[sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; headers = { response = { set = { X-Peers = "\$upstream_addr"; }; }; };
        routes = ( $routes ); } );];
}
# One request from an address of its own.
sub from {
    my ($weir, $addr, $path) = @_;
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $weir->port, LocalHost => $addr) or die $@;
    print $socket "GET $path HTTP/1.0\r\nHost: a\r\n\r\n";
    return (split /\r\n\r\n/, join '', <$socket>)[1];
}

for my $workers (1, 2, 4) {
    my $with = "with $workers worker" . ($workers > 1 ? 's' : '');
    my $weir = weir('upstream = {' . group('weighted', 'round_robin', server('a', 'weight = 5;'), server('b'))
        . group('third', 'round_robin', server('a', 'max_fails = 3; fail_timeout = "60s";'), server('b', 'max_fails = 3;'))
        . group('least', 'least_conn', server('a'), server('b')) . group('two', 'random_two', server('a'), server('b'))
        . join('', map { group("backup_$_", $_, qq[{ address = "127.0.0.1:$dead"; fail_timeout = "60s"; }], server('b', 'backup = true;')) } @ways)
        . '};' . sites('weighted', 'third', 'least', 'two', map { "backup_$_" } @ways), workers => $workers);
    is join('', map { get($weir, '/weighted')->{body} } 1 .. 12), 'aaabaa' x 2, "row 51: $with: weights 5 and 1 are 10 and 2 of 12, spread";
    my %statuses;
    $statuses{ request($weir, 'POST', '/third/drop-a', {}, 'x')->{status} }++ for 1 .. 12;
    is_deeply \%statuses, { 502 => 3, 200 => 9 }, "row 54: $with: the third failure of all workers together puts a peer out";
    for my $way (@ways) {
        is get($weir, "/backup_$way")->header('X-Peers'), "127.0.0.1:$dead, 127.0.0.1:$b{b}{port}", "row 56: $with: $way: the backup when the primary fails";
        is get($weir, "/backup_$way")->header('X-Peers'), "127.0.0.1:$b{b}{port}", "row 56: $with: $way: and alone once it is out";
    }
    for my $way ('least', 'two') { # of two peers, random_two always compares both
        my $path = "/$way/hold-$way$workers";
        my $held = client($weir);
        $held->send("GET $path HTTP/1.0\r\nHost: a\r\n\r\n");
        my $busy = wait_for { (grep { grep { $_->{path} eq $path } $b{$_}->requests } qw(a b))[0] };
        is join('', map { get($weir, "/$way")->{body} } 1 .. 6), ($busy eq 'a' ? 'b' : 'a') x 6, "row 52: $with: $way: while one peer is busy the other gets the rest";
        $gates{"$way$workers"}->open;
        like $held->rest, qr/\r\n\r\n$busy\z/, "row 52: $with: $way: which is answered in the end";
    }
    is join('', sort map { get($weir, '/least')->{body} } 1 .. 6), 'aaabbb', "row 52: $with: equals take turns";
    $weir->stop;
}

# Clients and keys keep their peer; when one leaves only its own move.
my $hashing = sub { 'upstream = {' . group('ip', 'ip_hash', @_) . group('net', 'ip_hash_24', @_) . group('keys', 'hash', @_) . '};' . sites(qw(ip net keys)) };
my $weir = weir($hashing->(map { server($_) } qw(a b c d)), workers => 2);
my @clients = map { "127.0.3.$_" } 1 .. 60;
my @keys = map { "/keys/$_" } 1 .. 1000;
my %ip = map { $_ => from($weir, $_, '/ip') } @clients;
is_deeply { map { $_ => from($weir, $_, '/ip') } @clients }, \%ip, 'row 53: the same client, the same peer';
is scalar(keys %{ { reverse %ip } }), 4, 'row 53: all peers have some';
is scalar(keys %{ { map { from($weir, $_, '/net') => 1 } @clients[0 .. 9] } }), 1, 'row 53: ip_hash_24: a network stays together';
my %key = map { $_ => get($weir, $_)->{body} } @keys;
ok $weir->reload($hashing->(server('a'), server('b'), server('c'), server('d', 'down = true;'))), 'a peer leaves';
my %ip_after = map { $_ => from($weir, $_, '/ip') } @clients;
is_deeply [grep { $ip{$_} ne 'd' && $ip{$_} ne $ip_after{$_} } @clients], [], 'row 53: no other client moves';
is scalar(grep { $_ eq 'd' } values %ip_after), 0, 'row 53: and its own have another peer';
my %key_after = map { $_ => get($weir, $_)->{body} } @keys;
my $moved = grep { $key{$_} ne $key_after{$_} } @keys;
cmp_ok $moved, '<=', @keys * 0.30, "hash: $moved of 1000 keys move when one peer of 4 leaves";
cmp_ok $moved, '>=', @keys * 0.20, 'hash: each peer has its share of them';
$weir->stop;

# Slow and fast.
my $two = join ', ', map { qq["127.0.0.1:$slow{$_}{port}"] } 0, 60;
$weir = weir(qq[upstream = { ewma = { balance = "ewma"; servers = [ $two ]; }; };] . sites('ewma'), workers => 2);
my %n;
$n{ get($weir, '/ewma')->{body} }++ for 1 .. 60;
cmp_ok $n{'after 0'}, '>=', 50, "ewma: of 60 requests the fast peer gets $n{'after 0'}";
done_testing;
