/* SPDX-License-Identifier: Apache-2.0 */
#include "http/keeping.h"

#include "base/running.h"
#include "config/config.h"
#include "http/request.h"
#include "module/registry.h"

struct weir_kept {
    const struct module *keeper;
    void *state;
};

static weir_rc keeping_open(weir_req *req, weir_str name, weir_kept **kept, uint64_t *length)
{
    const struct registry *registry = &config_current->registry;
    const struct module *outer = module_running;

    for (uint32_t i = 0; i < registry->module_n; i++) {
        const struct module *module = registry->modules[i];
        void *state = NULL;

        if (!module->desc->keeper) {
            continue;
        }
        module_running = module;
        weir_rc rc = module->desc->keeper->open(req, name, &state, length);
        module_running = outer;
        if (rc == WEIR_DONE || rc == WEIR_MORE) {
            *kept = arena_alloc(&req->arena, sizeof(**kept));
            **kept = (struct weir_kept){module, state};
            return rc;
        }
    }
    return WEIR_NEXT;
}

static void keeping_send(weir_kept *kept, weir_chain *out, uint64_t first, uint64_t n)
{
    const struct module *outer = module_running;

    module_running = kept->keeper;
    kept->keeper->desc->keeper->send(kept->state, out, first, n);
    module_running = outer;
}

static bool keeping_add(weir_kept *kept, const char *p, size_t n)
{
    const struct module *outer = module_running;

    module_running = kept->keeper;
    bool is_kept = kept->keeper->desc->keeper->add(kept->state, p, n);
    module_running = outer;
    return is_kept;
}

static void keeping_close(weir_kept *kept, bool is_whole)
{
    const struct module *outer = module_running;

    module_running = kept->keeper;
    kept->keeper->desc->keeper->close(kept->state, is_whole);
    module_running = outer;
}

const struct weir_keep_api keeping_api = {
    .size = sizeof(keeping_api),
    .open = keeping_open,
    .send = keeping_send,
    .add = keeping_add,
    .close = keeping_close,
};
