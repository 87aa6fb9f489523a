# SPDX-License-Identifier: Apache-2.0
# What is answered instead of errors (on_error), internal routes, X-Accel-Redirect: with curl over
# HTTP/1.1 and HTTP/2, on connections that go on.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('curl');
my $dir = new_dir();
mkdir "$dir/$_" for 'errors', 'files';
write_file("$dir/errors/$_.html", "page $_\n") for 404, 502, 503;
write_file("$dir/files/report one.bin", '0123456789');
write_file("$dir/sorry.html", '<p>sorry</p>');
write_file("$dir/large", "x" x 300_000);
my $backend = backend(sub { my ($conn, $request) = @_;
    my ($status, $query) = $request->{path} =~ m{/(\d+)[^?]*\??(.*)};
    return $conn->answer(200, "got $request->{method} $request->{path} $request->{headers}{'x-added'} (" . length($request->{body}) . ')') if !$status;
    my @to = $query =~ /^to=(.*)/ ? ('X-Accel-Redirect', $1, 'Content-Type', 'application/x-report', 'Content-Disposition', 'attachment') : ();
    $conn->answer($status, "backend's $status", @to, 'Set-Cookie' => 'a=b', 'Retry-After' => 7, 'X-Inner' => 'yes');
});
my ($certificate, $key) = make_certificate($dir);
my $nobody = closed_port();
my $weir = weir(<<"END", workers => 1);
cache = { memory = { memory = "1m"; }; };
on_error = ( { status = [ 421, 400 ]; respond = { text = "top \$status"; }; } );
access_log = { path = "%dir%/access.log"; flush = "1ms"; format = "\$request|\$status|\$reason|\$route|\$request_id"; };
sites = ( { names = [ "test", "127.0.0.1" ]; listen = [ "http://127.0.0.1:%port:web%", "https://127.0.0.1:%port:tls%" ];
  tls = { certificate = "$certificate"; key = "$key"; }; http2 = true;
  headers = { request = { add = { X-Added = "once"; }; }; response = { set = { X-Site = "yes"; }; }; };
  on_error = ( { status = [ "404", "5xx" ]; path = "/errors/\$status.html"; },
               { status = 403; respond = { text = "no, \$remote_addr"; type = "text/x-no"; }; },
               { status = 410; respond = { file = "$dir/sorry.html"; status = 200; }; } );
  routes = (
    { path = "/errors"; internal = true; static = { mount = "$dir/errors"; }; },
    { path = "/files"; internal = true; static = { mount = "$dir/files"; }; },
    { path = "/inner"; name = "inner"; internal = true; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
    { path = "/down"; proxy = { to = "http://127.0.0.1:$nobody"; }; },
    { path = "/hidden"; access = { deny = [ "all" ]; }; static = { root = "$dir"; }; },
    { path = "/gone"; respond = { status = 410; }; },
    { path = "/said"; respond = { status = 410; text = "as it is"; }; },
    { path = "/plain"; on_error = ( { status = [ "5xx" ]; path = "/errors/none.html"; } ); proxy = { to = "http://127.0.0.1:$nobody"; }; },
    { path = "/second"; on_error = ( { status = [ 502 ]; path = "\@inner"; answer = "own"; } ); proxy = { to = "http://127.0.0.1:$nobody"; }; },
    { path = "/circle"; on_error = ( { status = [ 502 ]; path = "/circle"; answer = "own"; } ); proxy = { to = "http://127.0.0.1:$nobody"; }; },
    { path = "/off"; on_error = false; proxy = { to = "http://127.0.0.1:$nobody"; }; },
    { path = "/all"; on_error = ( { status = [ 404, 401 ]; path = "/errors/404.html"; upstream = true; },
                                  { status = [ 503 ]; respond = { text = "later"; }; upstream = true; },
                                  { status = [ 500 ]; path = "/inner/x"; answer = 299; upstream = true; } );
      proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
    { path = "/kept"; cache = { zone = "memory"; valid = [ "404 1h" ]; lock_timeout = "1h"; };
      on_error = ( { status = 404; path = "/errors/404.html"; upstream = true; } ); proxy = { to = "http://127.0.0.1:$backend->{port}"; }; },
    { path = "/send"; proxy = { to = "http://127.0.0.1:$backend->{port}"; accel_redirect = true; }; },
    { path = "/"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } ); } );
END
my @base = (undef, 'http://127.0.0.1:' . $weir->port, 'https://127.0.0.1:' . $weir->port('tls'));

# What curl prints for each of the URLs, which share a connection: [status, connections, fields, body].
sub curl {
    my ($how, @args) = @_;
    my @paths = grep { m{^/} } @args;
    my @more = map { "'$_'" } grep { !m{^/} } @args;
    my $command = join ' ', 'curl -sk --http2 -m 60 -i', "-w '\\n%{num_connects} END\\n'", @more, map { "'$base[$how]$_'" } @paths;
    my @answers = map { my ($head, $body, $new) = /^(.*?)\r\n\r\n(.*)\n(\d+)\z/s; $head =~ s/\r//g;
        { status => ($head =~ m{^HTTP/\S+ (\d+)})[0], head => "\n$head\n", body => $body, new => $new } } split / END\n/, `$command`;
    return @answers;
}

for my $how (1, 2) {
    my @r = curl($how, qw(/down /none/404 /hidden/x /gone /said /off));
    is join(' ', map { $_->{new} } @r), '1 0 0 0 0 0', "HTTP/$how: one connection for all";
    is join(' ', map { $_->{status} } @r), '502 404 403 200 410 502', "HTTP/$how: statuses";
    is $r[0]{body}, "page 502\n", "HTTP/$how: a page for an error of weir's own";
    like $r[0]{head}, qr/\nx-site: yes\n/i, "HTTP/$how: with the site's rules";
    unlike $r[0]{head}, qr/\n(?:last-modified|accept-ranges):/i, "HTTP/$how: no date that caches would reckon by";
    is $r[1]{body}, "backend's 404", "HTTP/$how: an answer of a backend is left alone";
    is $r[2]{body} . ($r[2]{head} =~ /content-type: (.*)/i)[0], 'no, 127.0.0.1text/x-no', "HTTP/$how: a text";
    is $r[3]{body} . ($r[3]{head} =~ /content-type: (.*)/i)[0], '<p>sorry</p>text/html', "HTTP/$how: a file, with another status";
    is $r[4]{body}, 'as it is', "HTTP/$how: a text that the configuration sends is no error";
    like $r[5]{body}, qr/^reason: connection_refused$/m, "HTTP/$how: false switches the site's off";
    @r = curl($how, '-I', qw(/down /down));
    is join(' ', map { "$_->{status} $_->{new} " . ($_->{head} =~ /content-length: (\d+)/i)[0] . $_->{body} } @r), '502 1 9 502 0 9', "HTTP/$how: HEAD";
    my $data = $how == 1 ? "\@$dir/large" : 'x' x 3000; # curl 7.88 may spin when a stream is reset under its body
    @r = curl($how, '--data-binary', $data, qw(/down /second/a?b /down));
    is join(' ', map { "$_->{status} $_->{new}" } @r), $how == 1 ? '502 1 200 1 502 1' : '502 1 200 0 502 0', "HTTP/$how: with bodies, dropped";
    is $r[1]{body}, 'got GET /second/a?b once (0)', "HTTP/$how: another backend, for the path asked for, without the body";
    @r = curl($how, '-d', 'x' x 3000, qw(/down /second/a?b /down));
    is join(' ', map { "$_->{status} $_->{new}" } @r), '502 1 200 0 502 0', "HTTP/$how: with small ones the connection is kept";
    @r = curl($how, '-H', 'Range: bytes=0-2', '-H', 'If-None-Match: *', '/down');
    is "$r[0]{status} $r[0]{body}", "502 page 502\n", "HTTP/$how: no part, no 304";
    @r = curl($how, qw(/all/404 /all/401 /all/503 /all/500 /all/418 /plain /circle));
    is join(' ', map { $_->{new} } @r), '1 0 0 0 0 0 0', "HTTP/$how: one connection for all";
    is join('|', map { "$_->{status} $_->{body}" } @r[0 .. 4]), "404 page 404\n|401 page 404\n|503 later|299 got GET /inner/x once (0)|418 backend's 418", "HTTP/$how: upstream = true";
    like $r[2]{head}, qr/\nretry-after: 7\n/i, "HTTP/$how: what a client needs is kept";
    unlike $r[2]{head}, qr/x-inner|backend/i, "HTTP/$how: and no more";
    is $r[5]{status} . ($r[5]{body} =~ /^reason: (.*)$/m)[0], '502connection_refused', "HTTP/$how: without that page the plain text tells the error";
    is $r[6]{status} . $r[6]{body}, "502page 502\n", "HTTP/$how: a circle ends, by the site's entry";
    @r = curl($how, '/send/200?to=/files/report%20one.bin', '/send/500?to=/files/none', '/send/200?to=/errors/none', '/send/200?to=/gone', '/send/201?to=@inner', '/send/200?to=x', '/200?to=/files/report%20one.bin', '/files/report%20one.bin', '/errors/404.html');
    is join(' ', map { $_->{status} } @r), '200 404 404 502 201 502 200 404 404', "HTTP/$how: X-Accel-Redirect, internal";
    is $r[0]{body}, '0123456789', "HTTP/$how: a file";
    like $r[0]{head}, qr/\ncontent-type: application\/x-report\n/i, "HTTP/$how: the backend's type";
    like $r[0]{head}, qr/\nset-cookie: a=b\n/i, "HTTP/$how: its cookie";
    is scalar(grep { $_->{head} =~ /x-accel-redirect/i } @r), 0, "HTTP/$how: the field is not passed on";
    is $r[6]{body}, "backend's 200", "HTTP/$how: nor obeyed where the route does not say so";
    @r = curl($how, '-H', 'Range: bytes=2-4', '/send/200?to=/files/report%20one.bin');
    is "$r[0]{status} $r[0]{body}", '206 234', "HTTP/$how: a part of such a file";
    @r = curl($how, '-H', 'Host: nobody', '/');
    is "$r[0]{status} $r[0]{body}", '421 top 421', "HTTP/$how: the top level's, where there is no site";
}
is join(' ', map { "$_->{status} $_->{body}" } curl(1, qw(/kept/404 /kept/404))), "404 page 404\n 404 page 404\n", 'with a cache that others wait for:';
is scalar(grep { $_->{path} eq '/kept/404' } $backend->requests), 2, 'nothing is stored, and nobody waits';
ok $weir->logged(qr/502 connection_refused: "GET \/down": upstream/), 'the error is in the log';
ok $weir->logged(qr/on_error \(.*weir\.conf:\d+\): \/errors\/none\.html answers 404 file_not_found: .*plain text/), 'and that its page is missing';
ok $weir->logged(qr/on_error \(.*weir\.conf:\d+\) goes round in circles: its own answer is 502/), 'and the circle';
ok $weir->logged(qr/502 http_protocol_error: .*not `internal`/), 'and where a backend may not lead';
my $c = client($weir);
$c->send("POST /down HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /gone HTTP/1.1\r\nHost: test\r\n\r\n");
is $c->response->{body} . $c->response->{body}, "page 502\n<p>sorry</p>", 'a pipelined request behind a chunked body';
$c->send("POST /down HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
my $r = $c->response;
is "$r->{status} $r->{headers}{connection} $r->{body}", "502 close page 502\n", 'who waits for 100 Continue is told that the connection ends';
$c = client($weir);
$c->send("GET /send/200?to=/inner/slow HTTP/1.1\r\nHost: test\r\n\r\n");
$c->close;
get($weir, '/gone?last');
my @log = split /\n/, wait_for { my $log = read_file("$weir->{dir}/access.log"); $log =~ /gone\?last/ && $log };
ok scalar(grep { m{^POST /second/a\?b HTTP/1\.1\|200\|-\|inner\|[0-9a-f]{32}$} } @log), 'logged as the client asked';
ok scalar(grep { m{^GET /send/201\?to=\@inner HTTP/1.1\|201\|-\|inner\|} } @log), 'a route by its name';
ok scalar(grep { m{^POST /down HTTP/1\.1\|502\|connection_refused\|/errors\|[0-9a-f]{32}$} } @log), 'with the reason';
my ($status, $said) = run_weir('explain', '-c', $weir->{conf}, "$base[1]/errors/x.html" =~ s/127\.0\.0\.1/test/r);
like $said, qr/it is internal: a client gets 404.*on_error\n  404, 5xx -> \/errors\/\$status\.html, status keep   \(.*weir\.conf:\d+\)\n  403 -> a text.*\n.*\n  421, 400 -> a text/s, 'weir explain';
my %wrong = (
    'status = [ 404 ];' => qr/weir\.conf:2: error: on_error: expected path = "\.\.\."; or respond/,
    'path = "/x";' => qr/error: on_error\.status is missing, for example: \[ "404", "5xx" \]/,
    'status = 200; path = "/x";' => qr/on_error\.status: "200": 200 is no error: expected statuses from 300 on/,
    'status = 404; path = "x";' => qr/on_error\.path = "x": expected a path of this site/,
    'status = 404; path = "@x";' => qr/on_error\.path = "\@x": the site has no route with name = "x"/,
    'status = 404; path = "/x"; answer = "some";' => qr/on_error\.answer = "some": expected "keep", "own" or a status/,
    'status = 404; respond = { };' => qr/on_error\.respond: expected text = "\.\.\."; or file/,
    'status = 404; respond = { file = "/none"; };' => qr/on_error\.respond\.file = "\/none": expected/,
    'status = 404; patj = "/x";' => qr/on_error has no option "patj": did you mean "path"\?/,
);
for my $text (sort keys %wrong) {
    my ($status, $said) = check_config("sites = ( { listen = [ \"http://127.0.0.1:1\" ]; respond = true;\n on_error = ( { $text } ); } );");
    like $said, $wrong{$text}, "refused: $text";
}
done_testing;
