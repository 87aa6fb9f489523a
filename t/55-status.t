# SPDX-License-Identifier: Apache-2.0
# status: Prometheus' text format by a strict reader, the same as JSON, and the page in a browser.
use strict;
use warnings;
use JSON::PP;
use POSIX ();
use Test::More;
use Weir::Test;

my $backend = backend(sub { $_[0]->answer(200, 'answer') });
my $weir = weir(<<"END");
upstream = { api = { servers = [ "127.0.0.1:$backend->{port}" ]; }; };
sites = ( { names = [ "shop.example" ]; default = true; listen = [ "http://127.0.0.1:%port:web%" ];
  routes = ( { path = "/weir"; status = true; }, { path = "/api"; proxy = { to = "http://api"; }; },
             { path = "/plain"; status = { dashboard = false; metrics = ""; json = "/all"; }; } ); } );
END
get($weir, '/api') for 1 .. 5;
is get($weir, '/none')->{status}, 404, 'an error of weir itself';

my $text = get($weir, '/weir/metrics');
is $text->header('Content-Type'), 'text/plain; version=0.0.4; charset=utf-8', 'the type that Prometheus asks for';
my (%kind, %value, %done, @wrong, $family, $last);
for (split /\n/, $text->{body}) {
    if (/^# (HELP|TYPE) ([a-z_]+) (.+)$/) {
        push @wrong, "$_: a family in two pieces" if $1 eq 'HELP' && $done{$2}++;
        $kind{ $family = $2 } = $3 if $1 eq 'TYPE';
        next;
    }
    my ($name, $labels, $value) = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\["\\n])*",?)*)\})? (-?[\d.]+)$/ or push(@wrong, $_), next;
    push @wrong, "$_: not of $family" if $name !~ /^\Q$family\E(_bucket|_sum|_count)?$/ || ($1 && $kind{$family} ne 'histogram');
    push @wrong, "$_: twice" if exists $value{"$name\{" . ($labels // '') . '}'};
    $value{"$name\{" . ($labels // '') . '}'} = $value;
    push @wrong, "$_: buckets fall" if $name =~ /_bucket$/ && $labels !~ /le="0\.000064"/ && $value < $last;
    $last = $value;
}
is_deeply \@wrong, [], 'every line is well-formed, families are in one piece, buckets rise';
is $kind{weir_request_duration_seconds}, 'histogram', 'P19: latency is a histogram';
is $value{'weir_responses_total{site="shop.example",class="2xx"}'}, 5, 'answers by site';
is $value{'weir_reasons_total{reason="route_not_found"}'}, 1, 'reasons';
is $value{qq[weir_request_duration_seconds_bucket{site="shop.example",le="+Inf"}]}, $value{'weir_request_duration_seconds_count{site="shop.example"}'},
    'the last bucket has all';

is $value{qq[weir_peer_up{upstream="api",peer="127.0.0.1:$backend->{port}",state="up"}]}, 1, 'how peers are';
is $value{'weir_generation_workers{generation="1"}'}, 1, 'generations and their workers';
is $value{'weir_generation{}'}, 1, 'the one that answers';

my $json = decode_json(get($weir, '/weir/status.json')->{body});
my ($five) = grep { $_->{name} eq 'weir_peer_attempts_total' && $_->{labels}{outcome} eq 'ok' } @{ $json->{metrics} };
is $five->{value}, 5, 'JSON: attempts at the peer';
is $five->{labels}{peer}, "127.0.0.1:$backend->{port}", 'and its address';

like get($weir, '/weir/')->{body}, qr{<title>weir</title>}, 'the page';
unlike get($weir, '/weir/')->{body}, qr{(src|href)=|url\(|\@import}, 'asks for nothing from elsewhere';
is get($weir, '/weir')->header('Location'), '/weir/', 'and ends with a slash';
is request($weir, 'POST', '/weir/')->{status}, 405, 'it can only be read';
is get($weir, "/plain$_")->{status}, 404, "switched off: $_" for '/', '/metrics';
is get($weir, '/plain/all')->{status}, 200, 'another path';

my ($chromium) = grep { -x } '/usr/bin/chromium';
SKIP: {
    skip 'chromium is not installed', 4 unless $chromium;
    my $page;
    my $look = sub {
        my $dir = new_dir();
        my $pid = Weir::Test::spawn($dir, $chromium, '--headless', '--no-sandbox', '--disable-gpu', "--user-data-dir=$dir/profile",
            '--virtual-time-budget=6000', '--dump-dom', 'http://127.0.0.1:' . $weir->port . '/weir/');
        wait_for(sub { waitpid($pid, POSIX::WNOHANG()) == $pid }, 60);
        my ($total) = read_file("$dir/stdout") =~ m{<b id="total">([\d,]+)</b>};
        $page = read_file("$dir/stdout");
        return $total // "none: " . read_file("$dir/stderr");
    };
    my $before = $look->();
    like $before, qr/^\d+$/, 'a browser shows how many answers there were';
    like $page, qr{<table id="generations">.*<td title="1">1</td><td title="1">1</td><td title="serves since .*</table>}s, 'which generation serves';
    like $page, qr{<table id="peers">.*<td title="127.0.0.1:$backend->{port}">[^<]*</td><td title="up">up</td>}s, 'and how peers are';
    get($weir, '/api') for 1 .. 30;
    cmp_ok $look->(), '>=', $before + 30, 'and then the new figure';
}
done_testing;
