# SPDX-License-Identifier: Apache-2.0
# limit: bytes per second, of each response and of a key's responses together; and what is only reported.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);
use Weir::Test;

my $dir = new_dir();
write_file("$dir/file", 'f' x 60_000);
my $backend = backend(sub { my ($conn, $r) = @_; $conn->answer(200, 'x' x 60_000) });
my $weir = weir(<<"END", workers => 2);
limit = { one = { key = "\$request_id"; rate = "100000r/s"; }; shared = { key = "\$arg_k"; bandwidth = "50k/s"; }; slow = { rate = "1r/h"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
  routes = ( { path = "/each"; limit = { zone = "one"; bandwidth = "50k/s"; }; },
    { path = "/key"; limit = { zone = "shared"; }; },
    { path = "/file"; limit = { zone = "one"; bandwidth = "50k/s"; }; static = { mount = "$dir"; }; proxy = false; },
    { path = "/access"; access = { deny = [ "all" ]; mode = "report"; }; },
    { path = "/limit"; limit = { zone = "slow"; mode = "report"; }; },
    { path = "/s"; status = true; proxy = false; } ); } );
END

# Slower is always possible; faster is not.
sub timed { my ($code) = @_; my $start = time; $code->(); return time - $start }
my $r;
for (['/each', 'x'], ['/file/file', 'f']) {
    my ($path, $letter) = @$_;
    my $took = timed(sub { $r = get($weir, $path) });
    cmp_ok $took, '>', 0.9, "$path: 60,000 bytes at 50 KiB/s take their time";
    is $r->{body}, $letter x 60_000, 'and all come';
}
my $took = timed(sub {
    my @c = map { my $c = client($weir); $c->send("GET /key?k=a HTTP/1.1\r\nHost: a\r\n\r\n"); $c } 1 .. 2;
    is $_->response->{body}, 'x' x 60_000, 'one of two of a key' for @c;
});
cmp_ok $took, '>', 1.9, 'which share the bandwidth';
my $c = client($weir);
$c->send("GET /each HTTP/1.1\r\nHost: a\r\n\r\n");
$c->until(qr/xxx/);
$c->reset; # while it waits for its turn
is get($weir, '/key')->{body}, 'x' x 60_000, 'without a key nothing waits';

is get($weir, '/access')->{status}, 200, 'access: report';
is get($weir, '/limit')->{status}, 200, 'limit: report' for 1, 2;
my $metrics = get($weir, '/s/metrics')->{body};
like $metrics, qr/^weir_${_}_reported_total 1$/m, "$_: what passed is counted" for qw(access limit);
my (undef, $said) = check_config('limit = { a = { bandwidth = "fast"; }; b = { store = "redis://x"; }; c = { rate = "1r/s"; store = "http://a"; }; }; sites = ();');
like $said, qr/limit\.a: bandwidth "fast": expected bytes per second/, 'mistakes are named';
like $said, qr/limit\.b: store: only a rate is shared/, 'each';
done_testing;
