/* SPDX-License-Identifier: Apache-2.0 */
/* regex - regular expressions for routes and other modules, by PCRE2.
 *
 * Expressions are compiled to machine code when the configuration is loaded. Subjects come from
 * the network, so the work that one match may cause is bounded: past the limits a match is an
 * error, never a stalled worker. Subjects are bytes, not UTF-8.
 */
#include <weir/module.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdio.h>

#define MATCH_LIMIT 100000           /* steps; a millisecond or so */
#define DEPTH_LIMIT 10000            /* nested choices */
#define HEAP_LIMIT_KIB 1024          /* the interpreter's memory */
#define JIT_STACK_MIN (32 * 1024)
#define JIT_STACK_MAX (512 * 1024)
#define GROUPS 32                    /* more groups than this are matched, not reported */

/* One match runs at a time in a process, so all share what it needs. */
static pcre2_match_context *context;
static pcre2_match_data *data;
static pcre2_jit_stack *jit_stack;

/* True: the shared parts are there. */
static bool prepare(void)
{
    if (data) {
        return true;
    }
    context = context ? context : pcre2_match_context_create(NULL);
    if (!context) {
        return false;
    }
    pcre2_set_match_limit(context, MATCH_LIMIT);
    pcre2_set_depth_limit(context, DEPTH_LIMIT);
    pcre2_set_heap_limit(context, HEAP_LIMIT_KIB);
    jit_stack = jit_stack ? jit_stack : pcre2_jit_stack_create(JIT_STACK_MIN, JIT_STACK_MAX, NULL);
    if (jit_stack) {
        pcre2_jit_stack_assign(context, NULL, jit_stack);
    }
    data = pcre2_match_data_create(GROUPS, NULL);
    return data;
}

static void *compile(const char *pattern, char *error, size_t error_size)
{
    PCRE2_SIZE offset = 0;
    int code = 0;

    if (!prepare()) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &code,
                                         &offset, NULL);
    if (!compiled) {
        PCRE2_UCHAR text[200];

        pcre2_get_error_message(code, text, sizeof(text));
        snprintf(error, error_size, "%s at character %zu", (const char *)text, (size_t)offset + 1);
        return NULL;
    }
    /* Without machine code (a hardened kernel may forbid it) the interpreter does the work. */
    pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    return compiled;
}

static int match(const void *regex, weir_str subject, weir_str *groups, int group_max)
{
    const char *p = subject.p ? subject.p : "";
    int n = pcre2_match(regex, (PCRE2_SPTR)p, subject.n, 0, 0, data, context);

    if (n == PCRE2_ERROR_NOMATCH) {
        return 0;
    }
    if (n < 0) {
        return WEIR_ERROR;
    }
    n = n == 0 ? GROUPS : n; /* 0: there are more than fit */
    if (!groups) {
        return n;
    }
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(data);
    n = n > group_max ? group_max : n;
    for (int i = 0; i < n; i++) {
        PCRE2_SIZE from = ends[2 * i], to = ends[2 * i + 1];

        /* \K in a lookahead can put a match's start behind its end. */
        groups[i] = from == PCRE2_UNSET || from > to ? (weir_str){NULL, 0}
                                                     : (weir_str){p + from, to - from};
    }
    return n;
}

static void regex_free(void *regex)
{
    pcre2_code_free(regex);
}

static const weir_regex_ops ops = {
    .size = sizeof(ops),
    .compile = compile,
    .match = match,
    .free = regex_free,
};

static const weir_module module = {
    WEIR_MODULE_HEAD("regex", "1.0"),
    .doc = "Regular expressions for routes and other modules.",
    .regex = &ops,
};

WEIR_MODULE(regex, 1, "regex", module)
