# SPDX-License-Identifier: Apache-2.0
# A worker that had nothing to do for a while knows what time it is when a request comes.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir('sites = ( { listen = "http://127.0.0.1:%port:web%"; respond = { text = "$time_iso8601"; }; } );', workers => 1);
my $client = client($weir);
my $ask = sub { $client->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); return $client->response };
$ask->();
my $second = time;
wait_for { time > $second + 2 };
my $before = time;
my $r = $ask->();
my ($h, $m, $s) = $r->header('Date') =~ /(\d\d):(\d\d):(\d\d) GMT/;
my $off = ($h * 3600 + $m * 60 + $s - $before % 86400) % 86400;
cmp_ok $off, '<=', 40, "Date is of the present, not of the last request ($off s)";
like $r->{body}, qr/:$m:$s/, 'and so are the variables';
done_testing;
