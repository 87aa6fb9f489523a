# SPDX-License-Identifier: Apache-2.0
# An nginx configuration, imported as it is: weir with what comes out and nginx answer alike, but for what is
# meant to differ: see `%intended`.
use strict;
use warnings;
use Test::More;
use File::Path qw(make_path);
use Weir::Test;

need_tool(qw(nginx curl));
my $dir = new_dir();
make_path(map { "$dir/$_" } qw(www/static www/sub www/pictures www/list www/private www/errors www/tried nginx conf/sites));
make_certificate($dir);
write_file("$dir/www/$_->[0]", $_->[1]) for ['index.html', '<h1>index</h1>'], ['page.html', '<p>page</p>' x 100], ['static/style.css', 'a { }' x 200],
    ['sub/index.html', 'sub'], ['pictures/p.png', "\x89PNG"], ['list/page.html', 'listed'], ['private/x', 'secret'], ['x.bak', 'old'], ['style.css', 'b { }' x 200],
    ['tried/there', 'tried'], map { ["errors/$_.html", "the page $_"] } 404, '50x', 'kind';
utime 1e9, 1e9, "$dir/www/page.html";
my $backend = backend(sub {
    my ($conn, $r) = @_;
    my $seen = join '', map { "$_: " . ($r->header($_) // '-') . "\n" } qw(host x-real-ip x-forwarded-for x-forwarded-proto upgrade);
    return $conn->answer(404, 'none', 'Content-Type' => 'text/plain') if $r->{path} =~ /gone/;
    return $conn->answer(302, '', Location => '/elsewhere') if $r->{path} =~ /moved/;
    return $conn->answer(200, '', 'X-Accel-Redirect' => $1, 'Content-Type' => 'text/x-sent') if $r->{path} =~ m{^/send(/.*)};
    $conn->answer(200, "$r->{method} $r->{path}\n$seen$r->{body}", 'Content-Type' => 'text/html', 'X-App' => 'yes');
});

# ---- both of them, on ports of their own ----
my (%conf, %at);
my $nobody = closed_port();
for my $who (qw(nginx weir)) {
    $at{$who} = { HTTP => free_port(), TLS => free_port() };
    for my $file ('nginx.conf', 'sites/example.com.conf', 'sites/files.conf', 'sites/errors.conf') {
        my $text = read_file(source_dir() . "/t/nginx/$file");
        $text =~ s/PORT_(\w+)/$at{$who}{$1}/g;
        $text =~ s/BACKEND(_2)?/$backend->{port}/g;
        $text =~ s/NOBODY/$nobody/g;
        $text =~ s/DIR/$dir/g;
        $text =~ s{nginx/(cache|\w+\.(?:com\.)?\w+\.?log)}{nginx/$who.$1}g;
        make_path("$dir/$who/sites");
        write_file("$dir/$who/$file", $text);
    }
}
my ($status, undef, $said) = run_weir('import', 'nginx', "$dir/weir", '-o', "$dir/conf.d");
is $status, 0, 'nothing is refused' or diag(grep { /refused/ } split /^/, $said);
like $said, qr{^$dir/weir/sites/example\.com\.conf:38: changed: proxy_buffer_size: }m, 'each directive is named, with its line';
is scalar(grep { !/^\S+:\d+: (translated|changed): \w+: \S/ } split /\n/, $said), 0, 'and what became of it';
my ($checked, undef, $why) = run_weir('-t', '-c', "$dir/conf.d");
is $checked, 0, 'weir takes what comes out' or diag($why);
program(['nginx', '-p', "$dir/nginx", '-c', "$dir/nginx/nginx.conf", '-g', 'daemon off;'], port => $at{nginx}{HTTP});
program([$ENV{WEIR}, '-c', "$dir/conf.d"], port => $at{weir}{HTTP});

# ---- requests ----
my @of_errors = ((map { ['HTTP', 'errors.example.com', $_] } '/none', '/errors/404.html', '/forbidden/x', '/gone', '/tea', '/made', '/down/x', '/app/x',
        '/app/gone', '/meant/x', '/meant/gone', '/other/a%20b?c=d', '/other/gone', '/kept/x', '/tried/there', '/tried/x?y=z', '/tried/gone', '/send/files/x',
        '/send/files/none', '/files/x', '/@app/x'),
    (map { ['HTTP', 'errors.example.com', $_, '-I'] } '/none', '/gone', '/other/x'), ['HTTP', 'errors.example.com', '/tried/x', '-d', 'posted'],
    ['HTTP', 'errors.example.com', '/down/x', '-d', 'posted'], ['HTTP', 'errors.example.com', '/none', '-H', 'Range: bytes=0-2']);
my @requests = (
    (map { ['HTTP', 'example.com', $_] } '/', '/a?b=c', '/a%2fb//c?q=1', '/static/style.css'),
    ['HTTP', 'www.example.com', '/x'], ['HTTP', 'example.com', '/x', '-I'], ['HTTP', 'example.com', '/x', '-d', 'body'],
    (map { ['HTTP', 'files.example.com', $_] } '/', '/index.html', '/page.html', '/none', '/sub/', '/images/p.png', '/images/none', '/health',
        '/health?theme=night', '/health?theme=dawn', '/x.bak', '/private/x', '/list/page.html', '/list/none', '/old/x', '/raw/a?b=1', '/raw/x.bak',
        '/raw/a%2fb//c?q=1', '/raw/../page.html', '/%70age.html'),
    ['HTTP', 'files.example.com', '/page.html', '-I'], ['HTTP', 'files.example.com', '/page.html', '-H', 'Range: bytes=3-8'],
    ['HTTP', 'files.example.com', '/page.html', '-H', 'Range: bytes=-5'], ['HTTP', 'files.example.com', '/page.html', '-H', 'Range: bytes=99999-'],
    ['HTTP', 'files.example.com', '/page.html', '-H', 'If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT'],
    ['HTTP', 'files.example.com', '/style.css', '-H', 'Accept-Encoding: gzip'], ['HTTP', 'files.example.com', '/raw/gone'],
    (map { ['TLS', 'example.com', $_] } '/', '/a?b=c', '/a%2fb//c?q=1', '/static/style.css', '/static/none', '/gone', '/moved', '/ws/x', '/api/x?y=1', '/api/a/b',
        '/cached/1', '/cached/1', '/cached/gone', '/cached/gone', '/cached/moved'),
    ['TLS', 'example.com', '/cached/1', '-H', 'Cache-Control: no-cache'], ['TLS', 'example.com', '/', '-d', 'posted'], ['TLS', 'example.com', '/', '-X', 'PUT', '-d', 'put'],
    ['TLS', 'example.com', '/', '-X', 'DELETE'], ['TLS', 'example.com', '/', '-I'], ['TLS', 'example.com', '/static/style.css', '-I'],
    ['TLS', 'example.com', '/static/style.css', '-H', 'Range: bytes=0-3'], ['TLS', 'example.com', '/', '--http2'], ['TLS', 'example.com', '/static/style.css', '--http2'],
    ['TLS', 'example.com', '/', '-H', 'X-Forwarded-For: 192.0.2.1'], ['TLS', 'www.example.com', '/', '-H', 'X-Real-IP: 192.0.2.1'],
);
sub ask {
    my ($who, $port, $host, $path, @more) = @_;
    my $scheme = $port eq 'TLS' ? 'https' : 'http';
    unlink "$dir/head", "$dir/body";
    system('curl', '-sk', '-m', 30, '--compressed', '--path-as-is', '-o', "$dir/body", '-D', "$dir/head", '--resolve', "$host:$at{$who}{$port}:127.0.0.1",
        (grep { /Accept-Encoding/ } @more) ? () : ('-H', 'Accept-Encoding:'), (grep { $_ eq '--http2' } @more) ? () : '--http1.1', @more, "$scheme://$host:$at{$who}{$port}$path");
    my ($line, @lines) = split /\r\n/, read_file("$dir/head");
    my ($status) = ($line // '') =~ m{^HTTP/\S+ (\d+)};
    return { status => $status // 0, headers => Weir::Test::Wire::parse_fields(@lines), body => (grep { $_ eq '-I' } @more) ? '' : read_file("$dir/body") };
}

# ---- what is meant to differ: the reason, and what is left out of the comparison ----
my %intended = (
    'parts say Accept-Ranges, too' => sub { my ($r) = @_; delete $r->{headers}{'accept-ranges'} if $r->{status} == 206 },
    'of each server and moment' => sub { my ($r) = @_; delete @{ $r->{headers} }{qw(server date connection keep-alive)} },
    'entity tags have another form' => sub { my ($r) = @_; $r->{headers}{etag} &&= 'some' },
    'how a body is framed' => sub { my ($r) = @_; delete @{ $r->{headers} }{qw(transfer-encoding content-length)} },
    'pages that a server makes itself' => sub {
        my ($r) = @_;
        return if $r->{status} < 300 || $r->{headers}{'x-app'} || $r->{body} =~ /^(?:none|the page \w+)$/;
        $r->{body} = '';
        delete @{ $r->{headers} }{qw(content-type proxy-status)};
    },
    'Vary is always sent where a client\'s Accept-Encoding matters (row 88)' => sub { my ($r) = @_; delete $r->{headers}{vary} },
    'an outer block\'s header lines stay (row 21)' => sub { my ($r) = @_; delete @{ $r->{headers} }{qw(x-frame-options x-content-type-options x-xss-protection)} },
    'one merged Cache-Control, of the same words (row 24)' => sub { my ($r) = @_; $_ = join ',', sort split /, */, $_ for grep { defined } $r->{headers}{'cache-control'} },
    'header lines are on errors as well (row 18)' => sub { my ($r) = @_; delete @{ $r->{headers} }{qw(x-cache-status cache-control)} if $r->{status} >= 400 },
    'the time in Expires' => sub { my ($r) = @_; $r->{headers}{expires} &&= 'some' },
    'caches and limits say what they do (RFC 9211), and how old an answer is' => sub { my ($r) = @_; delete @{ $r->{headers} }{ qw(cache-status age), grep { /^ratelimit/ } keys %{ $r->{headers} } } },
    'backends are always told about the client, and never what a client says of itself (rows 29, 32)' => sub { my ($r) = @_; $r->{body} =~ s/^x-(real-ip|forwarded-\w+): .*\n//gm },
    'the client\'s port in Host is kept or named' => sub { my ($r) = @_; s/:(?:$at{nginx}{HTTP}|$at{weir}{HTTP}|$at{nginx}{TLS}|$at{weir}{TLS})\b//g for $r->{body}, grep { defined } values %{ $r->{headers} } },
    'redirects of the configuration are sent as they are written: no host is put in front' => sub { my ($r) = @_; s{^https?://files\.example\.com(?::\d+)?/}{/} for grep { defined } $r->{headers}{location} },
);
is scalar(@requests), 60, 'sixty requests, and as many as there are about errors';
for my $request (@requests, @of_errors) {
    my ($nginx, $weir) = map { ask($_, @$request) } qw(nginx weir);
    for my $r ($nginx, $weir) { $_->($r) for @intended{ sort keys %intended } }
    is_deeply $weir, $nginx, "@$request" or diag(explain($nginx), explain($weir));
}

my ($decoded, $kept) = map { ask($_, 'TLS', 'example.com', '/api/a%2fb')->{body} =~ m{^GET (\S+)} } qw(nginx weir);
is "$decoded $kept", '/v1/a/b /v1/a%2fb', 'row 9: the path keeps its spelling, which it does not in nginx';

write_file("$dir/php.conf", "server {\n listen 8080;\n root $dir;\n location ~ \\.php\$ {\n fastcgi_pass unix:$dir/php.sock;\n fastcgi_intercept_errors on;\n error_page 500 /sorry.html;\n }\n}\n");
($status, my $php) = run_weir('import', 'nginx', "$dir/php.conf");
is $status, 0, 'PHP';
like $php, qr{fastcgi = \{\s+to = "unix:$dir/php\.sock";.*on_error = \(\s+\{\s+status = \[ "500" \];\s+path = "/sorry\.html";\s+upstream = true;}s, 'and its errors';

# ---- what is not taken ----
write_file("$dir/bad.conf", "server {\n  listen 80;\n  if (\$host = a) {\n    return 403;\n  }\n  proxi_pass http://b;\n  server_name a.test;\n  location /x { proxy_pass http://\$arg_to; }\n"
    . "  error_page 404 497 /x;\n  location /y { try_files \$uri \@none; }\n}\n");
($status, undef, $said) = run_weir('import', 'nginx', "$dir/bad.conf");
is $status, 1, 'something is refused: the status says so';
like $said, qr{^$dir/bad\.conf:$_}m, $_ for '3: refused: if: there is no `if`: a route has `match`', '6: refused: proxi_pass: ', '8: refused: proxy_pass: an upstream that variables name',
    '9: refused: error_page: 497: plain HTTP at a TLS port', '10: refused: try_files: there is no location \@none';
write_file("$dir/open.conf", "server {\n  listen 80;\n");
($status, undef, $said) = run_weir('import', 'nginx', "$dir/open.conf");
is $status, 2, 'what is no configuration';
like $said, qr/open\.conf: a \} is missing/, 'is told as such';
done_testing;
