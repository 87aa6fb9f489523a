# SPDX-License-Identifier: Apache-2.0
# Files in full: variants, several ranges, entity tags, links, folders that are shown, changes. Row 22, P11.
use strict;
use warnings;
use Test::More;
use JSON::PP;
use Weir::Test;

my $www = new_dir();
my $text = join '', map { "line $_\n" } 1 .. 3000; # larger than what is kept in memory
mkdir "$www/$_" for qw(shown shown/sub shown/.secret empty outside);
write_file("$www/a.txt", $text);
write_file("$www/a.txt.$_", "coded by $_") for qw(br zst gz);
write_file("$www/one.css", 'plain');
write_file("$www/one.css.gz", 'packed');
write_file("$www/old.css", 'new');
write_file("$www/old.css.gz", 'old');
utime 1e9, 1e9, "$www/old.css.gz";
write_file("$www/p.jpg$_", "image$_") for '', '.avif', '.webp';
write_file("$www/shown/$_", $_) for 'b.txt', '<i>&"\'.txt', "odd \xff name", '.hidden', 'javascript:x';
symlink '/etc/passwd', "$www/shown/leaves";
symlink 'b.txt', "$www/shown/link";
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; static = { root = "$www"; images = [ "avif", "webp" ]; };
  routes = ( { path = "/shown/"; static = { autoindex = true; }; },
    { path = "/m/"; static = { mount = "$www/shown"; autoindex = true; symlinks = "never"; etag = "weak"; }; },
    { path = "/try/"; static = { mount = "$www/shown"; autoindex = true; try = [ "\$uri", "\$uri/", "=404" ]; }; },
    { path = "/plain/"; static = { mount = "$www"; precompressed = [ ]; etag = "off"; }; } ); } );
END
my $get = sub { get($weir, @_) };
my $coding = sub { my $r = $get->(@_); ($r->header('Content-Encoding') // 'none') . ' ' . $r->{status} };

my %made = (br => 'coded by br', zstd => 'coded by zst', gzip => 'coded by gz', none => $text);
for (['gzip, br, zstd', 'br'], ['gzip;q=1, br;q=0.5', 'gzip'], ['zstd', 'zstd'], ['*', 'br'], ['br;q=0, *;q=0.1', 'zstd'],
    ['identity', 'none'], ['identity, gzip;q=0.5', 'none'], ['gzip;q=0', 'none'], [undef, 'none']) {
    my ($accept, $want) = @$_;
    my $r = $get->('/a.txt', 'Accept-Encoding' => $accept);
    my $name = $accept // 'nothing';
    is $r->header('Content-Encoding') // 'none', $want, "Accept-Encoding: $name gets $want";
    is $r->{body}, $made{$want}, 'its bytes';
    is $r->header('Content-Type') . ' ' . $r->header('Vary'), 'text/plain Accept-Encoding', 'its own type, and Vary';
}
my @tags = map { $get->('/a.txt', 'Accept-Encoding' => $_)->header('ETag') } qw(br gzip identity);
is scalar(keys %{ { map { $_ => 1 } @tags } }), 3, 'each has an entity tag of its own';
is $get->('/a.txt', 'Accept-Encoding' => 'gzip', 'If-None-Match' => $tags[1])->{status}, 304, 'and is known by it';
is $get->('/a.txt', 'Accept-Encoding' => 'br', 'If-None-Match' => $tags[1])->{status}, 200, 'not by another one';
is $get->('/a.txt', 'Accept-Encoding' => 'gzip', Range => 'bytes=0-4')->{body}, 'coded', 'a range is one of the coded bytes';
is $coding->('/one.css', 'Accept-Encoding' => 'br, gzip;q=0.1'), 'gzip 200', 'the one that is there';
is $coding->('/old.css', 'Accept-Encoding' => 'gzip'), 'none 200', 'none that is older than the file';
is $coding->('/plain/a.txt', 'Accept-Encoding' => 'gzip'), 'none 200', 'none when switched off';
is $get->('/one.css')->header('Vary'), 'Accept-Encoding', 'Vary for who gets the file itself';
for (['image/avif,image/webp,*/*', 'image/avif'], ['image/webp,*/*;q=0.8', 'image/webp'], ['*/*', 'image/jpeg'], [undef, 'image/jpeg']) {
    my $r = $get->('/p.jpg', Accept => $_->[0]);
    is $r->header('Content-Type') . ' ' . $r->header('Vary'), "$_->[1] Accept", 'Accept: ' . ($_->[0] // 'nothing');
}

my $r = $get->('/a.txt', Range => 'bytes=0-3, -5, 20000-20003,99999999-');
my ($boundary) = $r->header('Content-Type') =~ m{^multipart/byteranges; boundary=(\w+)$};
my $size = length $text;
my $part = sub { "\r\n--$boundary\r\nContent-Type: text/plain\r\nContent-Range: bytes $_[0]-$_[1]/$size\r\n\r\n" . substr $text, $_[0], $_[1] - $_[0] + 1 };
is "$r->{status} $r->{body}", '206 ' . $part->(0, 3) . $part->($size - 5, $size - 1) . $part->(20000, 20003) . "\r\n--$boundary--\r\n",
    'several ranges: multipart/byteranges, in their order';
is $r->header('Content-Length'), length $r->{body}, 'with its length';
is $get->('/a.txt', Range => 'bytes=2-3,99999999-')->header('Content-Range'), "bytes 2-3/$size", 'one that is left is no multipart';
is $get->('/a.txt', Range => $_)->{status}, 200, "$_: the whole file"
    for 'bytes=' . join(',', ('0-') x 5), 'bytes=' . join(',', map { "$_-$_" } 1 .. 40), 'lines=1-2', 'bytes=5-1', 'bytes=0-1,x';
is $get->('/a.txt', Range => 'bytes=99999999-')->header('Content-Range'), "bytes */$size", '416 tells the size';
is $get->('/a.txt', Range => 'bytes=0-1,4-5', 'If-Range' => $_->[0])->{status}, $_->[1], "If-Range: $_->[0]"
    for [$tags[2], 206], ["W/$tags[2]", 200], ['"other"', 200], [$r->header('Last-Modified'), 206], ['Sun, 06 Nov 1994 08:49:37 GMT', 200];
my $weak = $get->('/m/b.txt');
like $weak->header('ETag'), qr{^W/"}, 'weak tags where they are wanted';
is $get->('/m/b.txt', 'If-None-Match' => $weak->header('ETag'))->{status}, 304, 'known again';
is $get->('/m/b.txt', Range => 'bytes=0-0', 'If-Range' => $weak->header('ETag'))->{status}, 200, 'but no ground for a range';
is $get->('/plain/a.txt')->header('ETag'), undef, 'or none at all';

is $get->('/shown/link')->{body}, 'b.txt', 'a link inside';
is $get->('/m/link')->{status}, 404, 'symlinks = "never"';
is $get->("/shown$_")->{status}, 404, "row 22: $_ is not there" for '/leaves', '/.hidden', '/.secret/';
is $get->("/shown$_")->{status}, 400, "row 22: $_ is refused" for '/..%2f..%2fetc/passwd', '/b.txt%00';
is $get->("/m$_")->{status}, 404, "P11: /m$_ leads nowhere else" for '../a.txt', '/%2e%2e/one.cs';
my $page = $get->('/shown/');
is $page->header('Content-Type'), 'text/html; charset=utf-8', 'a folder is shown';
like $page->{body}, qr{<a href="%3Ci%3E%26%22%27\.txt">&lt;i&gt;&amp;&quot;'\.txt</a>}, 'names are escaped, as text and as link';
like $page->{body}, qr{sub/.*b\.txt}s, 'folders first';
unlike $page->{body}, qr{hidden|secret|leaves|passwd}, 'without what is not served';
like $page->{body}, qr{<a href="link">}, 'a link that stays inside is shown';
like $page->{body}, qr{1 folders, 5 files}, 'and counted';
my $list = decode_json($get->('/shown/', Accept => 'application/json')->{body});
is_deeply [map { $_->{href} } @{ $list->{entries} }],
    ['sub/', '%3Ci%3E%26%22%27.txt', 'b.txt', 'javascript%3Ax', 'link', 'odd%20%FF%20name'], 'as JSON, names that are not UTF-8 too';
is_deeply [@{ $list->{entries}[2] }{qw(type size)}], ['file', 5], 'with sizes';
is $get->("/shown/$list->{entries}[5]{href}")->{body}, "odd \xff name", 'href is the way to the file';
my $sorted = decode_json($get->('/shown/?sort=name&order=desc', Accept => 'application/json')->{body});
is $sorted->{entries}[-1]{href}, '%3Ci%3E%26%22%27.txt', 'sorted as asked for';
is $get->('/empty/')->{status}, 404, 'not where it is not switched on';
is $get->('/try/sub/')->{status}, 200, 'nor is `try` in the way of it';
is request($weir, 'HEAD', '/shown/')->header('Content-Length'), length $page->{body}, 'HEAD tells the length';

write_file("$www/one.css", 'longer and changed');
ok wait_for { $get->('/one.css')->{body} eq 'longer and changed' }, 'a change is noticed';
unlink "$www/one.css.gz";
ok wait_for { $coding->('/one.css', 'Accept-Encoding' => 'gzip') eq 'none 200' }, 'a variant that went, too';
write_file("$www/one.css.br", 'new');
ok wait_for { $coding->('/one.css', 'Accept-Encoding' => 'br') eq 'br 200' }, 'and one that came';
unlink "$www/one.css";
ok wait_for { $get->('/one.css')->{status} == 404 }, 'and a file that went';
my (undef, $said) = check_config(qq[sites = ( { listen = [ "http://127.0.0.1:1" ]; static = { root = "$www"; precompressed = "lzma"; images = "gif"; }; } );]);
like $said, qr/static\.precompressed: "lzma": expected "br", "zstd" or "gzip".*static\.images: "gif": expected "avif" or "webp"|images.*precompressed/s, 'unknown variants';
done_testing;
