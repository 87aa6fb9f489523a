# SPDX-License-Identifier: Apache-2.0
# Answers that come bit by bit, work that blocks, and what a hook's word means in its phase.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/later.so";
my $path = qq[modules_path = [ "$build/modules", "$mine" ];];
my $vote = join "\n", map { my ($at, $satisfy, $first, $second) = @$_;
    qq[{ path = "$at"; satisfy = "$satisfy"; vote = { first = "$first"; second = "$second"; }; },] }
    map { my $s = $_; map { my $f = $_; map { ["/$s/$f/$_", $s, $f, $_] } qw(next done refuse login fail later) }
        qw(next done refuse login fail) } qw(all any);
my $weir = weir(<<"END", server => $path);
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "\$http_x_second"; };
  routes = ( $vote
    { path = "/timer"; later = true; }, { path = "/length"; later = { mode = "length"; pieces = 30000; }; },
    { path = "/fail"; later = { mode = "fail"; }; }, { path = "/long"; later = { pieces = 1000000; }; },
    { path = "/thread"; later = { mode = "thread"; }; },
    { path = "/open"; vote = { limit = "fail"; }; } ); } );
END

is get($weir, '/timer')->{body}, 'piece piece piece ', 'respond_from: AGAIN, then ready, three times';
is get($weir, '/length')->{body}, 'piece ' x 30000, 'of known length, window by window';
is request($weir, 'HEAD', '/length')->header('Content-Length'), 180_000, 'HEAD asks for no body';
ok $weir->logged(qr/the answer ended, 30000 pieces left/), 'end() is called nevertheless';
my $c = client($weir);
$c->send("GET /fail HTTP/1.1\r\nHost: a\r\n\r\n");
unlike $c->rest, qr/\r\n0\r\n\r\n\z/, 'ERROR cuts the stream';
$c = client($weir);
$c->send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
$c->until(qr/piece.*piece/s);
$c->reset;
ok $weir->logged(qr/the answer ended, 99\d{4} pieces left/), 'end() is called when the client leaves';

my @clients = map { client($weir) } 1 .. 12;
$_->send("GET /thread HTTP/1.1\r\nHost: a\r\n\r\n") for @clients;
is join(' ', map { $_->response->{status} } @clients), join(' ', (200) x 12), 'twelve requests wait for threads';
$c = client($weir);
$c->send("GET /thread HTTP/1.1\r\nHost: a\r\n\r\n");
$c->reset;
is get($weir, '/thread')->{status}, 200, 'a client may leave while a thread works for it';

is get($weir, '/open')->{status}, 200, 'ERROR in the limit phase lets the request pass';
# first, second => all, any
my %expect = ('next next' => [200, 200], 'done refuse' => [403, 200], 'refuse done' => [403, 200],
    'refuse next' => [403, 403], 'next refuse' => [403, 403], 'done done' => [200, 200],
    'refuse login' => [403, 401], 'login refuse' => [401, 401], 'login done' => [401, 200],
    'fail done' => [503, 200], 'fail next' => [503, 503], 'fail login' => [503, 401], 'done fail' => [503, 200],
    'next later' => [403, 403], 'done later' => [403, 200], 'refuse later' => [403, 403], 'login later' => [401, 401]);
for my $votes (sort keys %expect) {
    my ($first, $second) = split / /, $votes;
    my @status = map { get($weir, "/$_/$first/$second")->{status} } qw(all any);
    is "@status", "@{$expect{$votes}}", "$first, then $second: all, any";
}
my $r = get($weir, '/any/refuse/login');
ok !$r->header('X-Refused') && $r->header('WWW-Authenticate'), 'only the refusal that stands shows its fields';
$r = get($weir, '/any/login/done');
ok !$r->header('WWW-Authenticate'), 'none does when the request was let in';
is get($weir, '/all/done/done')->{body}, 'asked', 'all: DONE does not spare the second hook';
is get($weir, '/any/done/done')->{body}, '', 'any: it does';
my (undef, $said) = check_config('sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; satisfy = "some"; } );');
like $said, qr/satisfy.*"all".*"any"/s, 'satisfy knows two words';
done_testing;
