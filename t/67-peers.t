# SPDX-License-Identifier: Apache-2.0
# Peers: queue, sticky, eject, what is retried, slow start, drain and down, the PROXY protocol.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

my $dir = new_dir();
my %gates = map { $_ => gate() } qw(one two three four five);
my %p = map {
    my $name = $_;
    $name => backend(sub {
        my ($conn, $r) = @_;
        $gates{$1}->wait if $r->{path} =~ /hold-(\w+)/;
        return $conn->answer(503, "$name is ill") if -e "$dir/$name-ill" || $r->{path} =~ /ill-$name/;
        $conn->answer(200, $name);
    })
} qw(a b c);
my $mute = backend(sub { my ($conn) = @_; $conn->more while !$conn->is_closed }, raw => 1);
my $plain = backend(sub { my ($conn) = @_; $conn->note($conn->until(qr/GET.*?\r\n\r\n/s)); $conn->answer(200, 'seen'); $conn->more while !$conn->is_closed }, raw => 1);
sub server { my ($name, $more) = @_; return qq[{ address = "127.0.0.1:$p{$name}{port}"; ] . ($more || '') . ' }' }
my %groups = (
    queue => 'queue = { length = 1; timeout = "300ms"; }; servers = ' . server('a', 'max_connections = 1;') . ';',
    full => 'servers = ' . server('b', 'max_connections = 1;') . ';',
    sticky => 'sticky = { cookie = "route"; ttl = "1h"; }; servers = ( ' . server('a') . ', ' . server('b') . ', ' . server('c') . ' );',
    leaving => 'sticky = { cookie = "route"; }; servers = ( ' . server('a', 'drain = true;') . ', ' . server('b', 'down = true;') . ', ' . server('c') . ' );',
    eject => 'eject = { status = [ 502, 503 ]; }; servers = ( ' . server('a', 'max_fails = 3; fail_timeout = "60s";') . ', ' . server('b') . ' );',
    ratio => 'eject = { status = [ "5xx" ]; ratio = 50; window = "60s"; }; servers = ( ' . server('a', 'fail_timeout = "60s";') . ', ' . server('b', 'fail_timeout = "60s";') . ' );',
    retried => 'retry = { on = ( "error", 503 ); }; servers = ( ' . server('a') . ', ' . server('b') . ' );',
    patient => qq[retry = { timeout = "200ms"; }; servers = ( { address = "127.0.0.1:$mute->{port}"; max_fails = 0; }, ] . server('b', 'backup = true;') . ' );',
    slow => 'servers = ( ' . server('a', 'max_fails = 1; fail_timeout = "300ms"; slow_start = "60s";') . ', ' . server('b', 'weight = 10;') . ' ); eject = { status = [ 503 ]; };',
    v1 => qq[servers = { address = "127.0.0.1:$plain->{port}"; proxy_protocol = 1; };],
    v2 => qq[servers = { address = "127.0.0.1:$plain->{port}"; proxy_protocol = 2; };],
);
my $upstream = join '', map { "$_ = { $groups{$_} };\n" } sort keys %groups;
my $routes = join ', ', map { qq[{ path = "/$_"; proxy = { to = "http://$_"; }; }] } sort keys %groups;
my $weir = weir(<<"END", workers => 2);
upstream = { $upstream };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; headers = { response = { set = { X-Peers = "\$upstream_addr"; X-Statuses = "\$upstream_status"; }; }; };
  routes = ( $routes ); } );
END
my $ask = sub { my ($path) = @_; my $c = client($weir); $c->send("GET $path HTTP/1.0\r\nHost: a\r\n\r\n"); return $c };
my $asked = sub { my ($name, $path) = @_; return scalar grep { $_->{path} eq $path } $p{$name}->requests };

# queue: one is served, and of those that come meanwhile each worker lets one wait
my $first = $ask->('/queue/hold-one');
ok wait_for { $asked->('a', '/queue/hold-one') }, 'queue: the only place is taken';
my @more = map { $ask->("/queue/$_") } 1 .. 4;
ok wait_for { (grep { IO::Select->new($_->{socket})->can_read(0) } @more) >= 2 }, 'queue: who finds no room in it is answered at once';
$gates{one}->open;
like $first->rest, qr/^HTTP\/1\.\d 200 .*a\z/s, 'queue: the one that has it is answered';
my @said = map { $_->rest =~ /^HTTP\/1\.\d (\d+)/ ? $1 : 0 } @more;
is scalar(grep { $_ == 200 || $_ == 503 } @said), 4, 'queue: and all the others';
cmp_ok scalar(grep { $_ == 200 } @said), '>=', 1, 'queue: of which who waited has its turn' or diag "@said";
like $weir->logged(qr/503 connection_limit_reached/), qr/max_connections/, 'queue: the log says what to raise';
$first = $ask->('/queue/hold-four');
ok wait_for { $asked->('a', '/queue/hold-four') }, 'queue: the place is taken once more';
my $long = $ask->('/queue/hold-five');
$gates{four}->open;
$first->rest;
ok wait_for { $asked->('a', '/queue/hold-five') }, 'queue: who waited is asked';
my $late = time + 0.5;
wait_for { time > $late };
$gates{five}->open;
like $long->rest, qr/^HTTP\/1\.\d 200 /, 'queue: and may take longer than others may wait';
$first = $ask->('/queue/hold-two');
ok wait_for { $asked->('a', '/queue/hold-two') }, 'queue: the place is taken again';
my $start = time;
is get($weir, '/queue/late')->{status}, 503, 'queue: who waits too long is refused';
cmp_ok time - $start, '>=', 0.29, 'queue: after its timeout';
$gates{two}->open;
$first->rest;
$first = $ask->('/full/hold-three');
ok wait_for { $asked->('b', '/full/hold-three') }, 'max_connections: the place is taken';
is get($weir, '/full')->{status}, 503, 'max_connections: without a queue the next one is refused';
$gates{three}->open;
$first->rest;
is get($weir, '/full')->{body}, 'b', 'max_connections: until the place is free';

# sticky
my $r = get($weir, '/sticky');
my ($cookie) = $r->header('Set-Cookie') =~ /^(route=[0-9a-f]{16}); Path=\/; HttpOnly; SameSite=Lax; Max-Age=3600$/;
ok $cookie, 'sticky: a cookie names the peer' or diag $r->header('Set-Cookie');
is join('', map { get($weir, '/sticky', Cookie => "x=y; $cookie")->{body} } 1 .. 6), $r->{body} x 6, 'sticky: which is asked again';
is get($weir, '/sticky', Cookie => $cookie)->header('Set-Cookie'), undef, 'sticky: the cookie is set once';
my %cookie = map { my $x = get($weir, '/sticky'); $x->{body} => $x->header('Set-Cookie') =~ /(route=\w+)/ } 1 .. 6;
is get($weir, '/leaving', Cookie => $cookie{a})->{body}, 'a', 'drain: a client of the peer keeps it';
is get($weir, '/leaving', Cookie => $cookie{b})->{body}, 'c', 'down: not of one that is down';
is get($weir, '/leaving')->{body}, 'c', 'drain: a new client does not get it' for 1 .. 3;

# what is a failure
is join(' ', map { get($weir, '/eject/ill-a')->{status} } 1 .. 8), '503 200 503 200 503 200 200 200', 'eject: the third answer 503 puts the peer out';
my $ill = grep { get($weir, '/ratio/ill-a')->{status} == 503 } 1 .. 40;
is $ill, 10, 'eject: a ratio, once there are ten answers';
$r = get($weir, '/retried/ill-a');
$r = get($weir, '/retried/ill-a') if $r->header('X-Statuses') eq '200';
is $r->{body}, 'b', 'retry.on: a status is worth another peer';
is $r->header('X-Statuses'), '503, 200', 'retry.on: both attempts are listed';
is join(' ', sort map { request($weir, 'POST', '/retried/ill-a', {}, 'x')->{status} } 1 .. 2), '200 503', 'retry.on: not for a POST';
$start = time;
is get($weir, '/patient')->{body}, 'b', 'retry.timeout: another peer answers';
cmp_ok time - $start, '<', 10, 'retry.timeout: long before read_timeout';

# slow start
write_file("$dir/a-ill", '');
get($weir, '/slow') for 1 .. 22;
ok $weir->logged(qr/upstream slow: .* is out/), 'slow_start: a peer is out';
unlink "$dir/a-ill";
ok wait_for { get($weir, '/slow')->{body} eq 'a' }, 'slow_start: and is back';
my $of_a = grep { get($weir, '/slow')->{body} eq 'a' } 1 .. 44;
cmp_ok $of_a, '<=', 1, "slow_start: with little at first: $of_a of 44 instead of 4";

# PROXY protocol
my $c = client($weir);
my $port = $c->{socket}->sockport;
$c->send("GET /v1 HTTP/1.0\r\nHost: a\r\n\r\n");
$c->rest;
my $web = $weir->port;
like join('|', $plain->notes), qr/^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 $port $web\r\nGET \/v1 /, 'PROXY protocol 1: the client as weir saw it';
$c = client($weir);
$port = $c->{socket}->sockport;
$c->send("GET /v2 HTTP/1.0\r\nHost: a\r\n\r\n");
$c->rest;
my $head = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" . pack('C4C4nn', 127, 0, 0, 1, 127, 0, 0, 1, $port, $web);
my $notes = join '|', $plain->notes;
ok index($notes, substr $head, 4) >= 0, 'PROXY protocol 2: the same in binary' or diag unpack 'H*', $notes;
done_testing;
