/* SPDX-License-Identifier: Apache-2.0 */
/* http/request.h - one request and its response: the state, and the steps of its life.
 *
 * A codec (http1_server.c) makes a request from a head, hands it the body as the source asks for
 * it, and takes the response's bytes. In between the request runs the phases, and its content comes
 * from a source: a module's reply, a handler's pull(), or an upstream exchange. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/chain.h"
#include "http/http1_parse.h"
#include "http/pace.h"
#include "http/site.h"
#include "http/stream.h"
#include "http/uri.h"
#include "net/loop.h"

struct attempt;
struct client;
struct detour;
struct exchange;
struct maker;
struct request_filters;
struct response_filters;
struct refusal;
struct weir_req;

#define REQUEST_ID_DIGITS 32
#define REWRITE_ROUNDS 8
#define STATUS_CLIENT_GONE 499 /* as other servers' logs have it */

/* Where a response's body comes from, when it does not come at once. */
struct source_ops {
    /* There is room in req->out: go on. Called from the client connection's events only. */
    void (*resume)(struct weir_req *req);
    /* The request's body has more to give, or has ended: read req->body_in. May be NULL. */
    void (*request_body)(struct weir_req *req);
    /* The request ends: let go of everything. Called once. */
    void (*cancel)(struct weir_req *req);
};

enum step {
    STEP_START,
    STEP_REWRITE,
    STEP_LIMIT,
    STEP_ACCESS,
    STEP_PREPARE,
    STEP_LOOKUP,
    STEP_CONTENT,
    STEP_RESPONSE /* decided */
};

struct weir_req {
    struct arena arena;
    struct client *client;
    struct weir_req *next, *prev;    /* of the same connection */
    struct weir_stream stream;       /* when the client speaks by a codec */
    const struct listener *listener;
    struct site *site;               /* NULL: none chosen, or nobody's */
    struct route *route;             /* NULL: the same */
    const struct plan *plan;         /* of route, or the configuration's top plan */
    const struct client_conf *limits;

    struct http1_head head;
    struct buf *head_buf;            /* holds what head, fields and target point to */
    struct buf *body_buf;            /* the last that the body was read into; NULL: its head's, or none */
    struct fields fields[2];         /* by weir_side */
    struct fields trailers;          /* of the response */
    weir_str target;                 /* path and query as received or rewritten */
    weir_str user;                   /* who a module has found the client to be */
    const struct addr *addr;         /* the client's, as a module was told; NULL: the connection's */
    struct uri_path uri;
    weir_str host;                   /* lower case, no port */
    weir_str authority;
    uint64_t start_us;

    enum step step;
    uint32_t hook_at;                /* in the phase at hand: where to go on */
    uint8_t rewrite_rounds;
    bool rewritten;
    bool is_inside;                  /* its path is not the client's any more: internal routes are open */
    bool suspended;
    weir_token token;
    struct refusal *refusal;         /* `satisfy = "any"`: held until the access phase ends */
    void **ctx;                      /* by module->ctx_index */

    /* the request body */
    struct weir_chain body_in;       /* decoded, not consumed yet */
    uint64_t body_in_total;
    bool body_in_done;               /* body_in holds the rest */
    bool wants_body;                 /* the source waits for more of it */
    struct later body_wanted;        /* HTTP/1: looks for more of it */
    bool delivering;                 /* it is being given some */
    bool is_extended_connect;        /* RFC 8441: the body is a tunnel's way in */
    uint64_t body_skipped;           /* bytes dropped after the answer */
    uint64_t body_acked;             /* bytes that made room for others in a codec's window */
    uint64_t moved_ms;               /* when the body that is waited for, or taken, last moved */
    struct pace body_pace, out_pace; /* of the client: as it sends the body, and takes the response */
    struct request_filters *body_filters; /* of the request's body; NULL: none */
    struct fields request_trailers;

    /* the response */
    const struct source_ops *source; /* NULL: all of it is in `out` */
    struct exchange *exchange;       /* the source, when it is an upstream */
    struct maker *maker;             /* the source, when it is a module */
    struct response_filters *filters; /* NULL: none takes part */
    bool is_stored;                  /* a hook of the lookup phase has made it */
    bool is_live;                    /* each piece of the body is waited for */
    struct weir_chain body;          /* a handler's body before weir_respond() */
    struct weir_chain out;           /* framed bytes on their way to the client */
    struct buf *out_text;            /* heads and chunk frames are written here */
    int64_t length;                  /* of the body; -1: not known */
    uint64_t body_out;               /* body bytes passed on */
    uint64_t bytes_sent;             /* to the client, framing included */
    uint16_t status;
    bool responded;                  /* the head is in `out` */
    bool finished;                   /* the body is complete */
    bool aborted;                    /* it never will be: the connection is to be cut */
    uint32_t reset_code;             /* why, for a client that speaks by a codec; 0: no word */
    bool chunked_out;
    bool bodyless;                   /* HEAD, 204, 304: the body is not sent */
    bool close_after;                /* the connection ends with this response */
    bool is_replaced;                /* a module answers instead of an upstream */
    bool upgraded;                   /* 101 was sent: what follows is a tunnel */
    weir_reason reason;
    const char *reason_detail;
    struct detour *detour;           /* another route makes the answer: detour.h; NULL: the usual */

    weir_str *groups;                /* $1 .. $9 are groups[0] .. groups[8]; NULL: none yet */

    uint64_t serial;                 /* among this worker's requests */
    bool is_counted;                 /* as under way, in the metrics */
    bool is_inner;                   /* a module's own (fetch.c): no client's, and not counted */
    bool is_quiet;                   /* nothing about it is logged */
    const struct plan_hook *waits_for; /* who suspended it, and when */
    uint64_t waits_since_ms;

    char id[REQUEST_ID_DIGITS + 1];  /* empty until asked for */
    const struct attempt *attempts;  /* the newest first; NULL: no upstream was asked */
};

/* Chooses the site and runs the phases; afterwards the response is on its way or the request waits
 * for something. `req` was filled by the codec: head, fields, listener. */
void request_begin(struct weir_req *req);
/* Goes on after a suspension, or from the loop. */
void request_advance(struct weir_req *req);

/* Lets go of what was under way, and has another route make the answer: that of `target`, or `route`
 * for the target there is. The phases before `from` are not run. */
void request_go_elsewhere(struct weir_req *req, weir_str target, struct route *route,
                          enum step from);

/* A hook that had suspended says `outcome`. */
void request_resumed(struct weir_req *req, weir_rc outcome);

/* Answers from weir itself. A second answer is ignored; after the head was sent it aborts. */
void request_reply(struct weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                   weir_str body, const char *detail);

/* What weir would answer. */
struct answer {
    uint32_t status;
    weir_reason reason;
    weir_str type, body; /* body empty: an error's text */
    const char *detail;
};

/* Sends it, whatever on_error says. */
void request_answer(struct weir_req *req, struct answer *answer);

/* A module's reply: the same, but a refusal may have to wait for what other hooks say. */
void request_module_reply(struct weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                          weir_str body, const char *detail);

/* Begins the response: status, fields and length are settled, the hooks run, the head goes into
 * req->out. */
void response_start(struct weir_req *req, uint32_t status, int64_t length);
/* Adds body bytes, framed as the head said. Takes all of `data`. Nothing is sent yet. */
void response_add(struct weir_req *req, struct weir_chain *data);
/* The body is complete. */
void response_finish(struct weir_req *req);
/* Nothing more comes for a while: filters pass on what they can. */
void response_flush(struct weir_req *req);
/* What filters have made of it, for filtering.c. */
void response_add_filtered(struct weir_req *req, struct weir_chain *data);
void response_finish_filtered(struct weir_req *req);
/* It never will be: cuts the connection, so that nobody takes it for whole. */
void response_abort(struct weir_req *req, weir_reason reason, const char *detail);

/* An interim response (1xx), at once: status and fields given. */
void response_interim(struct weir_req *req, uint32_t status, const struct fields *fields);

/* Body bytes that wait for filters or the client, framing included: a source may stop at its
 * window. */
uint64_t response_waiting(const struct weir_req *req);

/* The body comes from there from now on. */
void request_set_source(struct weir_req *req, const struct source_ops *source);

/* RES_START or RES_HEADERS, for response_start(). */
void request_run_response_hooks(struct weir_req *req, enum phase phase);

/* The request's body as the source reads it, after filters; is it complete, how long was it? */
struct weir_chain *request_body(struct weir_req *req);
bool request_body_is_done(const struct weir_req *req);
uint64_t request_body_total(const struct weir_req *req);
/* The codec has more of it in req->body_in, or its end, and req->source takes request bodies. */
void request_deliver_body(struct weir_req *req);
/* UP_RESPONSE: the origin's status (0: it failed, req->reason says how) and fields are there.
 * True: a module has answered instead. */
bool request_is_answered_instead(struct weir_req *req);
/* Does the content of the response go without saying: HEAD, 204, 304? */
bool response_is_bodyless(const struct weir_req *req);

/* Lets go of everything; runs LOG and END hooks. The memory of `req` itself goes, too. */
void request_end(struct weir_req *req);

/* Lets go of req->body_buf, which may be NULL. */
void request_drop_body_buf(struct weir_req *req);

/* The client's address. */
const struct addr *request_addr(const struct weir_req *req);

/* The request's id, made at the first call. */
weir_str request_id(struct weir_req *req);
/* The id of a worker's request, from what the worker's slot says (base/running.h). */
void request_id_of(const uint64_t base[2], uint64_t serial, char id[REQUEST_ID_DIGITS + 1]);

/* What $1 .. $9 stand for from now on: groups[1] and on; groups[0] is the whole match. */
#define REQUEST_GROUPS 9
void request_set_groups(struct weir_req *req, const weir_str *groups, int n);

/* "502 connection_refused"; text that a status and a reason have. */
const char *status_text(uint32_t status);
weir_str reason_name(weir_reason reason);

/* Writes to the request's error log. */
void request_log(const struct weir_req *req, weir_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void request_vlog(const struct weir_req *req, weir_log_level level, const char *fmt, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Suspension (weir_suspend, weir_resume). */
weir_token request_suspend(struct weir_req *req, uint32_t deadline_ms, void (*on_cancel)(void *),
                           void *arg);
weir_rc request_resume(weir_token token, weir_rc outcome);

#endif
