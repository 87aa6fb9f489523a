# SPDX-License-Identifier: Apache-2.0
# The cache as clients and backends see it: hits, what is not stored, variants, conditions, ranges,
# validation, errors, invalidation, purging.
use strict;
use warnings;
use Test::More;
use Weir::Test;

# The path says what to answer: /NAME?status=404&cc=max-age=60&h=Name:value&body=text
my $backend = backend(sub {
    my ($conn, $request) = @_;
    my ($path, $query) = split /\?/, $request->{path}, 2;
    my (%o, @fields);
    for (split /&/, $query // '') {
        my ($name, $value) = split /=/, $_, 2;
        $value =~ s/%(..)/chr hex $1/ge;
        if ($name eq 'h') { push @fields, split(/:/, $value, 2) } else { $o{$name} = $value }
    }
    push @fields, 'Cache-Control' => $o{cc} if defined $o{cc};
    my $asked = $request->header('If-None-Match') // '';
    return $conn->answer(304, '', @fields, 'X-Fresh' => 'yes') if $o{match} && $asked =~ /\Q$o{match}/;
    return $conn->answer(503, 'down') if $o{fail} && $asked;
    return $conn->close if $o{die} && $asked;
    $conn->answer($o{status} // 200, ($o{body} // 'body') . ($o{count} ? " $$ $request->{count}" : ''), @fields);
});

my $weir = weir(<<"EOT");
cache = { files = { path = "%dir%/cache"; memory = "4m"; }; memory = { memory = "2m"; }; };
sites = ( {
  listen = [ "http://127.0.0.1:%port:web%" ];
  proxy  = { to = "http://127.0.0.1:$backend->{port}"; };
  cache  = { zone = "files"; valid = [ "302 10m", "404 1m" ]; purge = { from = [ "127.0.0.1" ]; };
             key = "\$scheme\$request_method\$host\$request_uri"; };
  headers = { response = { set = { X-Cache-Status = "\$upstream_cache_status"; }; }; };
  routes = (
    { path = "/bypass/"; cache = { zone = "files"; bypass = [ "\$http_cache_control" ]; no_store = [ "\$http_cache_control" ]; }; },
    { path = "/memory/"; cache = { zone = "memory"; }; },
    { path = "/honour/"; cache = { zone = "files"; honour_client = [ "max-age", "no-cache", "only-if-cached" ]; }; },
    { path = "/twice/"; cache = { zone = "files"; min_uses = 2; }; },
    { path = "/stale/"; cache = { zone = "files"; stale = [ "error", "http_503" ]; }; }
  );
} );
EOT

sub word { my ($r) = @_; return $r->header('X-Cache-Status') // '' }
sub asked { my ($path) = @_; return scalar grep { $_->{path} eq $path } $backend->requests }
# Asks for it as often as there are words, and compares them with X-Cache-Status.
sub words {
    my ($path, $words, $about, $headers) = @_;
    is join(' ', map { word(get($weir, $path, %{ $headers // {} })) } split / /, $words), $words, $about;
}

my $hit = '/a?cc=max-age=60&h=ETag:%22v1%22&h=Last-Modified:Sun,%2006%20Nov%201994%2008:49:37%20GMT&body=0123456789';
words($hit, 'MISS HIT HIT', 'stored, then used');
my $r = get($weir, $hit);
is $r->{body}, '0123456789', 'the body';
like $r->header('Age'), qr/^\d+$/, 'Age';
like $r->header('Cache-Status'), qr/^weir; hit; ttl=(59|60)$/, 'Cache-Status';
is $r->header('ETag'), '"v1"', 'its fields';
is scalar($r->all('Date')), 1, 'one Date';
is asked($hit), 1, 'the backend was asked once';
is request($weir, 'HEAD', $hit)->header('Content-Length'), 10, 'HEAD from a stored GET';
is word(request($weir, 'HEAD', $hit)), 'HIT', '... is a hit';

$r = get($weir, $hit, 'If-None-Match' => '"v1"');
is $r->{status}, 304, 'If-None-Match from the cache';
is $r->header('ETag'), '"v1"', '... with its tag';
ok !defined $r->header('Content-Type'), '... and nothing of the body';
is get($weir, $hit, 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT')->{status}, 304, 'If-Modified-Since';
is get($weir, $hit, 'If-None-Match' => '"v2"', 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT')->{status},
    200, 'If-None-Match comes first';
$r = get($weir, $hit, Range => 'bytes=2-4');
is "$r->{status} $r->{body} " . $r->header('Content-Range'), '206 234 bytes 2-4/10', 'a range of it';
is get($weir, $hit, Range => 'bytes=-3')->{body}, '789', 'its end';
is get($weir, $hit, Range => 'bytes=10-')->{status}, 416, 'behind its end';
is asked($hit), 1, 'all that without the backend';

# What is not stored, and why.
for my $case (['/n?cc=no-store', 'no-store'], ['/n?cc=private,max-age=9', 'private'],
    ['/n?cc=max-age=9&h=Set-Cookie:a=b', 'set-cookie'], ['/n?cc=max-age=9&h=Vary:*', 'vary-any'], ['/n?x=1', 'no-lifetime']) {
    words($case->[0], 'MISS MISS', "not stored: $case->[1]");
    like get($weir, $case->[0])->header('Cache-Status'), qr/fwd=uri-miss; detail=$case->[1]$/, '... and says so';
}
words('/auth?cc=max-age=60', 'MISS MISS', 'not stored: with Authorization', { Authorization => 'Bearer A' });
words('/auth2?cc=max-age=60,public', 'MISS HIT', 'stored: public', { Authorization => 'Bearer A' });
words('/n?status=302&h=Location:/x', 'MISS HIT', 'a lifetime by status: 302');
words('/n?status=404', 'MISS HIT', '... and 404');
words('/n?status=404&cc=no-store', 'MISS MISS', '... not against the origin');
words('/n?status=500', 'MISS MISS', '... and not 500');
words('/n?h=Expires:0', 'MISS MISS', 'an Expires that is no date');
words('/cdn?cc=no-store&h=CDN-Cache-Control:max-age=60', 'MISS HIT', 'CDN-Cache-Control');
words('/bypass/a?cc=max-age=60', 'MISS HIT', 'bypass: not without the field');
words('/bypass/a?cc=max-age=60', 'BYPASS BYPASS', 'bypass: with it', { 'Cache-Control' => 'no-cache' });
words('/twice/a?cc=max-age=60', 'MISS MISS HIT', 'min_uses');
words('/memory/a?cc=max-age=60', 'MISS HIT', 'a zone without files');
words('/fields?cc=max-age=60,no-cache=%22X-One%22&h=X-One:1&h=X-Two:2', 'MISS', 'fields that no-cache names');
$r = get($weir, '/fields?cc=max-age=60,no-cache=%22X-One%22&h=X-One:1&h=X-Two:2');
is join(',', map { $r->header($_) // '' } qw(X-One X-Two)), ',2', '... are not stored';

# Variants.
words('/v?cc=max-age=60&h=Vary:Foo&count=1', 'MISS HIT', 'a variant', { Foo => 1 });
words('/v?cc=max-age=60&h=Vary:Foo&count=1', 'MISS HIT', 'another one', { Foo => 2 });
words('/v?cc=max-age=60&h=Vary:Foo&count=1', 'HIT', 'the first is still there', { Foo => 1 });
words('/v?cc=max-age=60&h=Vary:Foo&count=1', 'MISS HIT', 'without the field');
like get($weir, '/v?cc=max-age=60&h=Vary:Foo&count=1', Foo => 3)->header('Cache-Status'), qr/fwd=vary-miss/, 'vary-miss';

# Directives of requests.
words('/honour/a?cc=max-age=60', 'MISS HIT', 'stored');
words('/honour/a?cc=max-age=60', 'EXPIRED', 'no-cache, honoured', { 'Cache-Control' => 'no-cache' });
is get($weir, '/honour/b?cc=max-age=60', 'Cache-Control' => 'only-if-cached')->{status}, 504, 'only-if-cached';
words('/ignored?cc=max-age=60', 'MISS HIT', 'stored');
words('/ignored?cc=max-age=60', 'HIT', 'no-cache, not honoured', { 'Cache-Control' => 'no-cache' });

# Validation.
my $old = '/old?cc=max-age=0&h=ETag:%22v1%22&match=v1&body=stored';
words($old, 'MISS REVALIDATED', 'asked, and still right');
$r = get($weir, $old);
is "$r->{status} $r->{body} " . ($r->header('X-Fresh') // ''), '200 stored yes', 'the stored body, the fresh fields';
like $r->header('Cache-Status'), qr/^weir; fwd=stale; fwd-status=304/, 'Cache-Status';
is get($weir, $old, 'If-None-Match' => '"v1"')->{status}, 304, 'the client has it, too';
is get($weir, $old, Range => 'bytes=0-1')->{body}, 'st', 'a part of what was validated';
words('/new?cc=max-age=0&h=ETag:%22v1%22', 'MISS EXPIRED', 'asked, and changed');

# Errors.
words('/e?cc=max-age=0,stale-if-error=60&h=ETag:%22v1%22&fail=1', 'MISS STALE', 'stale-if-error, 503');
words('/e?cc=max-age=0,stale-if-error=60&h=ETag:%22v1%22&die=1', 'MISS STALE', 'stale-if-error, no answer');
words('/stale/e?cc=max-age=0&h=ETag:%22v1%22&fail=1', 'MISS STALE', 'stale = http_503');
is get($weir, '/e2?cc=max-age=0&h=ETag:%22v1%22&fail=1')->{status}, 200, 'stored';
is get($weir, '/e2?cc=max-age=0&h=ETag:%22v1%22&fail=1')->{status}, 503, 'nothing allows it stale';
is get($weir, '/e3?cc=max-age=0,must-revalidate,stale-if-error=60&h=ETag:%22v1%22&fail=1')->{status}, 200, 'stored';
is get($weir, '/e3?cc=max-age=0,must-revalidate,stale-if-error=60&h=ETag:%22v1%22&fail=1')->{status}, 503, 'must-revalidate forbids it';

# Used while it is validated aside.
my $swr = '/swr?cc=max-age=0,stale-while-revalidate=60&h=ETag:%22v1%22&match=v1';
words($swr, 'MISS UPDATING', 'stale-while-revalidate: used at once');
ok wait_for { asked($swr) == 2 }, '... and asked aside';
is(($backend->requests)[-1]->header('If-None-Match'), '"v1"', '... whether it is still right');
like get($weir, $swr)->header('Cache-Status'), qr/^weir; hit; ttl=-?\d+; detail=stale-while-revalidate$/, 'Cache-Status';

# Invalidation and purging.
for my $method (qw(POST PUT DELETE M-SEARCH)) {
    my $path = "/i-$method?cc=max-age=60";
    words($path, 'MISS HIT', 'stored');
    request($weir, $method, $path, {}, 'abc');
    words($path, 'MISS', "$method removes it");
}
words('/i?cc=max-age=60', 'MISS HIT', 'stored');
request($weir, 'POST', '/i?cc=max-age=60&status=500', {}, 'abc');
request($weir, 'POST', '/elsewhere?h=Location:http://other/i%3Fcc=max-age=60', {}, 'abc');
words('/i?cc=max-age=60', 'HIT', 'a failed POST does not, nor one to another host');
request($weir, 'POST', '/elsewhere?h=Location:/i%3Fcc=max-age=60', {}, 'abc');
words('/i?cc=max-age=60', 'MISS HIT', 'Location does');
request($weir, 'POST', '/elsewhere?h=Content-Location:/i%3Fcc=max-age=60', {}, 'abc');
words('/i?cc=max-age=60', 'MISS', 'Content-Location, too');
my @urls = map { "/p/$_?cc=max-age=60&h=Cache-Tag:t$_,all&h=ETag:%22e%22&match=e" } 1 .. 4;
words($_, 'MISS HIT', 'stored') for @urls;
is request($weir, 'PURGE', $urls[0])->{status}, 200, 'PURGE';
words($urls[0], 'MISS', '... an URL');
is request($weir, 'PURGE', '/p/1*')->{status}, 200, 'PURGE of a prefix';
words($urls[0], 'MISS', '... is gone');
words($urls[1], 'HIT', '... others are not');
request($weir, 'PURGE', '/', { 'Cache-Tag' => 't2' });
words($urls[1], 'MISS HIT', 'PURGE of a tag');
words($urls[2], 'HIT', '... others are not');
request($weir, 'PURGE', $urls[3], { 'Soft-Purge' => 1 });
words($urls[3], 'REVALIDATED HIT', 'a soft one asks first');
request($weir, 'PURGE', '/', { 'Cache-Tag' => 'all' });
words($urls[2], 'MISS', 'a tag that several have');
done_testing;
