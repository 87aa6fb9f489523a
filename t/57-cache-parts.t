# SPDX-License-Identifier: Apache-2.0
# Parts of bodies in the cache, and what else comes with responses: HEAD, trailers, interim responses,
# fields that are for this cache alone.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $whole = join '', map { chr(97 + $_ % 26) } 0 .. 999;
# /NAME?tag=...&lm=...&cc=...&norange: answers ranges of $whole. What answers() was told comes as it is.
my $dir = new_dir();
sub answers { my ($path, $text) = @_; return write_file($dir . $path, $text) }
my $backend = backend(sub {
    my ($conn, $request) = @_;
    my ($path, $query) = split /\?/, $request->{path}, 2;
    my %o = map { split /=/, $_, 2 } grep { /=/ } split /&/, $query // '';
    return $conn->send(read_file($dir . $path)) if -e $dir . $path;
    my @fields = ('Cache-Control' => $o{cc} // 'max-age=60', 'X-Method' => $request->{method});
    push @fields, ETag => "\"$o{tag}\"" if $o{tag};
    push @fields, ETag => "W/\"$o{weak}\"" if $o{weak};
    push @fields, 'Last-Modified' => 'Sun, 06 Nov 1994 08:49:37 GMT' if $o{lm};
    my ($first, $last) = ($request->header('Range') // '') =~ /^bytes=(\d+)-(\d*)$/;
    return $conn->answer(200, $whole, @fields) if !defined $first || $query =~ /norange/;
    return $conn->answer(416, '', 'Content-Range' => 'bytes */1000') if $first > 999;
    $last = 999 if $last eq '' || $last > 999;
    $conn->answer(206, substr($whole, $first, $last - $first + 1), @fields, 'Content-Range' => "bytes $first-$last/1000");
});
my $weir = weir(<<"CONF");
cache = { files = { path = "%dir%/cache"; memory = "2m"; }; memory = { memory = "2m"; }; };
sites = ( {
  listen = [ "http://127.0.0.1:%port:web%" ];
  proxy  = { to = "http://127.0.0.1:$backend->{port}"; };
  cache  = { zone = "files"; purge = { from = [ "127.0.0.1" ]; }; };
  headers = { response = { set = { X-Cache-Status = "\$upstream_cache_status"; }; }; };
  routes = ( { path = "/memory/"; cache = { zone = "memory"; }; } );
} );
CONF
# "FIRST-LAST WORD" for what comes: with the right bytes, else what is wrong.
sub part {
    my ($path, $range, %headers) = @_;
    my $r = get($weir, $path, $range ? (Range => "bytes=$range") : (), %headers);
    my ($first, $last) = (0, 999);
    ($first, $last) = ($r->header('Content-Range') // '') =~ m{^bytes (\d+)-(\d+)/1000$} if $r->{status} == 206;
    return "$r->{status} without its range" if !defined $first;
    return "$r->{status} with wrong bytes" if $r->{body} ne substr $whole, $first, $last - $first + 1;
    return ($r->{status} == 206 ? "$first-$last " : "$r->{status} ") . $r->header('X-Cache-Status');
}

for my $zone ('', '/memory') {
    my $path = "$zone/a?tag=one";
    is part($path, '100-199'), '100-199 MISS', 'a part is fetched';
    is part($path, '100-199'), '100-199 HIT', '... and stored';
    is part($path, '150-159'), '150-159 HIT', 'a part of it';
    is part($path, '150-250'), '150-250 MISS', 'more than is there';
    is part($path, '100-250'), '100-250 HIT', '... was put to it';
    is part($path, '50-99'), '50-99 MISS', 'what is in front of it';
    is part($path, '50-250'), '50-250 HIT', '... too';
    is part($path, '500-599'), '500-599 MISS', 'what does not touch it';
    is part($path, '500-599'), '500-599 HIT', '... takes its place';
    is part($path, '0-399'), '0-399 MISS', 'the beginning';
    like get($weir, $path, Range => 'bytes=390-409')->header('Cache-Status'), qr/^weir; fwd=partial; stored/, 'Cache-Status tells of parts';
    is part($path, '410-'), '410-999 MISS', 'the rest is put to it';
    is part($path, ''), '200 HIT', '... and is the whole now';
    is part($path, '999-'), '999-999 HIT', '... with parts of its own';
}
is part('/b?weak=one', '0-9'), '0-9 MISS', 'a weak tag';
is part('/b?weak=one', '0-9'), '0-9 MISS', '... is nothing to put parts together by';
is part('/c?lm=1', '0-9'), '0-9 MISS', 'an old Last-Modified';
is part('/c?lm=1', '0-9'), '0-9 HIT', '... is';
is part('/c?lm=1', '0-9', 'If-Range' => 'Sun, 06 Nov 1994 08:49:37 GMT'), '0-9 HIT', '... with If-Range, too';
is part('/c?lm=1', '0-9', 'If-Range' => '"other"'), '0-9 MISS', '... another If-Range is the origin\'s';
is part('/d?tag=one&norange', '0-9'), '200 MISS', 'an origin that takes no ranges';
is part('/d?tag=one&norange', '0-9'), '0-9 HIT', '... its whole is stored';
is part('/e?tag=one&cc=no-store', '0-9'), '0-9 MISS', 'no-store';
is part('/e?tag=one&cc=no-store', '0-9'), '0-9 MISS', '... holds for parts';
is get($weir, '/f?tag=one', Range => 'bytes=1000-')->{status}, 416, 'behind the end';
is part('/f?tag=one', '0-'), '0-999 MISS', 'all of it by a range';
is part('/f?tag=one', ''), '200 HIT', '... is the whole';
is part('/g?tag=one', '0-9'), '0-9 MISS', 'a part';
is get($weir, '/g?tag=one', Range => 'bytes=0-9', 'If-None-Match' => '"one"')->{status}, 304, '... that the client has';
request($weir, 'POST', '/g?tag=one', {}, 'x');
is part('/g?tag=one', '0-9'), '0-9 MISS', 'POST removes parts';
request($weir, 'PURGE', '/g?tag=one');
is part('/g?tag=one', '0-9'), '0-9 MISS', 'PURGE, too';

# A fetch of a part that breaks off is not stored.
answers('/h', "HTTP/1.1 206 Partial\r\nETag: \"a\"\r\nCache-Control: max-age=60\r\nContent-Range: bytes 0-99/1000\r\nContent-Length: 90\r\n\r\n" . substr $whole, 0, 90);
get($weir, '/h', Range => 'bytes=0-99');
isnt get($weir, '/h', Range => 'bytes=0-9')->header('X-Cache-Status'), 'HIT', 'a part that is not as long as it says';

# HEAD is about the stored response.
sub says { my ($method, $path) = @_; my $r = request($weir, $method, $path); return $r->header('X-Cache-Status') . ' ' . $r->header('X-Method') }
is says('GET', '/head?tag=one&cc=max-age=0'), 'MISS GET', 'stored, to be validated';
is says('HEAD', '/head?tag=one&cc=max-age=0'), 'EXPIRED HEAD', 'a HEAD goes to the origin';
answers('/u', "HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nETag: \"a\"\r\nX-Method: one\r\nContent-Length: 3\r\n\r\nold");
is says('GET', '/u'), 'MISS one', 'stored, and stale';
answers('/u', "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nETag: \"a\"\r\nX-Method: two\r\nContent-Length: 3\r\n\r\n");
is says('HEAD', '/u'), 'EXPIRED two', 'a HEAD with the same tag';
is says('GET', '/u'), 'HIT two', '... updates its fields';
is get($weir, '/u')->{body}, 'old', '... not its body';
answers('/v', "HTTP/1.1 200 OK\r\nCache-Control: max-age=0, stale-while-revalidate=0, stale-if-error=60\r\nETag: \"a\"\r\nX-Method: one\r\nContent-Length: 3\r\n\r\nold");
is says('GET', '/v'), 'MISS one', 'stored, and stale';
answers('/v', "HTTP/1.1 200 OK\r\nETag: \"b\"\r\nX-Method: two\r\nContent-Length: 3\r\n\r\n");
is says('HEAD', '/v'), 'EXPIRED two', 'a HEAD with another tag';
answers('/v', "HTTP/1.1 503 Down\r\nX-Method: three\r\nContent-Length: 0\r\n\r\n");
is says('GET', '/v'), 'MISS three', '... and it is not used any more, not even instead of an error';

# Trailers and interim responses.
answers('/t', "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTrailer: X-Sum\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 4\r\n\r\n");
my $r = get($weir, '/t');
is "$r->{body} " . ($r->{trailers}{'x-sum'} // 'none'), 'body 4', 'a trailer passes';
$r = get($weir, '/t');
is join(' ', $r->header('X-Cache-Status'), $r->{body}, $r->{complete}, $r->header('Trailer') // 'none', $r->header('Link') // 'none'),
    'HIT body 1 none none', '... and is not announced where it is not sent, nor is a 103 taken for the response';

# Fields.
my %fields = (
    '/k1' => ['Cache-Control: max-age=60', 'Connection: X-Hop', 'X-Hop: 1', 'X-Kept: 1'],
    '/k2' => ['Surrogate-Control: max-age=60', 'Cache-Control: no-store', 'X-Kept: 1'],
    '/k3' => ['Cache-Control: must-understand, no-store, max-age=60', 'X-Kept: 1'],
);
answers($_, "HTTP/1.1 200 OK\r\n" . join('', map { "$_\r\n" } @{ $fields{$_} }) . "Content-Length: 1\r\n\r\nx") for keys %fields;
get($weir, $_) for sort keys %fields;
my %got = map { $_ => get($weir, $_) } sort keys %fields;
is $got{$_}->header('X-Cache-Status') . $got{$_}->header('X-Kept'), 'HIT1', "stored: $fields{$_}[0]" for sort keys %got;
is $got{'/k1'}->header('X-Hop'), undef, 'what Connection names is not stored';
is $got{'/k2'}->header('Surrogate-Control'), undef, 'Surrogate-Control is for this cache alone';

# Date and Age after a validation.
answers('/date', "HTTP/1.1 200 OK\r\nCache-Control: max-age=0\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"a\"\r\nContent-Length: 1\r\n\r\nx");
get($weir, '/date');
answers('/date', "HTTP/1.1 304 Same\r\nCache-Control: max-age=60\r\nDate: Sun, 06 Nov 2033 08:49:37 GMT\r\nETag: \"a\"\r\n\r\n");
$r = get($weir, '/date');
is join(' ', map { $r->header($_) } qw(X-Cache-Status Date)), 'REVALIDATED Sun, 06 Nov 2033 08:49:37 GMT', 'Date is that of the 304';
cmp_ok $r->header('Age'), '<', 60, '... and Age begins anew';
is get($weir, '/date')->header('Date'), 'Sun, 06 Nov 2033 08:49:37 GMT', '... and it is stored';
done_testing;
