/* SPDX-License-Identifier: Apache-2.0 */
#include "module/answer.h"

#include <stdlib.h>

#include "base/str.h"

bool answer_open(weir_answer *answer)
{
    *answer = (weir_answer){0};
    answer->out = open_memstream(&answer->text, &answer->n);
    return answer->out != NULL;
}

void answer_end(weir_answer *answer)
{
    fclose(answer->out);
    answer->out = NULL;
}

void answer_free(weir_answer *answer)
{
    free(answer->text);
    *answer = (weir_answer){0};
}

const weir_command *registry_find_command(const struct registry *registry, weir_str name,
                                          const struct module **module)
{
    for (uint32_t i = 0; i < registry->module_n; i++) {
        const weir_module *desc = registry->modules[i]->desc;

        if (!WEIR_HAS(desc, commands)) {
            continue;
        }
        for (const weir_command *const *at = desc->commands; *at; at++) {
            if (str_eq(str_from((*at)->name), name)) {
                *module = registry->modules[i];
                return *at;
            }
        }
    }
    return NULL;
}

void answer_api_say(weir_answer *answer, const char *fmt, va_list args)
{
    vfprintf(answer->out, fmt, args);
}
