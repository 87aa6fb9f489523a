# SPDX-License-Identifier: Apache-2.0
# The conformance kit against modules that wait for a fetch: the example passes, and each way to
# mishandle a deadline, a client that leaves, a token or an answer is found and named.
use strict;
use warnings;
use Test::More;
use Weir::Test;

need_tool('cc');
my $sdk = source_dir() . '/sdk';
my $dir = new_dir();
my $good = read_file("$sdk/examples/ask_first.c");
my $said = `cc -std=gnu17 -O0 -w -I'$sdk/include' -rdynamic '$sdk'/kit/*.c -o '$dir/kit' -ldl 2>&1`;
is $said, '', 'the kit builds';

# What is said of a module with this source: the exit status, then the text.
sub tried {
    my ($text, @settings) = @_;
    write_file("$dir/ask_first.c", $text);
    my $answer = `cd '$dir' && cc -shared -fPIC -O0 -w -fvisibility=hidden -I'$sdk/include' ask_first.c -o ask_first.so 2>&1 && ./kit ./ask_first.so @settings 2>&1`;
    return ($? >> 8) . "\n$answer";
}
# The same when `from` is `to`, once for each pair.
sub mistake {
    my ($name, $expect, @pairs) = @_;
    my $text = $good;
    while (my ($from, $to) = splice @pairs, 0, 2) {
        my $before = $text;
        $text =~ s/\Q$from\E/$to/;
        isnt $text, $before, "$name: \"$from\" is there";
    }
    like tried($text), qr/\A1\n(?s:.*)^NOT OK\s+(?s:.*)$expect/m, $name;
}

my $fine = tried($good);
like $fine, qr/\A0\n/, 'the example passes' or diag $fine;
like $fine, qr/^ok\s+\Q$_\E \([1-9]/m, $_ for 'a deadline that passes at each suspension', 'a client that leaves at each suspension';

my $stop = "    if (state->fetch) {\n        weir_fetch_stop(state->fetch);\n        state->fetch = NULL;\n    }";
my $ended = qr/in done\(\) of weir_fetch_start\(\): touches its context of a request that has ended: stop timers, watches and fetches in on_cancel/;
mistake 'a fetch that goes on when the deadline has passed', qr/a deadline that passes.*$ended/s, $stop => '    (void)state;';
mistake 'only when the client has left', qr/a client that leaves.*$ended/s, $stop => '    (void)state;',
    'static const weir_hook hooks[] = {' => <<'C';
static weir_rc on_response(weir_req *req, const void *arg)
{
    struct state *state = weir_ctx(req);

    if (state->fetch) {
        weir_fetch_stop(state->fetch);
    }
    state->fetch = NULL;
    return WEIR_NEXT;
}
static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response}, 
C
mistake 'no on_cancel() at all', qr/a deadline that passes.*$ended/s, 'on_cancel, state)' => 'NULL, NULL)';
mistake 'a fetch that is stopped after it has answered', qr/stops a fetch that is over: forget it in done\(\)/,
    "    state->fetch = NULL;\n    if" => "    weir_fetch_stop(state->fetch);\n    state->fetch = NULL;\n    if";
mistake 'a token that is used twice', qr/resumes a token that it has resumed already/,
    '    weir_resume(state->token, rc);' => "    weir_resume(state->token, rc);\n    weir_resume(state->token, rc);";
mistake 'no resume for one of the answers', qr/phase access: suspends the request, and nothing that it waits for resumes it/,
    'rc = WEIR_ERROR; /* in this phase: 503 */' => 'return;';
mistake 'a token that is none', qr/resumes the token 0/, 'weir_resume(state->token' => 'weir_resume(state->token ^ state->token';
mistake 'a phase that does not wait', qr/phase (?:start|prepare): returns WEIR_AGAIN without having called weir_suspend.*this phase does not wait/,
    'WEIR_REQ_ACCESS' => 'WEIR_REQ_PREPARE';
mistake 'a second suspension before the first is over', qr/suspends a request that is suspended: one token at a time/,
    'state->fetch = weir_fetch_start' => 'weir_suspend(req, 9, NULL, NULL);' . "\n" . '    state->fetch = weir_fetch_start';
mistake 'a suspension without a deadline', qr/with a deadline of 0 ms: it would pass at once/, '(uint32_t)conf->timeout_ms + 1000' => '0';
mistake 'going on at once', qr/has called weir_suspend\(\), and returns 0: it has to return WEIR_AGAIN/, 'return WEIR_AGAIN;' => 'return WEIR_NEXT;';
mistake 'an upstream that was not looked up', qr/fetches from nowhere/, '.upstream = conf->service' => '.upstream = NULL';
mistake 'a struct without its size', qr/without its size: \.size = sizeof/, '.size = sizeof(forward)' => '.size = 0';
mistake 'a target that does not stay', qr/the text that weir_forward_conf\.target points to is another one by now/,
    'static weir_rc on_access(' => "static char line[64];\nstatic weir_rc on_access(",
    '.target = conf->path' => '.target = {line, (size_t)__builtin_sprintf(line, "/%p", (void *)req)}',
    '    return WEIR_AGAIN;' => "    line[0] = '?';\n    return WEIR_AGAIN;";
mistake 'an answer that is kept', qr/touches the body of weir_fetch_answer after done\(\) has returned: it is borrowed/,
    'static void on_answer(' => "static const char *kept;\nstatic void on_answer(", '.req = req};' => '.req = req, .body_max = 1000};',
    '    state->fetch = NULL;' => "    state->fetch = NULL;\n    if (kept && *kept == '?') rc = WEIR_DONE;\n    kept = answer->body.p;";
mistake 'a request that is answered though its token is stale', qr/a deadline that passes.*in done\(\) of weir_fetch_start\(\): touches a request that has ended/s,
    'struct state *state = weir_ctx(req);' => 'struct state *state = __builtin_calloc(1, sizeof(*state));', 'on_cancel, state)' => 'NULL, NULL)';
mistake 'the token of an earlier request', qr/resumes a token that it has resumed already/,
    'static void on_answer(' => "static weir_token first;\nstatic void on_answer(", 'weir_resume(state->token' => "first = first ? first : state->token;\n    weir_resume(first";
done_testing;
