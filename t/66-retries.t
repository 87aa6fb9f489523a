# SPDX-License-Identifier: Apache-2.0
# What a request may cost: tries, their time, the deadline over all of them, the budget, and a second attempt
# beside a slow one (hedging).
use strict;
use warnings;
use Test::More;
use Weir::Test;

my %gates = map { $_ => gate() } qw(never first second third fourth budget);
my $peer = sub {
    my ($name) = @_;
    return backend(sub { # /...NAME-hold-GATE: waits there; NAME-drop: closes, after that
        my ($conn, $r) = @_;
        $conn->note("asked $r->{path}");
        if ($r->{path} =~ /$name-hold-(\w+)/) {
            my $sockets = IO::Select->new($conn->{socket}, $gates{$1}{reader});
            my ($ready) = $sockets->can_read;
            return $conn->note("given up $r->{path}") if $ready == $conn->{socket} && $conn->is_closed;
            $gates{$1}->wait;
        }
        return $conn->close if $r->{path} =~ /$name-drop/;
        $conn->answer(200, $name);
    });
};
my %p = map { $_ => $peer->($_) } qw(one two);
my $dead = closed_port();
my @mute = map { backend(sub { my ($conn) = @_; $conn->until(qr/\r\n\r\n/); $conn->note('asked'); $conn->is_closed }, raw => 1) } 1 .. 4;
my $late = backend(sub { wait_for { 0 } 1.3; $_[0]->answer(200, 'late') });
my $server = sub { my ($port, $more) = @_; return qq[{ address = "127.0.0.1:$port"; max_fails = 0; ] . ($more || '') . ' }' };
my $both = 'servers = ( ' . $server->($p{one}{port}) . ', ' . $server->($p{two}{port}, 'backup = true;') . ' );';
my $mutes = 'servers = ( ' . join(', ', map { $server->($_->{port}) } @mute) . ' );';
my %groups = (
    hedge => qq[retry = { hedge = "50ms"; }; $both],
    alone => qq[retry = { hedge = "50ms"; }; servers = ( ] . $server->($p{one}{port}) . ', ' . $server->($dead, 'backup = true;') . ' );',
    budget => qq[retry = { budget = 0; }; $both],
    tries => qq[retry = { tries = 2; timeout = "50ms"; }; $mutes],
    dead => qq[retry = { timeout = "150ms"; }; $mutes],
    late => qq[eject = { latency = "1s"; }; servers = ( { address = "127.0.0.1:$late->{port}"; fail_timeout = "60s"; }, ] . $server->($p{one}{port}) . ' );',
);
my $upstream = join '', map { "$_ = { $groups{$_} };\n" } sort keys %groups;
my $routes = join ', ', map { qq[{ path = "/$_"; proxy = { to = "http://$_"; ] . ($_ eq 'dead' ? 'deadline = "250ms"; ' : '') . '}; }' } sort keys %groups;
my $weir = weir(<<"END", workers => 1); # the budget is each worker's
upstream = { $upstream };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; headers = { response = { set = { X-Peers = "\$upstream_addr"; X-Statuses = "\$upstream_status"; }; }; };
  routes = ( $routes ); } );
END
my ($one, $two) = map { "127.0.0.1:$p{$_}{port}" } qw(one two);
my $ask = sub { my ($path, $method) = @_; my $c = client($weir); $c->send(($method // 'GET') . " $path HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); return $c };

my $r = get($weir, '/hedge/one-hold-never');
is "$r->{status} $r->{body}", '200 two', 'hedge: who answers first is heard';
is $r->header('X-Peers'), "$one, $two", 'hedge: both are listed';
ok $p{one}->noted('given up /hedge/one-hold-never'), 'hedge: the other one is told that nobody waits';
my $c = $ask->('/hedge/one-hold-first-two-hold-never');
ok $p{two}->noted('asked /hedge/one-hold-first-two-hold-never'), 'hedge: a second peer is asked that does not answer either';
$gates{first}->open;
is $c->response->{body}, 'one', 'hedge: the first one may be the first to answer, too';
ok $p{two}->noted('given up /hedge/one-hold-first-two-hold-never'), 'hedge: then the second is let go of';
$c->send("GET /hedge HTTP/1.1\r\nHost: a\r\n\r\n");
is $c->response->{body}, 'one', 'hedge: the connection goes on';
$c = $ask->('/hedge/one-hold-second-one-drop-two-hold-third');
ok $p{two}->noted('asked /hedge/one-hold-second-one-drop-two-hold-third'), 'hedge: a second peer is asked';
$gates{second}->open;
ok $weir->logged(qr/another peer was asked already/), 'hedge: the first one fails';
$gates{third}->open;
is $c->response->{body}, 'two', 'hedge: the second one is waited for';
$c = $ask->('/alone/one-hold-fourth');
ok $weir->logged(qr/asked beside another one/), 'hedge: a second peer that refuses';
$gates{fourth}->open;
is $c->response->{body}, 'one', 'hedge: harms nobody';
$c = $ask->('/hedge/one-hold-fourth', 'POST');
is $c->response->{body}, 'one', 'hedge: not for a POST';
is scalar(grep { $_->{method} eq 'POST' } $p{two}->requests), 0, 'hedge: which one peer gets alone';

my @asked = map { $ask->('/budget/one-drop-two-hold-budget') } 1 .. 14;
ok wait_for { (grep { $_->{path} =~ /budget/ } $p{two}->requests) == 10 }, 'budget: ten retries are always allowed';
ok wait_for { (() = $weir->error_log =~ /502 connection_terminated.*one-drop-two-hold-budget/g) == 4 }, 'budget: and no more where it is 0';
$gates{budget}->open;
my %n;
$n{ $_->response->{status} }++ for @asked;
is_deeply \%n, { 200 => 10, 502 => 4 }, 'budget: the others are answered by the first failure';

$r = get($weir, '/tries');
is $r->{status}, 504, 'tries: as many peers as they say';
is scalar(() = $r->header('X-Peers') =~ /127/g), 2, 'tries: are asked, each for retry.timeout';
$r = get($weir, '/dead');
is $r->{status}, 504, 'deadline: over all tries';
like $weir->logged(qr/504 http_response_timeout/), qr/deadline/, 'deadline: which the log says';
cmp_ok scalar(() = $r->header('X-Peers') =~ /127/g), '<=', 2, 'deadline: there was no time for more';

get($weir, '/late') for 1 .. 2;
ok $weir->logged(qr/upstream late: peer 127\.0\.0\.1:$late->{port} is out/), 'eject.latency: an answer that takes longer puts a peer out';
done_testing;
