# SPDX-License-Identifier: Apache-2.0
# Modules ask upstreams: answers, bodies, failures, and who leaves early.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/fetch.so";
my $gate = gate();
my $backend = backend(sub { my ($conn, $r) = @_;
    if ($r->{path} =~ m{^/chunks/(\d+)}) {
        $conn->answer_chunked(200, 'X-Mark' => 'c');
        $conn->send_chunk('x' x 1000) for 1 .. $1;
        return $conn->last_chunk;
    }
    if ($r->{path} eq '/wait') { $conn->note('waiting'); $gate->wait }
    return $conn->answer(200, 'y' x $1) if $r->{path} =~ m{^/length/(\d+)};
    return $conn->send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") && $conn->close if $r->{path} eq '/cut';
    $conn->answer($r->{path} eq '/no' ? 403 : 200, "for $r->{path}", 'X-Mark' => $r->header('X-Mark') // '?');
});
my $closed = closed_port();
my $weir = weir(<<"END", server => qq[modules_path = [ "$build/modules", "$mine" ];]);
upstream = { one = { servers = [ "127.0.0.1:$backend->{port}" ]; balance = "ip_hash"; sticky = { cookie = "s"; }; }; };
access_log = { path = "%dir%/access.log"; format = "\$request_uri \$status"; };
headers = { response = { set = { X-Rule = "top"; }; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "not asked"; }; fetch = { to = "http://one"; };
  routes = ( { path = "/post"; fetch = { to = "http://one"; body = "some text"; }; },
    { path = "/refused"; fetch = { to = "http://127.0.0.1:$closed"; }; },
    { path = "/s"; fetch = false; status = true; } ); } );
END

is get($weir, '/a?b')->{body}, '200 GET 8 for /a?b', 'status, fields and body come back';
is get($weir, '/no')->{body}, '403 GET 7 for /no', 'an error status is an answer';
is get($weir, '/post')->{body}, '200 GET 9 for /post', 'with a body';
is $backend->last_request->{body}, 'some text', 'which arrives';
is $backend->last_request->{method}, 'POST', 'and a method';
is get($weir, '/length/190000')->{body}, '200 - 190000 ' . 'y' x 100, 'a large body, whole';
is get($weir, '/chunks/150')->{body}, '200 c 150000 ' . 'x' x 100, 'in chunks';
like get($weir, '/chunks/250')->{body}, qr/^0 - 0 .*larger/, 'too large a body is no answer';
like get($weir, '/length/250000')->{body}, qr/^0 - 0 .*larger/, 'known beforehand or not';
like get($weir, '/cut')->{body}, qr/^0 - 0 .*in the middle of the body/, 'nor is half of one';
like get($weir, '/refused')->{body}, qr/^0 - 0 upstream.*\Q127.0.0.1:$closed\E/, 'nobody answers';
my $id = qr/\[id (\w{32})\]/;
like $weir->logged(qr/connection_refused/), $id, 'the log names the request that it was for';
my $c = client($weir);
$c->send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
ok $backend->noted('waiting'), 'a client that leaves';
$c->reset;
ok $weir->logged(qr/fetch: given up/), 'ends the wait';
$gate->open;
is get($weir, '/a')->{body}, '200 GET 6 for /a', 'and nothing else';
get($weir, '/a');
my ($before, $last) = ($backend->requests)[-2, -1];
is $last->{connection}, $before->{connection}, 'connections are kept';
unlike $backend->last_request->{lines}[0], qr/X-Rule/, 'rules for answers do not touch questions';
my ($count) = get($weir, '/s/metrics')->{body} =~ /^weir_worker_responses_total (\d+)/m;
ok wait_for { $count + 1 == (() = read_file("$weir->{dir}/access.log") =~ /\n/g) },
    "neither logs nor figures count them ($count)";
done_testing;
