# SPDX-License-Identifier: Apache-2.0
# limit: rates, delays, requests under way, several limits, report, mistakes.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

my $gate = gate();
my $backend = backend(sub { my ($conn, $r) = @_; $gate->wait if $r->{path} =~ /slow/; $conn->answer(200, 'ok') });
my $weir = weir(<<"CONF", workers => 2);
limit = { key = { key = "\$http_x_key"; rate = "6r/m"; memory = "64k"; }; fast = { key = "\$http_x_key"; rate = "20r/s"; };
          all = { key = "all"; rate = "2r/h"; }; under_way = { key = "\$http_x_key"; }; addr = { rate = "1r/h"; }; turns = { key = "turns"; rate = "1r/s"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%", "http://[::1]:%port:v6%" ]; respond = { text = "in"; };
  limit = { zone = "key"; burst = 2; };
  routes = ( { path = "/off"; limit = false; }, { path = "/status"; limit = { status = 503; burst = 0; }; },
    { path = "/report"; limit = { mode = "report"; }; },
    { path = "/delay"; limit = { zone = "fast"; burst = 10; delay = 2; }; },
    { path = "/turns"; limit = { zone = "turns"; burst = 1; delay = 0; }; },
    { path = "/both"; limit = ( { zone = "key"; burst = 50; }, { zone = "all"; burst = 1; } ); },
    { path = "/busy"; limit = { zone = "under_way"; connections = 2; }; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
    { path = "/addr"; limit = { zone = "addr"; burst = 0; }; } ); } );
CONF
sub ask { my ($path, $key) = @_; return get($weir, $path, 'X-Key' => $key) }
my @r = map { ask('/', 'a') } 1 .. 4;
is join(' ', map { $_->{status} } @r), '200 200 200 429', '1 + burst pass';
is join(' ', map { $_->header('RateLimit-Remaining') } @r), '2 1 0 0', 'RateLimit-Remaining counts down';
is $r[3]->header('RateLimit-Limit'), 3, 'RateLimit-Limit';
cmp_ok $r[3]->header('Retry-After'), '>=', 8, 'Retry-After: a step of 10 s';
cmp_ok $r[3]->header('Retry-After'), '<=', 10, '... at most';
cmp_ok $r[3]->header('RateLimit-Reset'), '>', 20, 'RateLimit-Reset';
is $r[0]->header('Retry-After'), undef, 'nothing of that when it passes';
like $r[3]->{body}, qr/limit_exceeded/, 'the reason';
ok $weir->logged(qr/429 limit_exceeded.*"a" asks for more than its rate in limit zone key/), 'the log says which zone';
is ask('/', 'b')->{status}, 200, 'another key';
is ask('/off', 'a')->{status}, 200, 'limit = false';
is ask('/', '')->{status}, 200, 'an empty key is not counted' for 1 .. 4;
is ask('/status', 'a')->{status}, 503, 'status';
is ask('/report', 'a')->{status}, 200, 'report lets it pass';
ok $weir->logged(qr/limit\.mode is "report", this passes: "a" more than its rate/), '... and says so';

my $start = time;
@r = map { ask('/delay', 'd') } 1 .. 6;
is join(' ', map { $_->{status} } @r), '200 200 200 200 200 200', 'delay lets them pass';
cmp_ok time - $start, '>=', 0.14, '... the last three each 50 ms later';
@r = map { my $c = client($weir); $c->send("GET /turns HTTP/1.1\r\nHost: a\r\n\r\n"); $c } 1 .. 5;
is join(' ', sort map { $_->response->{status} } @r), '200 200 429 429 429', 'beyond burst nothing waits';

@r = map { ask('/both', 'c') } 1 .. 3;
is join(' ', map { $_->{status} } @r), '200 200 429', 'of several limits each has to agree';
is $r[1]->header('RateLimit-Remaining'), 0, 'the fields tell of the one that leaves least';
is ask('/both', 'x')->{status}, 429, 'refused by one ...' for 1 .. 60;
is ask('/', 'x')->{status}, 200, '... is not counted by the other';

my @busy = map { my $c = client($weir); $c->send("GET /busy/slow HTTP/1.1\r\nHost: a\r\nX-Key: k\r\n\r\n"); $c } 1 .. 2;
ok wait_for { $backend->requests == 2 } or diag 'no requests';
is ask('/busy', 'k')->{status}, 429, 'requests under way, over all workers';
is ask('/busy', 'l')->{status}, 200, 'another key\'s';
ok $weir->reload, 'a reload';
is ask('/busy', 'k')->{status}, 429, 'the counts survive it';
is ask('/', 'a')->{status}, 429, 'so do the rates';
$busy[0]->reset;
ok wait_for { ask('/busy', 'k')->{status} == 200 } or diag 'still held';
$gate->open;
is $busy[1]->response->{status}, 200, 'what was under way is answered';

is get($weir, '/addr')->{status}, 200, 'an IPv4 address';
is get($weir, '/addr')->{status}, 429, '... again';
is request('[::1]:' . $weir->port('v6'), 'GET', '/addr')->{status}, 200, 'an IPv6 address';

my (undef, $said) = check_config("limit = { a = { rate = \"10\"; }; b = { key = \"x\"; }; };\n"
    . "sites = ( { listen = \"http://127.0.0.1:8099\"; respond = true; limit = { zone = \"c\"; };\n"
    . "routes = ( { path = \"/b\"; limit = ( { zone = \"b\"; } ); },\n { path = \"/n\"; limit = { burst = 1; }; } ); } );");
like $said, qr/conf:1: error: limit\.a.*10r\/s/, 'a wrong rate';
like $said, qr/conf:2: error: limit\.zone: there is no zone "c".*"a"/, 'an unknown zone';
like $said, qr/conf:3: error: limit.*"b" has no rate/, 'a zone that limits nothing';
done_testing;
