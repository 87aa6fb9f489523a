# SPDX-License-Identifier: Apache-2.0
# HTTP/2 towards backends, frame by frame: what a backend may do, and what is made of it; and
# nghttpd as one, over plain text and TLS.
use strict;
use warnings;
use Test::More;
use Weir::Test;
use Weir::Frames;

need_tool($_) for qw(curl nghttpd h2load openssl);
my $dir = new_dir();
make_certificate($dir);
write_file("$dir/big", join '', map { pack 'N', $_ } 1 .. 1 << 18);

# A backend: code gets ($conn, stream, fields, body) for each request that is complete.
sub h2_backend {
    my ($code, @settings) = @_;
    return backend(sub {
        my ($conn) = @_;
        my ($n, %head, %body) = (0);
        h2_hello($conn, @settings);
        while (my $f = next_frame($conn)) {
            my ($type, $flags, $stream, $text) = @$f;
            $conn->send(frame($SETTINGS, $ACK, 0, '')) if $type == $SETTINGS && !($flags & $ACK);
            $conn->note("reset $stream " . unpack 'N', $text) if $type == $RST;
            $head{$stream} .= $text if $type == $HEADERS;
            $body{$stream} .= $text if $type == $DATA;
            next unless ($type == $HEADERS || $type == $DATA) && $flags & $END_STREAM;
            $conn->note("asked $stream");
            $code->($conn, $stream, ++$n, $body{$stream} // '');
        }
    }, raw => 1);
}
sub answer {
    my ($conn, $stream, $body, @trailers) = @_;
    return $conn->send(frame($HEADERS, $END_HEADERS, $stream, pack_fields(':status', 200, 'x-kind', 'h2'))
        . frame($DATA, @trailers ? 0 : $END_STREAM, $stream, $body)
        . (@trailers ? frame($HEADERS, $END_STREAM | $END_HEADERS, $stream, pack_fields(@trailers)) : ''));
}
my %backend = (
    plain => h2_backend(sub { answer($_[0], $_[1], "got $_[3]", 'x-sum', '42') }),
    # The second request of a connection is above what GOAWAY says was looked at.
    goaway => h2_backend(sub {
        my ($conn, $stream, $n) = @_;
        return $conn->send(frame($GOAWAY, 0, 0, pack 'NN', 1, 0)) if $n == 2;
        return answer($conn, $stream, "on $conn->{number}");
    }),
    refuse => h2_backend(sub { $_[0]->send(frame($RST, 0, $_[1], pack 'N', 7)) }),
    calm => h2_backend(sub {
        my ($conn, $stream) = @_;
        $conn->send(frame($HEADERS, $END_HEADERS, $stream, pack_fields(':status', 200)) . frame($RST, 0, $stream, pack 'N', 11));
    }),
    one => h2_backend(sub { answer($_[0], $_[1], "on $_[0]{number}") }, 3, 1), # MAX_CONCURRENT_STREAMS
    mute => h2_backend(sub { }),
    odd => backend(sub { my ($conn) = @_; $conn->more; $conn->send("HTTP/1.1 400 Bad Request\r\n\r\n"); $conn->rest }, raw => 1),
    tls1 => program(['nghttpd', '-d', $dir, '%port%', "$dir/key.pem", "$dir/cert.pem"]),
    nghttpd => program(['nghttpd', '--no-tls', '-d', $dir, '%port%']),
);
my $routes = join ', ', map { qq({ path = "/$_"; proxy = { to = "h2://127.0.0.1:$backend{$_}{port}"; read_timeout = "1s"; strip_prefix = "/$_"; }; }) }
    grep { $_ ne 'tls1' } sort keys %backend;
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; http2 = { cleartext = true; }; client = { max_body = "10m"; };
  routes = ( $routes, { path = "/tls1"; proxy = { to = "h2s://127.0.0.1:$backend{tls1}{port}"; strip_prefix = "/tls1"; tls = { ca = "$dir/cert.pem"; }; }; } ); } );
END

my $r = get($weir, '/plain/');
is "$r->{status} $r->{body}", '200 got ', 'a GET';
is $r->header('X-Kind'), 'h2', 'with its fields';
is $r->{trailers}{'x-sum'}, '42', 'and trailers';
is request($weir, 'POST', '/plain/', {}, 'body')->{body}, 'got body', 'a body';
is request($weir, 'POST', '/plain/', { 'Transfer-Encoding' => 'chunked' }, "4\r\nbody\r\n0\r\n\r\n")->{body}, 'got body', 'a chunked one';
is $backend{plain}->connections, 1, 'on one connection';

is get($weir, '/goaway/')->{body}, 'on 1', 'before GOAWAY';
is request($weir, 'POST', '/goaway/', {}, 'x')->{body}, 'on 2', 'a POST that GOAWAY leaves out is sent again, on another connection';
$r = request($weir, 'POST', '/refuse/', {}, 'x');
is $r->{status}, 502, 'a peer that refuses all streams';
cmp_ok scalar(grep { /asked/ } $backend{refuse}->notes), '<', 5, 'is not asked without end';
is get($weir, '/odd/')->{status}, 502, 'a backend that speaks HTTP/1';
ok $weir->logged(qr/what it sent is not HTTP\/2/), 'which is logged';
is get($weir, '/mute/')->{status}, 504, 'read_timeout';
ok $backend{mute}->noted('reset 1 8'), 'and the backend is told that nobody waits';

# A client of ours in HTTP/2: codes pass both ways.
my $conn = client($weir);
my $head = pack_fields(':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/calm/');
$conn->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, '') . frame($HEADERS, $END_STREAM | $END_HEADERS, 1, $head));
my $f;
1 while ($f = next_frame($conn)) && $f->[0] != $RST;
is $f && unpack('N', $f->[3]), 11, "a backend's reset reaches the client with its code";
my $count = sub { my ($what) = @_; return scalar grep { /^$what/ } $backend{mute}->notes };
$conn->send(frame($HEADERS, $END_STREAM | $END_HEADERS, 3, $head =~ s/calm/mute/r));
ok wait_for { $count->('asked') == 2 }, 'a request that is not answered';
$conn->send(frame($RST, 0, 3, pack 'N', 8));
ok wait_for { $count->('reset \d+ 8') == 2 }, "a client's cancel reaches the backend";

my $port = $weir->port;
my %on = map { $_ => 1 } grep { /^on / } split /\n/, `for i in 1 2 3 4 5 6; do curl -s --no-progress-meter http://127.0.0.1:$port/one/\$i -w '\\n' & done; wait`;
cmp_ok scalar(keys %on), '>', 0, 'one stream at a time: ' . join ', ', sort keys %on;
my $all = `h2load -n 300 -c 4 -m 10 http://127.0.0.1:$port/one/ 2>&1`;
like $all, qr/ 300 succeeded, 0 failed, 0 errored/, 'and 300 requests find their turn' or diag $all;
for my $name (qw(nghttpd tls1)) {
    is `curl -s http://127.0.0.1:$port/$name/big | md5sum`, `md5sum < $dir/big`, "$name: a file over HTTP/1";
    is `curl -s --http2-prior-knowledge http://127.0.0.1:$port/$name/big | md5sum`, `md5sum < $dir/big`, "$name: over HTTP/2";
    is `curl -s --http2-prior-knowledge -T $dir/big http://127.0.0.1:$port/$name/big -o /dev/null -w '%{http_code} %{size_upload}'`,
        '200 1048576', "$name: an upload" for 1 .. 3;
}
my $load = `h2load -n 5000 -c 10 -m 20 http://127.0.0.1:$port/nghttpd/key.pem 2>&1`;
like $load, qr/ 5000 succeeded, 0 failed, 0 errored/, '5000 requests' or diag $load;
done_testing;
