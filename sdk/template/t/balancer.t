use strict;
use warnings;
use Test::More;
use Weir::Test;

my @backends = map { my $n = $_; backend(sub { my ($conn) = @_; $conn->answer(200, $n) }) } 1 .. 2;
my $servers = join ', ', map { "\"127.0.0.1:$_->{port}\"" } @backends;
my $weir = weir("upstream = { app = { servers = [ $servers ]; balance = \"NAME\"; }; };
    sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; proxy = { to = \"http://app\"; }; } );",
    server => "modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . '" ];');
is join('', map { get($weir, '/')->{body} } 1 .. 4), '1212', 'one after another';
done_testing;
