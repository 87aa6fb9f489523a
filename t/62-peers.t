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
my %p = map { $_ => $peer->($_) } qw(a b flaky good shaky steady one two);
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
  app = { servers = ( ${\ $servers->('max_fails = 3; fail_timeout = \"60s\";', qw(flaky good)) } ); };
  again = { servers = ( ${\ $servers->('max_fails = 1; fail_timeout = \"700ms\";', qw(shaky steady)) } ); };
  out = { servers = ( ${\ $servers->('max_fails = 1; fail_timeout = \"30s\";', qw(one two)) } ); }; };
" . <<'CONF');
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/app"; proxy = { to = "http://app"; }; },
  { path = "/again"; proxy = { to = "http://again"; }; },
  { path = "/out"; proxy = { to = "http://out"; }; headers = { response = { set = { X-Peers = "$upstream_addr"; }; }; }; }
); } );
CONF
my $asked = sub { scalar $p{ $_[0] }->requests };

is request($weir, 'POST', '/app/drop', {}, 'x')->{status}, 502, 'row 54: a failure';
is get($weir, '/app')->{body}, 'good', 'row 54: the other peer has its turn';
is get($weir, '/app')->{body}, 'flaky', 'row 54: an answer in between';
is get($weir, '/app')->{body}, 'good', 'row 54: and the other peer';
write_file("$dir/flaky-fails", '');
is get($weir, '/app')->{body}, 'good', 'row 54: a second failure is not seen by a GET' for 1 .. 2;
unlike $weir->error_log, qr/is out/, 'row 54: two failures do not put it out';
is get($weir, '/app')->{body}, 'good', 'row 54: nor is a third failure seen' for 1 .. 2;
like $weir->logged(qr/is out/), qr/app: peer 127\.0\.0\.1:$p{flaky}{port} is out for 60000 ms after 3 failures/, 'row 54: the third puts it out';
my $before = $asked->('flaky');
get($weir, '/app') for 1 .. 6;
is $asked->('flaky'), $before, 'row 55: then it is not asked';

# One request in each fail_timeout, and no more, finds out whether a peer is back: however slow this machine is.
my ($n, $since);
my $begin = sub { ($n, $since) = ($asked->('shaky'), time) };
my $few = sub { cmp_ok $asked->('shaky') - $n, '<=', 1 + (time - $since + 0.1) / 0.7, "row 55: $_[0]" };
write_file("$dir/shaky-fails", '');
get($weir, '/again') for 1 .. 2;
like $weir->logged(qr/again: .* is out/), qr/:$p{shaky}{port} is out for 700 ms after 1 failures/, 'row 55: a failure puts it out';
$begin->();
my %seen;
ok wait_for { $seen{ get($weir, '/again')->{body} }++; $asked->('shaky') > $n }, 'row 55: after fail_timeout a request is its probe';
$seen{ get($weir, '/again')->{body} }++ for 1 .. 6;
$few->('and failing puts it out again');
is join(' ', keys %seen), 'steady', 'row 55: a failed probe is not seen';
unlink "$dir/shaky-fails";
write_file("$dir/shaky-holds", '');
$begin->();
my @clients;
my $answered = sub { scalar grep { IO::Select->new($_->{socket})->can_read(0) } @_ };
my $ask = sub { push @clients, my $c = client($weir); $c->send("GET /again HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"); return $c };
ok wait_for { my $c = $ask->(); wait_for { $answered->($c) || $asked->('shaky') > $n }; $asked->('shaky') > $n }, 'row 55: the next probe';
$ask->() for 1 .. 5;
ok wait_for { $answered->(@clients) == @clients - ($asked->('shaky') - $n) }, 'row 55: while it is under way, the others are answered by the other peer';
$few->('it is the only one');
my $held = $asked->('shaky') - $n;
unlink "$dir/shaky-holds";
$gate->open;
is join(' ', sort map { $_->response->{body} } @clients), join(' ', ('shaky') x $held, ('steady') x (@clients - $held)), 'row 55: the probe is answered, too';
like $weir->logged(qr/is back/), qr/peer 127\.0\.0\.1:$p{shaky}{port} is back/, 'row 55: and the peer is back';
is join(' ', sort map { get($weir, '/again')->{body} } 1 .. 4), 'shaky shaky steady steady', 'row 55: with its turns';

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
