/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: any text compiles or is refused with a column inside it. */
#include <stdlib.h>

#include "base/str.h"
#include "http/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct variable *look_up(void *arg, weir_str name, weir_str *suffix)
{
    size_t n;
    const struct variable *all = host_variables(&n);

    (void)arg;
    return variable_find(all, n, name, suffix);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct template_error error = {0};
    struct arena arena;

    arena_init(&arena);
    const struct weir_template *t = template_compile(
        &arena, (weir_str){(const char *)data, size}, WEIR_LOG, look_up, NULL, &error);
    if (!t && (error.column == 0 || error.column > size || error.text[0] == '\0')) {
        abort();
    }
    if (t && !str_eq(t->source, (weir_str){(const char *)data, size})) {
        abort();
    }
    arena_fini(&arena);
    return 0;
}
