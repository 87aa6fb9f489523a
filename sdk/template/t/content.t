use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; NAME = true; } );',
    server => "modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . '" ];');
is get($weir, '/', Host => 'me')->{body}, 'Hello from me', 'it answers';
done_testing;
