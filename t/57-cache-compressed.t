# SPDX-License-Identifier: Apache-2.0
# compress and cache together: each stored object is compressed once for each coding, whatever becomes of it.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool(qw(gzip brotli zstd));
my $dir = new_dir();
my $backend = backend(sub { my ($conn, $r) = @_;
    my ($about) = $r->{path} =~ m{^/(\w+)};
    my $state = read_file("$dir/state") || 'one';
    my @head = ('Content-Type' => 'text/html', ETag => "\"$state\"", 'Cache-Control' => 'max-age=1000', 'X-State' => $state,
        $about eq 'lang' ? (Vary => 'Accept-Language') : ());
    return $conn->answer(304, undef, ETag => '"one"', 'Cache-Control' => 'max-age=1000', 'X-State' => 'checked') if $state ne 'two' && $r->header('If-None-Match');
    my $text = join '', map { "$state " . ($r->header('Accept-Language') // '') . " line $_\n" } 1 .. ($about eq 'large' ? 90_000 : 5000);
    return $conn->send("HTTP/1.1 200 OK\r\n@{[join '', map { qq($head[2 * $_]: $head[2 * $_ + 1]\r\n) } 0 .. $#head / 2]}Content-Length: 900000\r\n\r\n$text")
        && $conn->close if $about eq 'cut';
    $conn->answer(200, $text, @head);
});
my $conf = <<"END";
cache = { z = { memory = "8m"; path = "$dir/cache"; }; m = { memory = "4m"; }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
  cache = { zone = "z"; purge = { from = "127.0.0.1"; }; }; compress = { skip_cookies = true; };
  routes = ( { path = "/memory"; cache = { zone = "m"; }; }, { path = "/harder"; compress = { gzip_level = 9; }; cache = { key = "one for both"; }; },
    { path = "/softer"; compress = { gzip_level = 1; }; cache = { key = "one for both"; }; },
    { path = "/s"; status = true; cache = false; compress = false; } ); } );
END
my $weir = weir($conf);
my %decoder = (gzip => 'gzip -dc', br => 'brotli -dc', zstd => 'zstd -qdc');
sub decoded { my ($coding, $r) = @_; my $file = write_file("$dir/coded", $r->{body}); return `$decoder{$coding} < $file` }
sub figure { my ($name, $coding) = @_; return (get($weir, '/s/metrics')->{body} =~ /^weir_compress_$name\{coding="$coding"\} (\d+)/m)[0] // 0 }
sub ask { my ($path, $coding, %h) = @_; return get($weir, $path, 'Accept-Encoding' => $coding, %h) }
# One after another: all the same text, from as many compressions as are expected.
sub once {
    my ($path, $coding, $expected, $name, @accepts) = @_;
    my $before = figure('bodies_total', $coding);
    my @got = map { ask($path, $_) } $coding, $coding, @accepts;
    my $plain = ask($path, 'identity')->{body};
    is scalar(grep { $_->header('Content-Encoding') eq $coding && decoded($coding, $_) eq $plain } @got), scalar(@got), "$name: $coding: the same text";
    is scalar(grep { $_->{body} eq $got[0]{body} && $_->header('ETag') =~ /^W/ && $_->header('Vary') =~ /Accept-Encoding/ } @got), scalar(@got), 'in the same bytes and head';
    is figure('bodies_total', $coding) - $before, $expected, "compressed $expected times";
    return @got;
}
for my $path ('/page', '/memory', '/large') {
    once($path, $_, 1, $path, "$_;q=0.9, deflate") for sort keys %decoder;
    once($path, 'gzip', 0, "$path, again");
}
is join(' ', map { ask("/page", 'gzip', 'Cache-Control' => 'no-cache')->header('Cache-Status') =~ /hit/ ? 'hit' : 'no' } 1, 2), 'hit hit', 'they are hits';
my $head = request($weir, 'HEAD', '/page', { 'Accept-Encoding' => 'gzip' });
is $head->header('Content-Encoding') . $head->header('ETag'), 'gzip' . ask('/page', 'gzip')->header('ETag'), 'HEAD tells the same';
my $part = ask('/page', 'gzip', Range => 'bytes=4-9');
is "$part->{status} $part->{body}", '206 ' . substr(ask('/page', 'identity')->{body}, 4, 6), 'a part stays plain';
is ask('/page', 'gzip', Cookie => 'a=b')->header('Content-Encoding'), undef, 'so does what skip_cookies is for';
is ask('/page', 'gzip', 'If-None-Match' => ask('/page', 'gzip')->header('ETag'))->{status}, 304, 'a client that has it';
for my $language ('de', 'en') {
    my ($first, $again) = map { ask('/lang', 'br', 'Accept-Language' => $language) } 1, 2;
    like decoded('br', $again), qr/\Aone $language line 1\n/, "a variant has its own: $language";
    is $again->{body}, $first->{body}, 'each once';
}
once($_, 'gzip', 1, "$_, another level") for '/harder', '/softer';
is ask('/harder', 'gzip')->{body} eq ask('/softer', 'gzip')->{body} ? 'same' : 'other', 'other', 'each level has its own';

# What becomes of it.
my $url = 'http://127.0.0.1:' . $weir->port . '/page';
sub purge { my @how = @_; return (run_weir('-c', $weir->{conf}, 'cache', 'purge', @how))[0] }
is purge('--soft', 'http://test/page'), 0, 'a soft purge';
my ($checked) = once('/page', 'gzip', 0, 'validated');
is $checked->header('X-State'), 'checked', 'with the head that the validation has brought';
write_file("$dir/state", 'two');
is purge('--soft', 'http://test/page'), 0, 'another one';
my ($fresh) = once('/page', 'gzip', 1, 'fetched again');
like decoded('gzip', $fresh), qr/\Atwo /, 'it is the new text';
write_file("$dir/state", 'three');
is purge('http://test/page'), 0, 'a purge';
like decoded('gzip', (once('/page', 'gzip', 1, 'purged'))[1]), qr/\Athree /, 'nothing is left of the old one';
is ask('/cut', 'gzip')->{complete}, 0, 'a body that is cut';
my ($n) = figure('kept_total', 'gzip');
is ask('/cut', 'gzip')->{complete}, 0, 'is not kept';
is figure('kept_total', 'gzip'), $n, 'in no coding';

# Files outlive weir.
ok $weir->stop, 'a restart';
$weir = weir($conf);
ok wait_for { (run_weir('-c', $weir->{conf}, 'cache', 'stat', 'z'))[1] !~ /loading/ }, 'the files are found';
once($_, 'gzip', 0, "$_ after a restart") for '/page', '/large';
done_testing;
