#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# weir import nginx PATH [-o FOLDER] - writes weir's configuration for one of nginx.
#
# What became of each directive goes to standard error, as FILE:LINE: translated|changed|refused: ...
# The exit status is 1 when anything was refused. Without -o the files are printed.
#
# First a tree of directives (parse_*), then one pass over it for each thing that weir has: upstreams, zones,
# sites, routes. A directive is looked for where nginx would (`effective`), and noted where it stands.
use strict;
use warnings;
use File::Basename qw(dirname basename);
use File::Path qw(make_path);

my ($prefix, $refused, %noted) = ('.', 0);

# ---- reading ----

sub fail { print STDERR "weir import nginx: $_[0]\n"; exit 2 }

# Tokens of a file: [text, line, is quoted]. `;`, `{` and `}` stand alone.
sub tokens {
    my ($file) = @_;
    open my $in, '<', $file or fail("$file: $!");
    my $text = do { local $/; <$in> };
    my ($line, @out) = (1);
    pos($text) = 0;
    while (pos $text < length $text) {
        if ($text =~ /\G\n/gc) { $line++; next }
        next if $text =~ /\G(?:[ \t\r]+|#[^\n]*)/gc;
        if ($text =~ /\G([;{}])/gc) { push @out, [$1, $line, 0]; next }
        if ($text =~ /\G(["'])((?:\\.|(?!\1).)*)\1/gcs) {
            my ($value, $at) = ($2, $line);
            $line += $value =~ tr/\n//;
            $value =~ s/\\(["'\\])/$1/g;
            push @out, [$value, $at, 1];
            next;
        }
        $text =~ /\G((?:\\.|\$\{[^}]*\}|[^\s;{}])+)/gc or $text =~ /\G(.)/gcs;
        push @out, [$1, $line, 0];
    }
    return \@out;
}

# A block: { name, args, line, file, block => [...] } for each directive; includes are put in.
sub parse_block {
    my ($file, $tokens, $at, $depth) = @_;
    my @block;

    while ($$at < @$tokens) {
        my ($name, $line, $quoted) = @{ $tokens->[$$at++] };
        if (!$quoted && $name eq '}') { fail("$file:$line: a } too many") if $depth == 0; return \@block }
        my %d = (name => $name, line => $line, file => $file, args => []);
        while ($$at < @$tokens) {
            my ($word, undef, $is_text) = @{ $tokens->[$$at++] };
            if ($is_text || $word !~ /^[;{}]$/) { push @{ $d{args} }, $word; next }
            fail("$file:$line: \"$name\": a ; is missing") if $word eq '}';
            $d{block} = parse_block($file, $tokens, $at, $depth + 1) if $word eq '{';
            last;
        }
        push @block, $name eq 'include' ? included(\%d) : \%d;
    }
    fail("$file: a } is missing at the end") if $depth;
    return \@block;
}

sub parse_file {
    my ($file) = @_;
    my $at = 0;
    return parse_block($file, tokens($file), \$at, 0);
}

my %standard = map { $_ => 1 } qw(mime.types fastcgi_params fastcgi.conf proxy_params scgi_params uwsgi_params);
my $nesting = 0;

sub included {
    my ($d) = @_;
    my $pattern = $d->{args}[0] // '';
    $pattern = "$prefix/$pattern" if $pattern !~ m{^/};
    my @files = sort glob $pattern;

    if ($standard{ basename($pattern) } && basename($pattern) ne 'proxy_params') {
        note($d, 'translated', 'weir knows what is in it');
        return ();
    }
    if (!@files && $pattern !~ /[*?\[]/) { note($d, 'refused', "$pattern: there is no such file"); return () }
    fail("$d->{file}:$d->{line}: files include each other") if ++$nesting > 20;
    my @all = map { @{ parse_file($_) } } @files;
    $nesting--;
    return @all;
}

# ---- what became of it ----

sub note {
    my ($d, $what, $why) = @_;
    $refused = 1 if $what eq 'refused';
    $d->{is_noted} = 1;
    return if $noted{"$d->{file}:$d->{line}:$d->{name}:$what:$why"}++;
    print STDERR "$d->{file}:$d->{line}: $what: $d->{name}: $why\n";
}
sub done { my ($d, $why) = @_; note($d, 'translated', $why // 'as it is') }
sub changed { note($_[0], 'changed', $_[1]) }

# ---- looking things up ----

sub all_of { my ($scope, $name) = @_; return grep { $_->{name} eq $name } @{ $scope->{block} } }
sub one_of { my ($scope, $name) = @_; return (all_of($scope, $name))[-1] }

# From the innermost block that has it outwards, as nginx does.
sub effective {
    my ($scope, $name) = @_;
    for (my $s = $scope; $s; $s = $s->{parent}) {
        my @found = all_of($s, $name);
        return wantarray ? @found : $found[-1] if @found;
    }
    return;
}

# The scope that `effective` finds it in.
sub home_of {
    my ($scope, $name) = @_;
    for (my $s = $scope; $s; $s = $s->{parent}) { return $s if all_of($s, $name) }
    return;
}

# Variables that mean the same in both; a directive with others cannot be translated.
my %same = map { $_ => 1 } qw(host scheme request_uri uri args query_string request_method remote_addr remote_port server_name
    server_port status request_id request_time bytes_sent body_bytes_sent upstream_addr upstream_status upstream_response_time
    upstream_cache_status proxy_add_x_forwarded_for remote_user time_local time_iso8601 request server_protocol);
my %renamed = (document_uri => 'uri', binary_remote_addr => 'remote_addr', is_args => undef, http_host => 'http_host');
my %defined_here; # by map

sub template {
    my ($d, $text) = @_;
    my $bad;
    $text =~ s{\$(\{?)(\w+)(\}?)}{
        my ($open, $name, $close) = ($1, $2, $3);
        $name = $renamed{$name} if defined $renamed{$name};
        $bad //= $name if !$same{$name} && !$defined_here{$name} && $name !~ /^(?:(?:sent_)?http|arg|cookie)_\w+$|^[1-9]$/;
        "\$$open$name$close"}ge;
    return $text if !defined $bad;
    note($d, 'refused', "weir has no variable \$$bad");
    return;
}

sub duration {
    my ($text) = @_;
    return "${text}s" if $text =~ /^\d+$/;
    my %days = (w => 7, M => 30);
    return $1 * $days{$2} . 'd' if $text =~ /^(\d+)([wM])$/;
    return $text;
}
sub size { return lc $_[0] }

# ---- writing ----

# A group is [key, value, key, value]: the order stays. \1 and \0 are true and false, integer(1) is a number.
sub text_of {
    my ($value, $indent) = @_;
    my $in = '  ' x ($indent + 1);

    return $$value =~ /^\+(\d+)$/ ? $1 : $$value ? 'true' : 'false' if ref $value eq 'SCALAR';
    if (ref $value eq 'HASH') { # { list => [groups] }
        return "(\n" . join(",\n", map { $in . text_of($_, $indent + 1) } @{ $value->{list} }) . "\n" . '  ' x $indent . ')' if $value->{list};
        return '( ' . join(', ', map { '[ ' . join(', ', map { quoted($_) } @$_) . ' ]' } @{ $value->{rows} }) . ' )' if $value->{rows};
        return '[ ' . join(', ', map { quoted($_) } @{ $value->{array} }) . ' ]';
    }
    return quoted($value) if !ref $value;
    my @lines;
    for (my $i = 0; $i < @$value; $i += 2) {
        push @lines, "$in$value->[$i] = " . text_of($value->[$i + 1], $indent + 1) . ";\n";
    }
    return "{\n" . join('', @lines) . '  ' x $indent . '}';
}
sub quoted { my ($text) = @_; $text =~ s/([\\"])/\\$1/g; return "\"$text\"" }
sub array { return { array => [@_] } }
sub integer { my ($n) = @_; return \"+$n" }

# ---- parts of a site or route ----

my @weir_forwards = qw(connection upgrade proxy-connection keep-alive te transfer-encoding);

sub request_fields {
    my ($scope) = @_;
    my @set;
    for my $d (effective($scope, 'proxy_set_header')) {
        my ($name, $value) = @{ $d->{args} };
        if (grep { $_ eq lc $name } @weir_forwards) { changed($d, "$name belongs to a connection: weir sets it itself, and lets upgrades pass"); next }
        my $text = template($d, $value) // next;
        push @set, $name, $text;
        done($d, 'headers.request.set');
    }
    return @set;
}

sub response_headers {
    my ($scope) = @_;
    my (%seen, @set);
    for my $d (all_of($scope, 'add_header')) {
        my ($name, $value, $always) = @{ $d->{args} };
        if ($name !~ /^[A-Za-z*][-\w*]*$/) { note($d, 'refused', "no name that weir's files can have: \"$name\""); next }
        if ($seen{ lc $name }++) { note($d, 'refused', "a second $name in the same block: write one line"); next }
        my $text = template($d, $value) // next;
        push @set, $name, $text;
        changed($d, ($always ? '' : 'sent with every status, errors too; ') . 'a block inside adds to it (nginx: it would take the place of all)');
    }
    my $expires = one_of($scope, 'expires');
    my @response;
    if ($expires) {
        my $value = $expires->{args}[0];
        if (@{ $expires->{args} } > 1 || $value =~ /^[-@\$]/) { note($expires, 'refused', 'expected a duration, off, epoch or max') }
        else { push @response, expires => $value =~ /^\d/ ? duration($value) : $value; changed($expires, 'one Cache-Control line (nginx: two, where add_header has another)') }
    }
    push @response, set => \@set if @set;
    return @response;
}

sub tail_of { my ($url) = @_; return $url =~ m{^\w+://[^/]+(/.*)$} ? $1 : undef }

sub proxy {
    my ($scope, $d, $location) = @_;
    my ($url) = @{ $d->{args} };
    my @proxy;

    if ($url =~ /\$/) { note($d, 'refused', 'an upstream that variables name: name it in a route each'); return }
    my $uri = tail_of($url);
    (my $to = $url) =~ s{^(\w+://[^/]+)/.*$}{$1};
    if ($url =~ m{^http://unix:([^:]+)(?::(.*))?$}) { ($to, $uri) = ("http://unix:$1", $2) }
    push @proxy, to => $to;
    if (defined $uri && $location && $location->{kind} =~ /^(path|exact)$/) {
        (my $strip = $location->{pattern}) =~ s{/$}{};
        (my $add = $uri) =~ s{/$}{};
        push @proxy, strip_prefix => $strip if length $strip;
        push @proxy, add_prefix => $add if length $add;
        changed($d, 'prefixes are whole segments, and the path keeps its spelling') if length $strip || length $add;
    }
    done($d, 'proxy.to');
    changed($d, "the client's Host is passed on (nginx: the backend's name)")
        if !grep { lc $_->{args}[0] eq 'host' } effective($scope, 'proxy_set_header');
    for (['proxy_connect_timeout', 'connect_timeout'], ['proxy_send_timeout', 'send_timeout'], ['proxy_read_timeout', 'read_timeout']) {
        my $t = effective($scope, $_->[0]) // next;
        push @proxy, $_->[1] => duration($t->{args}[0]);
        push @proxy, tunnel_timeout => duration($t->{args}[0]) if $_->[1] eq 'read_timeout' && $t->{args}[0] =~ /^\d{4,}s?$|h$/;
        done($t, "proxy.$_->[1]");
    }
    if (my $b = effective($scope, 'proxy_buffering')) { push @proxy, buffering => $b->{args}[0] eq 'on' ? \1 : \0; done($b, 'proxy.buffering') }
    if (my $b = effective($scope, 'proxy_request_buffering')) { push @proxy, request_buffering => $b->{args}[0] eq 'on' ? \1 : \0; done($b, 'proxy.request_buffering') }
    if (my $b = effective($scope, 'proxy_buffers')) {
        my ($bytes, $unit) = $b->{args}[1] =~ /^(\d+)(\w?)$/;
        push @proxy, buffer_body => $b->{args}[0] * $bytes . lc $unit;
        done($b, 'proxy.buffer_body, the sum');
    }
    changed($_, "a backend's head may have 64k (proxy.buffer_head), and takes what it needs") for grep { $_ } scalar effective($scope, 'proxy_buffer_size');
    changed($_, 'there are no sizes that have to fit each other') for grep { $_ } scalar effective($scope, 'proxy_busy_buffers_size');
    if (my $v = effective($scope, 'proxy_http_version')) { done($v, 'HTTP/1.1 is what weir speaks to backends') }
    if (my $r = effective($scope, 'proxy_redirect')) { $r->{args}[0] eq 'off' ? done($r, 'Location is passed on as it is') : note($r, 'refused', 'Location is not rewritten') }
    if (my $i = effective($scope, 'proxy_ignore_headers')) {
        my @other = grep { lc ne 'x-accel-redirect' } @{ $i->{args} };
        @other ? note($i, 'refused', "$other[0] counts; see modules/cache for what a route may say instead") : done($i, 'accel_redirect is off unless a route says it');
    }
    changed($_, 'what may be tried again: proxy.retry and the upstream\'s retry') for effective($scope, 'proxy_next_upstream');
    push @proxy, accel_redirect($scope, $d);
    return \@proxy;
}

sub cache_use {
    my ($scope) = @_;
    my $d = effective($scope, 'proxy_cache') // return;
    my @cache = (zone => $d->{args}[0]);
    return \0 if $d->{args}[0] eq 'off';
    changed($d, 'answers for Authorization, with Set-Cookie or Vary: * are not shared; HEAD is answered from GET');
    my @valid;
    for my $v (effective($scope, 'proxy_cache_valid')) {
        my @a = @{ $v->{args} };
        push @valid, join ' ', (@a > 1 ? @a[0 .. $#a - 1] : qw(200 301 302)), duration($a[-1]);
        done($v, 'cache.valid');
    }
    push @cache, valid => array(@valid) if @valid;
    if (my $k = effective($scope, 'proxy_cache_key')) { my $t = template($k, $k->{args}[0]); if (defined $t) { push @cache, key => $t; done($k, 'cache.key') } }
    for (['proxy_cache_bypass', 'bypass'], ['proxy_no_cache', 'no_store']) {
        my $v = effective($scope, $_->[0]) // next;
        my @t = map { template($v, $_) // () } @{ $v->{args} };
        push @cache, $_->[1] => array(@t) if @t;
        done($v, "cache.$_->[1]");
    }
    if (my $m = effective($scope, 'proxy_cache_min_uses')) { push @cache, min_uses => integer($m->{args}[0]); done($m, 'cache.min_uses') }
    if (my $s = effective($scope, 'proxy_cache_use_stale')) { push @cache, stale => array(grep { $_ !~ /invalid_header|off/ } @{ $s->{args} }); done($s, 'cache.stale') }
    if (my $l = effective($scope, 'proxy_cache_lock')) { push @cache, lock => $l->{args}[0] eq 'on' ? \1 : \0; done($l, 'cache.lock') }
    return \@cache;
}

sub static {
    my ($scope, $location) = @_;
    my @static;
    if (my $a = one_of($scope, 'alias')) {
        if ($location && $location->{kind} eq 'path') { (my $folder = $a->{args}[0]) =~ s{(.)/$}{$1}; push @static, mount => $folder; changed($a, 'static.mount: by segments, so that no path leads beside it') }
        else { note($a, 'refused', 'a mount takes the place of a path prefix alone') }
    } elsif (my $r = one_of($scope, 'root')) {
        push @static, root => $r->{args}[0];
        done($r, 'static.root');
    }
    if (my $i = one_of($scope, 'index')) { push @static, index => array(map { s{^/}{}r } @{ $i->{args} }); done($i, 'static.index') }
    if (my $t = one_of($scope, 'try_files')) {
        my @paths = map { template($t, $_) // () } map { s/^=(\d+)$/=$1/r } @{ $t->{args} };
        s/\?\$(?:args|query_string)$// for @paths;
        if ($paths[-1] !~ /^\@/) { push @static, try => array(@paths); done($t, 'static.try') }
        elsif ($location && named_location($location, $paths[-1])) {
            $location->{fallback} = $paths[-1];
            push @static, try => array(@paths[0 .. $#paths - 1], '=404');
            changed($t, "static.try and on_error for GET and HEAD; other methods never mean files, and go to $paths[-1] at once");
        } else { note($t, 'refused', $location ? "there is no location $paths[-1]" : 'a named location for the whole server: put it into `location /`') }
    }
    if (my $a = one_of($scope, 'autoindex')) { push @static, autoindex => $a->{args}[0] eq 'on' ? \1 : \0; done($a, 'static.autoindex') }
    return @static ? \@static : undef;
}

sub client {
    my ($scope, @from) = @_;
    my @client;
    for (['client_max_body_size', 'max_body'], ['client_header_timeout', 'header_timeout'], ['client_body_timeout', 'body_timeout'],
        ['send_timeout', 'send_timeout'], ['keepalive_timeout', 'keepalive_timeout'], ['keepalive_requests', 'keepalive_requests']) {
        my $d;
        for my $s (@from) { $d //= one_of($s, $_->[0]) }
        next if !$d;
        my $value = $d->{args}[0];
        if ($_->[1] =~ /timeout/ && $value eq '0') { changed($d, 'there is no zero: weir\'s default stays'); next }
        if ($_->[1] eq 'max_body' && $value eq '0') { push @client, max_body => '1000g' }
        else { push @client, $_->[1] => $_->[1] =~ /timeout/ ? duration($value) : $_->[1] eq 'max_body' ? size($value) : integer($value) }
        done($d, "client.$_->[1]");
    }
    return @client ? \@client : undef;
}

sub logs {
    my ($scope, $formats) = @_;
    my @out;
    if (my $d = one_of($scope, 'access_log')) {
        my ($path, @more) = @{ $d->{args} };
        my ($format) = grep { !/=/ } @more;
        my @log = (path => $path =~ s{^syslog:server=unix:}{syslog:unix:}r =~ s{^syslog:server=([^,]+).*}{syslog:udp://$1}r);
        $log[1] .= ':514' if $log[1] =~ m{^syslog:udp://[^:]+$};
        if ($path eq 'off') { push @out, access_log => \0; done($d, 'access_log = false') }
        else {
            if ($format && $format ne 'combined') { my $f = $formats->{$format}; defined $f ? push(@log, format => $f) : note($d, 'refused', "its format $format cannot be translated") }
            for (@more) {
                push @log, buffer => size($1) if /^buffer=(.*)/;
                push @log, flush => duration($1) if /^flush=(.*)/;
                if (/^if=(.*)/) { my $t = template($d, $1); push @log, when => $t if defined $t }
            }
            push @out, access_log => \@log;
            done($d, 'access_log');
        }
    }
    if (my $d = one_of($scope, 'error_log')) {
        my %level = (debug => 'debug', info => 'info', notice => 'info', warn => 'warn');
        push @out, error_log => [path => $d->{args}[0], level => $level{ $d->{args}[1] // 'error' } // 'error'];
        done($d, 'error_log');
    }
    return @out;
}

sub limits {
    my ($scope) = @_;
    my @uses;
    for my $d (all_of($scope, 'limit_req')) {
        my %o = map { /^(\w+)=(.*)$/ ? ($1 => $2) : ($_ => 1) } @{ $d->{args} };
        my @use = (zone => $o{zone}, burst => integer($o{burst} // 0));
        push @use, delay => integer($o{delay} // 0) if !$o{nodelay} && $o{burst};
        my $status = effective($scope, 'limit_req_status');
        push @use, status => integer($status->{args}[0]) if $status;
        changed($d, 'counted over all workers; refused with ' . ($status ? $status->{args}[0] : '429') . ' and Retry-After');
        done($status, 'limit.status') if $status;
        push @uses, \@use;
    }
    for my $d (all_of($scope, 'limit_conn')) {
        push @uses, [zone => $d->{args}[0], connections => integer($d->{args}[1])];
        changed($d, 'limit.connections: requests under way');
    }
    return @uses > 1 ? { list => \@uses } : $uses[0];
}

sub access {
    my ($scope) = @_;
    my @rules = grep { $_->{name} =~ /^(allow|deny)$/ } @{ $scope->{block} } or return;
    my %list = (allow => [], deny => []);
    for (@rules) {
        push @{ $list{ $_->{name} } }, $_->{args}[0];
        changed($_, 'the longest prefix counts, not the first line; deny wins a tie');
    }
    return [map { @{ $list{$_} } ? ($_ => array(@{ $list{$_} })) : () } qw(allow deny)];
}

sub compress {
    my ($scope) = @_;
    my $on = one_of($scope, 'gzip') // return;
    my @compress;
    return \0 if $on->{args}[0] eq 'off';
    changed($on, 'brotli and zstd as well, always with Vary, and a weak ETag');
    if (my $t = effective($scope, 'gzip_types')) { push @compress, types => array('text/html', map { $_ eq '*' ? '*' : $_ } grep { $_ ne 'text/html' } @{ $t->{args} }); done($t, 'compress.types') }
    if (my $m = effective($scope, 'gzip_min_length')) { push @compress, min_length => integer($m->{args}[0]); done($m, 'compress.min_length') }
    if (my $l = effective($scope, 'gzip_comp_level')) { push @compress, gzip_level => integer($l->{args}[0]); done($l, 'compress.gzip_level') }
    changed($_, 'weir does so by itself') for grep { $_ } map { scalar effective($scope, $_) } qw(gzip_vary gzip_proxied gzip_static gzip_http_version gzip_disable gzip_buffers);
    return @compress ? \@compress : \1;
}

# redirect or respond, from `return`
sub returned {
    my ($scope) = @_;
    my $d = one_of($scope, 'return') // return;
    my @a = @{ $d->{args} };
    my ($status, $what) = $a[0] =~ /^\d{3}$/ ? @a : (302, $a[0]);
    my $text = defined $what ? template($d, $what) : '';
    return if !defined $text;
    if ($status =~ /^30[12378]$/) {
        changed($d, 'a site answers for its own names alone: nobody else\'s host gets into Location') if $text =~ /\$host/;
        done($d, 'redirect');
        return (redirect => [to => $text, status => integer($status)]);
    }
    if ($status == 444) { note($d, 'refused', 'a connection is not closed without an answer: unknown hosts get 421'); return }
    my $type = effective($scope, 'default_type');
    done($type, 'respond.type') if $type;
    done($d, 'respond');
    return (respond => [status => integer($status), length $text ? (text => $text, $type ? (type => $type->{args}[0]) : ()) : ()]);
}

sub fastcgi {
    my ($scope, $d) = @_;
    my @f = (to => $d->{args}[0]);
    my $root = effective($scope, 'root');
    push @f, root => $root->{args}[0] if $root;
    if (my $i = effective($scope, 'fastcgi_index')) { push @f, index => $i->{args}[0]; done($i, 'fastcgi.index') }
    done($d, 'fastcgi.to');
    changed($_, 'weir sets the usual parameters, SCRIPT_FILENAME among them') for all_of($scope, 'fastcgi_param');
    push @f, accel_redirect($scope, $d);
    return \@f;
}

sub rewrites {
    my ($scope) = @_;
    my @rules;
    for my $d (all_of($scope, 'rewrite')) {
        my ($match, $to, $flag) = @{ $d->{args} };
        if (($flag // '') =~ /redirect|permanent/ || $to =~ /^\w+:/) { note($d, 'refused', 'write a route with that regex and a redirect'); next }
        my $text = template($d, $to) // next;
        push @rules, [match => $match, to => $text, $flag ? (stop => \1) : ()];
        changed($d, 'rules run once, and then the route is chosen; loops are refused');
    }
    return @rules ? [rules => { list => \@rules }] : undef;
}

# ---- error pages ----

# Of the site: routes that are no location in nginx, and the entries made of each error_page.
my (@made_routes, %entry_of);

# nginx has statuses of its own, which clients never see.
my %own_status = (494 => 'too long a head is 431', 495 => 'a certificate that does not fit ends the handshake or is 403',
    496 => 'a certificate that is missing ends the handshake or is 403', 497 => 'plain HTTP at a TLS port is 400', 499 => 'nobody is there to read it');

# Where another host is to be asked: a route with that redirect, and its name.
sub redirect_route {
    my ($url, $status) = @_;
    my $name = 'error-' . (@made_routes + 1);
    push @made_routes, [path => "/\@$name", name => $name, internal => \1, redirect => [to => $url, status => integer($status // 302)]];
    return "\@$name";
}

# One error_page: an entry of on_error, or nothing.
sub error_page {
    my ($d) = @_;
    my @a = @{ $d->{args} };
    my $to = pop @a;
    my $answer = @a && $a[-1] =~ /^=(\d*)$/ ? (pop @a, $1)[1] : undef;
    my @wrong = grep { $own_status{$_} || !/^[345]\d\d$/ } @a;

    if (@wrong || !@a) { note($d, 'refused', @a ? "$wrong[0]: " . ($own_status{ $wrong[0] } // 'no status') : 'no status'); return }
    my $path = template($d, $to) // return;
    if ($path =~ m{^(?:\w+:|\$scheme)//} || ($answer // '') =~ /^30[12378]$/) {
        ($path, $answer) = (redirect_route($path, $answer || undef), '');
        done($d, 'on_error, and a route that redirects');
    } elsif ($path =~ /^\@/) {
        changed($d, 'on_error: the named route is asked by GET or HEAD, without a body');
    } elsif ($path =~ m{^[/\$]}) {
        done($d, 'on_error');
    } else { note($d, 'refused', "\"$to\": expected a path, \@NAME or a URL"); return }
    return [status => array(@a), path => $path, defined $answer ? (answer => length $answer ? $answer : 'own') : ()];
}

# Those that nginx would use in this scope; a site's are its routes', too, but those do not mean backends' answers.
sub error_pages {
    my ($scope, $location) = @_;
    my @fallback = $location && $location->{fallback} ? [status => array(404), path => $location->{fallback}, answer => 'own'] : ();
    my @pages = effective($scope, 'error_page') or return @fallback ? { list => \@fallback } : undef;
    my $home = home_of($scope, 'error_page');
    my $backend = (grep { one_of($scope, "${_}_pass") } qw(proxy fastcgi))[0];
    my $intercept = $location && $backend ? effective($scope, "${backend}_intercept_errors") : undef;
    my $is_meant = $intercept && $intercept->{args}[0] eq 'on';

    changed($_, 'an entry of on_error answers a request once, so that circles end') for effective($scope, 'recursive_error_pages');
    done($intercept, $is_meant ? 'on_error.upstream' : 'on_error means weir\'s own errors') if $intercept;
    @pages = () if $location && $home->{name} ne 'location' && !$is_meant; # its site says so
    my %own = map { $_ => 1 } map { @{ $_->{args} } } @pages;
    for my $outer (@pages && $location && $home->{parent} ? effective($home->{parent}, 'error_page') : ()) {
        changed($pages[0], 'on_error: for other statuses those of the site hold as well') if grep { /^\d+$/ && !$own{$_} } @{ $outer->{args} };
    }
    my @entries = (@fallback, map { my $page = $entry_of{$_} //= error_page($_); $page ? [@$page, $is_meant ? (upstream => \1) : ()] : () } @pages);
    return @entries ? { list => \@entries } : undef;
}

# A location that clients cannot ask for, and that is no error's page: nginx obeys every backend's X-Accel-Redirect, weir that
# of a route which says so.
sub accel_redirect {
    my ($scope, $d) = @_;
    my $server = $scope;
    $server = $server->{parent} while $server && $server->{name} ne 'server';
    my $ignored = effective($scope, $d->{name} =~ s/_pass$/_ignore_headers/r);
    my @pages = map { $_->{args}[-1] } map { all_of($_, 'error_page') } $server, locations($server);
    my ($inner) = grep { my $l = $_; one_of($l, 'internal') && !grep { index($_, $l->{args}[-1]) == 0 } @pages } locations($server);

    return if !$inner || ($ignored && grep { lc eq 'x-accel-redirect' } @{ $ignored->{args} });
    changed($d, 'accel_redirect: its X-Accel-Redirect may lead to ' . $inner->{args}[-1] . '; say false where backends are not trusted that far');
    return (accel_redirect => \1);
}

# All that a site and a route can both have.
sub shared_parts {
    my ($scope, $location, $formats) = @_;
    my @out;
    my @response = response_headers($scope);
    my $pass = one_of($scope, 'proxy_pass');
    my $php = one_of($scope, 'fastcgi_pass');
    my @request = $pass ? request_fields($scope) : ();

    push @out, returned($scope);
    if ($pass) { my $p = proxy($scope, $pass, $location); push @out, proxy => $p if $p }
    elsif ($php) { push @out, fastcgi => fastcgi($scope, $php) }
    my $static = static($scope, $location);
    push @out, static => $static if $static && !$pass && !$php;
    my $cache = $pass ? cache_use($scope) : undef;
    push @out, cache => $cache if $cache;
    push @out, headers => [@request ? (request => [set => \@request]) : (), @response ? (response => \@response) : ()] if @request || @response;
    for (['limit', limits($scope)], ['access', access($scope)], ['compress', compress($scope)], ['rewrite', rewrites($scope)],
        ['on_error', error_pages($scope, $location)]) {
        push @out, @$_ if defined $_->[1];
    }
    if (my $a = one_of($scope, 'auth_basic')) {
        my $file = effective($scope, 'auth_basic_user_file');
        if ($a->{args}[0] eq 'off') { push @out, auth_basic => \0 }
        elsif ($file) { push @out, auth_basic => [realm => $a->{args}[0], file => $file->{args}[0]]; done($file, 'auth_basic.file') }
        else { note($a, 'refused', 'auth_basic_user_file is missing'); return @out }
        done($a, 'auth_basic');
    }
    if (my $s = one_of($scope, 'stub_status')) { push @out, status => \1; changed($s, 'another page, and metrics: see modules/status') }
    push @out, logs($scope, $formats);
    return @out;
}

# ---- locations, servers ----

sub route {
    my ($location, $formats) = @_;
    my @args = @{ $location->{args} };
    my ($modifier, $pattern) = @args > 1 ? @args : ('', $args[0]);
    ($modifier, $pattern) = ($1, $2) if @args == 1 && $pattern =~ /^(=|\^~|~\*|~)(.+)$/;
    my %kind = ('' => 'path', '^~' => 'path', '=' => 'exact', '~' => 'regex', '~*' => 'regex');

    return named_route($location, $formats) if $pattern =~ /^\@/;
    $location->{kind} = $kind{$modifier};
    $location->{pattern} = $pattern;
    $pattern = "(?i)$pattern" if $modifier eq '~*';
    my @route = ($kind{$modifier} => $pattern, $modifier eq '^~' ? (final => \1) : ());
    if ($kind{$modifier} eq 'path' && $pattern !~ m{/$}) { changed($location, "matches whole segments: $pattern and $pattern/..., not ${pattern}more") }
    else { done($location, 'a route') }
    push @route, internal($location);
    my @parts = route_parts($location, $formats);
    return ([@route, $location->{fallback} ? (methods => array('GET')) : (), @parts], route_for_other_methods($location, \@route, $formats));
}

sub route_parts {
    my ($location, $formats) = @_;
    my $client = client($location, $location);
    return ($client ? (client => $client) : (), shared_parts($location, $location, $formats));
}

sub internal {
    my ($location) = @_;
    my $d = one_of($location, 'internal') // return;
    done($d, 'internal');
    return (internal => \1);
}

sub named_location {
    my ($scope, $name) = @_;
    $scope = $scope->{parent} while $scope->{name} ne 'server';
    return (grep { $_->{args}[-1] eq $name } locations($scope))[0];
}

# What is asked for there by other methods than those that files take goes to the same backend.
sub route_for_other_methods {
    my ($location, $route, $formats) = @_;
    my $named = $location->{fallback} ? named_location($location, $location->{fallback}) : return;

    $named->{kind} = 'named';
    return [@$route, route_parts($named, $formats)];
}

# A route has a path; nobody asks for this one, which is found by its name.
sub named_route {
    my ($location, $formats) = @_;
    my $name = $location->{args}[-1] =~ s/^\@//r;

    $location->{kind} = 'named';
    done($location, "the route with name = \"$name\"");
    return [path => "/\@$name", name => $name, internal => \1, route_parts($location, $formats)];
}

sub locations {
    my ($scope) = @_;
    my @found;
    for my $l (all_of($scope, 'location')) {
        $l->{parent} = $scope;
        push @found, $l, locations($l);
    }
    return @found;
}

sub listens {
    my ($server) = @_;
    my (@urls, $default, $http2);
    my @all = all_of($server, 'listen');
    push @all, { name => 'listen', line => $server->{line}, file => $server->{file}, args => ['80'], } if !@all;
    for my $d (@all) {
        my ($at, @flags) = @{ $d->{args} };
        my %flag = map { (split /=/)[0] => 1 } @flags;
        my $scheme = $flag{ssl} ? 'https' : 'http';
        $at = "*:$at" if $at =~ /^\d+$/;
        $at = "$at:" . ($flag{ssl} ? 443 : 80) if $at !~ /:\d+$|^unix:/;
        push @urls, "$scheme://$at";
        $default ||= $flag{default_server} || $flag{default};
        $http2 ||= $flag{http2};
        done($d, "listen $urls[-1]");
        delete @flag{qw(ssl http2 default_server default)};
        changed($d, join(', ', sort keys %flag) . ': weir opens sockets as it needs them') if %flag;
    }
    return (\@urls, $default, $http2 || do { my $h = effective($server, 'http2'); $h && $h->{args}[0] eq 'on' });
}

sub names {
    my ($server) = @_;
    my @names;
    for my $d (all_of($server, 'server_name')) {
        for (@{ $d->{args} }) {
            if (/^~/) { note($d, 'refused', "a name by regular expression: $_"); next }
            next if $_ eq '_' || $_ eq '';
            push @names, /^\.(.+)/ ? ($1, "*.$1") : $_;
        }
        changed($d, 'another host gets 421, not the first site (default = true makes a site answer any)');
    }
    return @names;
}

sub tls {
    my ($server) = @_;
    my @certificates = effective($server, 'ssl_certificate');
    my @keys = effective($server, 'ssl_certificate_key');
    my @tls;
    for my $i (0 .. $#certificates) {
        done($certificates[$i], 'tls.certificate');
        done($keys[$i], 'tls.key') if $keys[$i];
    }
    my @pairs = map { [certificate => $certificates[$_]{args}[0], $keys[$_] ? (key => $keys[$_]{args}[0]) : ()] } 0 .. $#certificates;
    push @tls, @pairs > 1 ? (certificates => { list => \@pairs }) : @{ $pairs[0] } if @pairs;
    if (my $p = effective($server, 'ssl_protocols')) {
        my @known = grep { /^TLSv1\.[23]$/ } @{ $p->{args} };
        push @tls, protocols => array(@known);
        @known == @{ $p->{args} } ? done($p, 'tls.protocols') : changed($p, 'nothing older than TLS 1.2');
    }
    if (my $s = effective($server, 'ssl_stapling')) { push @tls, ocsp => 'auto' if $s->{args}[0] eq 'on'; done($s, 'tls.ocsp') }
    changed($_, 'weir\'s own: sessions are shared by workers, ciphers are those of the profile')
        for grep { $_ } map { scalar effective($server, $_) } qw(ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_prefer_server_ciphers ssl_ciphers ssl_ecdh_curve ssl_dhparam ssl_stapling_verify);
    return @tls ? \@tls : undef;
}

sub site {
    my ($server, $http, $formats) = @_;
    my @names = names($server);
    my ($urls, $default, $http2) = listens($server);
    (@made_routes, %entry_of) = ();
    my @site = (@names ? (names => array(@names)) : (), listen => array(@$urls));
    my $is_tls = grep { /^https/ } @$urls;

    push @site, default => \1 if $default && @names;
    if ($is_tls) { my $t = tls($server); push @site, tls => $t if $t; push @site, http2 => \1 if $http2 }
    my $client = client($server, $server, $http);
    push @site, client => $client if $client;
    push @site, shared_parts($server, undef, $formats);
    # What nginx lets http blocks say for all servers, and weir a site alone.
    my %has = map { $site[2 * $_] => 1 } 0 .. $#site / 2;
    my $outer = { block => $http->{block} };
    if (!$has{compress}) { my $c = compress($outer); push @site, compress => $c if defined $c }
    if (!$has{static} && !$has{redirect} && !$has{respond}) { my $s = static($outer); push @site, static => $s if $s }
    my @routes = map { route($_, $formats) } locations($server);
    push @routes, @made_routes;
    push @site, routes => { list => \@routes } if @routes;
    if (my $t = effective($server, 'server_tokens')) { changed($t, 'weir sends no Server at all') }
    done($server, 'a site');
    return ($names[0] // 'default', \@site);
}

# ---- the top ----

sub upstream {
    my ($d) = @_;
    my (@servers, @group, $plain);
    $plain = 1;
    for my $s (all_of($d, 'server')) {
        my ($address, @params) = @{ $s->{args} };
        $address .= ':80' if $address !~ /:\d+$|^unix:/;
        my @peer = (address => $address);
        for (@params) {
            if (/^(weight|max_fails|max_conns)=(\d+)$/) { push @peer, ($1 eq 'max_conns' ? 'max_connections' : $1), integer($2) }
            elsif (/^(fail_timeout|slow_start)=(\S+)$/) { push @peer, $1, duration($2) }
            elsif (/^(backup|down)$/) { push @peer, $1, \1 }
            elsif ($_ eq 'resolve') { push @group, resolve => \1 }
            else { note($s, 'refused', "the parameter $_") }
        }
        $plain = 0 if @peer > 2;
        push @servers, \@peer;
        done($s, 'a peer');
    }
    unshift @group, servers => $plain ? array(map { $_->[1] } @servers) : { list => \@servers };
    for my $o (@{ $d->{block} }) {
        my @a = @{ $o->{args} };
        if ($o->{name} =~ /^(least_conn|ip_hash)$/) { push @group, balance => $1; done($o, 'upstream.balance') }
        elsif ($o->{name} eq 'random') { push @group, balance => 'random_two'; done($o, 'upstream.balance') }
        elsif ($o->{name} eq 'hash') { my $k = template($o, $a[0]); push @group, balance => 'hash', key => $k if defined $k; done($o, 'upstream.key') if defined $k }
        elsif ($o->{name} eq 'keepalive') { push @group, keepalive => integer($a[0]); done($o, 'upstream.keepalive') }
        elsif ($o->{name} eq 'keepalive_timeout') { push @group, keepalive_timeout => duration($a[0]); done($o, 'upstream.keepalive_timeout') }
        elsif ($o->{name} eq 'zone') { done($o, 'all workers share what is known of peers') }
        elsif ($o->{name} eq 'keepalive_requests') { changed($o, 'a connection is used as long as its peer keeps it') }
    }
    done($d, 'an upstream');
    return ($d->{args}[0], \@group);
}

sub zones {
    my ($http) = @_;
    my (@cache, @limit, @map);
    for my $d (all_of($http, 'proxy_cache_path')) {
        my ($path, @params) = @{ $d->{args} };
        my %o = map { /^(\w+)=(.*)$/ ? ($1, $2) : () } @params;
        my ($name, $memory) = split /:/, $o{keys_zone} // '';
        push @cache, $name, [path => $path, $o{levels} ? (levels => $o{levels}) : (), memory => size($memory),
            $o{max_size} ? (max_size => size($o{max_size})) : (), $o{inactive} ? (inactive => duration($o{inactive})) : ()];
        done($d, 'a zone of cache; files are always written beside their place');
    }
    for my $d (all_of($http, 'limit_req_zone'), all_of($http, 'limit_conn_zone')) {
        my ($key, @params) = @{ $d->{args} };
        my %o = map { /^(\w+)=(.*)$/ ? ($1, $2) : () } @params;
        my ($name, $memory) = split /:/, $o{zone} // '';
        my $text = template($d, $key) // next;
        push @limit, $name, [key => $text, $o{rate} ? (rate => $o{rate}) : (), memory => size($memory)];
        done($d, 'a zone of limit');
    }
    for my $d (all_of($http, 'map')) {
        my ($source, $name) = @{ $d->{args} };
        my $text = template($d, $source) // next;
        my (@rows, $default);
        for (@{ $d->{block} }) {
            my ($from, $to) = ($_->{name}, $_->{args}[0] // '');
            if ($from eq 'default') { $default = $to }
            elsif ($from =~ /^(hostnames|volatile)$/) { }
            else { push @rows, [$from =~ s/^~\*/~(?i)/r, $to] }
        }
        $name =~ s/^\$//;
        if ($name =~ /connection_upgrade/) { changed($d, 'not needed: weir lets upgrades pass'); next }
        push @map, $name, [source => $text, table => { rows => \@rows }, defined $default ? (default => $default) : ()];
        done($d, 'a map');
    }
    return (@cache ? (cache => \@cache) : (), @limit ? (limit => \@limit) : (), @map ? (map => \@map) : ());
}

sub formats {
    my ($http) = @_;
    my %formats;
    for my $d (all_of($http, 'log_format')) {
        my ($name, @parts) = grep { !/^escape=/ } @{ $d->{args} };
        my $text = template($d, join '', @parts);
        $formats{$name} = $text if defined $text;
        done($d, 'the format of the logs that name it') if defined $text;
    }
    return \%formats;
}

# What needs no word in weir.
my %needless = map { $_ => 1 } qw(events worker_connections use multi_accept accept_mutex pid daemon master_process worker_rlimit_nofile
    sendfile tcp_nopush tcp_nodelay types_hash_max_size server_names_hash_bucket_size server_names_hash_max_size default_type types
    charset open_file_cache open_file_cache_valid open_file_cache_min_uses open_file_cache_errors reset_timedout_connection aio directio
    output_buffers variables_hash_max_size map_hash_bucket_size log_not_found absolute_redirect port_in_redirect server_name_in_redirect
    merge_slashes etag if_modified_since max_ranges proxy_temp_path client_body_temp_path client_body_buffer_size large_client_header_buffers
    client_header_buffer_size proxy_headers_hash_max_size proxy_headers_hash_bucket_size proxy_max_temp_file_size proxy_temp_file_write_size
    proxy_ignore_client_abort fastcgi_buffers fastcgi_buffer_size fastcgi_split_path_info load_module postpone_output lingering_close);
my %reasons = (
    if => 'there is no `if`: a route has `match` for fields, arguments and cookies, and `methods`',
    set => 'no variable is set on the way: a map, or the value where it is used',
    stream => 'weir speaks HTTP alone', mail => 'weir speaks HTTP alone',
);

# Everything that nobody has spoken of yet.
sub the_rest {
    my ($block) = @_;
    for my $d (@$block) {
        if (!$d->{is_noted}) {
            if ($needless{ $d->{name} }) { done($d, 'nothing to set: weir does what is right, or has no such limit') ; next }
            note($d, 'refused', $reasons{ $d->{name} } // 'weir import does not know it') if $d->{name} !~ /^(http|location)$/;
        }
        the_rest($d->{block}) if $d->{block} && $d->{name} !~ /^(map|types|events|if)$/;
    }
}

sub top_settings {
    my ($main, $http) = @_;
    my @server;
    if (my $w = one_of($main, 'worker_processes')) { push @server, workers => $w->{args}[0] eq 'auto' ? 'auto' : integer($w->{args}[0]); done($w, 'server.workers') }
    if (my $u = one_of($main, 'user')) { push @server, user => $u->{args}[0], $u->{args}[1] ? (group => $u->{args}[1]) : (); done($u, 'server.user') }
    my @logs = (logs($main, {}), logs($http, formats($http)));
    my (@top, $error);
    for (my $i = 0; $i < @logs; $i += 2) {
        if ($logs[$i] eq 'error_log') { $error = $logs[$i + 1] } else { push @top, @logs[$i, $i + 1] }
    }
    push @server, error_log => $error if $error;
    my @response = response_headers($http);
    push @top, headers => [response => \@response] if @response;
    return (@server ? (server => \@server) : (), @top);
}

sub assignments {
    my (@pairs) = @_;
    my $text = '';
    while (my ($name, $value) = splice @pairs, 0, 2) { $text .= "$name = " . text_of($value, 0) . ";\n\n" }
    return $text;
}

sub main {
    my ($path, $folder);
    while (@ARGV) {
        my $word = shift @ARGV;
        if ($word eq '-o') { $folder = shift @ARGV // fail('-o wants a folder') }
        elsif (!defined $path) { $path = $word }
        else { fail("too many words: $word") }
    }
    defined $path or fail('usage: weir import nginx PATH [-o FOLDER]');
    $path = "$path/nginx.conf" if -d $path;
    $prefix = dirname($path);
    my $tree = parse_file($path);
    my $main = { block => $tree };
    my ($http) = grep { $_->{name} eq 'http' } @$tree;
    $http //= { name => 'http', block => $tree, line => 0, file => $path }; # a file of servers alone
    my %sites;
    $defined_here{ $_->{args}[1] =~ s/^\$//r } = 1 for all_of($http, 'map');
    my $formats = formats($http);
    my @top = top_settings($http->{block} == $tree ? { block => [] } : $main, $http);
    my @upstreams = map { upstream($_) } all_of($http, 'upstream');
    push @top, upstream => \@upstreams if @upstreams;
    push @top, zones($http);
    for my $server (all_of($http, 'server')) {
        $server->{parent} = $http;
        my ($name, $site) = site($server, $http, $formats);
        push @{ $sites{$name} }, $site;
    }
    the_rest($tree);
    my %files;
    $files{'00-nginx.conf'} = assignments(@top) if @top;
    $files{ '10-' . ($_ =~ s/[^\w.-]/_/gr) . '.conf' } = assignments(sites => { list => $sites{$_} }) for keys %sites;
    if (!defined $folder) { print map { "# $_\n$files{$_}" } sort keys %files }
    else {
        make_path($folder);
        for (sort keys %files) {
            fail("$folder/$_ is there already: name an empty folder") if -e "$folder/$_";
            open my $out, '>', "$folder/$_" or fail("$folder/$_: $!");
            print {$out} $files{$_};
            close $out or fail("$folder/$_: $!");
        }
    }
    return $refused;
}

exit main();
