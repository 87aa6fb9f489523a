# SPDX-License-Identifier: Apache-2.0
# Two weirs share a rate through a real Redis; it goes away, and comes back.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

need_tool('redis-server');
my $port = free_port();
my @redis = ('redis-server', '--bind', '127.0.0.1', '--port', $port, '--save', '', '--requirepass', 'secret');
my $redis = program(\@redis, port => $port);
my ($rate, $burst) = (20, 40);
my $conf = <<"END";
limit = { shared = { key = "\$arg_k"; rate = "${rate}r/s"; store = "redis://:secret\@127.0.0.1:$port/1"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "hi"; }; limit = { zone = "shared"; burst = $burst; };
  client = { keepalive_requests = 1000000; }; routes = ( { path = "/status"; status = true; limit = false; respond = false; } ); } );
END
my @weir = map { weir($conf) } 1, 2;

# Asks both in turn, without end, until the time is over: how many were admitted, and how many the rate
# allows. A weir that is asked all the time leaves nothing over, and a burst of two seconds covers for
# a machine that stands still for a while.
sub admitted {
    my ($key, $seconds) = @_;
    my @c = map { client($_) } @weir;
    my ($n, $start, $now) = (0, time, 0);
    while (($now = time - $start) < $seconds) {
        for my $c (@c) {
            $c->send("GET /?k=$key HTTP/1.1\r\nHost: a\r\n\r\n");
            my $status = $c->response->{status};
            $n++ if $status == 200;
            fail("status $status") if $status != 200 && $status != 429;
        }
    }
    return ($n, 1 + $burst + $rate * $now);
}

admitted('warm', 0.1); # connections to Redis are there
my ($n, $model) = admitted("a", 3);
cmp_ok abs($n - $model), '<', 0.1 * $model, "together they admit $n, the rate allows " . int $model;
my ($other) = admitted('b', 0.1);
cmp_ok $other, '>=', 10, 'another key has its own';

$redis->stop;
ok $_->logged(qr/limit zone shared: redis 127\.0\.0\.1:$port is away .*limits on its own/), 'Redis goes away: it is logged' for @weir;
($n, $model) = admitted("c", 1.5);
cmp_ok $n, '>', $model, "each limits on its own: $n";
cmp_ok $n, '<', 2.2 * $model, 'and does limit';

$redis = program(\@redis, port => $port);
for my $weir (@weir) {
    wait_for { get($weir, '/?k=wake'); $weir->error_log =~ /:$port is back/ };
    ok $weir->logged(qr/limit zone shared: redis \S+:$port is back/), 'it comes back';
}
($n, $model) = admitted("d", 3);
cmp_ok abs($n - $model), '<', 0.1 * $model, "together again: $n of " . int $model;

# Full, it refuses every change: that is counted, and not logged each time.
my $admin = client($port);
$admin->send("AUTH secret\r\nCONFIG SET maxmemory 1\r\n");
$admin->until(qr/OK.*OK/s);
my $errors = 0;
ok wait_for {
    get($weir[0], '/?k=' . rand);
    ($errors) = get($weir[0], '/status/metrics')->{body} =~ /^weir_limit_store_errors_total (\d+)/m;
    $errors >= 5;
}, 'errors are counted';
my $lines = () = $weir[0]->error_log =~ /redis \S+ says: OOM/g;
ok $lines > 0 && $lines < $errors, "and logged, but not each ($lines of $errors)";
done_testing;
