# SPDX-License-Identifier: Apache-2.0
# The example modules of the SDK: short, and each does what it says.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = ($ENV{WEIR_BUILD} || source_dir() . '/build') . '/sdk/examples/.libs';
plan skip_all => 'the examples are not built' unless -e "$build/echo.so";
for my $source (glob source_dir() . '/sdk/examples/*.c') {
    my ($name) = $source =~ m{(\w+)\.c\z};
    cmp_ok scalar(() = read_file($source) =~ /\n/g), '<=', 120, "$name is short";
    ok -e "$build/$name.so", 'and built';
}
my @backends = map { my $n = $_; backend(sub { my ($conn, $request) = @_;
    $conn->answer(200, "text $n", 'Content-Type' => $request->{path} =~ /png/ ? 'image/png' : 'text/plain', ETag => '"e"') }) } 1 .. 2;
my %says = map { my $status = $_; $status => backend(sub { $_[0]->answer($status, 'word') }) } 200, 403;
my $nobody = closed_port();
my $servers = join ', ', map { "\"127.0.0.1:$_->{port}\"" } @backends;
my $hour = (gmtime)[2];
my $never = $hour < 12 ? 'from = 20; to = 21;' : 'from = 2; to = 3;'; # far from now
my $weir = weir(<<"END", server => "modules_path = [ \"$build\", \"" . modules_dir() . '" ];');
upstream = { app = { servers = [ $servers ]; balance = "lightest"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://app"; }; tally = { path = "%dir%/tally"; };
  routes = ( { path = "/added"; add_header = { value = "status \$status"; }; },
             { path = "/closed"; office_hours = { $never }; },
             { path = "/open"; office_hours = { from = 0; to = 24; }; },
             { path = "/may"; ask_first = { to = "http://127.0.0.1:$says{200}{port}/check"; }; },
             { path = "/may-not"; ask_first = { to = "http://127.0.0.1:$says{403}{port}/check"; }; },
             { path = "/unknown"; ask_first = { to = "http://127.0.0.1:$nobody"; }; },
             { path = "/echo"; echo = true; },
             { path = "/upper"; upper = true; },
             { path = "/visits"; visits = { most = 2; }; headers = { response = { set = { X-Visits = "\$visits"; }; }; }; } ); } );
END

is get($weir, '/added')->header('X-Served-By'), 'status 200', 'add_header';
my $answer = get($weir, '/closed');
is $answer->{status}, 403, 'office_hours refuses';
ok $weir->logged(qr{outside of office hours}), 'and says why';
is get($weir, '/open')->{status}, 200, 'or does not';
is join(' ', map { get($weir, $_)->{status} } '/may', '/may-not', '/unknown'), '200 403 503', 'ask_first';
is +($says{200}->requests)[0]{path}, '/check', 'asks where it was told to';
like get($weir, '/echo?x', 'X-One' => '1')->{body}, qr{^GET /echo\?x\n.*^X-One: 1\n}ms, 'echo';
$answer = get($weir, '/upper');
like $answer->{body}, qr/^TEXT \d$/, 'upper';
is $answer->header('ETag'), 'W/"e"', 'whose bytes are not the same any more';
like get($weir, '/upper/png')->{body}, qr/^text/, 'another type is not changed';
is join(' ', map { my $r = get($weir, '/visits'); "$r->{status}:" . ($r->header('X-Visits') // '') } 1 .. 3), '200:1 200:2 429:3', 'visits';
is join('', sort map { get($weir, '/')->{body} =~ /(\d)/ } 1 .. 4), '1122', 'lightest: equal peers take turns';
ok wait_for { read_file("$weir->{dir}/tally") =~ m{^GET test /upper 200 \d+$}m }, 'tally';
rename "$weir->{dir}/tally", "$weir->{dir}/tally.1";
$weir->command('reopen');
ok wait_for { get($weir, '/echo'); read_file("$weir->{dir}/tally") =~ m{^GET test /echo 200}m }, 'whose file may be rotated';
my ($status, $said) = check_config("server = { modules_path = [ \"$build\", \"" . modules_dir() . "\" ]; };\n"
    . 'sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; office_hours = { from = 9; to = 8; }; } );');
like $said, qr/weir\.conf:2:.*an hour after `from`, which is 9/, 'a mistake that two options make together';
done_testing;
