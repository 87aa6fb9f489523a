/* SPDX-License-Identifier: Apache-2.0 */
#include "module/registry.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "module/elf.h"

#define NOTE_MAX 1024
#define INFO_MAX 256
#define MODULE_MAX 128

typedef const weir_module *entry_fn(const weir_host *);

/* ---- the index ---- */

static bool parse_abi(weir_str text, uint16_t *major, uint16_t *minor)
{
    weir_str rest = text;
    uint64_t a, b;
    weir_str first = str_cut(&rest, '.');

    if (!str_to_u64(first, &a) || !str_to_u64(rest, &b) || a > 999 || b > 999) {
        return false;
    }
    *major = (uint16_t)a;
    *minor = (uint16_t)b;
    return true;
}

/* "weir-module NAME abi MAJOR.MINOR provides CAPABILITY..." */
static bool parse_note(struct module_info *info, weir_str note)
{
    if (!str_eq(str_cut(&note, ' '), STR("weir-module")) || !note.p) {
        return false;
    }
    info->name = str_cut(&note, ' ');
    if (info->name.n == 0 || !str_eq(str_cut(&note, ' '), STR("abi")) ||
        !parse_abi(str_cut(&note, ' '), &info->abi_major, &info->abi_minor)) {
        return false;
    }
    if (note.p && str_eq(str_cut(&note, ' '), STR("provides")) && note.p) {
        info->provides = note;
    }
    return true;
}

static void add_file(struct registry *registry, const char *path)
{
    char note[NOTE_MAX];
    int n = elf_section_text(path, ".weir.abi", note, sizeof(note));
    struct module_info info = {0};

    if (n < 0 || !parse_note(&info, arena_dup(registry->arena, (weir_str){note, (size_t)n}))) {
        log_warn("%s is no weir module: it has no readable section .weir.abi", path);
        return;
    }
    if (registry_find(registry, info.name) || registry->info_n == INFO_MAX) {
        return;
    }
    info.path = arena_strdup(registry->arena, path);
    registry->infos[registry->info_n++] = info;
}

static bool ends_with_so(const char *name)
{
    return str_ends_with(str_from(name), STR(".so"));
}

static int by_name(const void *a, const void *b)
{
    const struct module_info *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int order = memcmp(x->name.p, y->name.p, n);

    return order ? order : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

static void scan(struct registry *registry, const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[4096];

    if (!dir) {
        return;
    }
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (ends_with_so(entry->d_name)) {
            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        } else {
            /* a build tree: modules/NAME/.libs/NAME.so */
            snprintf(path, sizeof(path), "%s/%s/.libs/%s.so", folder, entry->d_name,
                     entry->d_name);
        }
        if (access(path, R_OK) == 0) {
            add_file(registry, path);
        }
    }
    closedir(dir);
}

void registry_init(struct registry *registry, struct arena *arena, const weir_host *host,
                   const char *const *folders, uint32_t folder_n)
{
    *registry = (struct registry){.arena = arena, .host = host};
    registry->infos = arena_zalloc(arena, INFO_MAX * sizeof(*registry->infos));
    registry->modules = arena_zalloc(arena, MODULE_MAX * sizeof(struct module *));
    for (uint32_t i = 0; i < folder_n; i++) {
        scan(registry, folders[i]);
    }
    qsort(registry->infos, registry->info_n, sizeof(*registry->infos), by_name);
}

struct module_info *registry_find(const struct registry *registry, weir_str name)
{
    for (uint32_t i = 0; i < registry->info_n; i++) {
        if (str_eq(registry->infos[i].name, name)) {
            return &registry->infos[i];
        }
    }
    return NULL;
}

static bool provides(const struct module_info *info, weir_str capability)
{
    weir_str rest = info->provides;

    while (rest.p) {
        weir_str word = str_cut(&rest, ' ');

        if (str_eq(word, capability) ||
            (word.n > 1 && word.p[word.n - 1] == '*' &&
             str_starts_with(capability, (weir_str){word.p, word.n - 1}))) {
            return true;
        }
    }
    return false;
}

struct module_info *registry_find_provider(const struct registry *registry, weir_str capability)
{
    for (uint32_t i = 0; i < registry->info_n; i++) {
        if (provides(&registry->infos[i], capability)) {
            return &registry->infos[i];
        }
    }
    return NULL;
}

/* ---- loading ---- */

static bool is_allowed(const struct registry *registry, weir_str name)
{
    for (uint32_t i = 0; i < registry->allowed_n; i++) {
        if (str_eq(registry->allowed[i], name)) {
            return true;
        }
    }
    return registry->allowed_n == 0;
}

static bool abi_fits(const struct module_info *info, char *error, size_t error_size)
{
    if (info->abi_major == WEIR_ABI_MAJOR && info->abi_minor <= WEIR_ABI_MINOR) {
        return true;
    }
    snprintf(error, error_size,
             "%s needs module ABI %u.%u, this weir offers %u.%u: install %s weir, or a build of "
             "%.*s for ABI %u.%u", info->path, info->abi_major, info->abi_minor, WEIR_ABI_MAJOR,
             WEIR_ABI_MINOR, info->abi_major != WEIR_ABI_MAJOR && info->abi_major == 0 ? "an older" : "a newer",
             (int)info->name.n, info->name.p, WEIR_ABI_MAJOR, WEIR_ABI_MINOR);
    return false;
}

/* What a module's author may have got wrong. */
static const char *fault(const weir_module *desc, weir_str name)
{
    if (!desc) {
        return "its entry function returned nothing";
    }
    if (desc->size < WEIR_MODULE_SIZE_0_1 || desc->abi_major != WEIR_ABI_MAJOR ||
        desc->hook_size != sizeof(weir_hook) || desc->opt_size != sizeof(weir_opt) ||
        desc->var_size != sizeof(weir_var)) {
        return "its tables do not have this ABI's sizes: begin weir_module with WEIR_MODULE_HEAD "
               "and build it again";
    }
    if (!desc->name || !str_eq(str_from(desc->name), name)) {
        return "the name in WEIR_MODULE() is not the one in weir_module";
    }
    for (uint32_t i = 0; i < desc->opt_n; i++) {
        if (!desc->opts[i].name || !desc->opts[i].type) {
            return "an option has no name or type";
        }
    }
    for (uint32_t i = 0; i < desc->hook_n; i++) {
        if (!desc->hooks[i].fn) {
            return "a hook has no function";
        }
    }
    return NULL;
}

/* A module built for an older minor ends its table earlier: what it does not have is absent. */
static const weir_module *whole_table(struct registry *registry, const weir_module *desc)
{
    weir_module *whole;

    if (desc->size >= sizeof(*desc)) {
        return desc;
    }
    whole = arena_zalloc(registry->arena, sizeof(*whole));
    memcpy(whole, desc, desc->size);
    return whole;
}

static struct module *add_loaded(struct registry *registry, struct module_info *info,
                                 const weir_module *desc)
{
    struct module *module = arena_alloc(registry->arena, sizeof(*module));

    *module = (struct module){.desc = whole_table(registry, desc),
                              .info = info,
                              .name = info->name,
                              .index = registry->module_n,
                              .ctx_index = registry->module_n};
    registry->modules[registry->module_n++] = module;
    info->loaded = module;
    return module;
}

struct module *registry_load(struct registry *registry, struct module_info *info, char *error,
                             size_t error_size)
{
    if (info->loaded) {
        return info->loaded;
    }
    if (!is_allowed(registry, info->name)) {
        snprintf(error, error_size, "module %.*s is installed, but server.modules does not allow "
                 "it: add it there", (int)info->name.n, info->name.p);
        return NULL;
    }
    if (!abi_fits(info, error, error_size)) {
        return NULL;
    }
    void *handle = dlopen(info->path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        snprintf(error, error_size, "module %.*s cannot be loaded: %s", (int)info->name.n,
                 info->name.p, dlerror());
        return NULL;
    }
    union {
        void *object;
        entry_fn *fn;
    } entry = {.object = dlsym(handle, "weir_module_v1")};
    if (!entry.object) {
        snprintf(error, error_size, "%s has no symbol weir_module_v1: is WEIR_MODULE() in it?",
                 info->path);
        return NULL;
    }
    const weir_module *desc = entry.fn(registry->host);
    const char *what = fault(desc, info->name);
    if (what || registry->module_n == MODULE_MAX) {
        snprintf(error, error_size, "%s cannot be used: %s", info->path,
                 what ? what : "too many modules are loaded");
        return NULL;
    }
    return add_loaded(registry, info, desc);
}
