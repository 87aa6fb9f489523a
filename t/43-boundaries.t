# SPDX-License-Identifier: Apache-2.0
# Where one message ends and the next begins: weir and the backend behind it never disagree. Messages
# are made from a grammar with mutations; each carries a further request in its body, and the backend
# may see that one only if weir itself has read it as a request.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool(qw(nginx node python3));
my $count = $ENV{WEIR_STRESS} ? 5000 : 320;
srand($ENV{WEIR_SEED} || 7);
sub one { return $_[rand @_] }
sub rarely { my ($usual, @odd) = @_; return rand() < 0.93 ? $usual : one(@odd) }

my ($node, $nginx, $python) = map { new_dir() } 1 .. 3;
my %backend = (
    node => program(['node', write_file("$node/server.js", <<'JS'), '%port%', "$node/log"], dir => $node),
const [port, log] = process.argv.slice(2), fs = require('fs');
require('http').createServer((q, s) => {
  fs.appendFileSync(log, q.method + ' ' + q.url + '\n');
  q.on('data', () => {}); q.on('end', () => s.end('uri=' + q.url));
}).listen(+port, '127.0.0.1');
JS
    python => program(['python3', write_file("$python/server.py", <<'PY'), '%port%', "$python/log"], dir => $python),
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def answer(self):
        with open(sys.argv[2], 'a') as f: f.write(self.command + ' ' + self.path + '\n')
        if 'chunked' in self.headers.get('Transfer-Encoding', '').lower():
            while (n := int(self.rfile.readline().split(b';')[0], 16)): self.rfile.read(n + 2)
            while self.rfile.readline().strip(): pass
        else: self.rfile.read(int(self.headers.get('Content-Length', 0)))
        body = ('uri=' + self.path).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers()
        if self.command != 'HEAD': self.wfile.write(body)
    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_OPTIONS = do_PATCH = answer
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
PY
);
my $port = free_port();
$backend{nginx} = program(['nginx', '-p', $nginx, '-c', write_file("$nginx/nginx.conf", <<"CONF")], port => $port, dir => $nginx);
daemon off; master_process off; pid $nginx/pid; error_log $nginx/error.log; events { }
http { log_format uri '\$request_method \$request_uri'; access_log $nginx/log uri; client_body_temp_path $nginx; proxy_temp_path $nginx;
  fastcgi_temp_path $nginx; uwsgi_temp_path $nginx; scgi_temp_path $nginx;
  server { listen 127.0.0.1:$port; location / { return 200 "uri=\$request_uri"; } } }
CONF
my %log = (node => "$node/log", python => "$python/log", nginx => "$nginx/log");
my $sites = join ', ', map {
    "{ listen = [ \"http://127.0.0.1:%port:$_%\" ]; proxy = { to = \"http://127.0.0.1:$backend{$_}{port}\"; retry = false; };"
        . " access_log = { path = \"%dir%/$_.log\"; format = \"\$status \$upstream_status \$request_method \$request_uri\"; }; }"
} sort keys %backend;
my $weir = weir("sites = ( $sites );");

# ---- the grammar ----

sub eol { return rarely("\r\n", "\n", "\r", "\r\r\n", "\r\n ", "\x0b\r\n") }

sub length_field {
    my ($n) = @_;
    my $value = rarely($n, "+$n", "0$n", "$n, $n", "$n,", " $n ", "\t$n", "$n\x0b", sprintf('0x%x', $n), "$n;", '-0', '', $n - 1, $n + 5, "$n\r\n 1", '18446744073709551616', "$n.0", "\"$n\"");
    return rarely('Content-Length', 'content-length', 'Content_Length', 'Content-Length ', ' Content-Length', "Content-Length\t", "\0Content-Length", 'Content-Length:') . ": $value" . eol();
}

sub coding_field {
    my $value = rarely('chunked', 'Chunked', 'chunked ', "\tchunked", "chunked\x0b", 'x, chunked', 'chunked, identity', 'chunked, chunked', 'chunked;q=1', '"chunked"',
        'identity', 'chunk', 'chunkedx', ' chunked', ',chunked', "chun\tked", '', "\r\n chunked", 'gzip, chunked');
    return rarely('Transfer-Encoding', 'transfer-encoding', 'Transfer_Encoding', 'Transfer-Encoding ', ' Transfer-Encoding', "Transfer-Encoding\0", "X\rTransfer-Encoding", 'Transfer-encoding') . rarely(': ', ':', " : ", ":\t") . $value . eol();
}

sub chunks {
    my ($data) = @_;
    my $n = sprintf '%x', length $data;
    my $size = rarely($n, "0$n", "$n ", " $n", "$n;a=b", "$n;a=\"\n\"", "0x$n", "$n\x0b", "-$n", "+$n", "1000000000000000$n", "$n\t;x", "$n;\r;x", "$n,$n", uc $n);
    return $size . eol() . $data . rarely("\r\n", "\n", '', "\r\nx", 'xx') . rarely('0', '00', '0 ', '0;a', '-0', 'g', '') . eol()
        . rarely('', "X: y\r\n", "Content-Length: 9\r\n", "X : y\r\n", " folded\r\n", "X: y\n") . rarely("\r\n", "\n", "\r", '');
}

sub message {
    my ($i) = @_;
    my $inner = "GET /inner-$i HTTP/1.1\r\nHost: a\r\nX: ";
    my $method = rarely(one(qw(GET POST PUT)), 'HEAD', 'OPTIONS', 'DELETE', 'get', 'GE T', "G\0T", 'CONNECT');
    my $target = rarely("/m-$i", "//m-$i", "http://a/m-$i", "/m-$i#f", "/m-$i ", "/m-$i\t", "/m-$i\x0b", "/m-$i%0d%0a", "*", "m-$i", "/m-$i?a=b c", "http://b:80/m-$i", "/m-$i\xff");
    my $text = rarely('', "\r\n", "\n", ' ', "\r\n\r\n", "\0") . $method . rarely(' ', '  ', "\t", "\x0b") . $target . rarely(' ', '  ', "\t", '')
        . rarely('HTTP/1.1', 'HTTP/1.0', 'HTTP/1.2', 'HTTP/01.1', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 ', 'HTTP/2.0', '') . eol();
    my @fields = (rarely('Host: a', 'Host:a', 'Host: a, b', "Host: a\r\nHost: b", 'Host : a', 'Host: a/b', 'Host:', 'host: A:80') . eol());
    push @fields, one("X-A: b\r\n", "X-A: b\r\n c\r\n", "X-A\r\n", ": b\r\n", "X A: b\r\n", "X-A: \0\r\n", "Connection: keep-alive, Content-Length\r\n", "Connection: close, Transfer-Encoding\r\n",
        "Expect: 100-continue\r\n", "Upgrade: h2c\r\nConnection: upgrade\r\n", "X-A: b\rContent-Length: 5\r\n", "TE: trailers\r\n") if rand() < 0.4;
    my $kind = one(qw(length coding both none twice codings));
    my $body = $kind =~ /coding|both/ ? chunks($inner) : $kind eq 'none' ? '' : $inner;
    push @fields, length_field(length $body) if $kind =~ /length|both|twice/;
    push @fields, length_field(one(0, 4, length $body)) if $kind eq 'twice';
    push @fields, coding_field() if $kind =~ /coding|both/;
    push @fields, coding_field() if $kind eq 'codings';
    @fields = reverse @fields if rand() < 0.5;
    return $text . join('', @fields) . rarely("\r\n", "\n", "\r\n ") . $body;
}

# ---- asking ----

my (%answers, @messages);
for my $i (1 .. $count) {
    push @messages, my $message = message($i);
    my %client = map { $_ => client($weir->port($_)) } keys %backend;
    for my $name (keys %client) {
        $client{$name}->send($message . "GET /after-$i HTTP/1.1\r\nHost: a\r\n\r\n");
        $client{$name}->half_close;
    }
    $answers{$_}[$i] = $client{$_}->rest for keys %client;
}

# python3 makes one slash of two.
sub lines { return map { s{ /+}{ /}r } split /\n/, read_file($_[0]) }
my $refused = grep { $answers{node}[$_] =~ m{^HTTP/1\.1 [45]} } 1 .. $count;
for my $name (sort keys %backend) {
    my $tag = get($weir->port($name), '/last')->{status};
    wait_for { (lines("$weir->{dir}/$name.log"))[-1] =~ m{/last$} } or diag 'the log is not complete';
    my (%read, %seen, %good);
    for (lines("$weir->{dir}/$name.log")) {
        my ($status, $upstream, $request) = /^(\S+) (\S*) (.*)$/ or next;
        $read{$request}++;
        $good{$request}++ if $upstream eq '200';
    }
    $seen{$_}++ for lines($log{$name});
    my @more = grep { /^\S+ / && $seen{$_} > ($read{$_} || 0) } keys %seen;
    # What a backend itself refuses has no line of its own in nginx's log: "400" and an empty request.
    @more = grep { !/^- -$|^ $|^\S* -$/ } @more;
    is "@more", '', "$name saw no request that weir did not read";
    my @missed = grep { ($seen{$_} || 0) < $good{$_} } keys %good;
    is "@missed", '', "$name saw each one that it answered with 200";
    my @mixed = grep {
        my $i = $_;
        # In an answer's body stands which request it is for: never one of another message.
        grep { !/^(?:http:\/\/[ab](?::80)?)?\/+(?:m|inner|after)-$i(?!\d)|^\*$/ } $answers{$name}[$i] =~ /uri=(\S+?)(?=HTTP\/1|\s|$)/g;
    } 1 .. $count;
    is "@mixed", '', "$name: no answer belongs to another message";
    cmp_ok scalar(keys %good), '>', $count / 10, "$name answered a good part of them (" . keys(%good) . ')';
}
cmp_ok $refused, '>', $count / 4, "weir refused $refused of $count messages";
done_testing;
