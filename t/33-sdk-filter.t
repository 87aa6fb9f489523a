# SPDX-License-Identifier: Apache-2.0
# Body filters of both sides: what comes through, what they do to heads, and errors in the middle.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('curl');
my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/double.so";
my $dir = new_dir();
my $text = join '', map { chr(97 + $_ % 26) } 1 .. 300_000;
(my $twice = $text) =~ s/(.)/$1$1/gs;
(my $four = $twice) =~ s/(.)/$1$1/gs;
write_file("$dir/text", $text);
my $backend = backend(sub { my ($conn, $r) = @_; $conn->answer(200, $r->{body} // '', 'ETag' => '"e"', 'Content-MD5' => 'x') });
my $weir = weir(<<"END", server => qq[modules_path = [ "$build/modules", "$mine" ];]);
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; }; client = { max_body = "10m"; };
  proxy = { to = "http://127.0.0.1:$backend->{port}"; };
  routes = ( { path = "/both"; double = true; }, { path = "/wait"; double = { mode = "wait"; }; },
    { path = "/whole"; double = true; proxy = { to = "http://127.0.0.1:$backend->{port}"; request_buffering = true; }; },
    { path = "/fail"; double = { mode = "fail"; }; static = { mount = "$dir"; }; proxy = false; },
    { path = "/static"; double = true; static = { mount = "$dir"; }; proxy = false; },
    { path = "/count"; double = { mode = "count"; }; static = { mount = "$dir"; }; proxy = false; } ); } );
END
my $base = 'http://127.0.0.1:' . $weir->port('web');

for my $http ('--http1.1', '--http2-prior-knowledge') {
    for my $path (qw(both wait whole)) {
        for my $how ('', '-H "Transfer-Encoding: chunked"') {
            next if $how && $http =~ /2/;
            my $got = `curl -sm 60 $http $how -H Expect: --data-binary \@$dir/text $base/$path`;
            is length $got, length $four, "$http $path $how: the body was doubled on both ways";
            ok $got eq $four, 'byte by byte';
        }
    }
    ok `curl -sm 60 $http $base/static/text` eq $twice, "$http: a file";
    ok `curl -sm 60 $http $base/count/text` eq $text, "$http: one that looks on";
}
ok $weir->logged(qr/double: closed after 600000/), 'the response filter saw all of it';
my $r = request($weir, 'POST', '/both', {}, 'ab');
is $r->{body}, 'aaaabbbb', 'a small body';
is $r->header('ETag'), 'W/"e"', 'the ETag is weak';
ok !$r->header('Content-MD5') && !$r->header('Content-Length'), 'the digest and the length are gone';
is $backend->last_request->{headers}{'content-length'} // 'none', 'none', 'the backend is told no length';
is request($weir, 'POST', '/both', {}, '')->{body}, '', 'an empty body';
is get($weir, '/both')->{body}, '', 'no body';
$r = get($weir, '/static/text', Range => 'bytes=1-2');
is "$r->{status} " . length $r->{body}, '200 600000', 'NO_RANGE: a part is not asked for';
my $c = client($weir);
$c->send("GET /fail/text HTTP/1.1\r\nHost: a\r\n\r\n");
unlike $c->rest, qr/\r\n0\r\n\r\n\z/, 'ERROR cuts the stream';
my $slow = client($weir);
$slow->send("GET /static/text HTTP/1.1\r\nHost: a\r\n\r\n");
$slow->until(qr/200 OK/);
$slow->reset;
is get($weir, '/both')->{status}, 200, 'a client may leave in the middle';
done_testing;
