# SPDX-License-Identifier: Apache-2.0
# Access logs in full: JSON under hostile requests, sampling, syslog, a reader that stalls, traces. Row 16.
use strict;
use warnings;
use Test::More;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Weir::Test;

need_tool('jq');
my $dir = new_dir();
chmod 0777, $dir;
my $backend = backend(sub { my ($conn, $r) = @_; $conn->answer(200, $r->header('traceparent') . '|' . ($r->header('tracestate') // '')) });
my $udp = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Proto => 'udp');
my $unix = IO::Socket::UNIX->new(Local => "$dir/log.sock", Type => Socket::SOCK_DGRAM);
chmod 0777, "$dir/log.sock";
POSIX::mkfifo("$dir/pipe", 0666);
sysopen my $reader, "$dir/pipe", Fcntl::O_RDWR | Fcntl::O_NONBLOCK or die "pipe: $!";
my $udp_port = $udp->sockport;
my $weir = weir(<<"END", level => 'warn');
access_log = { path = "%dir%/json"; format = "json"; flush = "1ms"; fields = { trace = "\$trace_id"; cookie = "\$http_cookie"; }; };
trace = true;
sites = ( { names = [ "a.test" ]; listen = [ "http://127.0.0.1:%port:web%" ]; respond = { text = "\$request_id"; };
  routes = (
  { path = "/half"; access_log = { path = "%dir%/half"; format = "\$request_id"; sample = "50%"; flush = "1ms"; }; },
  { path = "/udp"; access_log = { path = "syslog:udp://127.0.0.1:$udp_port"; format = "json"; }; },
  { path = "/unix"; access_log = { path = "syslog:unix:$dir/log.sock"; format = "to unix \$uri"; }; },
  { path = "/errors"; access_log = { path = "%dir%/errors"; format = "\$status \$uri"; when = "\$arg_log"; flush = "1ms"; }; },
  { path = "/pipe"; access_log = { path = "$dir/pipe"; format = "\$uri \$args"; flush = "1ms"; buffer = 0; }; },
  { path = "/t"; proxy = { to = "http://127.0.0.1:$backend->{port}"; };
    access_log = { path = "%dir%/t"; format = "\$traceparent \$parent_span_id \$span_id"; flush = "1ms"; }; },
  { path = "/t/made"; proxy = { to = "http://127.0.0.1:$backend->{port}"; }; trace = { traceparent = "make"; sampled = false; }; }
); } );
END
my $get = sub { my ($path, %h) = @_; get($weir, $path, Host => 'a.test', %h)->{body} };
my $file = sub { read_file("$weir->{dir}/$_[0]") };

# ---- 10,000 requests that no one would send in good faith ----
my $n = 10_000;
my @nasty = ("\xff\xfe", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", '"', '\\', '\\u0000', "\t", '</script>',
    "\xe2\x82\xac", '%00', '$request', 'x' x 300, "\xf0\x9f\x98\x80", "\x80" x 50);
my $seed = 7;
my $some = sub { my ($of) = @_; $seed = ($seed * 1103515245 + 12345) % 2**31; return $of->[($seed >> 8) % @$of] };
my $client = client($weir);
for my $block (1 .. $n / 100) {
    my $bytes = '';
    for (1 .. 100) {
        my $long = $some->([0, 0, 0, 0, 9_000]);
        $bytes .= "GET /" . join('', map { $some->(['a', '%22', '%ff', '%5c', "'", '{']) } 1 .. 5) . " HTTP/1.1\r\nHost: a.test\r\nUser-Agent: "
            . join('', map { $some->(\@nasty) } 1 .. 6) . "\r\nReferer: " . $some->(\@nasty) x ($long ? 29 : 1)
            . "\r\nCookie: " . join('', map { $some->(\@nasty) } 1 .. 4) . "\xff" x $long . "\r\nX: y\r\n\r\n";
    }
    $client->send($bytes);
    $client->response for 1 .. 100;
}
for (1 .. 50) { # and some that are none
    raw($weir, join('', map { $some->(["\0", "\x7f", "GET ", "\r\n", @nasty]) } 1 .. 20) . "\r\n\r\n");
}
ok wait_for { $file->('json') =~ tr/\n// >= $n }, "row 16: $n hostile requests are logged";
my ($count) = `jq -c 'select(.user_agent and .time and .trace and .status == 200)' $weir->{dir}/json | wc -l` =~ /(\d+)/;
is $?, 0, 'jq takes every line';
is $count, $n, 'with all keys in each';
is system("iconv -f UTF-8 -t UTF-8 $weir->{dir}/json > /dev/null"), 0, 'all of it is UTF-8';

# ---- what is chosen ----
my %logged = map { $_ => 1 } my @ids = map { $get->('/half') } 1 .. 60;
my @chosen = grep { hex(substr $_, -8) < 2**31 } @ids;
ok @chosen > 0 && @chosen < @ids, 'sample: some requests, and not all';
ok wait_for { $file->('half') =~ tr/\n// == @chosen }, 'sample: by the ids';
is $file->('half'), join('', map { "$_\n" } @chosen), 'so that one knows beforehand';
$get->("/errors?log=$_") for 0, 1, '', 'x';
ok wait_for { $file->('errors') eq "200 /errors\n" x 2 }, 'when: neither empty nor 0';

# ---- syslog ----
my $receive = sub { my ($from) = @_; Weir::Test::wait_readable($from) or return ''; $from->recv(my $message, 65536); return $message };
$get->('/udp');
my $message = $receive->($udp);
like $message, qr/^<190>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ weir \d+ access - \{.*\}$/, 'syslog by UDP, RFC 5424';
is decode_json($message =~ s/^.*? - //r)->{uri}, '/udp', 'with the line';
$get->('/unix');
like $receive->($unix), qr/ access - to unix \/unix$/, 'by a unix socket';
close $unix;
unlink "$dir/log.sock";
$get->('/unix') for 1 .. 3;
ok $weir->logged('access_log syslog:unix:\S+: .* lines are lost so far'), 'its server went: that is said';
$unix = IO::Socket::UNIX->new(Local => "$dir/log.sock", Type => Socket::SOCK_DGRAM);
chmod 0777, "$dir/log.sock";
ok wait_for { $get->('/unix'); IO::Select->new($unix)->can_read(0) }, 'and is found again when it comes back';

# ---- a reader that does not read ----
my $args = 'x' x 15_000;
ok wait_for { $get->("/pipe?$args") =~ /^\w{32}$/ && $weir->error_log =~ /nobody takes what is written/ }, 'nobody reads the pipe: lines are dropped';
is length $get->('/other'), 32, 'and requests go on';
my $read = '';
ok wait_for { sysread $reader, my $more, 65536; $read .= $more // ''; $get->('/pipe?again'); $read =~ m{^/pipe again$}m }, 'it reads: lines come again';
is scalar(grep { $_ !~ m{^/pipe (x+|again)$} } split /\n/, $read =~ s/[^\n]*\z//r), 0, 'each of them whole';
ok $weir->logged('is written again; \d+ lines were lost'), 'and the loss is told';

# ---- traces ----
my $parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
my ($sent, $state) = split /\|/, $get->('/t', traceparent => $parent, tracestate => 'a=b'), -1;
like $sent, qr/^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-00$/, 'a trace is passed on, from a span of our own';
is $state, 'a=b', 'with its state';
my ($span) = $sent =~ /-(\w{16})-/;
ok wait_for { $file->('t') =~ /^\Q$sent\E 00f067aa0ba902b7 $span$/m }, 'and logged';
for (['/t', undef, '01'], ['/t', '00-' . 'A' x 32 . '-00f067aa0ba902b7-01', '01'], ['/t', [$parent, $parent], '01'], ['/t', 'x', '01'], ['/t/made', $parent, '00']) {
    my ($path, $field, $flags) = @$_;
    my ($made, $none) = split /\|/, $get->($path, traceparent => $field, tracestate => 'a=b'), -1;
    like $made, qr/^00-(?!4bf92f)(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-$flags$/, "a new one, $path " . (ref $field ? 'two fields' : $field // 'none');
    is $none, '', 'without the state of the other';
}
for (['sample', '"5"', 'percentage'], ['path', '"syslog:tcp://a:1"', 'expected "syslog:unix'], ['fields', '{ a = "b"; }', 'JSON']) {
    my ($status, $said) = check_config(qq[sites = ( { listen = [ "http://127.0.0.1:1" ]; respond = true; access_log = { ] . ($_->[0] eq 'path' ? '' : 'path = "stdout"; ') . "$_->[0] = $_->[1]; }; } );");
    like $said, qr/access_log\.$_->[0]: .*$_->[2]/, "$_->[0] = $_->[1]";
}
done_testing;
