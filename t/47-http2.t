# SPDX-License-Identifier: Apache-2.0
# HTTP/2 with real clients (curl, nghttp, h2load, node) over TLS, and frame by frame on a plain port.
# Rows of FEATURES: 1, 3, 47.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool($_) for qw(curl nghttp h2load node openssl);
my $dir = new_dir();
make_certificate($dir);
mkdir "$dir/www";
write_file("$dir/www/big", join '', map { pack 'N', $_ } 1 .. 1 << 19);
my $backend = backend(sub {
    my ($conn, $request) = @_;
    my $path = $request->{path};
    if ($path eq '/trailers') {
        $conn->answer_chunked(200);
        $conn->send_chunk($_) for qw(one two);
        return $conn->last_chunk('X-Sum: 42');
    }
    $conn->send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n") if $path eq '/hints';
    return $conn->answer(200, length($request->{body}) . ' ' . ($request->{headers}{cookie} // 'none'));
});
my $ws = program(['node', lib_dir() . '/websocket-server.js', '%port%']);
my $weir = weir(<<"END");
sites = (
  { names = [ "example.com" ]; listen = [ "https://127.0.0.1:%port:web%", "http://127.0.0.1:%port:plain%" ];
    tls = { certificate = "$dir/cert.pem"; key = "$dir/key.pem"; };
    http2 = { cleartext = true; };
    client = { max_header = "8k"; max_body = "10m"; keepalive_requests = 200000; };
    proxy = { to = "http://127.0.0.1:$backend->{port}"; };
    routes = ( { path = "/big"; static = { root = "$dir/www"; }; },
               { path = "/hello"; respond = { text = "\$server_protocol \$scheme"; }; },
               { path = "/chat"; proxy = { to = "http://127.0.0.1:$ws->{port}"; }; } ); },
  { names = [ "other.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
    tls = { certificate = "$dir/cert.pem"; key = "$dir/key.pem"; }; respond = { text = "other"; }; });
END
my $port = $weir->port;
my $site = "https://example.com:$port";

sub curl {
    return scalar `curl -sk -m 20 --resolve example.com:$port:127.0.0.1 --resolve other.test:$port:127.0.0.1 @_`;
}

is curl("$site/hello"), 'HTTP/2.0 https', 'row 3: curl chooses HTTP/2 by ALPN';
is curl('--http1.1', "$site/hello"), 'HTTP/1.1 https', 'row 3: and HTTP/1.1 when told so';
is curl("https://other.test:$port/"), 'other', 'row 1: a second site';
like curl('-i', '-H "Host: other.test"', "$site/hello"), qr{^HTTP/2 (200|400|421)}, 'a Host beside :authority is answered';
like curl('-I', "$site/big"), qr/^HTTP\/2 200.*content-length: 2097152\r\n/s, 'HEAD has the length and no body';
curl('-o', "$dir/got", "$site/big");
is read_file("$dir/got"), read_file("$dir/www/big"), 'a file of 2 MiB';
is curl('-T', "$dir/www/big", "$site/up"), '2097152 none', 'an upload';
is `nghttp --no-verify-peer -H':authority: example.com' -H'cookie: a=1' -H'cookie: b=2' https://127.0.0.1:$port/`,
    '0 a=1; b=2', 'cookies of several fields are one for the backend';
is curl('-T', "$dir/www/big", '-H "Transfer-Encoding: chunked"', "$site/up"), '2097152 none', 'an upload without a length';
like curl('-i', '-H "X-Large: ' . 'x' x 9000 . '"', "$site/hello"), qr{^HTTP/2 431}, 'a head over client.max_header';
like curl('-i', '-T', "$dir/www/big", '-H "Content-Length: 20000000"', "$site/up"), qr{^HTTP/2 413}, 'a body over client.max_body';
my $trailers = `nghttp -v --no-verify-peer -H':authority: example.com' https://127.0.0.1:$port/trailers 2>&1`;
like $trailers, qr/two.*x-sum: 42/s, 'trailers pass';
my $hints = `nghttp -v --no-verify-peer -H':authority: example.com' https://127.0.0.1:$port/hints 2>&1`;
like $hints, qr/:status: 103.*link: <\/a\.css>.*:status: 200/s, 'an interim response passes';
is `timeout 20 node @{[lib_dir()]}/websocket-client.js https://127.0.0.1:$port/chat`, "equal\n",
    'row 47: a WebSocket over HTTP/2 echoes 1 MiB';
my $n = $ENV{WEIR_STRESS} ? 1_000_000 : 20_000;
my $load = `h2load -n $n -c 10 -m 50 -H':authority: example.com' https://127.0.0.1:$port/hello 2>&1`;
like $load, qr/ $n succeeded, 0 failed, 0 errored/, "$n requests without an error" or diag $load;
$load = `h2load -n 3000 -c 10 -m 20 -H':authority: example.com' https://127.0.0.1:$port/proxied 2>&1`;
like $load, qr/ 3000 succeeded, 0 failed, 0 errored/, '3000 proxied ones' or diag $load;
done_testing;
