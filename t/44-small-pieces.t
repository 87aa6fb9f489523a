# SPDX-License-Identifier: Apache-2.0
# A body that comes byte by byte, and waits for its backend, takes as much memory as its bytes, not a
# buffer for each.
use strict;
use warnings;
use Test::More;
use Weir::Test;

plan skip_all => 'sanitizers have memory of their own' if is_sanitized();
my $backend = backend(sub { my ($conn) = @_; $conn->until(qr/never/) }, raw => 1);
my $weir = weir(<<"END", workers => 1);
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "fine"; };
  routes = ( { path = "/post"; respond = false; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; } ); } );
END
sub memory { return read_file('/proc/' . ($weir->worker_pids)[0] . '/smaps_rollup') =~ /^Pss:\s+(\d+)/m ? $1 : 0 }

my $client = client($weir);
my $other = client($weir);
$client->send("POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n");
my $before = memory();
my $fine = 0;
for (1 .. 2000) {
    $client->send('x');
    $other->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); # when that is answered, the byte has been read
    $fine += $other->response->{body} eq 'fine';
}
is $fine, 2000, 'all is read';
cmp_ok memory() - $before, '<', 2000, '2,000 bytes in as many pieces: KiB';
done_testing;
