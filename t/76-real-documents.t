# SPDX-License-Identifier: Apache-2.0
# This machine's own documents, thousands of files, through weir in every coding: curl and Chromium get what is
# on the disk, whole and in parts. Row 88, P24. WEIR_STRESS: all of them.
use strict;
use warnings;
use Test::More;
use File::Find;
use JSON::PP;
use Weir::Test;

need_tool('curl');
my $n = $ENV{WEIR_STRESS} ? 100_000 : 800;
my @codings = qw(gzip br zstd identity);

# The documents; where a machine was installed without them, what else there is.
sub files_below {
    my ($root) = @_;
    my @files;
    find({ no_chdir => 1, wanted => sub {
        my $path = $File::Find::name;
        push @files, substr $path, length $root if !-l $path && -f _ && -r _ && -s _ < 300_000 && -s _ && substr($path, length $root) !~ m{/\.|[^\w./+~-]};
    } }, $root);
    return sort @files;
}
my ($root, @files);
for ('/usr/share/doc', '/usr/share/perl', '/usr/lib', source_dir()) {
    ($root, @files) = ($_, files_below($_));
    last if @files > 1000;
}
my @all = @files;
srand 4;
@files = sort map { splice @all, rand @all, 1 } 1 .. ($n < @files ? $n : scalar @files);
note("$root: " . @files . ' files');

my $dir = new_dir();
my $weir = weir(<<"END");
sites = ( { listen = [ "http://127.0.0.1:%port:web%" ]; static = { root = "$root"; precompressed = [ ]; autoindex = true; };
  routes = ( { path = "/gzip/"; static = { mount = "$root"; }; compress = { codings = [ "gzip" ]; }; },
    { path = "/br/"; static = { mount = "$root"; }; compress = { codings = [ "br" ]; }; },
    { path = "/zstd/"; static = { mount = "$root"; }; compress = { codings = [ "zstd" ]; }; },
    { path = "/identity/"; static = { mount = "$root"; }; },
    { exact = "/browse/browse.html"; static = { root = "$dir"; }; } ); } );
END
my $base = 'http://127.0.0.1:' . $weir->port;

# ---- curl ----
for my $coding (@codings) {
    mkdir "$dir/$coding";
    write_file("$dir/curl.conf", join '', map { "url = \"$base/$coding$files[$_]\"\noutput = \"$dir/$coding/$_\"\n" } 0 .. $#files);
    is system("curl -s --compressed -H 'Accept-Encoding: $coding' -w '%header{content-encoding}\\n' -K $dir/curl.conf > $dir/coded"), 0, "$coding: curl gets all";
    my @wrong = grep { read_file("$root$files[$_]") ne read_file("$dir/$coding/$_") } 0 .. $#files;
    is "@files[@wrong]", '', 'each is as it is on the disk';
    my $coded = () = read_file("$dir/coded") =~ /^$coding$/mg;
    cmp_ok $coded, '>', 0, "$coded of them in that coding" if $coding ne 'identity';
}

# ---- parts ----
my $wrong = 0;
for my $i (0 .. 99) {
    my $path = $files[$i * @files / 100];
    my $whole = read_file("$root$path");
    my ($first, $last) = (int(length($whole) / 3), int(length($whole) / 2));
    for my $coding (@codings) {
        my $part = get($weir, "/$coding$path", Range => "bytes=$first-$last", 'Accept-Encoding' => $coding);
        $wrong++ if $part->{status} != 206 || $part->{body} ne substr $whole, $first, $last - $first + 1;
    }
}
is $wrong, 0, 'parts are parts of the file, whatever coding is liked';

# ---- a browser ----
my ($chromium) = grep { -x } map { "/usr/bin/$_" } qw(chromium chromium-browser google-chrome);
SKIP: {
    skip 'chromium is not installed', 2 if !$chromium;
    my @pages = grep { /\.(html?|txt|css|js|md)$|copyright$/ } @files;
    splice @pages, 60;
    mkdir "$dir/browse";
    write_file("$dir/browse/browse.html", '<!doctype html><pre id=result>wait</pre><script>
      const pages = ' . encode_json(\@pages) . ', codings = ' . encode_json(\@codings) . ', seen = {};
      (async () => { let same = 0, bad = [];
        for (const page of pages) { const texts = [];
          for (const coding of codings) {
            const r = await fetch("/" + coding + page), as = r.headers.get("content-encoding") || "identity";
            seen[coding + " as " + as] = (seen[coding + " as " + as] || 0) + 1;
            texts.push(new Uint8Array(await r.arrayBuffer()).join()); }
          if (texts.every(t => t === texts[0])) same++; else bad.push(page); }
        document.getElementById("result").textContent = JSON.stringify({ same, bad, seen }); document.title = "done"; })();</script>');
    my $pid = Weir::Test::spawn("$dir/browse", $chromium, '--headless', '--no-sandbox', '--disable-gpu', "--user-data-dir=$dir/profile",
        '--virtual-time-budget=100000', '--dump-dom', "$base/browse/browse.html");
    my $ended = wait_for { waitpid($pid, POSIX::WNOHANG()) == $pid } 90;
    kill 'KILL', $pid if !$ended;
    my ($json) = read_file("$dir/browse/stdout") =~ m{<pre id="result">(\{.*\})</pre>};
    my $result = $json ? decode_json($json =~ s/&amp;/&/gr) : {};
    is $result->{same}, scalar @pages, 'Chromium reads the same in every coding' or diag(read_file("$dir/browse/stdout"), read_file("$dir/browse/stderr"));
    ok $result->{seen}{'gzip as gzip'} && $result->{seen}{'br as br'}, 'and got them coded' or diag($json);
    note($json);
}
done_testing;
