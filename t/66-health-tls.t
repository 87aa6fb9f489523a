# SPDX-License-Identifier: Apache-2.0
# Active checks through TLS: nginx by HTTPS, a gRPC server behind nginx, and a handshake alone.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('nginx');
my $dir = new_dir();
my ($certificate, $key) = make_certificate($dir);
make_certificate($dir, name => 'other', names => ['other.example']);
my $frame = sub { my ($type, $flags, $stream, $data) = @_; return substr(pack('N', length $data), 1) . pack('CCN', $type, $flags, $stream) . $data };
my $grpc = backend(sub { # a gRPC server as far as its health service goes
    my ($conn) = @_;
    $conn->until(qr/PRI \* HTTP\/2\.0\r\n\r\nSM\r\n\r\n/) or return;
    $conn->until(qr/\x{0a}\x{03}app/) or return;
    my $status = -e "$dir/grpc-ill" ? 2 : 1;
    $conn->send($frame->(4, 0, 0, '') . $frame->(1, 4, 1, "\x88\x40\x0ccontent-type\x10application/grpc") . $frame->(0, 0, 1, pack('CNCC', 0, 2, 8, $status))
        . $frame->(1, 5, 1, "\x40\x0bgrpc-status\x010"));
    $conn->is_closed;
}, raw => 1);
my ($port, $wrong) = (free_port(), free_port());
mkdir "$dir/www";
write_file("$dir/www/$_", 'all well') for 'health', 'any';
write_file("$dir/nginx.conf", <<"END");
daemon off; master_process off; pid $dir/nginx.pid; error_log $dir/nginx.log;
events { }
http { access_log off; client_body_temp_path $dir/t1; proxy_temp_path $dir/t2; fastcgi_temp_path $dir/t3; uwsgi_temp_path $dir/t4; scgi_temp_path $dir/t5; root $dir/www;
  server { listen 127.0.0.1:$port ssl http2; ssl_certificate $certificate; ssl_certificate_key $key;
    location / { } location /grpc.health.v1.Health/ { grpc_pass grpc://127.0.0.1:$grpc->{port}; } }
  server { listen 127.0.0.1:$wrong ssl; ssl_certificate $dir/other.pem; ssl_certificate_key $dir/other-key.pem; } }
END
my $nginx = program(['nginx', '-p', $dir, '-c', "$dir/nginx.conf"], port => $port);
my $plain = backend(sub { $_[0]->send("HTTP/1.1 400 Bad Request\r\n\r\n") }, raw => 1);
my $timing = 'interval = "100ms"; timeout = "10s"; rise = 2; fall = 2;';
my $tls = qq[tls = { ca = "$certificate"; };];
my $servers = qq[servers = [ "127.0.0.1:$nginx->{port}", "127.0.0.1:$wrong", "127.0.0.1:$plain->{port}" ];];
my $weir = weir(<<"END", workers => 2);
upstream = {
  web = { $servers health = { path = "/health"; body = "well"; $tls $timing }; };
  any = { $servers health = { path = "/any"; tls = { verify = false; }; $timing }; };
  shake = { $servers health = { type = "tcp"; $tls $timing }; };
  grpc = { servers = [ "127.0.0.1:$nginx->{port}" ]; health = { type = "grpc"; service = "app"; $tls $timing }; };
};
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/web"; proxy = { to = "https://web"; tls = { ca = "$certificate"; }; }; }, { path = "/any"; proxy = { to = "https://any"; }; },
  { path = "/shake"; proxy = { to = "https://shake"; }; }, { path = "/grpc"; proxy = { to = "https://grpc"; }; } ); } );
END
for my $group ('web', 'shake') {
    like $weir->logged(qr/$group: peer .*:$wrong is out/), qr/TLS handshake: .*certificate/, "$group: a certificate that is not trusted";
    like $weir->logged(qr/$group: peer .*:$plain->{port} is out/), qr/TLS handshake: /, "$group: a peer that speaks no TLS";
}
unlink "$dir/www/health";
like $weir->logged(qr/web: peer .*:$nginx->{port} is out/), qr/it answered 404/, 'the status counts, through TLS';
write_file("$dir/www/health", 'all well');
ok $weir->logged(qr/web: peer .*:$nginx->{port} is back/), 'and the body';
write_file("$dir/grpc-ill", '');
like $weir->logged(qr/grpc: peer .*:$nginx->{port} is out/), qr/not serving/, 'gRPC over TLS: what the service says';
unlink "$dir/grpc-ill";
ok $weir->logged(qr/grpc: peer .*:$nginx->{port} is back/), 'and says again';
unlike $weir->error_log, qr/any: peer .*:$wrong is out/, 'verify = false trusts everybody';
unlike $weir->error_log, qr/shake: peer .*:$nginx->{port} is out/, 'a handshake is enough for tcp';
my ($status, $said) = check_config("upstream = { a = { servers = [ \"127.0.0.1:1\" ]; health = { tls = { cb = \"x\"; }; }; }; };");
like $said, qr/upstream\.a\.health\.tls has no option "cb"/, 'a mistake in the settings';
done_testing;
