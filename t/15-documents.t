# SPDX-License-Identifier: Apache-2.0
# What is made from the options' tables: manual pages, reference, JSON schema, completion.
use strict;
use warnings;
use JSON::PP;
use Test::More;
use Weir::Test;

my $made = ($ENV{WEIR_BUILD} || source_dir() . '/build') . '/doc/generated';
plan skip_all => "nothing was made in $made" unless -e "$made/stamp";
my ($status, $out) = run_weir('-c', '/dev/null', 'modules', '--json');
is $status, 0, 'P26: every module loads';
my $all = decode_json($out);
my @modules = @{ $all->{modules} };
cmp_ok scalar @modules, '>', 10, 'there are modules';

sub undocumented {
    my ($options, $outer) = @_;
    return map { my $o = $_; ("$outer.$o->{name}") x !$o->{doc}, $o->{options} ? undocumented($o->{options}, "$outer.$o->{name}") : () } @$options;
}
is join(' ', map { undocumented($_->{options}, $_->{name}) } @modules), '', 'every option of every module has a sentence';
is join(' ', map { undocumented($all->{host}{$_}, $_) } qw(top server upstream client site route)), '', 'and every one of the host';
is join(' ', grep { !-e source_dir() . "/modules/$_/README.md" } map { $_->{name} } @modules), '', 'every module has a README';

my $schema = decode_json(read_file("$made/schema.json"));
my $reference = read_file("$made/reference.md");
my $bash = read_file("$made/completions/weir.bash");
for my $module (@modules) {
    my $page = read_file("$made/man/man5/weir-$module->{name}.5");
    my ($option) = grep { !$_->{options} && $_->{name} ne '*' } @{ $module->{options} };
    my $name = $option ? $option->{name} : $module->{name};

    like $page, qr/^\.SH DESCRIPTION\n.*\Q$name\E/ms, "weir-$module->{name}(5) has $name";
    like $reference, qr/^## $module->{name}$/m, 'so has the reference';
    ok $schema->{'$defs'}{ $module->{name} }, 'and the schema';
    like $bash, qr/\b$module->{name}\b/, 'and the completion';
}
my $proxy = $schema->{'$defs'}{proxy}{properties};
is $proxy->{buffering}{type}, 'boolean', 'the schema has types';
is $schema->{properties}{sites}{items}{properties}{routes}{items}{properties}{final}{type}, 'boolean', 'down to routes';
is $schema->{'$defs'}{static}{additionalProperties}, JSON::PP::false, 'and allows no unknown option';
like read_file("$made/man/man8/weir.8"), qr/\\fB\\-t\\fR/, 'weir(8) has the options';
like read_file("$made/man/man5/weir.conf.5"), qr/\\fBserver\.workers\\fR.*"auto"/, 'weir.conf(5) has the settings of the host';
is system('bash', '-n', "$made/completions/weir.bash"), 0, 'the completion is bash';
# What bash offers for the last word, beside a weir whose sites are in $folder.
my $folder = new_dir();
write_file("$folder/$_", '') for qw(one.conf two.conf.off note.txt);
sub completed {
    my (@words) = @_;
    my $list = join ' ', map { "'$_'" } @words;
    return `bash -c '. "$made/completions/weir.bash"; weir() { echo "config     $folder"; }; COMP_WORDS=($list); COMP_CWORD=$#words; _weir; echo "\${COMPREPLY[@]}"' 2>&1`;
}
is completed('weir', '-s', 're'), "reload reopen\n", 'and completes';
is completed('weir', 'peers', 'app', 'd'), "disable drain\n", 'orders for peers';
is completed('weir', 'enable', ''), "two\n", 'sites that are off';
is completed('weir', 'disable', ''), "one\n", 'and on';
for my $shell (['zsh', '_weir'], ['fish', 'weir.fish']) { # they offer the same
    my ($program, $file) = @$shell;
    my ($path) = grep { -x } map { "$_/$program" } split /:/, $ENV{PATH};
    SKIP: {
        skip "there is no $program", 1 unless $path;
        is system($path, '-n', "$made/completions/$file"), 0, "the completion for $program is $program";
    }
    like read_file("$made/completions/$file"), qr/\b$_\b/, "$program knows $_" for qw(reload max-5xx enable jwt purge drain);
}

# Both kinds of packages have the same modules apart, and what each needs to be built.
my $spec = read_file(source_dir() . '/packaging/weir.spec');
my $control = read_file(source_dir() . '/debian/control');
for my $file (glob source_dir() . '/debian/weir-module-*.install') {
    my ($package) = $file =~ m{([^/]+)\.install$};
    my @files = read_file($file) =~ m{([^/\s]+\.so)$}mg;
    like $control, qr/^Package: $package$/m, "debian/control has $package";
    my ($listed) = $spec =~ /^%files -n \Q$package\E\n(.*?)(?:\n\n|\z)/ms;
    is join(' ', ($listed // '') =~ m{([^/\s]+\.so)$}mg), "@files", 'weir.spec has the same files in it';
    like $spec, qr/^Requires: +\Q$package\E$/m, 'and weir-modules requires it';
    is join(' ', grep { $spec !~ m{^%exclude \S*/\Q$_\E$}m } @files), '', 'which weir does not have';
}
my %devel = (event => 'libevent', config => 'libconfig', ssl => 'openssl', crypt => 'libxcrypt', nghttp2 => 'libnghttp2', isal => 'isa-l', zlib1g => 'zlib',
    zstd => 'libzstd');
for my $library ($control =~ /^ (?:lib)?(\w[\w-]*?)-dev\b/mg) {
    my $name = $devel{$library} // $library;
    like $spec, qr/^BuildRequires: +\Q$name\E-devel\b/m, "weir.spec needs $name-devel to build";
}
done_testing;
