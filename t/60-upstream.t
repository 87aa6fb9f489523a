# SPDX-License-Identifier: Apache-2.0
# Peers: weights, backups, failures, retries, timeouts.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my %b = map { my $name = $_; $name => backend(sub { $_[0]->answer(200, $name) }) } qw(a b);
my $racy = backend(sub { # closes each connection as it is used for the second time
    my ($conn, $r) = @_;
    return $conn->close if $r->{count} > 1;
    $conn->answer(200, "fine $r->{method}");
});
my $deaf = backend(sub { my ($conn) = @_; $conn->until(qr/\r\n\r\n/); $conn->note('asked'); $conn->close }, raw => 1);
my $mute = backend(sub { my ($conn) = @_; $conn->more while !$conn->is_closed }, raw => 1);
my $dir = new_dir();
chmod 0755, $dir;
my $unix = backend(sub { $_[0]->answer(200, 'unix') }, unix => "$dir/sock");
my $dead = closed_port();
my $weir = weir(<<"CONF");
upstream = {
  weighted = { servers = ( { address = "127.0.0.1:$b{a}{port}"; weight = 5; }, { address = "127.0.0.1:$b{b}{port}"; } ); };
  guarded  = { servers = ( { address = "127.0.0.1:$dead"; max_fails = 3; fail_timeout = "30s"; },
                           { address = "127.0.0.1:$b{b}{port}"; backup = true; } ); };
  racy     = { servers = [ "127.0.0.1:$racy->{port}" ]; };
  pair     = { servers = ( { address = "127.0.0.1:$deaf->{port}"; max_fails = 0; }, { address = "127.0.0.1:$b{a}{port}"; } ); };
  single   = { servers = [ "127.0.0.1:$dead" ]; };
};
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/weighted"; proxy = { to = "http://weighted"; }; },
  { path = "/guarded"; proxy = { to = "http://guarded"; }; headers = { response = { set = { X-Peers = "\$upstream_addr"; }; }; }; },
  { path = "/racy"; proxy = { to = "http://racy"; }; },
  { path = "/pair"; proxy = { to = "http://pair"; }; },
  { path = "/single"; proxy = { to = "http://single"; }; },
  { path = "/mute"; proxy = { to = "http://127.0.0.1:$mute->{port}"; read_timeout = "200ms"; }; },
  { path = "/slow"; proxy = { to = "http://127.0.0.1:$mute->{port}"; deadline = "200ms"; }; },
  { path = "/unix"; proxy = { to = "unix:$dir/sock"; }; },
  { path = "/api/v1"; proxy = { to = "http://127.0.0.1:$b{a}{port}/base"; strip_prefix = "/api/v1"; }; },
  { path = "/small"; client = { max_body = "10"; }; proxy = { to = "http://weighted"; }; }
); } );
CONF
is join('', map { get($weir, '/weighted')->{body} } 1 .. 12), 'aaabaa' x 2, 'row 51: weights, smoothly';
my $r = get($weir, '/guarded');
is $r->{body}, 'b', 'row 56: the backup, when the primary is out';
is $r->header('X-Peers'), "127.0.0.1:$dead, 127.0.0.1:$b{b}{port}", 'row 56: both are named';
get($weir, '/guarded') for 1 .. 3;
is get($weir, '/guarded')->header('X-Peers'), "127.0.0.1:$b{b}{port}", 'row 54: out after three failures';
ok $weir->logged(qr/peer 127\.0\.0\.1:$dead is out/), 'which is logged';
is get($weir, '/single')->{status}, 502, 'row 49: one peer' for 1 .. 5;
$r = get($weir, '/single');
like $r->{body}, qr/connection_refused/, 'row 49: is asked each time';
like $weir->logged(qr/502 connection_refused/), qr/\[id [0-9a-f]{32}\].*127\.0\.0\.1:$dead/, 'row 17: the log names peer and id';
my ($rc, $peers) = run_weir('-c', $weir->{conf}, 'peers', 'single');
like $peers, qr/^  127\.0\.0\.1:$dead .*  last error connection_refused \d+ s ago, failing for \d+ s$/m, 'row 76: weir peers: the last error, and since when';
like +(run_weir('-c', $weir->{conf}, 'status'))[1], qr/^single\n  127\.0\.0\.1:$dead .*last error connection_refused/m, 'row 76: weir status as well';
like +(run_weir('-c', $weir->{conf}, 'peers', 'weighted'))[1], qr/^  127\.0\.0\.1:$b{a}{port} +up [^\n]*fails 0$/m, 'row 76: a peer that is well has none';
my ($json) = map { JSON::PP::decode_json($_) } (run_weir('-c', $weir->{conf}, 'peers', 'single', '--json'))[1];
is $json->{last_error}, 'connection_refused', 'row 76: as JSON';
my $c = client($weir);
for my $i (1 .. 6) {
    $c->send("GET /racy HTTP/1.1\r\nHost: a\r\n\r\n");
    is $c->response->{body}, 'fine GET', 'row 12: a connection closed as it is used is not seen';
}
my $asked = sub { scalar(grep { $_ eq 'asked' } $deaf->notes) };
my %seen;
$seen{ request($weir, 'POST', '/pair', {}, 'x')->{status} }++ for 1 .. 4;
is_deeply \%seen, { 200 => 2, 502 => 2 }, 'row 57: a POST is not sent twice';
is $asked->(), 2, 'the peer that did not answer was asked as often';
is get($weir, '/pair')->{status}, 200, 'row 57: a GET is' for 1 .. 4;
is get($weir, '/mute')->{status}, 504, 'row 35: read_timeout';
is get($weir, '/slow')->{status}, 504, 'row 36: deadline';
is get($weir, '/unix')->{body}, 'unix', 'a unix socket';
is get($weir, '/api/v1/x%2Fy?z')->{status}, 200, 'row 9: prefixes';
is $b{a}->last_request->{path}, '/base/x%2Fy?z', 'row 9: are cut and put by segments, escapes kept';
get($weir, '/api/v1');
is $b{a}->last_request->{path}, '/base/', 'row 9: nothing left is /';
$r = request($weir, 'POST', '/small', {}, 'x' x 11);
is $r->{status}, 413, 'row 41: max_body';
like $weir->logged(qr/413 request_too_large/), qr/client\.max_body, 10 bytes \(.*weir\.conf:\d+\)/, 'row 41: the log names limit and line';
is request($weir, 'POST', '/small', { 'Transfer-Encoding' => 'chunked' }, "b\r\n12345678901\r\n0\r\n\r\n")->{status}, 413,
    'row 41: of a chunked body, too';
done_testing;
