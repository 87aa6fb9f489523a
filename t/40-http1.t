# SPDX-License-Identifier: Apache-2.0
# HTTP/1.1 on both sides.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $backend = backend(sub {
    my ($conn, $request) = @_;
    my $path = $request->{path};
    if ($path eq '/chunked') {
        $conn->answer_chunked(200, Trailer => 'X-Sum');
        $conn->send_chunk($_) for 'hello, ', 'chunks';
        return $conn->last_chunk('X-Sum: 13');
    }
    if ($path eq '/hints') {
        $conn->send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
    }
    if ($path eq '/close') {
        $conn->send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
        return $conn->close;
    }
    $conn->answer(200, "$request->{method} $path [$request->{body}]");
});
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; "
    . "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );");
my $head = "Host: a.test\r\n";

my $c = client($weir);
for my $i (1 .. 3) {
    $c->send("GET /$i HTTP/1.1\r\n$head\r\n");
    is $c->response->{body}, "GET /$i []", "keep-alive, request $i";
}
is $backend->connections, 1, 'row 12: one connection to the backend';
$c->send(join '', map { "GET /p$_ HTTP/1.1\r\n$head\r\n" } 1 .. 5);
is join(' ', map { $c->response->{body} } 1 .. 5), 'GET /p1 [] GET /p2 [] GET /p3 [] GET /p4 [] GET /p5 []',
    'pipelining keeps the order';
$c->send("POST /up HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
$c->send("6\r\n world\r\n0\r\n\r\n");
is $c->response->{body}, 'POST /up [hello world]', 'a chunked request';
my $r = get($weir, '/chunked');
is $r->{body}, 'hello, chunks', 'a chunked response';
is $r->{trailers}{'x-sum'}, 13, 'with its trailer';
$c->send("GET /chunked HTTP/1.1\r\n$head\r\n");
is $c->response->{complete}, 1, 'on a kept connection';
$c->send("POST /up HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    . "X-Sum: 1\r\nX-Real-IP: 6.6.6.6\r\n\r\n");
is $c->response->{body}, 'POST /up [a]', 'a request with trailers';
is_deeply(($backend->last_request)->{trailers}, { 'x-sum' => 1 }, 'which pass, but for those that steer');
$r = request($weir, 'HEAD', '/x');
is $r->{body}, '', 'row 73: HEAD has no body';
ok $r->header('Content-Length'), 'but its length';
$r = raw($weir, "GET /old HTTP/1.0\r\n$head\r\n");
is $r->{body}, 'GET /old []', 'row 25: an HTTP/1.0 client';
ok $r->{client}->is_closed, 'whose connection ends';
is(($backend->last_request)->{version}, 'HTTP/1.1', 'row 25: the backend gets 1.1');
$r = raw($weir, "GET /chunked HTTP/1.0\r\n$head\r\n");
is $r->{body}, 'hello, chunks', 'a chunked response for HTTP/1.0';
is raw($weir, "GET http://other.test/abs?x HTTP/1.1\r\n$head\r\n")->{body}, 'GET /abs?x []', 'absolute-form';
is(($backend->last_request)->{headers}{host}, 'other.test', 'whose host counts');
is get($weir, '/close')->{body}, 'until the end', 'a body that ends with the connection';
$r = get($weir, '/hints');
is scalar @{ $r->{interim} }, 1, 'a 1xx passes';
is $r->{status}, 200, 'before the answer';
$c = client($weir);
$c->send("GET /half HTTP/1.1\r\n$head\r\n");
$c->half_close;
is $c->response->{body}, 'GET /half []', 'a half-closed client is answered';
$c = client($weir);
$c->send("POST /expect HTTP/1.1\r\n${head}Content-Length: 4\r\nExpect: 100-continue\r\n\r\n");
$c->send('data');
is $c->response->{body}, 'POST /expect [data]', 'Expect: 100-continue';
done_testing;
