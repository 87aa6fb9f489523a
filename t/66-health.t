# SPDX-License-Identifier: Apache-2.0
# Active checks: HTTP, TCP and gRPC; one worker checks for all, and what it found outlives a reload.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
my $peer = sub {
    my ($name) = @_;
    return backend(sub {
        my ($conn, $r) = @_;
        return $conn->answer(-e "$dir/$name-ill" ? 503 : 200, -e "$dir/$name-wrong" ? 'confused' : 'all well', Connection => 'close')
            if $r->{path} eq '/health';
        $conn->answer(200, $name);
    });
};
my %p = map { $_ => $peer->($_) } qw(a b);
my $frame = sub { my ($type, $flags, $stream, $data) = @_; return substr(pack('N', length $data), 1) . pack('CCN', $type, $flags, $stream) . $data };
my $grpc = backend(sub { # a gRPC server as far as its health service goes
    my ($conn) = @_;
    $conn->until(qr/PRI \* HTTP\/2\.0\r\n\r\nSM\r\n\r\n/) or return;
    $conn->until(qr/\x{0a}\x{03}app\z/) or return;
    $conn->note('asked about app');
    my $status = -e "$dir/grpc-ill" ? 2 : 1;
    $conn->send($frame->(4, 0, 0, '') . $frame->(1, 4, 1, "\x88") . $frame->(0, 0, 1, pack('CNCC', 0, 2, 8, $status)) . $frame->(1, 5, 1, ''));
    $conn->is_closed;
}, raw => 1);
my $fine = backend(sub { $_[0]->answer(200, 'plain') });
my $timing = 'interval = "200ms"; timeout = "5s"; rise = 2; fall = 2;';
my $conf = <<"END";
upstream = {
  app = { servers = [ "127.0.0.1:$p{a}{port}", "127.0.0.1:$p{b}{port}" ]; health = { path = "/health"; body = "well"; $timing }; };
  grpc = { servers = [ "127.0.0.1:$grpc->{port}", "127.0.0.1:$fine->{port}" ]; health = { type = "grpc"; service = "app"; $timing }; };
  tcp = { servers = [ "127.0.0.1:${\ closed_port()}", "127.0.0.1:$fine->{port}" ]; health = { type = "tcp"; $timing }; };
};
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = ( { path = "/app"; proxy = { to = "http://app"; }; },
  { path = "/grpc"; proxy = { to = "http://grpc"; }; }, { path = "/tcp"; proxy = { to = "http://tcp"; retry = false; }; } ); } );
END
my $weir = weir($conf, workers => 2);
my $checks = sub { scalar grep { $_->{path} eq '/health' } $p{ $_[0] }->requests };
my $counts = sub { my %n; $n{ get($weir, '/app')->{body} }++ for 1 .. 8; return \%n };

ok wait_for { $checks->('a') >= 2 && $checks->('b') >= 2 }, 'each peer is asked';
is_deeply $counts->(), { a => 4, b => 4 }, 'row 55, P17: both are well';
write_file("$dir/a-ill", '');
like $weir->logged(qr/:$p{a}{port} is out/), qr/2 checks in a row failed: it answered 503/, 'row 55: a bad status puts a peer out, and the log has it';
is_deeply $counts->(), { b => 8 }, 'row 55: for all workers';
ok $weir->reload, 'a reload';
is_deeply $counts->(), { b => 8 }, 'row 55: after it the peer is still out';
unlink "$dir/a-ill";
ok $weir->logged(qr/:$p{a}{port} is back/), 'row 55: good checks bring it back';
is_deeply $counts->(), { a => 4, b => 4 }, 'row 55: with its turns';
write_file("$dir/b-wrong", '');
like $weir->logged(qr/:$p{b}{port} is out/), qr/does not contain "well"/, 'the answer has to contain what is expected';
write_file("$dir/a-ill", '');
ok $weir->logged(qr/:$p{a}{port} is out.*\n?/) && wait_for { (() = $weir->error_log =~ /:$p{a}{port} is out/g) == 2 }, 'the other one is ill, too';
is get($weir, '/app')->{status}, 200, 'row 55: when all are out they are asked nevertheless';

like $weir->logged(qr/tcp: peer .* is out/), qr/Connection refused/, 'tcp: a port that is closed';
is get($weir, '/tcp')->{body}, 'plain', 'tcp: the other peer serves, without a try at the closed one' for 1 .. 4;
ok $grpc->noted('asked about app'), 'grpc: the service is asked about';
like $weir->logged(qr/grpc: peer .*:$fine->{port} is out/), qr/it speaks HTTP\/1, not gRPC|closed the connection/, 'grpc: who does not speak it is out';
unlike $weir->error_log, qr/:$grpc->{port} is out/, 'grpc: who serves is in';
write_file("$dir/grpc-ill", '');
like $weir->logged(qr/:$grpc->{port} is out/), qr/not serving/, 'grpc: until it says that it does not serve';
my @pids = $weir->worker_pids;
kill 'KILL', $pids[0];
ok wait_for { my @now = $weir->worker_pids; @now == 2 && $now[0] != $pids[0] && $now[1] != $pids[0] }, 'a worker is killed';
my $before = $checks->('a');
ok wait_for { $checks->('a') > $before + 2 }, 'whoever it was, checks go on';
$weir->{o}{may_die} = 1;
done_testing;
