# SPDX-License-Identifier: Apache-2.0
# A certificate that is renewed on disk is used by new handshakes of all workers, which cannot read
# its key, without a reload; one that is wrong is refused loudly, and the old one stays.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('openssl');
my $dir = new_dir();
my @files = make_certificate($dir, names => ['a.test']);
make_certificate($dir, name => 'other', key => 'rsa', names => ['other.test']);
chmod 0600, $files[1];
my $weir = weir(<<"END", workers => 2, $> ? () : (user => 'nobody'));
sites = ( { names = [ "a.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
            tls = { certificate = "$files[0]"; key = "$files[1]"; }; respond = { text = "a\\n"; }; },
          { names = [ "other.test" ]; listen = [ "https://127.0.0.1:%port:web%" ];
            tls = { certificate = "$dir/other.pem"; key = "$dir/other-key.pem"; };
            respond = { text = "b\\n"; }; } );
END
my @workers;
wait_for { (@workers = sort $weir->worker_pids) == 2 };
my $to = '127.0.0.1:' . $weir->port;

sub served {
    my ($name) = @_;
    my $said = `openssl s_client -connect $to -servername $name </dev/null 2>/dev/null | openssl x509 -noout -fingerprint 2>&1`;
    return $said =~ /Fingerprint=(\S+)/ ? $1 : $said;
}

sub on_disk { return `openssl x509 -noout -fingerprint -in $_[0]` =~ /Fingerprint=(\S+)/ ? $1 : '' }

# Five connections meet both workers, most likely.
sub all_serve {
    my ($name, $wanted) = @_;
    return wait_for { !grep { served($name) ne $wanted } 1 .. 5 };
}

my $old = on_disk($files[0]);
my $other = on_disk("$dir/other.pem");
ok all_serve('a.test', $old), 'the first certificate';
make_certificate($dir, names => ['a.test']);
chmod 0600, $files[1];
my $new = on_disk($files[0]);
isnt $new, $old, 'there is another on disk';
ok all_serve('a.test', $new), 'P23: it is used in both workers, without a reload';
is served('other.test'), $other, 'another site keeps its own';
is_deeply [sort $weir->worker_pids], \@workers, 'the workers are the same';
ok $weir->logged(qr/site a\.test: changed files are in use/), 'the log tells';

# What is wrong is refused, and nothing changes.
write_file($files[1], read_file("$dir/other-key.pem"));
ok $weir->logged(qr/key in \S+ does not belong to the certificate/), 'a key that does not match is noticed';
ok $weir->logged(qr/a\.test: its changed files are refused/), 'loudly';
ok all_serve('a.test', $new), 'the old one stays';
make_certificate($dir, names => ['a.test'], days => -1);
ok $weir->logged(qr/expired \d+ days ago/), 'so is one that has expired';
ok all_serve('a.test', $new), 'the old one stays again';

# Replaced by a rename, with a key of another kind; a worker that starts later has it, too.
make_certificate($dir, name => 'next', key => 'rsa', names => ['a.test']);
rename "$dir/next-key.pem", $files[1];
rename "$dir/next.pem", $files[0];
my $next = on_disk($files[0]);
ok all_serve('a.test', $next), 'a renewed pair of another kind, moved into place';
$weir->{o}{may_die} = 1;
kill 'KILL', $workers[0];
ok wait_for { my @now = $weir->worker_pids; @now == 2 && !grep { $_ == $workers[0] } @now }, 'a worker dies and is replaced';
ok all_serve('a.test', $next), 'the new worker has the renewed one';
done_testing;
