/* SPDX-License-Identifier: Apache-2.0 */
/* weir/host.h - what the host offers to modules.
 *
 * Modules call the weir_* functions at the end; the tables are how those reach the host, since a
 * module is linked with nothing. A table grows at its end only: WEIR_HAS tells whether the running
 * host has a member that a later minor added.
 */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include <stdarg.h>
#include <string.h>

#include "connection.h"
#include "fields.h"
#include "metrics.h"
#include "types.h"
#include "zone.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_HAS(table, member)                                                                    \
    ((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member) &&          \
     (table)->member)

/* How a request is handed to an upstream: see weir_forward(). */
typedef struct {
    uint32_t size;
    const weir_upstream *upstream; /* from weir_cfg_upstream() */
    weir_str target;               /* path and query to send; empty: as received */
    weir_str host;                 /* Host to send; empty: as received */
    const weir_field *fields;      /* sent instead of the request's fields of those names; an
                                      empty value: none is sent */
    uint32_t field_n;
    bool buffering;                /* take the response off the peer faster than the client does */
    bool request_buffering;        /* take the whole request body before a peer is asked */
    bool websocket;                /* pass protocol upgrades on */
    bool retry;                    /* try the next peer when nothing was answered */
    uint64_t connect_timeout_ms, send_timeout_ms, read_timeout_ms;
    uint64_t deadline_ms;          /* of the whole exchange; 0: none */
    uint64_t tunnel_timeout_ms;    /* idle time of an upgraded connection */
    uint64_t buffer_head, buffer_body, buffer_file; /* bytes, the caps */
    const void *tls;               /* since 0.2; from weir_cfg_tls_client(), NULL: plain */
    bool own_codec;                /* since 0.3; the peer speaks this module's own codec, not HTTP */
    const void *request;           /* since 0.3; for that codec, with the request's head */
    bool accel_redirect;           /* since 0.3; X-Accel-Redirect in an answer sends the request on */
} weir_forward_conf;

typedef struct {
    uint32_t size;
    weir_str (*get)(const weir_req *req, weir_get_what what);
    weir_rc (*field)(const weir_req *req, weir_side side, uint32_t id, weir_str *out);
    weir_rc (*field_named)(const weir_req *req, weir_side side, weir_str name, weir_str *out);
    size_t (*fields)(const weir_req *req, weir_side side, weir_field *out, size_t max, size_t from);
    weir_rc (*edit)(weir_req *req, weir_side side, weir_edit_op op, uint32_t id, weir_str name,
                    weir_str value);
    uint32_t (*status)(const weir_req *req);
    weir_rc (*set_status)(weir_req *req, uint32_t status);
    weir_rc (*rewrite)(weir_req *req, weir_str target);
    weir_rc (*reply)(weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                     weir_str body, const char *detail);
    weir_rc (*respond)(weir_req *req, uint32_t status, int64_t length);
    weir_chain *(*body)(weir_req *req);
    weir_rc (*forward)(weir_req *req, const weir_forward_conf *conf);
    weir_rc (*eval)(weir_req *req, const weir_template *template_, weir_str *out);
    void *(*alloc)(weir_req *req, size_t size);
    void *(*ctx)(weir_req *req);
    weir_reason (*reason)(const weir_req *req, weir_str *name, weir_str *detail);
    /* since 0.3 */
    void (*set_groups)(weir_req *req, const weir_str *groups, int n);
    weir_rc (*set_client_addr)(weir_req *req, weir_str addr);
    weir_conn *(*conn)(const weir_req *req);
    int64_t (*length)(const weir_req *req);
    void (*set_user)(weir_req *req, weir_str name);
} weir_req_api;

typedef struct {
    uint32_t size;
    uint64_t (*bytes)(const weir_chain *chain);
    weir_rc (*copy)(weir_chain *chain, const void *bytes, size_t n);
    weir_rc (*add_ref)(weir_chain *chain, const void *bytes, size_t n, void (*unref)(void *),
                       void *arg);
    weir_rc (*add_file)(weir_chain *chain, int fd, uint64_t offset, uint64_t n,
                        void (*unref)(void *), void *arg);
    /* since 0.3 */
    uint64_t (*room)(const weir_chain *out);
    bool (*first)(weir_chain *chain, weir_str *bytes);
    void (*drop)(weir_chain *chain, uint64_t n);
    uint64_t (*move)(weir_chain *to, weir_chain *from, uint64_t n);
    void *(*reserve)(weir_chain *chain, size_t want, size_t *got);
    void (*commit)(weir_chain *chain, size_t used);
} weir_chain_api;

typedef struct {
    uint32_t size;
    uint64_t (*now_ms)(void);
    int64_t (*wall_ms)(void);
    weir_token (*suspend)(weir_req *req, uint32_t deadline_ms, void (*on_cancel)(void *), void *arg);
    weir_rc (*resume)(weir_token token, weir_rc outcome);
    uint64_t (*timer_start)(uint64_t ms, void (*fn)(void *), void *arg);
    void (*timer_stop)(uint64_t timer);
    /* since 0.3 */
    weir_watch *(*watch_start)(int fd, uint32_t what, void (*fn)(void *arg, uint32_t what),
                               void *arg);
    void (*watch_change)(weir_watch *watch, uint32_t what);
    void (*watch_stop)(weir_watch *watch);
    uint64_t (*waited_us)(void);
} weir_loop_api;

typedef struct {
    uint32_t size;
    void (*error)(weir_cfg *cfg, const char *opt, const char *fmt, va_list args);
    void (*warn)(weir_cfg *cfg, const char *opt, const char *fmt, va_list args);
    void *(*alloc)(weir_cfg *cfg, size_t size);
    uint32_t (*scope)(const weir_cfg *cfg);
    const char *(*label)(const weir_cfg *cfg);
    const weir_upstream *(*upstream)(weir_cfg *cfg, const char *opt, weir_str url,
                                     weir_str *prefix);
    int (*open_log)(weir_cfg *cfg, const char *opt, const char *path);
    weir_str (*template_text)(const weir_template *template_, bool *is_constant);
    const weir_template *(*compile)(weir_cfg *cfg, const char *opt, weir_str text);
    /* since 0.2 */
    const void *(*tls_client)(weir_cfg *cfg, const char *opt, const weir_tls_client *client);
    const unsigned char *(*secret)(const weir_cfg *cfg);
    bool (*is_own)(const weir_cfg *cfg, const char *opt);
    /* since 0.3 */
    const weir_regex *(*regex)(weir_cfg *cfg, const char *opt, weir_str pattern);
    void (*at)(weir_cfg *cfg, const char *file, uint32_t line);
} weir_cfg_api;

typedef struct {
    uint32_t size;
    ptrdiff_t (*io_read)(weir_io *io, void *p, size_t n);
    ptrdiff_t (*io_write)(weir_io *io, const void *p, size_t n);
    const void *(*site_conf)(const weir_listener *listener, weir_str name, bool *is_known);
    weir_str (*site_protocols)(const weir_listener *listener, weir_str name);
    void *(*transport)(const weir_req *req);
    weir_stream *(*stream_open)(weir_conn *conn, uint32_t id, const weir_stream_head *head);
    void (*stream_body)(weir_stream *stream, const char *p, size_t n);
    weir_rc (*stream_end)(weir_stream *stream, const weir_field *trailers, size_t n);
    void (*stream_gone)(weir_stream *stream, uint32_t why);
    size_t (*stream_pending)(weir_stream *stream, bool *is_end);
    weir_rc (*stream_take)(weir_stream *stream, weir_chain *out, size_t n);
    size_t (*stream_trailers)(weir_stream *stream, const weir_field **trailers);
    /* since 0.3 */
    weir_rc (*stream_head)(weir_stream *stream, uint32_t status, const weir_field *fields, size_t n,
                           uint32_t flags);
    weir_str (*addr)(const weir_conn *conn);
    weir_rc (*set_addr)(weir_conn *conn, weir_str addr);
    weir_rc (*preread)(weir_conn *conn, weir_str *bytes);
    weir_rc (*consume)(weir_conn *conn, size_t n);
    void **(*slot)(weir_conn *conn);
} weir_conn_api;

typedef struct weir_host {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    const char *version; /* of weir */
    const weir_req_api *req;
    const weir_chain_api *chain;
    const weir_loop_api *loop;
    const weir_cfg_api *cfg;
    void (*log)(weir_log_level level, const weir_req *req, const char *fmt, va_list args);
    int64_t (*peer)(const weir_peer *peer, uint32_t what);
    int (*match)(const weir_regex *regex, weir_str subject, weir_str *groups, int group_max);
    const weir_conn_api *conn; /* since 0.2 */
    const weir_zone_api *zone; /* since 0.3 */
    weir_str (*strip_prefix)(weir_str raw, weir_str prefix); /* since 0.3 */
    void (*tell_workers)(const void *bytes, size_t n); /* since 0.3 */
    const weir_metric_api *metric; /* since 0.3 */
    const struct weir_async_api *async; /* since 0.3: weir/async.h */
    const struct weir_command_api *command; /* since 0.3: weir/command.h */
    const struct weir_keep_api *keep; /* since 0.3: weir/keep.h */
} weir_host;

extern const weir_host *weir_host_ __attribute__((visibility("hidden")));

/* ---- the request ---- */

/* A property of the request; borrowed until it ends. */
static inline weir_str weir_get(const weir_req *req, weir_get_what what)
{
    return weir_host_->req->get(req, what);
}

/* The first field with this number (WEIR_F_*). WEIR_NOTFOUND: absent, *out is empty. */
static inline weir_rc weir_field_get(const weir_req *req, weir_side side, uint32_t id,
                                     weir_str *out)
{
    return weir_host_->req->field(req, side, id, out);
}

/* The first field of this name, in any case. */
static inline weir_rc weir_field_named(const weir_req *req, weir_side side, weir_str name,
                                       weir_str *out)
{
    return weir_host_->req->field_named(req, side, name, out);
}

/* Copies up to `max` fields, from the one with index `from` on, in order. Returns how many. */
static inline size_t weir_fields(const weir_req *req, weir_side side, weir_field *out, size_t max,
                                 size_t from)
{
    return weir_host_->req->fields(req, side, out, max, from);
}

/* The value of the field with this number that a module has set in the request, for an admin or
 * because it trusts who has told it; p NULL: none has. Since 0.3. */
static inline weir_str weir_field_ruled(const weir_req *req, uint32_t id)
{
    weir_str none = {NULL, 0};
    weir_field field;

    for (size_t i = 0; weir_fields(req, WEIR_REQUEST, &field, 1, i) == 1; i++) {
        if (field.id == id && field.flags & WEIR_FIELD_RULE) {
            return field.value.p ? field.value : WEIR_STR("");
        }
    }
    return none;
}

/* "http" or "https", as the client's connection was to whoever is in front: weir itself, or a proxy
 * that is trusted. Since 0.3. */
static inline weir_str weir_client_scheme(const weir_req *req)
{
    weir_str told = weir_field_ruled(req, WEIR_F_X_FORWARDED_PROTO);

    return told.p ? told : weir_get(req, WEIR_GET_SCHEME);
}

/* Sets, adds or removes fields by name. `name` and `value` must live as long as the request
 * (weir_alloc(), or the configuration). A value with CR, LF or NUL is refused: WEIR_ERROR. */
static inline weir_rc weir_edit(weir_req *req, weir_side side, weir_edit_op op, weir_str name,
                                weir_str value)
{
    return weir_host_->req->edit(req, side, op, 0, name, value);
}

/* The same for a known field; no name to look up. */
static inline weir_rc weir_edit_known(weir_req *req, weir_side side, weir_edit_op op, uint32_t id,
                                      weir_str value)
{
    weir_str none = {NULL, 0};

    return weir_host_->req->edit(req, side, op, id, none, value);
}

/* Status of the response; 0 before there is one. */
static inline uint32_t weir_status(const weir_req *req)
{
    return weir_host_->req->status(req);
}

/* Length of the response's body as its source has it; -1: not known, or a filter changes it (in a filter's
 * open(): one in front of it). Since 0.3. */
static inline int64_t weir_response_length(const weir_req *req)
{
    return weir_host_->req->length(req);
}

/* WEIR_RES_START only. */
static inline weir_rc weir_set_status(weir_req *req, uint32_t status)
{
    return weir_host_->req->set_status(req, status);
}

/* Another path and query: the route is chosen again (at most 8 rounds). In WEIR_REQ_REWRITE, or in a
 * handler's start(), which then returns WEIR_NEXT. `target` begins with '/'; it is copied. */
static inline weir_rc weir_rewrite(weir_req *req, weir_str target)
{
    return weir_host_->req->rewrite(req, target);
}

/* Answers with a small body, copied. An empty `body` with an error status gets a short text made
 * from status and detail. `detail` (may be NULL) goes to the log: what happened and how to mend
 * it. Returns WEIR_HANDLED, to be returned by the caller. */
static inline weir_rc weir_reply(weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                                 weir_str body, const char *detail)
{
    return weir_host_->req->reply(req, status, reason, type, body, detail);
}

/* Handlers: begins a response with the fields set so far. `length` of the body, or -1 when it is
 * not known; see weir_handler_ops.start for where the body comes from. Returns WEIR_HANDLED. */
static inline weir_rc weir_respond(weir_req *req, uint32_t status, int64_t length)
{
    return weir_host_->req->respond(req, status, length);
}

/* The response body that a handler fills before weir_respond(). */
static inline weir_chain *weir_body(weir_req *req)
{
    return weir_host_->req->body(req);
}

/* Handlers: lets an upstream answer. `conf` and what it points to must live as long as the
 * request. Returns WEIR_HANDLED. */
static inline weir_rc weir_forward(weir_req *req, const weir_forward_conf *conf)
{
    return weir_host_->req->forward(req, conf);
}

/* The text of a template for this request; *out lives as long as the request. An unset `template_`
 * (NULL) gives the empty string. */
static inline weir_rc weir_eval(weir_req *req, const weir_template *template_, weir_str *out)
{
    return weir_host_->req->eval(req, template_, out);
}

/* Memory that goes with the request, aligned for any type, not zeroed; never NULL. */
static inline void *weir_alloc(weir_req *req, size_t size)
{
    return weir_host_->req->alloc(req, size);
}

/* This module's own zeroed state for this request, of ctx_size bytes, made at the first call. */
static inline void *weir_ctx(weir_req *req)
{
    return weir_host_->req->ctx(req);
}

/* Why weir made the response itself; WEIR_REASON_NONE when it did not. `name` and `detail` may be
 * NULL. */
static inline weir_reason weir_reason_of(const weir_req *req, weir_str *name, weir_str *detail)
{
    return weir_host_->req->reason(req, name, detail);
}

/* Groups of a regular expression, as weir_match() gave them, for $1 .. $9 in templates that are
 * evaluated from now on; groups[0] is the whole match. They are copied, what they point to is
 * not. */
static inline void weir_set_groups(weir_req *req, const weir_str *groups, int n)
{
    weir_host_->req->set_groups(req, groups, n);
}

/* WEIR_REQ_START: another address ("192.0.2.1", "[2001:db8::1]:4711") stands for the client from now
 * on, in everything that asks for one: somebody in front of weir has told it. WEIR_ERROR: it is
 * none. Since 0.3. */
static inline weir_rc weir_set_client_addr(weir_req *req, weir_str addr)
{
    return weir_host_->req->set_client_addr(req, addr);
}

/* Who the client is, as a module has found out: $remote_user. `name` lives as long as the request.
 * Since 0.3. */
static inline void weir_set_user(weir_req *req, weir_str name)
{
    weir_host_->req->set_user(req, name);
}

/* ---- connections, as hooks get them and weir_conn_of(), not codecs; since 0.3 ---- */

/* The connection that a request came on. */
static inline weir_conn *weir_conn_of(const weir_req *req)
{
    return weir_host_->req->conn(req);
}

/* The other side's address with its port, borrowed until the next call. */
static inline weir_str weir_conn_addr(const weir_conn *conn)
{
    return weir_host_->conn->addr(conn);
}

/* Another address stands for the client on this connection. WEIR_ERROR: it is none. */
static inline weir_rc weir_conn_set_addr(weir_conn *conn, weir_str addr)
{
    return weir_host_->conn->set_addr(conn, addr);
}

/* WEIR_CONN_PREREAD: the first bytes that have come, borrowed until the hook returns; up to 16 KiB.
 * WEIR_NEXT, or WEIR_WANT_READ: there are none yet (return that). */
static inline weir_rc weir_conn_preread(weir_conn *conn, weir_str *bytes)
{
    return weir_host_->conn->preread(conn, bytes);
}

/* WEIR_CONN_PREREAD: the first `n` of them were for this module: nobody else sees them. */
static inline weir_rc weir_conn_consume(weir_conn *conn, size_t n)
{
    return weir_host_->conn->consume(conn, n);
}

/* A pointer of this module's own, NULL at first, that stays with the connection. */
static inline void **weir_conn_slot(weir_conn *conn)
{
    return weir_host_->conn->slot(conn);
}

/* ---- bodies ---- */

static inline uint64_t weir_chain_bytes(const weir_chain *chain)
{
    return weir_host_->chain->bytes(chain);
}

/* Filters, in run(): how many bytes `out` still takes. A little more does no harm. Since 0.3, as all
 * that follows up to weir_chain_commit(). */
static inline uint64_t weir_chain_room(const weir_chain *out)
{
    return weir_host_->chain->room(out);
}

/* The first run of bytes, borrowed until the chain changes; of a file some are read into memory.
 * False: there are none. */
static inline bool weir_chain_first(weir_chain *chain, weir_str *bytes)
{
    return weir_host_->chain->first(chain, bytes);
}

/* Drops the first `n` bytes; `n` is not more than there are. */
static inline void weir_chain_drop(weir_chain *chain, uint64_t n)
{
    weir_host_->chain->drop(chain, n);
}

/* Moves the first `n` bytes (all, if there are fewer) without copying. Returns how many. */
static inline uint64_t weir_chain_move(weir_chain *to, weir_chain *from, uint64_t n)
{
    return weir_host_->chain->move(to, from, n);
}

/* Memory to write to, up to *got bytes of it (about `want`, or fewer; 0 only where there is no
 * room); weir_chain_commit() appends the first `used`. Nothing else may be done with any chain in
 * between. */
static inline void *weir_chain_reserve(weir_chain *chain, size_t want, size_t *got)
{
    return weir_host_->chain->reserve(chain, want, got);
}

static inline void weir_chain_commit(weir_chain *chain, size_t used)
{
    weir_host_->chain->commit(chain, used);
}

/* Appends a copy. */
static inline weir_rc weir_chain_copy(weir_chain *chain, const void *bytes, size_t n)
{
    return weir_host_->chain->copy(chain, bytes, n);
}

/* Appends bytes that stay valid until unref(arg) is called; unref may be NULL. */
static inline weir_rc weir_chain_add_ref(weir_chain *chain, const void *bytes, size_t n,
                                         void (*unref)(void *), void *arg)
{
    return weir_host_->chain->add_ref(chain, bytes, n, unref, arg);
}

/* Appends part of a file; `fd` stays open until unref(arg) is called. */
static inline weir_rc weir_chain_add_file(weir_chain *chain, int fd, uint64_t offset, uint64_t n,
                                          void (*unref)(void *), void *arg)
{
    return weir_host_->chain->add_file(chain, fd, offset, n, unref, arg);
}

/* ---- time and waiting ---- */

/* Monotonic milliseconds, read once per turn of the loop. */
static inline uint64_t weir_now_ms(void)
{
    return weir_host_->loop->now_ms();
}

/* Milliseconds since 1970, as cheap. */
static inline int64_t weir_wall_ms(void)
{
    return weir_host_->loop->wall_ms();
}

/* Microseconds that this worker has waited for something to do, since a module first asked. What that is
 * less than weir_now_ms() has gone on by, it was busy. Since 0.3. */
static inline uint64_t weir_waited_us(void)
{
    return weir_host_->loop->waited_us();
}

/* Suspends the request: the hook then returns WEIR_AGAIN. After `deadline_ms` without a resume it
 * continues as if the hook had failed. on_cancel(arg) is called, once, if that or the request's end
 * comes first.
 * Returns 0 when suspending is not possible here. */
static inline weir_token weir_suspend(weir_req *req, uint32_t deadline_ms,
                                      void (*on_cancel)(void *), void *arg)
{
    return weir_host_->loop->suspend(req, deadline_ms, on_cancel, arg);
}

/* Continues a suspended request, from the top of the loop, as if its hook had returned `outcome`.
 * WEIR_GONE: that token was used already, or its request is over. Loop thread only. */
static inline weir_rc weir_resume(weir_token token, weir_rc outcome)
{
    return weir_host_->loop->resume(token, outcome);
}

/* Calls fn(arg) once, in `ms`. The returned number stops it; it is never 0. */
static inline uint64_t weir_timer_start(uint64_t ms, void (*fn)(void *), void *arg)
{
    return weir_host_->loop->timer_start(ms, fn, arg);
}

/* Stopping a timer that ran or was stopped is harmless. */
static inline void weir_timer_stop(uint64_t timer)
{
    weir_host_->loop->timer_stop(timer);
}

enum {
    WEIR_WATCH_READ = 1,
    WEIR_WATCH_WRITE = 2
};

/* Calls fn(arg, what) whenever the descriptor is readable, or has room to write, as long as it is
 * (level-triggered). It stays the module's, which stops the watch before it closes it; fn may. */
static inline weir_watch *weir_watch_start(int fd, uint32_t what,
                                           void (*fn)(void *arg, uint32_t what), void *arg)
{
    return weir_host_->loop->watch_start(fd, what, fn, arg);
}

static inline void weir_watch_change(weir_watch *watch, uint32_t what)
{
    weir_host_->loop->watch_change(watch, what);
}

static inline void weir_watch_stop(weir_watch *watch)
{
    weir_host_->loop->watch_stop(watch);
}

/* ---- configuration: check() and commit() ---- */

/* Reports a mistake in option `opt` (NULL: in the group); the host adds file and line. */
__attribute__((format(printf, 3, 4))) static inline void weir_cfg_error(weir_cfg *cfg,
                                                                        const char *opt,
                                                                        const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_host_->cfg->error(cfg, opt, fmt, args);
    va_end(args);
}

/* The same for what is allowed but surprising. */
__attribute__((format(printf, 3, 4))) static inline void weir_cfg_warn(weir_cfg *cfg,
                                                                       const char *opt,
                                                                       const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_host_->cfg->warn(cfg, opt, fmt, args);
    va_end(args);
}

/* A file that the module reads by itself: what is reported from now on is a matter of this line of
 * it. `file` lives as long as the generation; NULL: of the configuration again. Since 0.3. */
static inline void weir_cfg_at(weir_cfg *cfg, const char *file, uint32_t line)
{
    weir_host_->cfg->at(cfg, file, line);
}

/* Memory that lives as long as the generation, zeroed. */
static inline void *weir_cfg_alloc(weir_cfg *cfg, size_t size)
{
    return weir_host_->cfg->alloc(cfg, size);
}

/* The scope of the settings at hand: WEIR_S_TOP, WEIR_S_SITE or WEIR_S_ROUTE. */
static inline uint32_t weir_cfg_scope(const weir_cfg *cfg)
{
    return weir_host_->cfg->scope(cfg);
}

/* The route's path, or the site's first name: for messages. */
static inline const char *weir_cfg_label(const weir_cfg *cfg)
{
    return weir_host_->cfg->label(cfg);
}

/* The upstream that "http://NAME-or-host:port[/prefix]" or "unix:/path" names; *prefix (may be
 * NULL) gets the path in it. NULL: a mistake was reported. commit() only. */
static inline const weir_upstream *weir_cfg_upstream(weir_cfg *cfg, const char *opt, weir_str url,
                                                     weir_str *prefix)
{
    return weir_host_->cfg->upstream(cfg, opt, url, prefix);
}

/* Creates or opens for appending a file that workers write and may open again after a rotation;
 * its folder is made when that one's parent exists. -1: the mistake was reported. commit() only. */
static inline int weir_cfg_open_log(weir_cfg *cfg, const char *opt, const char *path)
{
    return weir_host_->cfg->open_log(cfg, opt, path);
}

/* A template as written; *is_constant (may be NULL): it has no variable, and the text returned is
 * its value. */
static inline weir_str weir_template_text(const weir_template *template_, bool *is_constant)
{
    return weir_host_->cfg->template_text(template_, is_constant);
}

/* Compiles a template that is made from option `opt`, or stands for it: evaluated at the same
 * phase, mistakes are reported there. Lives as long as the generation. NULL: a mistake was
 * reported. */
static inline const weir_template *weir_cfg_template(weir_cfg *cfg, const char *opt, weir_str text)
{
    return weir_host_->cfg->compile(cfg, opt, text);
}

/* Compiles a regular expression that is part of option `opt`. Lives as long as the generation.
 * NULL: a mistake was reported. */
static inline const weir_regex *weir_cfg_regex(weir_cfg *cfg, const char *opt, weir_str pattern)
{
    return weir_host_->cfg->regex(cfg, opt, pattern);
}

/* Is `opt` set in the very group at hand, not inherited or absent? */
static inline bool weir_cfg_is_own(const weir_cfg *cfg, const char *opt)
{
    return weir_host_->cfg->is_own(cfg, opt);
}

/* Settings for TLS to backends, for weir_forward_conf.tls. NULL: a mistake was reported. commit()
 * only. */
static inline const void *weir_cfg_tls_client(weir_cfg *cfg, const char *opt,
                                              const weir_tls_client *client)
{
    return weir_host_->cfg->tls_client(cfg, opt, client);
}

/* The same by the rules that most want, system authorities and the URL's name, if the URL is https://; else
 * NULL. */
static inline const void *weir_cfg_tls_for(weir_cfg *cfg, const char *opt, weir_str url)
{
    weir_tls_client client;

    memset(&client, 0, sizeof(client));
    client.size = sizeof(client);
    client.verify = true;
    return url.n > 8 && memcmp(url.p, "https://", 8) == 0 ? weir_cfg_tls_client(cfg, opt, &client)
                                                           : NULL;
}

/* 32 random bytes, the same in all workers and after reloads; gone when weir ends. */
static inline const unsigned char *weir_cfg_secret(const weir_cfg *cfg)
{
    return weir_host_->cfg->secret(cfg);
}

/* ---- transports and codecs: see weir/connection.h ---- */

/* Bytes from the socket, or WEIR_IO_*. */
static inline ptrdiff_t weir_io_read(weir_io *io, void *p, size_t n)
{
    return weir_host_->conn->io_read(io, p, n);
}

/* Bytes for the socket: all are taken, and leave as soon as it has room. */
static inline ptrdiff_t weir_io_write(weir_io *io, const void *p, size_t n)
{
    return weir_host_->conn->io_write(io, p, n);
}

/* This module's settings at the listener's site of that name; for an unknown or empty name those
 * of the site that answers any host, or of the first; *is_known (may be NULL) tells. NULL: that
 * site has none. */
static inline const void *weir_site_conf(const weir_listener *listener, weir_str name,
                                         bool *is_known)
{
    return weir_host_->conn->site_conf(listener, name, is_known);
}

/* The protocols of that site, best first, as ALPN has them on the wire (RFC 7301, 3.1). */
static inline weir_str weir_site_protocols(const weir_listener *listener, weir_str name)
{
    return weir_host_->conn->site_protocols(listener, name);
}

/* The state of this module as the transport of the request's connection; NULL: it is not that. */
static inline void *weir_transport_of(const weir_req *req)
{
    return weir_host_->conn->transport(req);
}

/* Towards clients: a request has come as stream number `id`. It lives until weir_stream_gone().
 * NULL: refused, reset the stream. */
static inline weir_stream *weir_stream_open(weir_conn *conn, uint32_t id,
                                            const weir_stream_head *head)
{
    return weir_host_->conn->stream_open(conn, id, head);
}

/* Towards backends: a response's head has come, or an interim one (WEIR_HEAD_*). Copied. ERROR: it
 * cannot be used: reset the stream. */
static inline weir_rc weir_stream_head_came(weir_stream *stream, uint32_t status,
                                            const weir_field *fields, size_t n, uint32_t flags)
{
    return weir_host_->conn->stream_head(stream, status, fields, n, flags);
}

/* Bytes of the body that comes in, copied or kept by reference if they lie in what input() was
 * given. */
static inline void weir_stream_body(weir_stream *stream, const char *p, size_t n)
{
    weir_host_->conn->stream_body(stream, p, n);
}

/* That body is complete. ERROR: its length is not what the head said: reset the stream. */
static inline weir_rc weir_stream_end(weir_stream *stream, const weir_field *trailers, size_t n)
{
    return weir_host_->conn->stream_end(stream, trailers, n);
}

/* The stream is closed, by either side or because it is complete. `stream` is not valid any more.
 * `why`: WEIR_STREAM_*. */
static inline void weir_stream_gone(weir_stream *stream, uint32_t why)
{
    weir_host_->conn->stream_gone(stream, why);
}

/* Bytes of the body that goes out that can be sent now; *is_end: there is nothing behind them. */
static inline size_t weir_stream_pending(weir_stream *stream, bool *is_end)
{
    return weir_host_->conn->stream_pending(stream, is_end);
}

/* Moves the first `n` of them to `out`. ERROR: they cannot be read (a file shrank): end the
 * connection, since the frame's head has gone out. */
static inline weir_rc weir_stream_take(weir_stream *stream, weir_chain *out, size_t n)
{
    return weir_host_->conn->stream_take(stream, out, n);
}

/* The trailers of the body that goes out, for when it has ended. Returns how many. */
static inline size_t weir_stream_trailers(weir_stream *stream, const weir_field **trailers)
{
    return weir_host_->conn->stream_trailers(stream, trailers);
}

/* ---- the loader's watch ---- */

/* watch() only: the module's told() gets these bytes in every worker. They travel in memory that no
 * other process can open. Since 0.3. */
static inline void weir_tell_workers(const void *bytes, size_t n)
{
    weir_host_->tell_workers(bytes, n);
}

/* ---- shared memory: see weir/zone.h ---- */

/* commit(): the zone "MODULE:name" of `bytes`. It is kept as long as size, `layout` (what is where)
 * and `version` (what it means) stay the same; else a new one, zeroed. The same name gives the same
 * zone. NULL: a mistake was reported. */
static inline weir_zone *weir_cfg_zone(weir_cfg *cfg, const char *name, uint64_t bytes,
                                       uint32_t layout, uint32_t version)
{
    return weir_host_->zone->open(cfg, name, bytes, layout, version);
}

/* Its first byte in this process, page-aligned. */
static inline void *weir_zone_at(weir_zone *zone)
{
    return weir_host_->zone->at(zone);
}

/* commit(): it was zeroed just now, or never completed: initialise it. */
static inline bool weir_zone_is_fresh(const weir_zone *zone)
{
    return weir_host_->zone->is_fresh(zone);
}

/* Takes one of its WEIR_ZONE_STRIPES locks, for a few instructions: other workers wait. No system
 * call when nobody holds it. WEIR_OK, or WEIR_GONE: the owner died with it; the caller has it now,
 * and repairs or resets what it guards. */
static inline weir_rc weir_zone_lock(weir_zone *zone, uint32_t stripe)
{
    return weir_host_->zone->lock(zone, stripe);
}

static inline void weir_zone_unlock(weir_zone *zone, uint32_t stripe)
{
    weir_host_->zone->unlock(zone, stripe);
}

/* commit(): a table of keys and values with expiry, in a zone of its own; 128 bytes per entry. It is
 * bounded: where there is no room, what would expire first of the key's neighbours goes. */
static inline weir_zone *weir_cfg_table(weir_cfg *cfg, const char *name, uint64_t bytes)
{
    return weir_host_->zone->open_table(cfg, name, bytes);
}

/* Adds to the key's number; a key that is new or has expired begins at 0 and lives for ttl_ms (0:
 * for ever). *now (may be NULL) is the sum. WEIR_ERROR: it was put as something else. */
static inline weir_rc weir_table_add(weir_zone *table, weir_str key, int64_t delta,
                                     uint32_t ttl_ms, int64_t *now)
{
    return weir_host_->zone->table_add(table, key, delta, ttl_ms, now);
}

/* Copies the value to `value`, which has room for *n bytes; *n is then its size. WEIR_NOTFOUND, or
 * WEIR_ERROR: it is larger. */
static inline weir_rc weir_table_get(weir_zone *table, weir_str key, void *value, size_t *n)
{
    return weir_host_->zone->table_get(table, key, value, n);
}

/* Sets the value, of at most WEIR_TABLE_VALUE bytes, for ttl_ms from now (0: for ever). */
static inline weir_rc weir_table_put(weir_zone *table, weir_str key, const void *value, size_t n,
                                     uint32_t ttl_ms)
{
    return weir_host_->zone->table_put(table, key, value, n, ttl_ms);
}

/* ---- metrics: see weir/metrics.h ---- */

/* commit(): the number of the metric "weir_MODULE_name" with these labels (NULL, or text like
 * zone="one",verdict="refused"). The same name and labels give the same number. `kind` is
 * WEIR_METRIC_*. */
static inline uint32_t weir_cfg_metric(weir_cfg *cfg, const char *name, int kind,
                                       const char *labels, const char *doc)
{
    return weir_host_->metric->define(cfg, name, kind, labels, doc);
}

/* Counters and gauges: adds. Histograms: one observation, of n microseconds. */
static inline void weir_metric_add(uint32_t metric, int64_t n)
{
    weir_host_->metric->add(metric, n);
}

/* Gauges: this worker's share. */
static inline void weir_metric_set(uint32_t metric, int64_t value)
{
    weir_host_->metric->set(metric, value);
}

/* Calls fn for every metric, the host's too, with its sum over all workers, in the order of their
 * definition. */
static inline void weir_metrics_each(weir_metric_fn *fn, void *arg)
{
    weir_host_->metric->each(fn, arg);
}

/* Microseconds up to which a histogram's bucket goes; UINT64_MAX for the last one. */
static inline uint64_t weir_metric_bucket_limit(uint32_t bucket)
{
    return weir_host_->metric->bucket_limit(bucket);
}

/* ---- the rest ---- */

/* A line in the error log, with the request's id when `req` is not NULL. */
__attribute__((format(printf, 3, 4))) static inline void weir_log(weir_log_level level,
                                                                  const weir_req *req,
                                                                  const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    weir_host_->log(level, req, fmt, args);
    va_end(args);
}

enum {
    WEIR_PEER_WEIGHT,    /* as configured, or ordered at run time */
    WEIR_PEER_IN_FLIGHT, /* requests of all workers that wait for this peer */
    WEIR_PEER_IS_BACKUP,
    WEIR_PEER_SHARE,     /* since 0.3: 1000 times the weight, less while it starts slowly */
    WEIR_PEER_ID,        /* since 0.3: made of its address: the same in all workers, and later */
    WEIR_PEER_SLOT       /* since 0.3: its part of weir_balancer_group.shared */
};

static inline int64_t weir_peer_info(const weir_peer *peer, uint32_t what)
{
    return weir_host_->peer(peer, what);
}

/* What is left of the raw path (as WEIR_GET_RAW_PATH) behind the segments of the decoded `prefix`:
 * begins with '/', or is empty. Escapes stay as they are. p NULL: it does not begin so. */
static inline weir_str weir_strip_prefix(weir_str raw, weir_str prefix)
{
    return weir_host_->strip_prefix(raw, prefix);
}

/* As weir_regex_ops.match, on a WEIR_T_REGEX option. */
static inline int weir_match(const weir_regex *regex, weir_str subject, weir_str *groups,
                             int group_max)
{
    return weir_host_->match(regex, subject, groups, group_max);
}

#ifdef __cplusplus
}
#endif
#endif
