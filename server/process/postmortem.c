/* SPDX-License-Identifier: Apache-2.0 */
#include "process/postmortem.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "base/str.h"
#include "http/request.h"
#include "module/registry.h"

#define DEATHS_MAX 3
#define DEATHS_WINDOW_MS 60000

/* ---- words ---- */

/* The loader has the same objects at the same addresses. */
static void put_object(char *out, size_t size, uintptr_t address)
{
    Dl_info info;

    if (address < 4096) {
        snprintf(out, size, "0x%lx, a null pointer", (unsigned long)address);
    } else if (dladdr((const void *)address, &info) && info.dli_fname) {
        snprintf(out, size, "0x%lx, in %s+0x%lx", (unsigned long)address, info.dli_fname,
                 (unsigned long)(address - (uintptr_t)info.dli_fbase));
    } else {
        snprintf(out, size, "0x%lx, in no object", (unsigned long)address);
    }
}

static size_t put_request(const struct running *slot, char *out, size_t size)
{
    const struct site *site = slot->route ? slot->route->site : NULL;
    weir_str route = slot->route ? slot->route->name : STR("-");
    char id[REQUEST_ID_DIGITS + 1];

    request_id_of(slot->id_base, slot->serial, id);
    int n = snprintf(out, size, ", phase %s, site %.*s, route %.*s, request %s", slot->place,
                     site && site->name_n ? (int)site->names[0].n : 1,
                     site && site->name_n ? site->names[0].p : "*", (int)route.n, route.p, id);
    return n < 0 || (size_t)n >= size ? size - 1 : (size_t)n;
}

void postmortem_where(const struct running *slot, char out[POSTMORTEM_TEXT])
{
    const struct module *module = slot->module;
    char object[300];
    size_t n;

    if (module) {
        n = (size_t)snprintf(out, POSTMORTEM_TEXT, "in module %.*s", (int)module->name.n,
                             module->name.p);
    } else {
        n = (size_t)snprintf(out, POSTMORTEM_TEXT, "outside of modules");
    }
    if (slot->place) {
        n += put_request(slot, out + n, POSTMORTEM_TEXT - n);
    }
    if (slot->has_fault) {
        put_object(object, sizeof(object), slot->fault);
        n += (size_t)snprintf(out + n, POSTMORTEM_TEXT - n, "; it touched %s", object);
    } else if (slot->signo) {
        n += (size_t)snprintf(out + n, POSTMORTEM_TEXT - n, "; signal %d", slot->signo);
    }
    if (slot->pc && n < POSTMORTEM_TEXT) {
        put_object(object, sizeof(object), slot->pc);
        snprintf(out + n, POSTMORTEM_TEXT - n, "; the instruction was at %s", object);
    }
}

/* ---- counts ---- */

void postmortem_count(const struct module *module, const char *what)
{
    char name[40], label[100];
    weir_str by = module ? module->name : STR("");

    snprintf(name, sizeof(name), "weir_worker_%s_total", what);
    snprintf(label, sizeof(label), "module=\"%.*s\"", (int)(by.n > 64 ? 64 : by.n), by.p);
    metric_add_shared(metric_define(name, WEIR_METRIC_COUNTER, label,
                                    "Workers that died or were stuck, and in which module."),
                      1);
}

bool postmortem_is_enough(const struct module *module, uint64_t now_ms)
{
    static struct {
        const struct module *module;
        uint64_t at_ms;
    } deaths[32]; /* the newest first */
    const size_t n = sizeof(deaths) / sizeof(deaths[0]);
    unsigned count = 0;

    memmove(&deaths[1], &deaths[0], (n - 1) * sizeof(deaths[0]));
    deaths[0].module = module;
    deaths[0].at_ms = now_ms;
    for (size_t i = 0; i < n; i++) {
        count += deaths[i].module == module && now_ms - deaths[i].at_ms < DEATHS_WINDOW_MS;
    }
    return count == DEATHS_MAX;
}

/* ---- quarantine ---- */

bool quarantine_is_possible(const struct module *module)
{
    return !module->desc->transport && !module->desc->codec;
}

static bool is_closed_by(const struct plan *plan, const struct module *module)
{
    if (plan->handler == module || module->desc->flags & WEIR_MODULE_FAIL_CLOSED) {
        return true;
    }
    for (uint32_t i = 0; i < plan->hook_n[PHASE_ACCESS]; i++) {
        if (plan->hooks[PHASE_ACCESS][i].module == module) {
            return true;
        }
    }
    return false;
}

static void take_out(struct config *config, struct plan *plan, const struct module *module)
{
    if (is_closed_by(plan, module)) {
        plan->closed_by = module;
    }
    for (int phase = 0; phase < PHASE_COUNT; phase++) {
        struct plan_hook *left =
            arena_alloc(&config->arena, (plan->hook_n[phase] + 1) * sizeof(*left));
        uint32_t n = 0;

        for (uint32_t i = 0; i < plan->hook_n[phase]; i++) {
            if (plan->hooks[phase][i].module != module) {
                left[n++] = plan->hooks[phase][i];
            }
        }
        plan->hooks[phase] = left;
        plan->hook_n[phase] = n;
    }
}

static void quarantine(struct config *config, const struct module *module)
{
    take_out(config, &config->top_plan, module);
    for (uint32_t i = 0; i < config->site_n; i++) {
        struct site *site = config->sites[i];

        take_out(config, &site->self->plan, module);
        for (uint32_t k = 0; k < site->route_n; k++) {
            take_out(config, &site->routes[k]->plan, module);
        }
    }
}

void quarantine_apply(struct config *config, const char *names)
{
    for (uint32_t i = 0; i < config->registry.module_n; i++) {
        const struct module *module = config->registry.modules[i];
        weir_str rest = str_from(names);
        bool is_named = false;
        char label[100];

        while (rest.p && !is_named) {
            is_named = str_eq(str_cut(&rest, ' '), module->name);
        }
        if (is_named) {
            quarantine(config, module);
        }
        snprintf(label, sizeof(label), "module=\"%.*s\"",
                 (int)(module->name.n > 64 ? 64 : module->name.n), module->name.p);
        metric_set(metric_define("weir_module_quarantined", WEIR_METRIC_GAUGE, label,
                                 "1: taken out, because workers died in it again and again."),
                   is_named);
    }
}
