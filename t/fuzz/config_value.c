/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the unit parsers, the search for syntax mistakes and reading text as configuration:
 * what is read is written, and must read back as the same. */
#include <stdlib.h>

#include "base/str.h"
#include "config/source.h"
#include "config/syntax.h"
#include "config/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 loses a string when it meets a syntax error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

static void expect(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void units(weir_str text)
{
    uint64_t value, again;
    int64_t number;
    char out[32];

    if (unit_duration(text, &value) == UNIT_OK) {
        unit_print_duration(value, out);
        expect(unit_duration(str_from(out), &again) == UNIT_OK && again == value);
    }
    if (unit_size(text, &value) == UNIT_OK) {
        unit_print_size(value, out);
        expect(unit_size(str_from(out), &again) == UNIT_OK && again == value);
    }
    unit_int(text, &number);
}

static void tree(struct arena *arena, struct diag *diag, weir_str text)
{
    struct node *root = source_parse(arena, diag, "fuzz.conf", text);

    if (!root) {
        expect(diag->errors > 0);
        return;
    }
    weir_str written = node_text(arena, root, 0);
    /* A group of settings without its braces is a file. */
    root = source_parse(arena, diag, "again.conf", (weir_str){written.p + 1, written.n - 2});
    expect(root != NULL);
    expect(str_eq(node_text(arena, root, 0), written));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct syntax_mistake mistake;
    struct arena arena;
    struct diag diag;
    weir_str text;

    /* @include reads whatever file it names: not for fuzzing. */
    if (size > 4096 || memmem(data, size, "@include", 8)) {
        return 0;
    }
    arena_init(&arena);
    diag_init(&diag, &arena);
    text = arena_dup(&arena, (weir_str){(const char *)data, size});
    units(text);
    syntax_find_mistake(text, &mistake);
    tree(&arena, &diag, text);
    arena_fini(&arena);
    return 0;
}
