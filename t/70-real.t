# SPDX-License-Identifier: Apache-2.0
# Real clients and real backends: git, curl, wrk; nginx, node and python3.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('nginx', 'curl', 'wrk', 'git', 'node', 'openssl', 'python3');
my $size = is_sanitized() ? 64 << 20 : 1 << 30;
my $www = new_dir();
chmod 0755, $www;
system("cd $www && git init -q -b main work && cd work && git config user.email t\@t && git config user.name t"
    . ' && for i in $(seq 1 300); do seq $i 4000 > file$i; done && git add . && git commit -qm one'
    . ' && git clone -q --bare . ../repo.git && cd ../repo.git && git update-server-info') == 0 or die;
write_file("$www/1k.html", 'x' x 1024);
open my $big, '>', "$www/big" or die;
truncate $big, $size;
seek $big, int($size / 3), 0;
print {$big} 'some bytes that are not zero';
close $big;
my $conf = new_dir();
write_file("$conf/nginx.conf", <<"CONF");
daemon off; worker_processes 1; pid $conf/pid; error_log stderr error; user root;
events { worker_connections 1024; }
http { access_log off; sendfile on; keepalive_requests 1000000;
  client_body_temp_path $conf/b; proxy_temp_path $conf/p; fastcgi_temp_path $conf/f; uwsgi_temp_path $conf/u; scgi_temp_path $conf/s;
  server { listen 127.0.0.1:%port%; root $www; } }
CONF
my $port = free_port();
write_file("$conf/nginx.conf", read_file("$conf/nginx.conf") =~ s/%port%/$port/gr);
my $nginx = program(['nginx', '-c', "$conf/nginx.conf", '-p', $conf], port => $port);
write_file("$conf/up.js", <<'JS');
const http = require('http'), crypto = require('crypto');
let waiting = null;
http.createServer((req, res) => {
  if (req.url === '/upload/events') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' });
    res.write('data: one\n\n');
    waiting = res;
    return;
  }
  if (req.url === '/upload/go') waiting.end('data: two\n\n');
  const hash = crypto.createHash('md5');
  req.on('data', d => hash.update(d)).on('end', () => res.end(hash.digest('hex')));
}).listen(+process.argv[2], '127.0.0.1');
JS
my $node = program(['node', "$conf/up.js", '%port%']);
my $python = program(['python3', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', $www, '%port%']);
my $ws = program(['node', lib_dir() . '/websocket-server.js', '%port%']);
make_certificate($conf);
my $weir = weir(<<"CONF", workers => 2);
sites = ( { listen = [ "http://127.0.0.1:%port:web%", "https://127.0.0.1:%port:tls%" ];
  tls = { certificate = "$conf/cert.pem"; key = "$conf/key.pem"; }; http2 = true; proxy = { to = "http://127.0.0.1:$port"; };
  routes = ( { path = "/chat"; proxy = { to = "http://127.0.0.1:$ws->{port}"; }; },
             { path = "/python/"; proxy = { to = "http://127.0.0.1:$python->{port}"; strip_prefix = "/python"; }; },
             { path = "/upload"; client = { max_body = "2g"; }; proxy = { to = "http://127.0.0.1:$node->{port}"; }; } ); } );
CONF
my $url = 'http://127.0.0.1:' . $weir->port;
my $clone = new_dir();
is system("git clone -q $url/repo.git $clone/c"), 0, 'a git clone';
is system("diff -r -x .git $www/work $clone/c"), 0, 'is complete';
my ($want) = `md5sum < $www/big` =~ /(\w+)/;
my ($got) = `curl -sS $url/big | md5sum` =~ /(\w+)/;
is $got, $want, "a download of $size bytes";
($got) = `curl -sS --limit-rate 400M -r 1000-70000000 $url/big | md5sum` =~ /(\w+)/;
($want) = `tail -c +1001 $www/big | head -c 69999001 | md5sum` =~ /(\w+)/ if $size > 70000000;
is $got, $want, 'a range of it, by a slower client' if $size > 70000000;
($want) = `md5sum < $www/big` =~ /(\w+)/;
($got) = `curl -sS -T - -H 'Transfer-Encoding: chunked' $url/upload < $www/big` =~ /(\w+)/;
is $got, $want, "a chunked upload of $size bytes";
($want) = `md5sum < $www/big` =~ /(\w+)/;
($got) = `curl -sS $url/python/big | md5sum` =~ /(\w+)/;
is $got, $want, "and a download from python3, which speaks HTTP/1.0";

is `timeout 20 node @{[lib_dir()]}/websocket-client.js $url/chat`, "equal\n", 'row 47: a WebSocket of node echoes 1 MiB each way';
is get($weir, '/chat')->{body}, "plain none none\n", 'row 46: a plain request there has no Upgrade';
my $events = client($weir);
$events->send("GET /upload/events HTTP/1.1\r\nHost: a\r\n\r\n");
$events->until(qr/data: one\n\n/);
get($weir, '/upload/go');
ok $events->until(qr/data: two\n\n/), "row 37: node's events come as they are sent";

# The same over HTTP/2; the workers must not hold what they pass on.
my $tls = 'https://127.0.0.1:' . $weir->port('tls');
($want) = `md5sum < $www/big` =~ /(\w+)/;
($got) = `curl -sSk $tls/big | md5sum` =~ /(\w+)/;
is $got, $want, "a download of $size bytes over HTTP/2";
($got) = `curl -sSk -T - $tls/upload < $www/big` =~ /(\w+)/;
is $got, $want, 'and an upload';
my @rss = map { read_file("/proc/$_/status") =~ /VmRSS:\s+(\d+)/ } $weir->worker_pids;
cmp_ok $_, '<', 64 * 1024, "row 39: a worker holds $_ KiB afterwards" for is_sanitized() ? () : @rss;
my $requests = 50000;
my $said = `wrk -t1 -c64 -d5s $url/1k.html`;
my ($done) = $said =~ /(\d+) requests in/;
$done ||= 0;
for (1 .. 10) {
    last if $done >= $requests;
    $said .= `wrk -t1 -c64 -d5s $url/1k.html`;
    $done += $1 for $said =~ /(\d+) requests in [^\n]*\n(?!.*requests in)/s;
}
cmp_ok $done, '>=', is_sanitized() ? 1000 : $requests, "$done requests at 64 connections";
unlike $said, qr/Non-2xx|Socket errors/, 'without an error' or diag $said;
done_testing;
