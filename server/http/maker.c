/* SPDX-License-Identifier: Apache-2.0 */
#include "http/maker.h"

#include "base/running.h"
#include "base/str.h"
#include "http/client.h"
#include "module/registry.h"

#define WINDOW (64 * 1024) /* bytes that a module may be ahead of its client */

struct maker {
    struct weir_req *req;
    const struct module *module;
    weir_pull_fn *pull; /* NULL: the handler's */
    void (*end)(struct weir_req *req, void *state);
    void *state;
    bool waits;         /* it said AGAIN */
    bool is_ready;      /* and is ready since */
    struct later later;
};

static weir_rc pull(struct maker *maker, struct weir_chain *out, size_t room)
{
    struct weir_req *req = maker->req;
    struct account_call call =
        account_enter(maker->module, &maker->module->accounts[ACCOUNT_BODY]);

    running->route = req->route;
    running->serial = req->serial;
    running->place = "content";
    weir_rc rc = maker->pull ? maker->pull(req, maker->state, out, room)
                             : maker->module->desc->handler->pull(req, req->plan->handler_conf,
                                                                  out, room);
    running->place = NULL;
    account_leave(&call);
    return rc;
}

static void resume(struct weir_req *req)
{
    struct maker *maker = req->maker;

    while (!maker->waits && response_waiting(req) < WINDOW && !req->finished && !req->aborted) {
        struct weir_chain made = {0};

        maker->is_ready = false;
        weir_rc rc = pull(maker, &made, WINDOW - response_waiting(req));
        response_add(req, &made);
        if (rc == WEIR_OK) {
            response_finish(req);
            return;
        }
        if (rc == WEIR_AGAIN) {
            maker->waits = !maker->is_ready;
            response_flush(req);
        } else if (rc != WEIR_MORE) {
            response_abort(req, WEIR_REASON_PROXY_INTERNAL_ERROR, "a module failed in the body");
        }
    }
}

static void on_ready(struct later *later)
{
    struct maker *maker = container_of(later, struct maker, later);
    struct weir_req *req = maker->req;

    if (req->responded && !req->finished && !req->aborted) {
        req->source->resume(req);
        client_flush(req);
    }
}

void maker_ready(struct weir_req *req)
{
    struct maker *maker = req->maker;

    if (!maker) {
        return;
    }
    maker->is_ready = true;
    if (maker->waits) {
        maker->waits = false;
        loop_later(&maker->later);
    }
}

static void cancel(struct weir_req *req)
{
    struct maker *maker = req->maker;
    const struct module *outer = module_running;

    loop_later_cancel(&maker->later);
    if (maker->end) {
        module_running = maker->module;
        maker->end(req, maker->state);
        module_running = outer;
    }
    req->maker = NULL;
}

static const struct source_ops maker_source = {.resume = resume, .cancel = cancel};

static struct maker *create(struct weir_req *req, const struct module *module)
{
    struct maker *maker = arena_zalloc(&req->arena, sizeof(*maker));

    maker->req = req;
    maker->module = module;
    maker->later.fn = on_ready;
    req->maker = maker;
    request_set_source(req, &maker_source);
    return maker;
}

void maker_attach_handler(struct weir_req *req)
{
    create(req, req->plan->handler);
    resume(req);
}

weir_rc maker_respond(struct weir_req *req, uint32_t status, int64_t length, weir_pull_fn *pull_,
                      void (*end)(struct weir_req *req, void *state), void *state)
{
    if (req->responded || req->source) {
        return WEIR_ERROR;
    }
    struct maker *maker = create(req, module_running);
    maker->pull = pull_;
    maker->end = end;
    maker->state = state;
    response_start(req, status, length);
    if (req->bodyless) {
        response_finish(req);
    } else {
        resume(req);
    }
    return WEIR_HANDLED;
}
