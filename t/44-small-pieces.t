# SPDX-License-Identifier: Apache-2.0
# A body that comes byte by byte, and waits for its backend, takes as much memory as its bytes, not a
# buffer for each.
use strict;
use warnings;
use Test::More;
use Weir::Test;
use Weir::Frames;

plan skip_all => 'sanitizers have memory of their own' if is_sanitized();
my $backend = backend(sub { my ($conn) = @_; $conn->until(qr/never/) }, raw => 1);
my $weir = weir(<<"END", workers => 1);
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "fine"; }; http2 = { cleartext = true; };
  routes = ( { path = "/post"; respond = false; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } ); } );
END
sub memory { return read_file('/proc/' . ($weir->worker_pids)[0] . '/smaps_rollup') =~ /^Pss:\s+(\d+)/m ? $1 : 0 }

my $other = client($weir);
# Sends it all in pieces, and counts how many of them have been read when somebody else is answered.
sub grows_by {
    my ($client, @pieces) = @_;
    my $before = memory();
    my $fine = 0;
    for (@pieces) {
        $client->send($_);
        $other->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        $fine += $other->response->{body} eq 'fine';
    }
    is $fine, scalar @pieces, 'all is read';
    return memory() - $before;
}
my $client = client($weir);
$client->send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
cmp_ok grows_by($client, ('x') x 2000), '<', 2000, 'HTTP/1.1: 2,000 bytes in as many pieces: KiB';
my $h2 = client($weir);
$h2->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame($SETTINGS, 0, 0, '') . frame($HEADERS, $END_HEADERS, 1,
    pack_fields(':method', 'POST', ':scheme', 'http', ':authority', 'a', ':path', '/post', 'content-length', '5000')));
cmp_ok grows_by($h2, (frame($DATA, 0, 1, 'x')) x 1500), '<', 2000, 'HTTP/2: frames of a byte: KiB';
done_testing;
