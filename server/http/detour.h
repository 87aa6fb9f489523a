/* SPDX-License-Identifier: Apache-2.0 */
/* http/detour.h - a request whose answer another route of its site makes, after all: because there is
 * an error and `on_error` names a path for it, or because a backend said X-Accel-Redirect.
 *
 * On its way the request is a GET (or a HEAD) without a body; hooks of the response phases and logs
 * see the client's own method again. It sets out from the loop, not at once: who found the error may
 * still be at work on the request. */
#ifndef HTTP_DETOUR_H
#define HTTP_DETOUR_H

#include "http/request.h"

struct detour {
    struct weir_req *req;
    struct detour *before;       /* NULL: the first */
    const struct on_error *rule; /* NULL: a backend's wish */
    bool is_due;                 /* it has not set out yet */
    bool has_failed;             /* the other route has no answer either: the error is told as it is */
    bool was_prepared;           /* the phase `prepare` ran on the route that is left */
    uint16_t status;             /* what would have been answered, */
    weir_reason reason;          /* and why */
    const char *reason_detail;
    weir_str target;             /* where to; empty: the target there is, by `route` */
    struct route *route;
    const char *wrong;           /* why it cannot set out; NULL: it can */
    const struct plan *left;     /* of the route that is left */
    enum http1_method method;    /* the client's */
    weir_str method_name;
    weir_field *kept;            /* of the backend's answer, for the new one */
    uint32_t kept_n;
    struct later later;
};

/* Is there something due, so that whatever else is answered comes too late? */
static inline bool detour_is_due(const struct weir_req *req)
{
    return req->detour && req->detour->is_due;
}

/* weir answers with an error. True: another route does it instead. False: this is to be sent now; it
 * may have been changed, by on_error, or because the route that was asked instead has failed. */
bool detour_on_error(struct weir_req *req, struct answer *answer);

/* A backend has answered req->status, its fields are in req->fields. True: that is not sent; by then
 * an answer was made or a detour is due. */
bool detour_instead(struct weir_req *req, bool accepts_wish);

/* The response begins with that status: makes the request the client's again. Returns the status to
 * send. */
uint32_t detour_arrived(struct weir_req *req, uint32_t status);

/* The plan of a route, for a request on a detour: what has been done is not done twice, and nothing
 * is stored. */
const struct plan *detour_plan(struct weir_req *req, const struct plan *plan);

/* The request ends. */
void detour_end(struct weir_req *req);

#endif
