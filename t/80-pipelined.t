# SPDX-License-Identifier: Apache-2.0
# A head that comes in two parts, and behind it a shorter request: that one is answered at once, too.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "$uri"; }; } );');
my $client = client($weir);
for my $round (1 .. 3) {
    $client->send("GET /long$round HTTP/1.1\r\nHost: a\r\nA: " . 'x' x 3000);
    ok $client->is_quiet, 'a part of a head is no request';
    $client->send("\r\n\r\nGET /short$round HTTP/1.1\r\nHost: a\r\n\r\n");
    is $client->response->{body}, "/long$round", 'the rest comes: it is answered';
    is $client->response->{body}, "/short$round", 'and so is what came along';
}
done_testing;
