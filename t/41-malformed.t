# SPDX-License-Identifier: Apache-2.0
# Wrong framing: refused and closed, never passed on.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my %answer;
my $backend = backend(sub {
    my ($conn) = @_;
    my $head = $conn->until(qr/\r\n\r\n/) or return;
    my ($kind, $n) = $head =~ m{^\S+ /(head|body)/(\d+)};
    $conn->note("seen $head") unless defined $n;
    my @bad = ($kind || '') eq 'body' ? bad_bodies() : bad_responses();
    $conn->send($bad[$n || 0]);
}, raw => 1);
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; "
    . "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; retry = false; }; } );");

my $post = "POST /x HTTP/1.1\r\nHost: a\r\n";
my @requests = (
    [400, "GET /x HTTP/1.1\nHost: a\n\n"], [400, "GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n"], [400, "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n"],
    [400, "GET /x\r\n\r\n"], [400, "GET /x HTTP/1.1 x\r\nHost: a\r\n\r\n"],
    [505, "GET /x HTTP/2.0\r\nHost: a\r\n\r\n"], [505, "GET /x HTTP/1.9\r\nHost: a\r\n\r\n"],
    [400, "GET /x HTTQ/1.1\r\nHost: a\r\n\r\n"], [400, "GET /x HTTP/1,1\r\nHost: a\r\n\r\n"],
    [400, "GET x HTTP/1.1\r\nHost: a\r\n\r\n"], [400, "GET /x#f HTTP/1.1\r\nHost: a\r\n\r\n"],
    [400, "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n"], [400, "GET /x\0y HTTP/1.1\r\nHost: a\r\n\r\n"],
    [400, "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"], [400, "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"],
    [400, "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n"], [400, "GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\n\r\n"], [400, "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n"], [400, "GET /x HTTP/1.1\r\nHost: a:b\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost: u\@a\r\n\r\n"], [400, "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost : a\r\n\r\n"], [400, "GET /x HTTP/1.1\r\n Host: a\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"], [400, "GET /x HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"], [400, "GET /x HTTP/1.1\r\nHost: a\r\nX(y: z\r\n\r\n"],
    [400, "GET /x HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"], [400, "GET /x HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n"],
    [400, "${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"],
    [400, "${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\na"],
    [400, "${post}Content-Length: 1, 1\r\n\r\na"], [400, "${post}Content-Length: +1\r\n\r\na"],
    [400, "${post}Content-Length: -1\r\n\r\na"], [400, "${post}Content-Length: 0x1\r\n\r\na"],
    [400, "${post}Content-Length: 1a\r\n\r\na"], [400, "${post}Content-Length:\r\n\r\na"],
    [400, "${post}Content-Length: 99999999999999999999\r\n\r\na"],
    [400, "${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [400, "${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [400, "${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
    [501, "${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    [501, "${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
    [501, "${post}Transfer-Encoding: identity\r\n\r\n"], [400, "${post}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"],
    [400, "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [417, "${post}Expect: something\r\nContent-Length: 1\r\n\r\na"],
    [414, 'GET /' . 'x' x 40000 . " HTTP/1.1\r\nHost: a\r\n\r\n"],
    [431, "GET /x HTTP/1.1\r\nHost: a\r\nX: " . 'y' x 40000 . "\r\n\r\n"],
    [431, "GET /x HTTP/1.1\r\nHost: a\r\n" . "X: y\r\n" x 200 . "\r\n"],
    [405, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"],
    (map { [400, "${post}Transfer-Encoding: chunked\r\n\r\n$_"] } "g\r\n", "0x1\r\na\r\n", "1\na\n", "-1\r\na\r\n",
        "1\r\nab\r\n0\r\n\r\n", "1 \r\na\r\n", "fffffffffffffffff\r\n", "1;\0\r\na\r\n"),
);
for my $case (@requests) {
    my ($status, $bytes) = @$case;
    my $r = raw($weir, $bytes);
    my $shown = substr($bytes, 0, 60) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
    is $r->{status}, $status, $shown;
    ok $r->{client}->is_closed, '... and closed';
}
is scalar(grep { /^seen (?!POST .*chunked)/s } $backend->notes), 0, 'no backend saw any of them';

sub bad_responses {
    my $ok = "HTTP/1.1 200 OK\r\n";
    return ("HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "hello\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "${ok}X y\r\n\r\n", "${ok} X: y\r\n\r\n", "${ok}X: y\r\n z\r\n\r\n",
        "${ok}X : y\r\n\r\n", "${ok}X: a\rb\r\n\r\n", "${ok}X: \0\r\n\r\n", "${ok}: y\r\n\r\n",
        "${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\na", "${ok}Content-Length: 1, 1\r\n\r\na",
        "${ok}Content-Length: x\r\n\r\na", "${ok}Content-Length: -1\r\n\r\na",
        "${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "${ok}Transfer-Encoding: gzip\r\n\r\na", "${ok}Transfer-Encoding: chunked, gzip\r\n\r\na",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "${ok}X: " . 'y' x 100000 . "\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n", '',
        "HTTP/1.1 099 Low\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n", " HTTP/1.1 200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1200 OK\r\n\r\n",
        "HTTP/11 200 OK\r\n\r\n", "HTTP/1. 200 OK\r\n\r\n", "HTTP/1.10 200 OK\r\n\r\n", "HTTP/3.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n", "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 -200 OK\r\n\r\n",
        "${ok}X(y): z\r\n\r\n", "${ok}X\t: z\r\n\r\n", "${ok}X: \x01\r\n\r\n", "${ok}X: \x7f\r\n\r\n", "${ok}\0: z\r\n\r\n",
        "${ok}X: y\r\n\tz\r\n\r\n", "${ok}X: y\n\r\n", "${ok}\xe9: z\r\n\r\n", "${ok}Content-Length: \r\n\r\n",
        "${ok}Content-Length: +1\r\n\r\na", "${ok}Content-Length: 0x1\r\n\r\na", "${ok}Content-Length: 1 1\r\n\r\na",
        "${ok}Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "${ok}Content-Length: 18446744073709551616\r\n\r\na",
        "${ok}Content-Length: 1.0\r\n\r\na", "${ok}Content-Length: 1;\r\n\r\na", "${ok}Content-Length : 1\r\n\r\na",
        "${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "${ok}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "${ok}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "${ok}Transfer-Encoding: identity\r\n\r\na", "${ok}Transfer-Encoding:\r\n\r\n0\r\n\r\n",
        "${ok}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", "${ok}Transfer-Encoding\r\n\r\n");
}
# Heads that are right, with bodies that are not: they are cut, never ended as if they were whole.
sub bad_bodies {
    my $head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";
    return (map { "$head$_" } "g\r\n", "0x1\r\nb\r\n", "-1\r\n", "1\nb\r\n", "1\r\nbc\r\n0\r\n\r\n", "1 \r\nb\r\n", "\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n", "1;\0\r\nb\r\n", "0\r\nX y\r\n\r\n", "0\r\n X: y\r\n\r\n", "0\n\n", '', "5\r\nabc"),
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
}
my @bad = bad_responses();
for my $i (0 .. $#bad) {
    my $r = get($weir, "/head/$i");
    my $shown = substr($bad[$i], 0, 60) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
    is $r->{status}, 502, "a backend that answers \"$shown\"";
}
@bad = bad_bodies();
for my $i (0 .. $#bad) {
    my $client = client($weir);
    my $shown = substr($bad[$i], -20) =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;

    $client->send("GET /body/$i HTTP/1.1\r\nHost: a\r\n\r\n");
    my $got = $client->rest;
    ok $got =~ m{^HTTP/1\.1 502 } || ($got =~ /\r\nTransfer-Encoding: chunked\r\n/i ? $got !~ /\r\n0\r\n\r\n\z/ : $got =~ /\r\n\r\nabc\z/),
        "a body that goes on with \"$shown\" is cut";
}
done_testing;
