# SPDX-License-Identifier: Apache-2.0
# Which peer is asked: exact turns, failures that count, probes, and what happens when all are out.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

# A peer that drops its requests while $dir/NAME-fails exists, and holds them while NAME-holds does.
my ($dir, $gate) = (new_dir(), gate());
my $peer = sub {
    my ($name) = @_;
    return backend(sub {
        my ($conn, $r) = @_;
        return $conn->close if -e "$dir/$name-fails" || $r->{path} =~ /drop/;
        $gate->wait if -e "$dir/$name-holds";
        $conn->answer(200, $name);
    });
};
my %p = map { $_ => $peer->($_) } qw(a b flaky good one two);
my $third = $peer->('c');
my $servers = sub { join ', ', map { "{ address = \"127.0.0.1:$p{$_}{port}\"; $_[0] }" } @_[1 .. $#_] };
my $turns = "upstream = { app = { servers = [ \"127.0.0.1:$p{a}{port}\", \"127.0.0.1:$p{b}{port}\", \"127.0.0.1:$third->{port}\" ]; }; };\n"
    . 'sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://app"; }; } );';

# 300 requests, half on new connections: how often each peer was asked.
sub counts {
    my ($weir) = @_;
    my (%n, $client);

    for my $i (1 .. 300) {
        $n{ get($weir, '/')->{body} }++ if $i % 2;
        next if $i % 2;
        $client = client($weir) if $i % 30 == 2;
        $client->send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
        $n{ $client->response->{body} }++;
    }
    return \%n;
}
is_deeply counts(weir($turns)), { a => 100, b => 100, c => 100 }, 'row 50: one worker: 300 requests to 3 peers are 100 each';
for my $workers (2, 4) {
    my $n = counts(weir($turns, workers => $workers));
    my ($least, $most) = (sort { $a <=> $b } @$n{qw(a b c)})[0, -1];
    is $n->{a} + $n->{b} + $n->{c}, 300, "row 50: $workers workers: all are answered";
    cmp_ok $most - $least, '<=', $workers, "row 50: $workers workers: each one's turns are exact, so totals differ at most by $workers"
        or diag explain $n;
}

my $weir = weir("upstream = {
  app = { servers = ( ${\ $servers->('max_fails = 3; fail_timeout = \"700ms\";', qw(flaky good)) } ); };
  out = { servers = ( ${\ $servers->('max_fails = 1; fail_timeout = \"30s\";', qw(one two)) } ); }; };
" . <<'CONF');
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/app"; proxy = { to = "http://app"; }; },
  { path = "/out"; proxy = { to = "http://out"; }; headers = { response = { set = { X-Peers = "$upstream_addr"; }; }; }; }
); } );
CONF
my $asked = sub { scalar $p{ $_[0] }->requests };
my $passed = sub { my $end = time + 0.8; wait_for { time > $end } };

is request($weir, 'POST', '/app/drop', {}, 'x')->{status}, 502, 'row 54: a failure';
is get($weir, '/app')->{body}, 'good', 'row 54: the other peer has its turn';
is get($weir, '/app')->{body}, 'flaky', 'row 54: an answer in between';
is get($weir, '/app')->{body}, 'good', 'row 54: and the other peer';
write_file("$dir/flaky-fails", '');
is get($weir, '/app')->{body}, 'good', 'row 54: a second failure is not seen by a GET' for 1 .. 2;
unlike $weir->error_log, qr/is out/, 'row 54: two failures do not put it out';
is get($weir, '/app')->{body}, 'good', 'row 54: nor is a third failure seen' for 1 .. 2;
like $weir->logged(qr/is out/), qr/app: peer 127\.0\.0\.1:$p{flaky}{port} is out for 700 ms after 3 failures/, 'row 54: the third puts it out';
my $before = $asked->('flaky');
get($weir, '/app') for 1 .. 6;
is $asked->('flaky'), $before, 'row 55: then it is not asked';
$passed->();
is join('', map { get($weir, '/app')->{body} } 1 .. 6), 'good' x 6, 'row 55: a failed probe is not seen';
is $asked->('flaky'), $before + 1, 'row 55: after fail_timeout one request is its probe, and failing puts it out again';
unlink "$dir/flaky-fails";
write_file("$dir/flaky-holds", '');
$passed->();
my @clients = map { my $c = client($weir); $c->send("GET /app HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"); $c } 1 .. 6;
ok wait_for { $asked->('flaky') == $before + 2 }, 'row 55: the next probe';
my $answered = sub { scalar grep { IO::Select->new($_->{socket})->can_read(0) } @clients };
ok wait_for { $answered->() == 5 }, 'row 55: while it is under way, the others are answered by the other peer';
is $asked->('flaky'), $before + 2, 'row 55: it is the only one';
unlink "$dir/flaky-holds";
$gate->open;
is join(' ', sort map { $_->response->{body} } @clients), 'flaky good good good good good', 'row 55: the probe is answered, too';
like $weir->logged(qr/is back/), qr/peer 127\.0\.0\.1:$p{flaky}{port} is back/, 'row 55: and the peer is back';
is join(' ', sort map { get($weir, '/app')->{body} } 1 .. 4), 'flaky flaky good good', 'row 55: with its turns';

write_file("$dir/$_-fails", '') for qw(one two);
my $r = get($weir, '/out');
is $r->{status}, 502, 'row 55: all peers fail';
for (1 .. 3) {
    $r = get($weir, '/out');
    is $r->{status}, 502, 'row 55: when all are out, it is not refused with "no live upstreams"';
    like $r->{body}, qr/connection_terminated/, 'row 55: but says what happened';
}
is $asked->('one') + $asked->('two'), 8, 'row 55: since all are tried, each time';
unlink "$dir/two-fails";
is get($weir, '/out')->{body}, 'two', 'row 55: the first to recover answers at once';
is get($weir, '/out')->header('X-Peers'), "127.0.0.1:$p{two}{port}", 'row 55: and is in again before its fail_timeout';
done_testing;
