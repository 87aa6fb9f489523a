use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "in"; }; NAME = true; } );',
    server => "modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . '" ];');
is get($weir, '/')->{status}, 403, 'without the field it refuses';
is get($weir, '/', 'X-Key' => '1')->{body}, 'in', 'with it, it does not';
done_testing;
