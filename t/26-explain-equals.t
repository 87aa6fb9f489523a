# SPDX-License-Identifier: Apache-2.0
# What `weir explain` says of a request is what happens to it: 200 requests, made from a fixed seed, to 20
# sites with routes of all kinds. Site, route, hooks, content, upstream, status and fields are compared.
use strict;
use warnings;
use Test::More;
use Weir::Test;

my $build = $ENV{WEIR_BUILD} || source_dir() . '/build';
my $mine = "$build/t/modules/.libs";
plan skip_all => 'the modules of the tests are not built' unless -e "$mine/order_a.so";
my $seed = 4;
sub pick { $seed = ($seed * 1103515245 + 12345) % 2147483648; return $_[($seed >> 8) % @_] }

my %upstream = map { my $name = $_; $name => backend(sub { $_[0]->answer(200, "from $name", 'X-Peer' => $name) }) } qw(up1 up2 up3);
my @paths = ('/a', '/a/b', '/a/b/c', '/img', '/Img', '/a%20b');
my $n = 0;

# What makes the content, by a word of its own.
sub content {
    my $word = 'w' . ++$n;
    return pick(qq[respond = { text = "$word"; status = 2] . pick('00', '03', '05') . '; };',
        qq[redirect = { to = "http://elsewhere.example/$word"; status = ] . pick(301, 302, 307) . '; };',
        map { qq[proxy = { to = "http://$_"; };] } pick(sort keys %upstream));
}
sub extras {
    return join ' ', map { pick('', $_) } 'order_a = true;', 'order_b = true;', 'order_d = true;',
        'headers = { response = { set = { X-From = "' . 'f' . ++$n . '"; }; }; };';
}
my %seen; # of a site: no path twice
sub route {
    my $where = pick(map({ qq[path = "$_";] . pick('', '', ' final = true;') } @paths),
        map({ qq[exact = "$_";] } '/a/b', '/img/x.png'), map({ qq[regex = "$_";] } '^/a/[0-9]+$', '\\\\.(png|php)$', '^/img/(.*)$'));
    return if $seen{ $where =~ s/ final.*//r }++;
    my $only = pick('', '', '', 'methods = [ "POST" ];', 'match = { header = { X-Beta = "^1$"; }; };', 'match = { query = { q = "^[0-9]+$"; }; };');
    return "{ $where $only " . pick('', content(), content()) . ' ' . extras() . ' }';
}
sub site {
    my ($i) = @_;
    %seen = ();
    my $names = join ', ', map { qq["$_"] } "s$i.example", pick("*.w$i.example", "a$i.example", "pre$i.*");
    my $port = $i % 2 ? '%port:web%' : '%port:other%';
    return qq[{ names = [ $names ]; listen = [ "http://127.0.0.1:$port" ]; ] . ($i == 18 ? 'default = true; ' : '') . content()
        . ' ' . extras() . ' routes = ( ' . join(', ', map { route() } 1 .. 2 + pick(1 .. 5)) . ' ); }';
}
my $groups = join ' ', map { qq[$_ = { servers = [ "127.0.0.1:$upstream{$_}{port}" ]; };] } sort keys %upstream;
my $config = "upstream = { $groups };\n"
    . 'headers = { response = { set = { X-Site = "$server_name"; X-Route = "$route"; X-From = "top"; }; }; };' . "\n"
    . "sites = (\n" . join(",\n", map { site($_) } 1 .. 20) . "\n);\n";
my $weir = weir($config, server => qq[modules_path = [ "$build/modules", "$mine" ];]);

sub ask {
    my $i = pick(1 .. 20);
    my $host = pick(("s$i.example") x 4, "x.w$i.example", "a$i.example", "pre$i.test", 'nobody.example', "S$i.Example");
    my $path = pick(map({ ($_, "$_/", "$_/7", "$_/x.png", "$_/x.php", "${_}x") } @paths), '/', '/a/7', '/a/../img/1', '/a//b');
    my %fields = pick(1, 0) ? ('X-Beta' => pick(1, 2)) : ();
    return { host => $host, name => $i % 2 ? 'web' : 'other', path => $path . pick('', '', '?q=5', '?q=x'),
        method => pick(qw(GET GET GET POST PUT)), fields => \%fields };
}
# The words of explain's answer.
sub read_explained {
    my ($text) = @_;
    my %e = (order => '', peer => '');
    ($e{site}) = $text =~ /^site +(\S+)/m;
    ($e{route}) = $text =~ /^route +(.*?): (?:its|the|no) /m;
    ($e{content}) = $text =~ /^  content +(\w+)/m;
    $e{order} = join '', $text =~ /^  response +order_(\w)/mg;
    ($e{status}) = $text =~ /^    status +(\d+)/m;
    ($e{to}) = $text =~ /^    to +"(.*?)"/m;
    ($e{text}) = $text =~ /^    text +"(.*?)"/m;
    ($e{from}) = ($text =~ /^    response\.set\.X-From +"(.*?)"/mg)[-1];
    ($e{refused}) = $text =~ /: (\d{3})$/m;
    return \%e;
}
# What is to be seen by them, as one line.
sub expected {
    my ($e) = @_;
    return $e->{refused} if $e->{refused};
    my $seen = { respond => sub { "$e->{status} $e->{text}" }, redirect => sub { "$e->{status} $e->{to}" },
        proxy => sub { '200 from ' . ($e->{to} =~ s{.*/}{}r) } }->{ $e->{content} }->();
    return "$e->{site} $e->{route} $e->{order} $e->{from} $seen";
}
sub seen {
    my ($r, $content) = @_;
    return $r->{status} unless defined $r->header('X-Site') && $r->{status} != 405;
    my $order = ($r->header('X-Order') // '') =~ s/, //gr;
    my $seen = $r->header('Location') // $r->{body};
    return join ' ', @{ $r->{headers} }{qw(x-site x-route)}, $order, $r->header('X-From'), "$r->{status} $seen";
}

# Explained together are those of one method and one set of fields.
my @questions = map { ask() } 1 .. 200;
my %together;
for my $q (@questions) {
    $q->{lines} = [map { "$_: $q->{fields}{$_}" } sort keys %{ $q->{fields} }];
    push @{ $together{"$q->{method} @{ $q->{lines} }"} }, $q;
}
for my $some (values %together) {
    while (my @part = splice @$some, 0, 50) {
        my ($text, $err) = (run_weir('-c', $weir->{conf}, 'explain', '-X', $part[0]{method}, (map { ('-H', $_) } @{ $part[0]{lines} }),
            map { "http://$_->{host}:" . $weir->port($_->{name}) . $_->{path} } @part))[1, 2];
        my @said = split /\n\n/, $text;
        is scalar(@said), scalar(@part), 'each URL is explained' or diag $err;
        $_->{said} = read_explained(shift @said) for @part;
    }
}
my (@wrong, %kinds, %routes);
for my $q (@questions) {
    my $e = $q->{said};
    my $expected = expected($e);
    my $r = request($weir->port($q->{name}), $q->{method}, $q->{path}, { Host => $q->{host}, %{ $q->{fields} } }, $q->{method} eq 'GET' ? undef : 'body');
    my $seen = seen($r);
    push @wrong, "$q->{method} $q->{host} $q->{path} @{ $q->{lines} }\n  said: $expected\n  seen: $seen\n" if $seen ne $expected;
    $kinds{ $e->{content} // $e->{refused} // '-' }++;
    $routes{ "$e->{site} $e->{route}" }++ if $e->{route};
}
is scalar(@wrong), 0, 'explain said what happened, 200 times' or diag @wrong[0 .. ($#wrong < 5 ? $#wrong : 5)];
cmp_ok $kinds{$_} // 0, '>', 5, "$_ was among it" for qw(respond redirect proxy 421);
cmp_ok scalar(keys %routes), '>', 40, 'and many routes: ' . keys %routes;
done_testing;
