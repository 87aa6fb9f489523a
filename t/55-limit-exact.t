# SPDX-License-Identifier: Apache-2.0
# limit is exact over all workers: 100 keys, each asked for far too often on connections to four
# workers, get what the model gives them.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

my ($rate, $burst, $keys, $seconds) = (10, 20, 100, $ENV{WEIR_STRESS} ? 20 : 3);
my $weir = weir("limit = { z = { key = \"\$http_x_key\"; rate = \"${rate}r/s\"; }; };"
    . 'sites = ( { listen = "http://127.0.0.1:%port:web%"; client = { keepalive_requests = 1000000000; }; respond = { text = "$pid"; };'
    . " limit = { zone = \"z\"; burst = $burst; }; } );", workers => 4, level => 'warn');
my @clients = map { client($weir) } 1 .. 16;
my $batch = join '', map { "GET / HTTP/1.1\r\nHost: a\r\nX-Key: $_\r\n\r\n" } 1 .. $keys;
my (%admitted, %first, %last, %workers);
my ($begin, $n) = (time, 0);
while (time - $begin < $seconds) {
    my $client = $clients[$n++ % @clients];
    $client->send($batch);
    for my $key (1 .. $keys) {
        my $r = $client->response;
        $last{$key} = time;
        $first{$key} ||= $last{$key};
        $admitted{$key}++ if $r->{status} == 200;
        $workers{ $r->{body} }++ if $r->{status} == 200;
    }
}
my ($sum, $model, $worst) = (0, 0, 0);
for my $key (1 .. $keys) {
    my $expected = 1 + $burst + $rate * ($last{$key} - $first{$key});
    $sum += $admitted{$key};
    $model += int $expected;
    my $off = abs($admitted{$key} - $expected);
    $worst = $off if $off > $worst;
}
cmp_ok scalar(keys %workers), '>=', 2, 'several workers served';
cmp_ok abs($sum - $model) / $model, '<=', 0.01, "admitted $sum, the model says $model";
cmp_ok $worst, '<=', 1.5, 'and no key is off by more than one';
diag sprintf '%d asked, %d admitted, model %d, worst key off by %.2f', $n * $keys, $sum, $model, $worst if $ENV{WEIR_STRESS};
done_testing;
