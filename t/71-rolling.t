# SPDX-License-Identifier: Apache-2.0
# Three applications, in node, Python and PHP, each twice behind one weir: all are restarted under load,
# and a backend closes its idle connections all the time. No request fails.
# WEIR_STRESS: seconds of load on the connections that are closed (default: a few cycles of each).
use strict;
use warnings;
use Test::More;
use JSON::PP ();
use Weir::Test;

need_tool('node', 'python3', 'curl');
my ($python) = grep { -x } '/usr/bin/python3', map { "$_/python3" } split /:/, $ENV{PATH};
my ($fpm) = grep { -x } glob('/usr/sbin/php-fpm*');
plan skip_all => 'php-fpm is not installed' unless $fpm;
my ($dir, $www) = (new_dir(), new_dir());
chmod 0777, $dir;
write_file("$www/app.php", read_file(lib_dir() . '/backends/app.php'));
my %port = map { $_ => free_port() } qw(node1 node2 python1 python2 php1 php2);
my %app;
sub start_app {
    my ($name) = @_;
    my $app = lib_dir() . '/backends/app';
    my @root = $> == 0 ? ('-R') : ();

    write_file("$dir/$name.conf", "[global]\ndaemonize = no\nerror_log = $dir/$name.log\nprocess_control_timeout = 20s\n[$name]\nlisten = 127.0.0.1:$port{$name}\n"
        . "user = nobody\ngroup = nogroup\npm = static\npm.max_children = 4\nenv[APP_NAME] = $name\nenv[APP_FILES] = $dir\n");
    my %command = (node => ['node', "$app.js", '%port%', $name], python => [$python, '-E', '-s', "$app.py", '%port%', $name],
        php => [$fpm, '-F', '-n', '-y', "$dir/$name.conf", @root]);
    $app{$name} = program($command{ $name =~ s/\d//r }, port => $port{$name});
}
# As a service manager does it: what is under way may end.
sub end_app {
    my ($name) = @_;
    my $pid = delete $app{$name}{pid};

    kill $name =~ /php/ ? 'QUIT' : 'TERM', $pid;
    return wait_for { waitpid($pid, 1) == $pid };
}
sub config {
    my ($drained) = @_;
    my $servers = sub { join ', ', map { qq[{ address = "127.0.0.1:$port{$_}"; fail_timeout = "500ms"; drain = ] . ($_ =~ /$drained/ ? 'true' : 'false') . '; }' } @_ };
    return 'upstream = {' . join('', map { "$_ = { servers = ( ${\ $servers->($_ . 1, $_ . 2)} ); };" } qw(node python php)) . qq[};
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = (
  { path = "/node"; proxy = { to = "http://node"; }; }, { path = "/python"; proxy = { to = "http://python"; }; },
  { path = "/php"; final = true; fastcgi = { to = "http://php"; root = "$www"; split_path = "^/php(/[^/]+[.]php)(.*)\$"; }; } ); } );];
}
start_app($_) for sort keys %port;
my $weir = weir(config('none'), workers => 2);
my $url = 'http://127.0.0.1:' . $weir->port;

# The page as a person uses it.
like `curl -s $url/php/app.php`, qr/<form method="post".*php\d says hello/s, 'a form of PHP';
is `curl -s -d 'note=a b' $url/php/app.php`, "<p>noted a b</p>\n", 'is filled in';
write_file("$dir/picture", join '', map { chr rand 256 } 1 .. 500_000);
my ($sum) = `md5sum < $dir/picture` =~ /(\w+)/;
is `curl -s -F note=mine -F file=\@$dir/picture $url/php/app.php`, "<p>kept picture: 500000 $sum</p>\n<p>mine</p>\n", 'and a file uploaded';
is read_file("$dir/$sum"), read_file("$dir/picture"), 'which is kept';
is `curl -s -d x=1 $url/$_/`, "3 d1ba3ccbf9a0b0a2a4a5ff4a6ad8e0be\n" =~ s/ .*/ @{[`printf x=1 | md5sum` =~ m{(\w+)}]}/r, "and $_ gets a form" for qw(node python);

my $load_n = 0;
# Load while the code runs; true: no request failed.
sub under_load {
    my ($what, $safe, $code) = @_;
    my $file = "$dir/counts" . ++$load_n;
    my $counts = sub { my $text = read_file($file); $text ? JSON::PP->new->decode($text) : {} };
    my $load = program(['node', lib_dir() . '/mixed-load.js', $weir->port, 4, $safe, $file], port => $weir->port);
    my $goes_on = sub { my $c = $counts->(); wait_for { my $now = $counts->(); !grep { ($now->{$_} || 0) < ($c->{$_} || 0) + 30 } qw(node python php) } };

    ok $goes_on->(), "$what: the load runs";
    $code->($goes_on);
    ok $goes_on->(), "$what: to the end";
    write_file("$file.stop", '');
    wait_for { waitpid($load->{pid}, 1) == $load->{pid} };
    delete $load->{pid};
    my $c = $counts->();
    my @failed = @{ $c->{failed} };
    is scalar(@failed), 0, "$what: of $c->{node} requests to node, $c->{python} to Python and $c->{php} to PHP none failed" or diag join "\n", @failed[0 .. ($#failed < 9 ? $#failed : 9)];
}
under_load 'restarts without a word', 1, sub { # what is safe to repeat is repeated
    my ($goes_on) = @_;
    for my $name (qw(node1 python1 php1)) {
        ok end_app($name), "$name ends";
        $goes_on->();
        start_app($name);
        ok wait_for { my $kind = $name =~ s/\d//r; get($weir, $kind eq 'php' ? '/php/app.php' : "/$kind/")->{body} =~ /$name says/ }, "$name is back, and is asked again";
    }
};
under_load 'a rolling restart', 0, sub { # with POSTs and uploads: each is drained before
    my ($goes_on) = @_;
    for my $n (1, 2) {
        my @old = $weir->worker_pids;
        ok $weir->reload(config("$n\$")), "half of all is drained";
        ok wait_for { !grep { -d "/proc/$_" } @old }, 'who did not know it is gone';
        ok end_app("$_$n"), "$_$n ends" for qw(node python php);
        $goes_on->();
        start_app("$_$n") for qw(node python php);
    }
    ok $weir->reload(config('none')), 'all serve again';
};

# A backend that closes connections that were idle for a second, and says so, as node does after five; and one
# that does so at once. Each client's connection is its own, so that each pause is a connection's idle time.
my $clients = 12;
my %node = map { $_ => program(['node', lib_dir() . '/backends/app.js', '%port%', 'node', $_]) } 1000, 5, 5000;
my @groups = map { my $ms = $_; map { ["c$ms-$_", $node{$ms}{port}] } 1 .. $clients } sort { $a <=> $b } keys %node;
ok $weir->reload('upstream = {' . join('', map { qq[$_->[0] = { servers = [ "127.0.0.1:$_->[1]" ]; };] } @groups) . '}; sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; routes = ('
    . join(', ', map { qq[{ path = "/$_->[0]"; proxy = { to = "http://$_->[0]"; }; }] } @groups) . '); } );'), 'a backend that closes idle connections';
my $said = sub { # cycles, groups by their limit
    my ($n, @ms) = @_;
    my $paths = join ' ', map { my $ms = $_; map { "/c$ms-$_:$ms" } 1 .. $clients } @ms;
    my $text = `node @{[lib_dir()]}/idle-cycles.js @{[$weir->port]} $n @{[$ENV{WEIR_STRESS} || 0]} $paths`;
    return $text =~ /^\{/ ? JSON::PP->new->decode($text) : { failed => ["no counts: $text"], map { $_ => 0 } qw(posts pauses reused) };
};
my $c = $said->($ENV{WEIR_STRESS} ? (50, 1000, 5, 5000) : (3, 1000));
is_deeply $c->{failed}, [], "P14: none of $c->{posts} POSTs failed in $c->{pauses} pauses about as long as the backend waits";
cmp_ok $c->{pauses}, '>=', 3 * $clients, 'each connection had several';
cmp_ok $c->{reused}, '>', 0, "and connections are used again ($c->{reused})";
$c = $said->(200, 5);
is_deeply $c->{failed}, [], "none of $c->{posts} where it waits for 5 ms";
done_testing;
