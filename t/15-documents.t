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
my $completed = `bash -c '. "$made/completions/weir.bash"; COMP_WORDS=(weir -s re); COMP_CWORD=2; _weir; echo "\${COMPREPLY[@]}"'`;
is $completed, "reload reopen\n", 'and completes';
done_testing;
