# SPDX-License-Identifier: Apache-2.0
# Names that are looked up again: answers that change each second under load, SRV, both families, and none.
# WEIR_STRESS: how many changes (5).
use strict;
use warnings;
use Test::More;
use IO::Socket::IP;
use Time::HiRes qw(time);
use Weir::Test;

need_tool('dnsmasq', 'wrk', 'ss');
my $dir = new_dir();
my $dns = free_port();
my $port = free_port();
my @backends = map { my $n = $_; backend(sub { $_[0]->answer(200, "b$n") }, host => "127.0.0.$n", port => $port) } 2 .. 5;
my $two = free_port();
my $closed = backend(sub { $_[0]->answer(200, 'second') }, host => '127.0.0.3', port => $two);
my $answer = sub { write_file("$dir/hosts", join '', map { "127.0.0.$_ app.test\n" } @_); };
$answer->(2);
my $dnsmasq = sub {
    return program(['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', "--port=$dns", '--listen-address=127.0.0.1', '--bind-interfaces',
        '--no-resolv', '--no-hosts', "--addn-hosts=$dir/hosts", '--local-ttl=1', '--user=root', "--pid-file=$dir/pid",
        '--host-record=two.test,127.0.0.1', '--host-record=two.test,127.0.0.3', '--address=/mixed.test/127.0.0.2', '--address=/mixed.test/::1',
        "--srv-host=_http._tcp.app.test,app.test,$port,1,1", '--srv-host=_http._tcp.app.test,two.test,1,2,1'], port => $dns);
};
my $server = $dnsmasq->();
my $weir = weir(<<"END", workers => 2);
dns = { servers = [ "127.0.0.1:$dns" ]; timeout = "300ms"; tries = 1; min_ttl = "200ms"; };
upstream = { app = { resolve = true; servers = [ "app.test:$port" ]; };
             srv = { resolve = true; servers = [ "_http._tcp.app.test" ]; };
             late = { resolve = true; servers = [ "late.test:$port" ]; };
             mixed = { resolve = true; servers = [ "mixed.test:$port" ]; };
             two = { resolve = true; servers = [ "two.test:$two" ]; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = ( { path = "/app"; proxy = { to = "http://app"; }; },
  { path = "/srv"; proxy = { to = "http://srv"; }; }, { path = "/late"; proxy = { to = "http://late"; connect_timeout = "2s"; }; },
  { path = "/two"; proxy = { to = "http://two"; }; }, { path = "/mixed"; proxy = { to = "http://mixed"; }; }, { path = "/ok"; respond = { text = "ok"; }; } ); } );
END
is get($weir, '/app')->{body}, 'b2', 'the first request waits for the first answer';
is get($weir, '/srv')->{body}, 'b2', 'SRV: the record tells the port, and the lowest priority is used';
is get($weir, '/mixed')->{body}, 'b2', 'both families: where one does not answer the other does' for 1 .. 4;
is get($weir, '/two')->{body}, 'second', 'an address that refuses: the next one is tried within the attempt' for 1 .. 4;
is get($weir, '/late')->{status}, 502, 'a name that does not resolve answers 502';
is get($weir, '/ok')->{body}, 'ok', 'and other routes serve';
like $weir->logged(qr/502 dns_error/), qr/late\.test/, 'the log names it';
my $hup = sub { kill 'HUP', $server->{pid} };
write_file("$dir/hosts", read_file("$dir/hosts") . "127.0.0.4 late.test\n");
$hup->();
ok wait_for { get($weir, '/late')->{body} eq 'b4' }, 'once it resolves its route serves, without a reload';

# The answer changes each second, under load that goes on until it is told to end.
my $descriptors = sub { my @all = map { glob "/proc/$_/fd/*" } $weir->worker_pids; return scalar @all };
my $before = $descriptors->();
my $wrk = fork // die;
if (!$wrk) {
    open STDOUT, '>', "$dir/wrk";
    exec 'wrk', '-t1', '-c8', '-d3600s', '--timeout', '60s', 'http://127.0.0.1:' . $weir->port . '/app' or POSIX::_exit(127);
}
my %seen;
my $rounds = $ENV{WEIR_STRESS} || 5;
for my $round (1 .. $rounds) {
    my $n = $round == $rounds ? 5 : 2 + $round % 3;
    my $next = time + 1;
    $answer->($n);
    $hup->();
    ok wait_for { get($weir, '/app')->{body} eq "b$n" }, "P1: the answer is 127.0.0.$n now, and requests go there";
    wait_for { time > $next };
}
kill 'INT', $wrk;
waitpid $wrk, 0;
my $said = read_file("$dir/wrk");
like $said, qr/\d{2,} requests in/, 'under load: ' . ($said =~ /(\d+ requests in [\w.]+)/)[0];
unlike $said, qr/Non-2xx|Socket errors/, 'P1: no request failed' or diag $said;
my $idle = sub { scalar grep { /ESTAB/ && /127\.0\.0\.[234]:$port\s*$/ } split /\n/, `ss -Htn dst 127.0.0.0/8 dport = :$port` };
ok wait_for { $idle->() == 0 }, 'no connection to an address of the past is left' or diag `ss -Htn dport = :$port`;
ok wait_for { $descriptors->() <= $before + 8 }, 'and no descriptor: ' . $descriptors->() . " of $before and eight that are kept";
$server->stop;
my $end = time + 1.5;
wait_for { time > $end };
is get($weir, '/app')->{body}, 'b5', 'without name servers the last addresses hold';
done_testing;
