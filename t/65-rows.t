# SPDX-License-Identifier: Apache-2.0
# The set-up that everybody has, in as few words as it takes: one proxied site with a WebSocket path, security
# headers and a redirect from plain HTTP.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $files = new_dir();
chmod 0755, $files;
mkdir "$files/$_" for 'sub', '.well-known';
mkdir "$files/.well-known/acme-challenge";
write_file("$files/.well-known/acme-challenge/token", 'proof');
write_file("$files/page", 'a file');
my $backend = backend(sub {
    my ($conn, $r) = @_;
    return $conn->answer(200, "plain $r->{path}") unless $r->{headers}{upgrade};
    $conn->send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhi");
    $conn->close;
});
my $dead = closed_port();
my $headers = 'X-Frame-Options = "SAMEORIGIN"; X-Content-Type-Options = "nosniff"; X-XSS-Protection = "1; mode=block";';
my $weir = weir(<<"CONF");
sites = (
  { names = [ "a.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
  { names = [ "b.test" ]; listen = [ "http://127.0.0.1:%port:web%" ];
    headers = { response = { set = { $headers }; }; };
    proxy = { to = "http://127.0.0.1:$backend->{port}"; };
    routes = (
      { path = "/ws/"; proxy = { to = "http://127.0.0.1:$backend->{port}"; read_timeout = "1h"; };
        headers = { request = { set = { X-Socket = "yes"; }; }; }; },
      { path = "/files/"; static = { mount = "$files"; }; },
      { path = "/made"; respond = { text = "made"; }; },
      { path = "/debug/"; debug = true; },
      { path = "/small"; client = { max_body = 3; }; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
      { path = "/gone"; proxy = { to = "http://127.0.0.1:$dead"; }; }
    ); },
  { names = [ "c.test" ]; listen = [ "http://127.0.0.1:%port:web%" ];
    redirect = { to = "https://\$host\$request_uri"; status = 308; };
    routes = ( { path = "/.well-known/acme-challenge/"; static = { root = "$files"; }; } ); }
);
CONF
my $a = sub { get($weir, $_[0], Host => 'a.test', @_[1 .. $#_]) };
my $b = sub { get($weir, $_[0], Host => 'b.test', @_[1 .. $#_]) };
my $seen = sub { $backend->last_request->{headers} };
my @five = qw(host x-real-ip x-forwarded-for x-forwarded-proto x-forwarded-host);

# One line is enough.
is $a->('/x')->{body}, 'plain /x', 'row 32: a proxy of one line';
is_deeply [ @{ $seen->() }{@five} ], [ 'a.test', '127.0.0.1', '127.0.0.1', 'http', 'a.test' ], 'row 32: says who asked, and for what';
is $b->('/ws/x')->{body}, 'plain /ws/x', 'row 31: a route that sets a field of its own';
is_deeply [ @{ $seen->() }{ 'x-socket', @five } ], [ 'yes', 'b.test', '127.0.0.1', '127.0.0.1', 'http', 'b.test' ], 'row 31: keeps the five';

my %ask = (Connection => 'Upgrade', Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAAAA==');
is $b->('/ws/chat', %ask)->{status}, 101, 'row 7: an upgrade below /ws/';
is $b->('/ws/chat')->{body}, 'plain /ws/chat', 'row 7: and a plain request there';
is $a->('/any', %ask)->{status}, 101, 'row 44, P15: an upgrade needs no setting';
is $seen->()->{upgrade}, 'websocket', 'row 44: the backend sees it';
is $backend->last_request->{version}, 'HTTP/1.1', 'row 44: in HTTP/1.1';

# The same fields on every answer, whoever made it.
my %answers = (
    200 => $b->('/'), '301 (a folder)' => $b->('/files/sub'), '200 (made)' => $b->('/made'), '200 (file)' => $b->('/files/page'),
    404 => $b->('/files/nothing'), 413 => request($weir, 'POST', '/small', { Host => 'b.test' }, 'four'), 502 => $b->('/gone'),
);
for my $name (sort keys %answers) {
    my $r = $answers{$name};
    is $r->{status}, $name =~ /(\d+)/ && $1, "an answer $name";
    is $r->header('X-Frame-Options'), 'SAMEORIGIN', "row 18: on $name";
    is $r->header('X-Content-Type-Options'), 'nosniff', "row 19: on $name";
    is $r->header('X-XSS-Protection'), '1; mode=block', "row 20: on $name";
}
my (undef, $said) = check_config("sites = ( { listen = [ \"http://127.0.0.1:8080\" ]; headers = { response = { set = { $headers }; }; }; respond = true; } );");
like $said, qr/weir\.conf:1: .*X-XSS-Protection is obsolete/, 'row 20: weir -t says that it is obsolete';

# No sizes that depend on each other.
for my $sizes ('buffer_head = "64k"; buffer_body = "4k";', 'buffer_head = "4k"; buffer_body = "1m"; buffer_file = 0;', 'buffer_body = "1g"; buffer_file = "1k";') {
    my ($status, $output) = check_config("sites = ( { listen = [ \"http://127.0.0.1:8080\" ]; proxy = { to = \"http://127.0.0.1:1\"; $sizes }; } );");
    is $status, 0, "row 40: $sizes" or diag $output;
}

# Plain HTTP only leads away, but for the proof that a certificate authority asks for.
my $r = get($weir, '/p%20q?x=1', Host => 'c.test');
is "$r->{status} " . $r->header('Location'), '308 https://c.test/p%20q?x=1', 'row 43: plain HTTP is redirected';
is get($weir, '/.well-known/acme-challenge/token', Host => 'c.test')->{body}, 'proof', 'row 43: but not the challenge';
is get($weir, '/.well-known/other', Host => 'c.test')->{status}, 308, 'row 43: alone';

is join(' ', map { $_->('/made')->{body} } $a, $b), 'plain /made made', 'row 1: two sites on one port';

# Looking from outside.
for my $path ('/files/page', '/files/sub', '/files/none', '/made', '/gone', '/x') {
    my ($get, $head) = map { request($weir, $_, $path, { Host => 'b.test' }) } qw(GET HEAD);
    is_deeply [$head->{status}, sort grep { !/^Date:/ } @{ $head->{lines} }], [$get->{status}, sort grep { !/^Date:/ } @{ $get->{lines} }], "row 73: HEAD $path has the fields of GET";
    is $head->{body}, '', 'row 73: and no body';
}
my $port = $weir->port;
SKIP: {
    skip 'curl is not installed', 2 unless grep { -x "$_/curl" } split /:/, $ENV{PATH};
    like `curl -sv -H 'Host: b.test' http://127.0.0.1:$port/made 2>&1 | grep '^<'`, qr{^< HTTP/1\.1 200 OK\r?\n(?:< [\w-]+: .*\r?\n)*< Content-Type: text/plain}, 'row 74: curl -sv shows the fields';
    is `curl -s -H 'Host: b.test' http://localhost:$port/made`, 'made', 'row 75: a site by its Host';
}
my (undef, $explained) = run_weir('-c', $weir->{conf}, 'explain', '-H', 'Host: b.test', "http://127.0.0.1:$port/made?x");
like $explained, qr/site +b\.test.*route +\/made.*respond/s, 'row 75: and explained' or diag $explained;
like $b->('/debug/headers?a=b', 'X-Mine' => 'c')->{body}, qr{^GET /debug/headers\?a=b\n(?=.*^X-Mine: c$)(?=.*^client +127\.0\.0\.1$)(?=.*^query +a=b$)(?=.*^site +b\.test$).*^route +/debug/$}ms, 'row 77: the request as weir knows it';
is $b->('/debug/headers')->header('Cache-Control'), 'no-store', 'row 77: for no cache';
like $a->('/debug/headers')->{body}, qr/^plain/, 'row 77: nowhere but where it is asked for';
done_testing;
