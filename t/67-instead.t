# SPDX-License-Identifier: Apache-2.0
# A module that answers when an upstream has: whatever that speaks, nothing of its answer is left, and the next
# request finds everything as it should be.
use strict;
use warnings;
use Test::More;
use Weir::Test;
use Weir::Frames;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/instead.so";

my $http = backend(sub { $_[0]->answer($_[1]{path} eq "/404" ? 404 : 200, 'b' x 14000, 'X-Theirs' => 1) });
# Of two requests the first is answered with 404. What comes behind a head is in the same write.
my $h2 = backend(sub {
    my ($conn) = @_;
    my $n = 0;
    h2_hello($conn);
    while (my $f = next_frame($conn)) {
        my ($type, $flags, $stream) = @$f;
        $conn->send(frame($SETTINGS, $ACK, 0, '')) if $type == $SETTINGS && !($flags & $ACK);
        next unless $type == $HEADERS;
        $conn->note('asked');
        $conn->send(frame($HEADERS, $END_HEADERS, $stream, pack_fields(':status', $n++ % 2 ? 200 : 404, 'x-theirs', '1')) . frame($DATA, 0, $stream, 'b' x 9000)
            . frame($DATA, $END_STREAM, $stream, 'b' x 5000));
    }
}, raw => 1);
my $closed = closed_port();
my $weir = weir(<<"END", server => qq[modules_path = [ "$build/modules", "$mine" ];], workers => 1);
upstream = { http = { servers = [ "127.0.0.1:$http->{port}" ]; }; h2 = { servers = [ "127.0.0.1:$h2->{port}" ]; };
             closed = { servers = [ "127.0.0.1:$closed" ]; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/http"; proxy = { to = "http://http"; strip_prefix = "/http"; }; instead = { status = 404; }; },
  { path = "/h2"; proxy = { to = "h2://h2"; strip_prefix = "/h2"; }; instead = { status = 404; }; },
  { path = "/closed"; proxy = { to = "http://closed"; }; instead = true; } ); } );
END
for my $kind ('http', 'h2') {
    for my $turn (1 .. 3) {
        my $r = get($weir, "/$kind/404");
        is join(' ', $r->{status}, substr $r->{body}, 0, 9), "418 instead\n", "$kind: answered instead";
        is $r->header('X-Theirs'), undef, '... with nothing of theirs';
        is get($weir, "/$kind/200")->{body} =~ tr/b//, 14000, '... and the next one as it is';
    }
}
is get($weir, '/closed')->{status}, 418, 'also when there is no answer';
is $h2->connections, 1, 'h2: the connection stays';
is scalar(grep { $_ eq 'asked' } $h2->notes), 6, '... for all';
unlike $weir->error_log, qr/ended with/, 'no worker fell';
done_testing;
