# SPDX-License-Identifier: Apache-2.0
# Paths and queries rewritten, variables from maps and splits, routes by more than the path.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $backend = backend(sub { my ($conn, $request) = @_; $conn->answer(200, $request->{path}) });
my $to = "proxy = { to = \"http://127.0.0.1:$backend->{port}\"; };";
my $dir = new_dir();
write_file("$dir/langs", "# by country\nde  German\nfr\tFrench, of course\n");
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
is get($weir, '/')->header('X-Slow'), 'there', 'a map of what is known with the response';

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
    [ '', qr/there is no variable "\$kinf"/, 'an unknown variable', 'respond = { text = "$kinf"; };' ],
    [ '', qr/what sends clients to another address is redirect/, 'a rule to another host', 'rewrite = { rules = ( { match = "x"; to = "https://a/"; } ); };' ]) {
    my ($top, $expected, $name, $site) = @$mistake;
    my ($status, $said) = check_config("$top sites = ( { listen = [ \"http://127.0.0.1:1\" ]; " . ($site // '') . ' } );');
    like $said, $expected, $name;
}
done_testing;
