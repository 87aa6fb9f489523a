# SPDX-License-Identifier: Apache-2.0
# Compression: every coding by real decoders, quality values, what stays as it is, event streams.
use strict;
use warnings;
use POSIX ();
use Test::More;
use Weir::Test;

need_tool(qw(curl gzip brotli zstd));
my $dir = new_dir();
my $text = join '', map { "line $_: " . ($_ * 7919 % 1000) . " words that come again\n" } 1 .. 6000;
write_file("$dir/$_", $text) for qw(a.txt a.png);
write_file("$dir/b.txt", substr $text, 0, 50_000);
write_file("$dir/small.txt", 'x' x 100);
my $gate = gate();
my $backend = backend(sub {
    my ($conn, $r) = @_;
    my ($path) = $r->{line} =~ m{^\S+ (\S+)};
    return $conn->answer(200, $text, 'Content-Type' => 'text/html') if $path eq '/html';
    return $conn->answer(200, substr($text, 0, 50_000), 'Content-Type' => 'text/html') if $path =~ m{^/some};
    return $conn->answer(200, $text, 'Content-Type' => 'text/html', 'Content-Encoding' => 'x-mine') if $path eq '/coded';
    return $conn->answer(200, $text, 'Content-Type' => 'text/html', 'Cache-Control' => 'public, no-transform') if $path eq '/keep';
    if ($path eq '/chunked') {
        $conn->send("HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n");
        $conn->send(sprintf("%x\r\n%s\r\n", length, $_)) for unpack '(a997)*', $text;
        return $conn->send("0\r\n\r\n");
    }
    if ($path eq '/cut') {
        $conn->send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100000\r\n\r\n" . 'x' x 5000);
        return $conn->close;
    }
    $conn->send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n");
    $gate->wait;
    $conn->send("data: two\n\n");
    $conn->close;
});
my $weir = weir(<<"END", workers => 1);
cache = { memory = { memory = "4m"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; };
  compress = true;
  routes = ( { path = "/"; static = { root = "$dir"; }; },
    { path = "/p/"; proxy = { to = "http://127.0.0.1:$backend->{port}"; strip_prefix = "/p"; };
      compress = { types = [ "text/*" ]; }; },
    { path = "/c/"; static = { mount = "$dir"; }; compress = { skip_cookies = true; codings = [ "gzip" ]; }; },
    { path = "/hard/"; static = { mount = "$dir"; }; compress = { br_level = 11; }; },
    { path = "/fixed/"; static = { mount = "$dir"; }; compress = { br_level = 11; adaptive = false; }; },
    { path = "/kept/"; proxy = { to = "http://127.0.0.1:$backend->{port}"; strip_prefix = "/kept"; }; compress = { br_level = 11; };
      cache = { zone = "memory"; valid = [ "200 1h" ]; }; },
    { path = "/weir"; status = true; },
    { path = "/off/"; static = { mount = "$dir"; }; compress = false; } ); } );
END
my $base = "http://127.0.0.1:" . $weir->port('web');
my %decoder = (gzip => 'gzip -dc', br => 'brotli -dc', zstd => 'zstd -qdc');
sub decode { my ($coding, $bytes) = @_; my $file = write_file("$dir/coded", $bytes); return `$decoder{$coding} < $file` }

for my $http ('--http1.1', '--http2-prior-knowledge') {
    for my $coding (sort keys %decoder) {
        for my $path ('/a.txt', '/p/html', '/p/chunked') {
            my $bytes = `curl -s $http -H 'Accept-Encoding: $coding' $base$path`;
            ok length $bytes && length $bytes < length($text) / 3, "$http $coding $path: smaller";
            is decode($coding, $bytes), $text, 'row 88, P24: and the same';
        }
    }
}
is `curl -s --compressed $base/p/chunked`, $text, 'curl --compressed';
my $get = sub { my ($path, $accept, %more) = @_; get($weir, $path, 'Accept-Encoding' => $accept, %more) };
my $coding = sub { $get->(@_)->header('Content-Encoding') // 'none' };
my @likes = (['gzip, br, zstd', 'zstd'], ['gzip, br', 'br'], ['gzip;q=1.0, br;q=0.5', 'gzip'], ['br;q=0, gzip;q=0', 'none'],
    ['*', 'zstd'], ['zstd;q=0, *', 'br'], ['identity', 'none'], ['identity;q=1, gzip;q=0.5', 'none'], ['', 'none'],
    ['x-gzip', 'gzip'], ['deflate', 'none'], ['gzip;q=2, br;q=x', 'none'], ['GZIP ; Q=0.001', 'gzip'], ['gzipp', 'none']);
is $coding->('/a.txt', $_->[0]), $_->[1], "Accept-Encoding: $_->[0]" for @likes;

my $r = $get->('/a.txt', 'gzip');
like $r->header('ETag'), qr/^W\/"/, 'row 88, P24: a strong ETag becomes weak';
is $r->header('Vary'), 'Accept-Encoding', 'row 88, P24: Vary';
ok !$r->header('Content-Length') && !$r->header('Accept-Ranges'), 'no length, no ranges';
my $plain = get($weir, '/a.txt');
is $plain->header('Vary'), 'Accept-Encoding', 'row 88, P24: Vary also for who gets none';
is $plain->header('Content-Length'), length $text, 'who keeps the length';
my $again = $get->('/a.txt', 'gzip', 'If-None-Match' => $r->header('ETag'));
is $again->{status}, 304, 'the weak ETag is known again';
is $again->header('ETag') . $again->header('Vary'), $r->header('ETag') . 'Accept-Encoding', '304 tells the same';
my $part = $get->('/a.txt', 'gzip', Range => 'bytes=5-9');
is "$part->{status} $part->{body} " . ($part->header('Content-Encoding') // 'plain'), '206 ' . substr($text, 5, 5) . ' plain', 'row 88, P24: a part stays plain';
my $head = request($weir, 'HEAD', '/a.txt', { 'Accept-Encoding' => 'gzip' });
is $head->header('Content-Encoding'), 'gzip', 'HEAD tells what GET would';
ok !$head->header('Content-Length'), 'and no length';
is $coding->('/small.txt', 'gzip'), 'none', 'small bodies stay as they are';
is $coding->('/a.png', 'gzip'), 'none', 'other types, too';
is $coding->('/p/coded', 'gzip'), 'x-mine', 'row 88, P24: nothing is coded twice';
is $coding->('/p/keep', 'gzip'), 'none', 'row 88, P24: no-transform';
is get($weir, '/a.txt', 'Accept-Encoding' => 'gzip', Via => '1.1 a')->header('Content-Encoding'), 'gzip', 'row 88, P24: a proxy in front does not end it';
is $coding->('/off/a.txt', 'gzip'), 'none', 'compress = false';
is $coding->('/c/a.txt', 'gzip, br', Cookie => 'a=b'), 'none', 'skip_cookies';
is $coding->('/c/a.txt', 'gzip, br'), 'gzip', 'without a cookie';

my $cut = client($weir);
$cut->send("GET /p/cut HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
unlike $cut->rest, qr/\r\n0\r\n\r\n\z/, 'a body that is cut is not ended as if it were whole';
my $c = client($weir);
$c->send("GET /p/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n");
my ($first) = $c->until(qr/\r\n\r\n[0-9a-f]+\r\n(.+)\r\n\z/s) =~ /\r\n\r\n[0-9a-f]+\r\n(.+)\r\n\z/s;
write_file("$dir/event", $first // '');
is `gzip -dcq < $dir/event 2>/dev/null`, "data: one\n\n", 'an event leaves at once';
$gate->open;
like $c->rest, qr/\r\n0\r\n\r\n\z/, 'and the stream ends well';

# Who asks all the time for what is made at the highest level leaves the worker no time to spare.
my $size = sub { length $get->("/$_[0]", 'br')->{body} };
my %size = map { $_ => $size->($_) } 'hard/b.txt', 'fixed/b.txt', 'kept/some?before';
my @load = map { my $pid = fork; if (!$pid) { 1 while $get->('/fixed/b.txt', 'br')->{status} == 200 && !-e "$dir/enough"; POSIX::_exit(0) } $pid } 1 .. 4;
ok wait_for { $size->('hard/b.txt') > $size{'hard/b.txt'} }, 'under load levels go down';
is $size->('fixed/b.txt'), $size{'fixed/b.txt'}, 'but where they shall not';
is $size->('kept/some?under-load'), $size{'kept/some?before'}, 'what is kept is made at the configured one' for 1 .. 2;
like get($weir, '/weir/metrics')->{body}, qr/^weir_compress_eased_total\{coding="br"[^}]*\} [1-9]/m, 'which is counted';
like $weir->logged(qr/compress: this worker was busy/), qr/for \d+ % of the time: levels are halved/, 'and logged';
write_file("$dir/enough", '');
waitpid $_, 0 for @load;
my ($status, $said) = check_config('sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; compress = { codings = [ "lzma" ]; }; } );');
like $said, qr/compress\.codings: "lzma": expected "zstd", "br" or "gzip"/, 'an unknown coding';
done_testing;
