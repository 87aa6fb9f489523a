# SPDX-License-Identifier: Apache-2.0
# HTTP/2 on a plain port for clients that begin with HTTP/1.1 and ask (RFC 7540, 3.2): by option alone.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool($_) for qw(curl nghttp);
my $backend = backend(sub {
    my ($conn, $request) = @_;
    my $h = $request->{headers};
    return $conn->answer(200, join ' ', map { $_ // '-' } @$h{qw(upgrade connection http2-settings cookie)}, $request->{body});
});
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { upgrade = true; };
            respond = { text = "\$server_protocol \$request_method \$request_uri"; };
            routes = ( { path = "/proxied"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } ); },
          { listen = [ "http://127.0.0.1:%port:off%" ]; http2 = true; respond = { text = "\$server_protocol"; }; } );
END
my $port = $weir->port;
my $site = "http://127.0.0.1:$port";

sub curl { return scalar `curl -s -m 20 @_` }

# What weir says to a request with these lines, until it has said `$until`.
sub ask {
    my ($lines, $until) = @_;
    my $client = client($port);
    $client->send("GET /raw HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n$lines\r\n");
    return $client->until($until);
}

is curl('--http2', '-w "%{http_version}"', "$site/a"), 'HTTP/2.0 GET /a2', 'curl asks, and goes on with HTTP/2';
is curl('--http2', '-w "%{http_version}"', "$site/a", "$site/b"), 'HTTP/2.0 GET /a2HTTP/2.0 GET /b2', 'two on a connection';
like curl('--http2', '-I', "$site/a"), qr{^HTTP/1\.1 101 .*HTTP/2 200}s, 'HEAD';
is curl('--http2', '-H "Cookie: a=1"', "$site/proxied"), '- - - a=1 ', 'the backend hears nothing of it';
is `nghttp -u $site/a $site/b`, 'HTTP/2.0 GET /aHTTP/2.0 GET /b', 'nghttp';
is curl('--http2', '-d x', '-w "%{http_version}"', "$site/a"), 'HTTP/1.1 POST /a1.1', 'one with a body stays HTTP/1.1';
is curl('--http2', '-w "%{http_version}"', 'http://127.0.0.1:' . $weir->port('off') . '/'), 'HTTP/1.11.1', 'and all without the option';
like ask("HTTP2-Settings: AAMAAABkAAQAAP__\r\n", qr/Upgrade: h2c\r\n\r\n.{9}/s), qr{^HTTP/1\.1 101 [^\r]*\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n\0\0.\x04\0\0\0\0\0}s,
    '101, and settings as the first frame';
like ask($_->[0], qr/HTTP\/1\.1 GET/), qr{^HTTP/1\.1 200 }, $_->[1]
    for ['', 'no settings: HTTP/1.1'], ["HTTP2-Settings: AAM\r\n", 'half a setting'], ["HTTP2-Settings: !\r\n", 'no base64url'],
    ["HTTP2-Settings: \r\nHTTP2-Settings: \r\n", 'settings twice'], ['HTTP2-Settings: ' . 'A' x 2000 . "\r\n", 'too many'];
done_testing;
