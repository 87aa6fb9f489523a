# SPDX-License-Identifier: Apache-2.0
# Paths and queries rewritten, variables from maps and splits, routes by more than the path.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $backend = backend(sub { my ($conn, $request) = @_; $conn->answer(200, $request->{path}) });
my $to = "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; };";
my $dir = new_dir();
write_file("$dir/langs", "# by country\nde  German\nfr\tFrench, of course\n" . join('', map { "c$_ number $_\n*.d$_.test below $_\nx$_* front $_\n" } 1 .. 30_000));
my $weir = weir(<<"END");
map = {
  kind  = { source = "\$http_x_kind"; default = "plain";
            table = ( [ "mobile", "m" ], [ "*.example.org", "org" ], [ "app-*", "app" ], [ "app-9*", "nine" ],
                      [ "~^v([0-9]+)\$", "version \$1" ], [ "~*^ABC", "abc \$host" ] ); };
  lang  = { source = "\$arg_country"; file = "$dir/langs"; default = "\$kind"; };
  slow  = { source = "\$status"; table = ( [ "404", "missing" ] ); default = "there"; };
};
split = { canary = { key = "\$arg_user"; parts = ( [ "25%", "new" ], [ "*", "old" ] ); }; };
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; $to
  headers = { response = { set = { X-Kind = "\$kind"; X-Lang = "\$lang"; X-Part = "\$canary"; X-Slow = "\$slow"; }; }; };
  routes = (
    { path = "/old/";  rewrite = { rules = ( { match = "^/old/(.*)\$"; to = "/new/\$1"; } ); }; },
    { path = "/chain"; rewrite = { rules = ( { match = "^/chain\$"; to = "/one"; }, { match = "^/one\$"; to = "/two"; stop = true; },
                                             { match = "^/two"; to = "/three"; } ); }; },
    { path = "/id/";   rewrite = { rules = ( { match = "^/id/([0-9]+)\$"; to = "/item?id=\$1"; }, { match = "^/id/x"; to = "/bare?"; } ); }; },
    { path = "/api";   rewrite = { strip_prefix = "/api"; add_prefix = "/v2/"; }; },
    { path = "/q";     rewrite = { query = { remove = [ "utm_*", "b" ]; set = { c = "\$http_x_kind"; }; }; }; },
    { path = "/only";  rewrite = { query = { keep = [ "p*", "q" ]; add = { q = "\$arg_p"; z = "1"; }; }; }; },
    { path = "/loop";  rewrite = { rules = ( { match = "^/loop"; to = "/pool"; } ); }; },
    { path = "/pool";  rewrite = { rules = ( { match = "^/pool"; to = "/loop"; } ); }; },
    { path = "/slow";  rewrite = { rules = ( { match = "^/slow/(a+)+\$"; to = "/x"; } ); }; },
    { path = "/pick"; match = { header = { X-Kind = "^b"; }; query = { v = "^2\$"; }; }; respond = { text = "both"; }; },
    { path = "/pick"; match = { cookie = { beta = "yes"; }; }; respond = { text = "cookie"; }; },
    { exact = "/pick/x"; match = { header = { X-Kind = "z"; }; }; respond = { text = "exact z"; }; },
    { exact = "/pick/x"; methods = [ "POST" ]; respond = { text = "exact post"; }; },
    { path = "/pick"; respond = { text = "rest"; }; } ); } );
END

sub to { return get($weir, @_)->{body} }
sub map_of { my ($name, $value) = @_; return get($weir, '/', 'X-Kind' => $value)->header($name) }

is to('/old/a%20b/c?x=1'), '/new/a%20b/c?x=1', 'a group of the regex becomes part of the path, escaped again, the query stays';
is to('/old/a%2Fb'), '/new/a%2Fb', 'an escaped slash stays one';
is to('/old/50%2525'), '/new/50%2525', 'and a percent sign is not decoded twice';
is to('/old/a/../b//c'), '/new/b/c', 'rules see what routes see: no dot segments';
is to('/chain'), '/two', 'rules work one after another, until one says stop';
is to('/id/7?a=b'), '/item?id=7&a=b', 'arguments of a rule go before the query';
is to('/id/x?a=b'), '/bare', 'a "?" at the end drops the query';
is to('/api/x%2Fy?z'), '/v2/x%2Fy?z', 'prefixes: off and on, the rest byte for byte';
is to('/api'), '/v2/', 'the prefix alone';
is to('/apix'), '/apix', 'not in the middle of a segment';
is to('/q?a=1&utm_source=x&b=2&c=3&bb=4', 'X-Kind' => 'q&r=s'), '/q?a=1&bb=4&c=q%26r=s', 'arguments are removed and set, escaped';
is to('/q'), '/q?c=', 'also where there was no query';
is to('/only?a=1&p=2&q=3&pp=4&b'), '/only?p=2&q=3&pp=4&q=2&z=1', 'some arguments are kept, others put behind them';
is to('/only?a=1'), '/only?q=&z=1', 'also where none is kept';
is to('/loop'), '/loop', 'a group of rules works once per request: no circle';
is get($weir, '/slow/' . 'a' x 60 . '!')->{status}, 500, 'a regex that backtracks without end is stopped';
ok $weir->logged(qr/rule 1 takes too long/), 'and the log says which';

is map_of('X-Kind', 'mobile'), 'm', 'a whole value';
is map_of('X-Kind', 'MOBILE'), 'm', 'in any case';
is map_of('X-Kind', 'a.example.org'), 'org', 'a suffix';
is map_of('X-Kind', 'app-1'), 'app', 'a prefix';
is map_of('X-Kind', 'app-91'), 'nine', 'the longest one';
is map_of('X-Kind', 'v12'), 'version 12', 'a regex and its group';
is map_of('X-Kind', 'abcd'), 'abc test', 'a regex in any case; a result with a variable';
is map_of('X-Kind', 'V12'), 'plain', 'the default';
is get($weir, '/?country=fr')->header('X-Lang'), 'French, of course', 'a table from a file';
is get($weir, '/?country=xx', 'X-Kind' => 'mobile')->header('X-Lang'), 'm', 'one map may stand on another';
is get($weir, "/?country=$_->[0]")->header('X-Lang'), $_->[1], "of 90,000 lines: $_->[0]"
    for ['c29999', 'number 29999'], ['a.B.d17.test', 'below 17'], ['d17.test', 'plain'], ['x30000/y', 'front 30000'], ['X3', 'front 3'], ['y', 'plain'];
write_file("$dir/langs", "de  Deutsch\n");
ok $weir->reload, 'a reload';
is get($weir, '/?country=de')->header('X-Lang') . get($weir, '/?country=fr')->header('X-Lang'), 'Deutschplain', 'reads the file again';
write_file("$dir/langs", "de  Deutsch\n# a comment\nfr \$nothing\n~( x\nde  twice\n\0 y\n");
ok !$weir->reload, 'a file with mistakes is refused';
like $weir->{said}, qr{\Q$dir/langs:$_->[0]\E: $_->[1]: map\.lang\.file: }, "its line $_->[0]" for [3, 'error'], [4, 'error'], [5, 'warning'], [6, 'error'];
is get($weir, '/?country=de')->header('X-Lang'), 'Deutsch', 'the old one is used';
write_file("$dir/langs", '');
is get($weir, '/')->header('X-Slow'), 'there', 'a map of what is known with the response';

# One address for each page.
my $wide = weir(<<"END");
realip = { from = [ "127.0.0.1" ]; };
sites = ( { names = [ "www.test", "test", "[::1]" ]; listen = [ "http://127.0.0.1:%port:web%" ]; $to
  rewrite = { canonical = { host = "www.test"; slash = "remove"; }; query = { remove = [ "x" ]; }; };
  routes = ( { path = "/added"; rewrite = { canonical = { slash = "add"; status = 301; }; }; }, { path = "/any"; rewrite = false; },
    { path = "/own"; rewrite = { canonical = { host = "test:8080"; }; }; },
    { path = "/inner"; rewrite = { rules = ( { match = "^/inner\$"; to = "/added/inside/"; } ); }; }, @{[ map {
      qq({ path = "/round$_"; rewrite = { rules = ( { match = "^"; to = "/round@{[$_ + 1]}"; } ); }; },) } 1 .. 12 ]}
    { path = "/round13"; } ); } );
END
sub sent { my ($path, @h) = @_; my $r = get($wide, $path, @h); return join ' ', $r->{status}, grep { defined } $r->header('Location') // $r->{body} }
for ([['/a?b=c&x=1', Host => 'test'], '308 http://www.test/a?b=c&x=1', 'another name of the site: its main one, the query as it was'],
    [['/a?b', Host => 'test:99'], '308 http://www.test:99/a?b', 'the port stays'], [['/a', Host => '[::1]'], '308 http://www.test/a', 'an address is a name'],
    [['/a/', Host => 'test', 'X-Forwarded-Proto' => 'https', 'X-Forwarded-For' => '192.0.2.1'], '308 https://www.test/a', 'both at once, as https in front of weir'],
    [['/a%2fb//?q', Host => 'WWW.test'], '308 /a%2fb?q', 'without a slash, the rest byte for byte'], [['//evil.test/', Host => 'www.test'], '308 /evil.test', 'never another host'],
    [['/', Host => 'www.test'], '200 /', 'but the root keeps its own'], [['/a?x=1', Host => 'www.test'], '200 /a', 'what is canonical is served'],
    [['/added?q=/', Host => 'www.test'], '301 /added/?q=/', 'with a slash'], [['/added/v1.2/x.css', Host => 'www.test'], '200 /added/v1.2/x.css', 'but for files'],
    [['/own/', Host => 'www.test'], '308 http://test:8080/own', 'a host with a port'], [['/any/', Host => 'test'], '200 /any/', 'a route without'],
    [['/inner', Host => 'www.test'], '200 /added/inside/', 'a path that a rule has made is not looked at'],
    [['/round5', Host => 'www.test'], '200 /round13', 'eight rules of different routes'], [['/round4', Host => 'www.test'], undef, 'nine']) {
    my ($ask, $want, $name) = @$_;
    my $got = sent(@$ask);
    $want ? is($got, $want, "canonical: $name") : like($got, qr/^500 /, "$name are too many: loops are bounded");
}
ok $wide->logged(qr/rewrite rules send this request round in circles/), 'and told';
is request($wide, 'POST', '/a', { Host => 'test' }, 'x')->{status}, 308, 'a POST stays one';

my %parts;
$parts{ get($weir, "/?user=$_")->header('X-Part') }++ for 1 .. 400;
is join(' ', sort keys %parts), 'new old', 'a split has its parts';
cmp_ok abs($parts{new} - 100), '<', 40, "a quarter of 400 users is in the first: $parts{new}";
my $first = get($weir, '/?user=7')->header('X-Part');
is scalar(grep { get($weir, '/?user=7')->header('X-Part') eq $first } 1 .. 5), 5, 'a user stays in one';

is to('/pick?v=2', 'X-Kind' => 'big'), 'both', 'a route by header and query';
is to('/pick?v=3', 'X-Kind' => 'big'), 'rest', 'all conditions have to hold';
is to('/pick', 'Cookie' => 'a=b; beta=yes'), 'cookie', 'a route by cookie';
is to('/pick/x', 'X-Kind' => 'z'), 'exact z', 'an exact path with a condition';
is request($weir, 'POST', '/pick/x', {}, '')->{body}, 'exact post', 'and the next one of that path, by method';
is to('/pick/x'), 'rest', 'and the prefix where neither wants the request';
my (undef, $explain) = run_weir('-c', $weir->{conf}, 'explain', '-H', 'Cookie: beta=yes', 'http://127.0.0.1:' . $weir->port . '/pick');
like $explain, qr/text +"?cookie/, 'explain goes by the same conditions';

for my $mistake (
    [ 'map = { a = { source = "$b"; }; b = { source = "$a"; }; };', qr/circle/, 'maps in a circle' ],
    [ 'map = { host = { source = "$uri"; }; };', qr/map\.host: weir has a variable of that name/, 'a name that is taken' ],
    [ 'map = { x = { source = "$status"; }; };', qr/no value yet/, 'a map that is known too late', 'redirect = { to = "/$x"; };' ],
    [ 'map = { x = { source = "$uri"; table = ( [ "~(", "y" ] ); }; };', qr/map\.x\.table: .*missing/, 'a regex that is none' ],
    [ 'split = { s = { key = "$uri"; parts = ( [ "60%", "a" ], [ "60%", "b" ] ); }; };', qr/more than 100%/, 'too many parts' ],
    [ '', qr/canonical\.host: "https:\/\/a": expected a host name/, 'a host that is none', 'rewrite = { canonical = { host = "https://a"; }; };' ],
    [ '', qr/canonical\.status: 303: expected 301/, 'another status', 'rewrite = { canonical = { status = 303; }; };' ],
    [ '', qr/there is no variable "\$kinf"/, 'an unknown variable', 'respond = { text = "$kinf"; };' ],
    [ '', qr/what sends clients to another address is redirect/, 'a rule to another host', 'rewrite = { rules = ( { match = "x"; to = "https://a/"; } ); };' ]) {
    my ($top, $expected, $name, $site) = @$mistake;
    my ($status, $said) = check_config("$top sites = ( { listen = [ \"http://127.0.0.1:1\" ]; " . ($site // '') . ' } );');
    like $said, $expected, $name;
}
done_testing;
