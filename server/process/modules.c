/* SPDX-License-Identifier: Apache-2.0 */
#include "process/modules.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [WEIR_T_BOOL] = "true or false", [WEIR_T_INT] = "number",
        [WEIR_T_SIZE] = "size",          [WEIR_T_DURATION] = "duration",
        [WEIR_T_STR] = "text",           [WEIR_T_PATH] = "path",
        [WEIR_T_ENUM] = "one of",        [WEIR_T_TEMPLATE] = "template",
        [WEIR_T_REGEX] = "regex",        [WEIR_T_GROUP] = "group"};

    return names[type & WEIR_T_KIND];
}

static void print_options(const weir_opt *opts, uint32_t n, const char *outer)
{
    for (uint32_t i = 0; i < n; i++) {
        const weir_opt *opt = &opts[i];
        char name[128];

        snprintf(name, sizeof(name), "%s%s%s", outer, outer[0] ? "." : "", opt->name);
        if ((opt->type & WEIR_T_KIND) == WEIR_T_GROUP && opt->sub) {
            print_options(opt->sub, opt->sub_n, name);
            continue;
        }
        printf("  %-24s %s%s", name,
               opt->type & WEIR_T_LIST ? "list of " : opt->type & WEIR_T_MAP ? "map of " : "",
               type_name(opt->type));
        for (uint32_t k = 0; (opt->type & WEIR_T_KIND) == WEIR_T_ENUM && opt->names[k]; k++) {
            printf("%s %s", k ? "," : "", opt->names[k]);
        }
        printf(opt->dflt ? ", default %s\n" : "%s\n", opt->dflt ? opt->dflt : "");
        printf("  %-24s %s\n", "", opt->doc ? opt->doc : "");
    }
}

static int print_one(struct registry *registry, const char *name)
{
    struct module_info *info = registry_find(registry, str_from(name));
    char error[512];

    if (!info) {
        fprintf(stderr, "weir: module \"%s\" is not installed\n", name);
        return 1;
    }
    const struct module *module = registry_load(registry, info, error, sizeof(error));
    if (!module) {
        fprintf(stderr, "weir: %s\n", error);
        return 1;
    }
    const weir_module *desc = module->desc;
    printf("%s %s - %s\n", desc->name, desc->version, desc->doc ? desc->doc : "");
    printf("scopes:%s%s%s\n", desc->scopes & WEIR_S_TOP ? " top" : "",
           desc->scopes & WEIR_S_SITE ? " site" : "", desc->scopes & WEIR_S_ROUTE ? " route" : "");
    print_options(desc->opts, desc->opt_n, "");
    return 0;
}

int modules_main(struct config *config, const char *name)
{
    if (name) {
        return print_one(&config->registry, name);
    }
    for (uint32_t i = 0; i < config->registry.info_n; i++) {
        const struct module_info *info = &config->registry.infos[i];

        printf("%-14.*s ABI %u.%u  %-24.*s %s\n", (int)info->name.n, info->name.p,
               info->abi_major, info->abi_minor, (int)info->provides.n,
               info->provides.p ? info->provides.p : "", info->path);
    }
    return 0;
}
