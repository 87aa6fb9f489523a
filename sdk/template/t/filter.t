use strict;
use warnings;
use Test::More;
use Weir::Test;

my $backend = backend(sub { my ($conn, $request) = @_;
    $conn->answer(200, 'foo boo', 'Content-Type' => $request->{path} eq '/html' ? 'text/html' : 'text/plain') });
my $weir = weir("sites = ( { listen = [ \"http://127.0.0.1:%port:web%\" ]; NAME = true;
    proxy = { to = \"http://127.0.0.1:$backend->{port}\"; }; } );",
    server => "modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . '" ];');
is get($weir, '/')->{body}, 'f00 b00', 'a text is changed';
is get($weir, '/html')->{body}, 'foo boo', 'another type is not';
my ($status, $said) = check_config("server = { modules_path = [ \"$ENV{WEIR_MODULE_FOLDER}\", \"" . modules_dir() . "\" ]; };
    sites = ( { listen = [ \"http://127.0.0.1:1\" ]; respond = true; NAME = { from = \"ab\"; }; } );");
like $said, qr/weir\.conf:2:.*exactly one character/, 'a mistake has its line';
done_testing;
