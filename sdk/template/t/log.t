use strict;
use warnings;
use Test::More;
use Weir::Test;

my $weir = weir('sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; respond = true; NAME = true; } );',
    server => "modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . '" ];');
is get($weir, '/x')->{status}, 200, 'a request';
ok $weir->logged(qr{NAME: GET /x 200}), 'has its line';
done_testing;
