use strict;
use warnings;
use Test::More;
use Weir::Test;

my $dir = new_dir();
write_file("$dir/keys", "abc\ndef\n");
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; respond = { text = \"visit # of #\"; };
    doorman = { keys = \"$dir/keys\"; }; } );",
    workers => 2, server => "modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . '" ];');
is get($weir, '/')->{status}, 401, 'without a key';
is get($weir, '/', 'X-Key' => 'x')->{status}, 403, 'with a wrong one';
is get($weir, '/', 'X-Key' => 'abc')->{body}, 'visit 1 of 1', 'with one of the file';
is get($weir, '/', 'X-Key' => 'abc')->{body}, 'visit 2 of 2', 'counted by all workers together';
done_testing;
