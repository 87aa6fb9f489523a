# SPDX-License-Identifier: Apache-2.0
# What modules are promised, shown by the small ones in t/modules.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/delay.so";
my $path = qq[modules_path = [ "$build/modules", "$mine" ];];
my $weir = weir(<<'END', server => $path);
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "answer"; }; order_a = true; order_b = true; order_d = true;
  access_log = { path = "%dir%/log"; format = "$uri $status $generated_bytes"; flush = "1ms"; };
  routes = ( { path = "/wait";   delay = { for = "30ms"; }; },
             { path = "/forget"; delay = { mode = "forget"; deadline = "50ms"; }; },
             { path = "/long";   delay = { for = "1h"; deadline = "1h"; }; },
             { path = "/twice";  delay = { mode = "twice"; }; },
             { path = "/lie";    delay = { mode = "lie"; }; },
             { path = "/fail";   delay = { mode = "fail"; }; },
             { path = "/make";   generate = { size = "3000000"; }; },
             { path = "/sized";  generate = { size = "3000000"; length = true; }; },
             { path = "/broken"; generate = { size = "3000000"; fail_at = "100000"; }; },
             { path = "/large";  generate = { size = "1g"; }; },
             { path = "/sorted"; order_b = false; } ); } );
END

is get($weir, '/wait')->{body}, 'answer', 'a suspended request goes on';
is get($weir, '/forget')->{status}, 503, 'one that is never resumed is refused at its deadline: the phase is closed';
ok $weir->logged(qr/did not resume in time/), 'and the log says so';
is get($weir, '/twice')->{body}, 'answer', 'resumed twice:';
ok $weir->logged(qr/a second resume is gone/), 'the second one is told that the token is stale';
is get($weir, '/lie')->{status}, 503, 'AGAIN without a token is a fault, not a hung request';
ok $weir->logged(qr/module delay waits in phase access without having suspended/), 'of the module that is named';
is get($weir, '/fail')->{status}, 503, 'ERROR in the access phase closes the route';
my $client = client($weir);
$client->send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
$client->reset;
my $gone = get($weir, '/wait'); # the loop has turned since
ok 1, 'a client may leave while its request is suspended' if $gone->{body} eq 'answer';

my $letters = substr join('', 'a' .. 'z') x 115_385, 0, 3_000_000;
is get($weir, '/make')->{body}, $letters, 'pull() makes a body of unknown length';
is get($weir, '/sized')->{body}, $letters, 'and one of known length';
is request($weir, 'HEAD', '/sized')->header('Content-Length'), 3_000_000, 'HEAD has the length';
my $broken = client($weir);
$broken->send("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n");
unlike $broken->rest, qr/\r\n0\r\n\r\n\z/, 'a body that fails is never ended as if it were whole';
my $slow = client($weir);
$slow->send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
$slow->until(qr/200 OK/);
$slow->close;
my $made = wait_for { read_file("$weir->{dir}/log") =~ m{^/large \d+ (\d+)$}m && $1 };
cmp_ok $made, '<', 100 << 20, 'nothing is made ahead of a client that does not read';
ok $made, 'a variable of the module tells how much was';

is get($weir, '/')->header('X-Order'), 'd, b, a',
    'an early stage first, then what provides the capability that another wants to be after';
is get($weir, '/sorted')->header('X-Order'), 'd, a', 'false switches a module off for a route';
my ($status, $said) = check_config(
    qq[server = { $path }; sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; order_a = true; order_b = true; order_c = true; } );]);
like $said, qr/wait for each other/, 'hooks that want to be before each other are a mistake';
like $said, qr/order_[abc].*order_[abc]/, 'which names them';
($status, $said) = check_config(
    qq[server = { $path }; sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; newer = true; } );]);
like $said, qr/newer\.so needs module ABI \d+\.999, this weir offers/, 'a module for a newer ABI is refused, with the remedy';
unlike $said, qr/its code ran/, 'before any of its code runs';
done_testing;
