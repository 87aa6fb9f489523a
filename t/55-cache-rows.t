# SPDX-License-Identifier: Apache-2.0
# What admins of other proxies expect of a cache, row by row of the list of features (58 to 72).
use strict;
use warnings;
use File::Find;
use Test::More;
use Weir::Test;

my $gate = gate();
# /NAME?cc=...&status=...&h=Name:value
my $backend = backend(sub {
    my ($conn, $request) = @_;
    my ($path, $query) = split /\?/, $request->{path}, 2;
    my (%o, @fields);
    for (split /&/, $query // '') {
        my ($name, $value) = split /=/, $_, 2;
        if ($name eq 'h') { push @fields, split(/:/, $value, 2) } else { $o{$name} = $value }
    }
    push @fields, 'Cache-Control' => $o{cc} if defined $o{cc};
    return $conn->answer($o{status} // 200, "body of $path for " . ($request->header('Authorization') // 'all'), @fields)
        if $path ne '/slow';
    $conn->send("HTTP/1.1 200 OK\r\nContent-Length: 200000\r\nCache-Control: max-age=60\r\n\r\n" . 'x' x 100000);
    $gate->wait;
    $conn->send('x' x 100000);
});
my $dir = new_dir();
mkdir "$dir/$_", 0777 or die for my @zones = qw(files two small many idle);
chmod 0777, map { "$dir/$_" } @zones;

sub start {
    my ($more) = @_;
    return weir(<<"CONF" . ($more // ''), dir => $dir, may_die => 1);
cache = {
  files = { path = "%dir%/files"; levels = "1:2"; memory = "2m"; };
  two   = { path = "%dir%/two"; levels = "2:1:1"; memory = "1m"; };
  small = { path = "%dir%/small"; memory = "1m"; max_size = "400k"; };
  many  = { path = "%dir%/many"; memory = "1m"; };
  memory = { memory = "1m"; };
  idle  = { path = "%dir%/idle"; memory = "1m"; inactive = "2s"; };
};
map = { trusted_wish = { source = "\$remote_addr"; table = ( [ "127.0.0.1", "\$http_cache_control" ] ); };
        nobodys_wish = { source = "\$remote_addr"; table = ( [ "192.0.2.1", "\$http_cache_control" ] ); }; };
sites = ( {
  listen = [ "http://127.0.0.1:%port:web%" ];
  proxy  = { to = "http://127.0.0.1:$backend->{port}"; };
  cache  = { zone = "files"; valid = [ "302 10m", "404 1s" ]; key = "\$scheme\$request_method\$host\$request_uri"; };
  headers = { response = { set = { X-Cache-Status = "\$upstream_cache_status"; }; }; };
  routes = (
    { path = "/two/"; cache = { zone = "two"; }; },
    { path = "/small/"; cache = { zone = "small"; }; proxy = { to = "http://127.0.0.1:%port:many%"; }; },
    { path = "/idle/"; cache = { zone = "idle"; }; },
    { path = "/trusted/"; cache = { zone = "files"; bypass = [ "\$trusted_wish" ]; no_store = [ "\$trusted_wish" ]; }; },
    { path = "/nobody/"; cache = { zone = "files"; bypass = [ "\$nobodys_wish" ]; no_store = [ "\$nobodys_wish" ]; }; },
    { path = "/memory/"; cache = { zone = "memory"; }; proxy = { to = "http://127.0.0.1:%port:many%"; }; },
    { path = "/many/"; cache = { zone = "many"; }; proxy = { to = "http://127.0.0.1:%port:many%"; }; }
  );
}, {
  listen  = [ "http://127.0.0.1:%port:many%" ];
  headers = { response = { set = { Cache-Control = "max-age=60"; }; }; };
  respond = { text = "\$request_uri"; };
} );
CONF
}
my $weir = start();
sub word { my ($r) = @_; return $r->header('X-Cache-Status') // '' }
sub words {
    my ($path, $words, $about, %headers) = @_;
    is join(' ', map { word(get($weir, $path, %headers)) } split / /, $words), $words, $about;
}
sub asked { my ($path) = @_; return scalar grep { $_->{path} eq $path } $backend->requests }
sub files { my ($zone) = @_; my @f; find(sub { push @f, $File::Find::name if -f && /^[0-9a-f]{32}$/ }, "$dir/$zone"); @f = sort @f; return @f }

# 63: the temporary file is beside the cache, and gets its name when it is whole.
my $slow = client($weir);
$slow->send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
ok $slow->until(qr/x{50000}/), 'row 63: half of an object is here';
my @aside = glob "$dir/files/aside/*";
is scalar(@aside) . ' ' . files('files'), '1 0', '... in a file aside, and no other';
my $inode = (stat $aside[0])[1];
$gate->open;
ok wait_for { files('files') }, '... the whole has its name';
is +(stat +(files('files'))[0])[1], $inode, '... and is the same file, renamed';
is scalar(() = glob "$dir/files/aside/*"), 0, '... nothing is left aside';

# 58: what is stored outlives a restart; torn files are not served.
words('/a?cc=max-age=600', 'MISS HIT', 'row 58: stored');
words('/b?cc=max-age=600', 'MISS', '... and another one');
my %before = map { $_ => 1 } files('files');
$weir->stop;
$weir = start();
words('/a?cc=max-age=600', 'HIT', '... a hit after a restart');
words('/torn?cc=max-age=600', 'MISS', '... and one more is stored');
my ($torn) = grep { !$before{$_} } files('files');
kill 'KILL', $weir->{pid}, $weir->loader_pids, $weir->worker_pids;
$weir->wait_end;
$weir->{stopped} = 1;
truncate $torn, int((-s $torn) / 2);
$weir = start();
my $r = get($weir, '/torn?cc=max-age=600');
is word($r) . " $r->{body}", 'MISS body of /torn for all', '... a torn file is fetched again';

# 59: folders by levels.
words('/two/a?cc=max-age=60', 'MISS HIT', 'row 59: levels');
like +(files('two'))[0], qr{/two/([0-9a-f]{2})/([0-9a-f])/([0-9a-f])/[0-9a-f]{28}\3\2\1$}, '... 2:1:1';
like +(files('files'))[0], qr{/files/([0-9a-f])/([0-9a-f]{2})/[0-9a-f]{29}\2\1$}, '... 1:2';

# 60: ten times more keys than there is memory for; 61: bytes of files.
sub ask_many {
    my ($folder, $keys, $each) = @_;
    my ($client, $wrong) = (undef, 0);
    for (my $at = 0; $at < $keys; $at += 50) {
        $client = client($weir) if $at % 1000 == 0;
        $client->send(join '', map { "GET /$folder/$_ HTTP/1.1\r\nHost: test\r\n\r\n" } $at .. $at + 49);
        for my $n ($at .. $at + 49) { my $r = $client->response; $wrong++ if $r->{status} != 200 || $r->{body} ne "/$folder/$n" }
        $each->() if $each && $at % 250 == 0;
    }
    return $wrong;
}
for my $case (['memory', 7500, 'of memory, where about 750 fit'], ['many', 4500, 'in files, where about 3,700 fit']) {
    my ($folder, $keys, $about) = @$case;
    is ask_many($folder, $keys), 0, "row 60: $keys keys $about: no error";
    is word(get($weir, "/$folder/" . ($keys - 1))), 'HIT', '... the last is there';
    isnt word(get($weir, "/$folder/3")), 'HIT', '... the first made room';
}
cmp_ok scalar(files('many')), '<', 4400, '... with its file';
my $most = 0;
is ask_many('small', 2000, sub { my $sum = 0; $sum += -s // 0 for files('small'); $most = $sum if $sum > $most }), 0,
    'row 61: more than max_size';
cmp_ok $most, '<=', 400 * 1024 * 1.05, '... files take no more than that';
cmp_ok $most, '>', 400 * 1024 * 0.7, '... and use it';

# 62: what nobody asks for goes, fresh or not.
words('/idle/a?cc=max-age=600', 'MISS HIT', 'row 62: stored');
is scalar(files('idle')), 1, '... in a file';
ok wait_for { !files('idle') }, '... and gone when nobody asked for it';
words('/idle/a?cc=max-age=600', 'MISS', '... it is fetched again');

# 64 is t/55-cache.t and t/unit/cache_rules; the reason is visible.
like get($weir, '/r?cc=no-store')->header('Cache-Status'), qr/detail=no-store/, 'row 64: why a response is not stored';
like get($weir, '/r?cc=max-age=60&h=Set-Cookie:a=b')->header('Cache-Status'), qr/detail=set-cookie/, '... Set-Cookie';
like get($weir, '/r?cc=max-age=60&h=Vary:*')->header('Cache-Status'), qr/detail=vary-any/, '... Vary: *';

# 65, 66: lifetimes by status.
words('/302?status=302', 'MISS HIT', 'row 65: 302 is stored');
like get($weir, '/302?status=302')->header('Cache-Status'), qr/ttl=(600|59\d)/, '... for ten minutes';
like get($weir, '/302?status=302&cc=max-age=100' . $_)->header('Cache-Status') // '', qr/stored|ttl=(1000|99\d)/,
    '... what the origin says goes first' for 0, 0;
words('/200', 'MISS MISS', '... and a status that is not named is not');
words('/404?status=404', 'MISS HIT', 'row 66: 404 is stored');
ok wait_for { word(get($weir, '/404?status=404')) ne 'HIT' }, '... for a second';

# 67: HEAD, although the key has the method.
words('/head?cc=max-age=60', 'MISS', 'row 67: a GET is stored');
$r = request($weir, 'HEAD', '/head?cc=max-age=60');
is word($r) . ' ' . $r->header('Content-Length') . " '$r->{body}'", "HIT 21 ''", '... and answers a HEAD';

# 68: on every answer.
for my $status (200, 301, 403, 404, 500) {
    $r = get($weir, "/status?status=$status&cc=no-store");
    ok $r->{status} == $status && word($r) eq 'MISS' && $r->header('Cache-Status') =~ /^weir; fwd=uri-miss/,
        "row 68: Cache-Status and X-Cache-Status with $status";
}

# 69, 70: no client can send the backend work, unless the admin lets it.
words('/wish?cc=max-age=60', 'MISS HIT HIT', 'row 69: a client\'s Cache-Control does not bypass', 'Cache-Control' => 'no-cache');
words('/trusted/a?cc=max-age=60', 'BYPASS BYPASS', '... but that of a trusted one does', 'Cache-Control' => 'no-cache');
words('/trusted/a?cc=max-age=60', 'MISS', 'row 70: and was not stored');
words('/nobody/a?cc=max-age=60', 'MISS HIT', '... that of others is', 'Cache-Control' => 'no-cache');

# 71: Authorization.
for my $user ('A', 'B', 'A') {
    $r = get($weir, '/mine?cc=max-age=60', Authorization => "Bearer $user");
    is word($r) . " $r->{body}", "MISS body of /mine for Bearer $user", "row 71, P16: what $user gets";
}
for my $cc ('public,max-age=60', 's-maxage=60', 'must-revalidate,max-age=60') {
    get($weir, "/shared?cc=$cc", Authorization => 'Bearer A');
    is word(get($weir, "/shared?cc=$cc", Authorization => 'Bearer B')), 'HIT', "... $cc lets it be shared";
}

# 72: Age.
words('/age?cc=max-age=600&h=Age:100', 'MISS', 'row 72: an age that the origin tells');
like get($weir, '/age?cc=max-age=600&h=Age:100')->header('Age'), qr/^10[0-5]$/, '... is added to ours';
unlike get($weir, '/age?cc=max-age=600&h=Age:100')->header('Age'), qr/,/, '... in one field';
done_testing;
