/* SPDX-License-Identifier: Apache-2.0 */
/* weir/async.h - what takes its time: bodies that are made as they are wanted, work that blocks.
 *
 * Everything here is called on the worker's loop thread and returns at once. Included by module.h;
 * since 0.3. */
#ifndef WEIR_ASYNC_H
#define WEIR_ASYNC_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a piece of a response's body: appends at most about `room` bytes to `out`. WEIR_MORE: ask
 * again when there is room; WEIR_AGAIN: nothing more now, weir_pull_ready() will tell; WEIR_OK:
 * that was all; WEIR_ERROR: the stream is aborted, never ended as if whole. */
typedef weir_rc weir_pull_fn(weir_req *req, void *state, weir_chain *out, size_t room);

/* A request that a module makes of an upstream for its own use. */
typedef struct weir_fetch weir_fetch;

typedef struct {
    uint32_t size;
    const weir_forward_conf *forward; /* upstream, target, host, time limits, TLS; copied, but what
                                         it points to lives until the end. deadline_ms bounds all */
    const weir_req *req;       /* on whose behalf, for logs and balancers; NULL: nobody's */
    weir_str method;           /* empty: GET */
    const weir_field *fields;  /* of the request, without Host and Content-Length */
    uint32_t field_n;
    weir_str body;
    uint64_t body_max;         /* bytes of the answer's body: more is an error; 0: it is dropped */
    bool is_quiet;             /* nothing about it is logged: done() decides what is worth a line */
} weir_fetch_conf;

typedef struct {
    uint32_t size;
    uint32_t status;           /* 0: nobody has answered, or it cannot be used: */
    weir_reason reason;        /* why not */
    weir_str detail;
    const weir_field *fields;
    uint32_t field_n;
    weir_str body;
} weir_fetch_answer;

/* The fetch is over. All of `answer` is borrowed during the call. */
typedef void weir_fetch_fn(void *arg, const weir_fetch_answer *answer);

struct weir_async_api {
    uint32_t size;
    weir_rc (*respond_from)(weir_req *req, uint32_t status, int64_t length, weir_pull_fn *pull,
                            void (*end)(weir_req *req, void *state), void *state);
    void (*pull_ready)(weir_req *req);
    weir_rc (*offload)(void (*work)(void *arg), void (*done)(void *arg), void *arg);
    weir_rc (*background)(weir_req *req, const weir_field *extra, size_t extra_n);
    bool (*is_background)(const weir_req *req);
    weir_fetch *(*fetch_start)(const weir_fetch_conf *conf, weir_fetch_fn *done, void *arg);
    void (*fetch_stop)(weir_fetch *fetch);
};

/* Answers from a hook (WEIR_REQ_LIMIT .. WEIR_REQ_LOOKUP) or a handler's start() with a body that
 * pull() makes. `length` of the body, or -1 when it is not known. end() (may be NULL) is called
 * once, when the request ends, however it does; never before this returns. Returns WEIR_HANDLED, to
 * be returned by the caller; WEIR_ERROR when there is a response already: end() is not called then. */
static inline weir_rc weir_respond_from(weir_req *req, uint32_t status, int64_t length,
                                        weir_pull_fn *pull,
                                        void (*end)(weir_req *req, void *state), void *state)
{
    return weir_host_->async->respond_from(req, status, length, pull, end, state);
}

/* After a pull() that said WEIR_AGAIN, a handler's or filter's included: there is more, ask again. May be
 * called at any time while the request lives. */
static inline void weir_pull_ready(weir_req *req)
{
    weir_host_->async->pull_ready(req);
}

/* Calls work(arg) on a thread of a small pool, then done(arg) on the loop thread. work() may block,
 * and touch what `arg` leads to and nothing else: no weir_ function, no request. The request may be
 * gone when done() is called: keep its token, weir_resume() tells. WEIR_ERROR: not in a worker. */
static inline weir_rc weir_offload(void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
    return weir_host_->async->offload(work, done, arg);
}

/* Starts a request for the same, that nobody waits for: a GET without body, conditions and ranges,
 * through the same phases, whose response goes to filters and logs. `extra` (copied) are fields to
 * set; an empty value removes. It begins later, and lives on when `req` ends. */
static inline weir_rc weir_background(weir_req *req, const weir_field *extra, size_t extra_n)
{
    return weir_host_->async->background(req, extra, extra_n);
}

static inline bool weir_is_background(const weir_req *req)
{
    return weir_host_->async->is_background(req);
}

/* Asks an upstream with its pools, balancing, retries and health; no phase, filter or access log sees
 * it. `conf` and what it points to, but for conf->forward's, are copied. done(arg, answer) is called
 * once, never before this returns, unless the fetch is stopped. It does not keep conf->req alive: a
 * hook that waits for it suspends the request, stops the fetch in on_cancel(), and resumes in done().
 */
static inline weir_fetch *weir_fetch_start(const weir_fetch_conf *conf, weir_fetch_fn *done,
                                           void *arg)
{
    return weir_host_->async->fetch_start(conf, done, arg);
}

/* Gives it up: done() is not called. Not from done(), nor after it. */
static inline void weir_fetch_stop(weir_fetch *fetch)
{
    weir_host_->async->fetch_stop(fetch);
}

#ifdef __cplusplus
}
#endif
#endif
