# SPDX-License-Identifier: Apache-2.0
# What modules cost, as /metrics tells: each kind of function is counted where it is called, and a module's
# time is its own, without that of others that run within its calls.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool($_) for qw(curl h2load openssl);
my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/crash.so";
my $dir = new_dir();
my ($certificate, $key) = make_certificate($dir, names => ['shop.example']);
my $backend = backend(sub { $_[0]->answer(200, 'answer' x 500, 'Content-Type' => 'text/plain') });
my $peer = "127.0.0.1:$backend->{port}";
my $weir = weir(<<"END", server => qq[modules_path = [ "$build/modules", "$mine" ];]);
cache = { pages = { memory = "2m"; }; };
limit = { few = { key = "\$remote_addr"; rate = "1r/m"; }; };
map = { kind = { source = "\$request_method"; table = ( { value = "GET"; result = "one"; } ); default = "other"; }; };
upstream = { api = { servers = [ "$peer", "$peer" ]; balance = "random_two"; }; };
sites = ( { names = [ "shop.example" ]; default = true; http2 = { cleartext = true; };
  listen = [ "http://127.0.0.1:%port:web%", "https://127.0.0.1:%port:tls%" ];
  tls = { certificate = "$certificate"; key = "$key"; };
  routes = ( { path = "/status"; status = true; }, { path = "/slow"; crash = { mode = "slow"; }; respond = true; },
    { path = "/pages"; proxy = { to = "http://api"; }; cache = { zone = "pages"; valid = [ "200 10m" ]; }; },
    { path = "/few"; limit = { zone = "few"; burst = 0; }; respond = true; },
    { path = "/api"; proxy = { to = "http://api"; }; compress = { types = [ "text/plain" ]; };
      headers = { response = { set = { X-Kind = "\$kind"; }; }; }; } ); } );
END
my $figures = sub {
    my %sum;
    for (split /\n/, get($weir, '/status/metrics')->{body}) {
        $sum{$1}{$2}{$3} += $4 if /^weir_module_(\w+)_total\{module="(\w+)",phase="(\w+)",site="[^"]*"\} (\d+)$/;
    }
    return \%sum;
};
my $n = 10;
system('curl', '-sk', '--http1.1', '--compressed', '-o', '/dev/null', 'https://127.0.0.1:' . $weir->port('tls') . '/api') == 0 or diag 'curl' for 1 .. $n;
my $calls = $figures->()->{calls};
is $calls->{proxy}{content}, $n, 'content handlers';
is $calls->{balance}{balancer}, $n, 'balancers';
cmp_ok $calls->{map}{variable}, '>=', $n, 'variables';
cmp_ok $calls->{compress}{response_body}, '>=', $n, 'body filters';
cmp_ok $calls->{tls}{transport}, '>=', 2 * $n, 'transports';
my $counted = sub { my ($line) = @_; get($weir, '/status/metrics')->{body} =~ /^\Q$line\E (\d+)$/m ? $1 : "no $line" };
is $counted->('weir_tls_handshakes_total{outcome="full"}'), $n, 'handshakes';
get($weir, '/pages') for 1 .. 4;
is $counted->('weir_cache_requests_total{zone="pages",status="MISS"}'), 1, 'what the cache fetches';
is $counted->('weir_cache_requests_total{zone="pages",status="HIT"}'), 3, 'and what it has';
get($weir, '/few') for 1 .. 3;
is $counted->('weir_limit_refused_total{zone="few"}'), 2, 'what a limit refuses';

# A call that is timed now and then has a slow request of another module within.
my ($http2, $slow, $round) = (1, 0, 0);
while ($round++ < 5 && $http2 > $slow / 4) { # once more where the machine stood still for a while
    my $before = $figures->();
    my $said = `h2load -n 130 -c 1 -m 1 http://127.0.0.1:@{[$weir->port]}/slow 2>&1`;
    $said =~ /130 succeeded/ or diag $said;
    my $after = $figures->();
    my $spent = sub { $after->{microseconds}{ $_[0] }{ $_[1] } - $before->{microseconds}{ $_[0] }{ $_[1] } };
    $http2 = $spent->('http2', 'codec');
    $slow = $spent->('crash', 'prepare');
    cmp_ok $after->{calls}{http2}{codec} - $before->{calls}{http2}{codec}, '>=', 130, 'codecs' if $round == 1;
}
cmp_ok $slow, '>', 64 * 20_000, "who is slow has the time: $slow us";
cmp_ok $http2, '<=', $slow / 4, "and not who calls it: $http2 us (round $round)";
done_testing;
