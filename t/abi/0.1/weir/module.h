/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of ABI 0.1 in one, as they were released, without comments. Never edited. */

#ifndef WEIR_MODULE_H
#define WEIR_MODULE_H
#define WEIR_ABI_MAJOR 0
#define WEIR_ABI_MINOR 1
#ifndef WEIR_TYPES_H
#define WEIR_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct weir_req weir_req;
typedef struct weir_conn weir_conn;
typedef struct weir_chain weir_chain;
typedef struct weir_cfg weir_cfg;
typedef struct weir_template weir_template;
typedef struct weir_regex weir_regex;
typedef struct weir_upstream weir_upstream;
typedef struct weir_peer weir_peer;
typedef uint64_t weir_token;
typedef struct {
    const char *p;
    size_t n;
} weir_str;
#ifdef __cplusplus
#define WEIR_STR(literal) (weir_str{(literal), sizeof(literal) - 1})
#else
#define WEIR_STR(literal) ((weir_str){(literal), sizeof(literal) - 1})
#endif
typedef struct {
    weir_str name, value;
    uint32_t id;
    uint32_t flags;
} weir_field;
enum {
    WEIR_FIELD_RULE = 1,
};
typedef struct {
    const void *items;
    size_t n;
} weir_list;
typedef struct {
    const weir_str *keys;
    const void *items;
    size_t n;
} weir_map;
typedef int32_t weir_rc;
enum {
    WEIR_OK = 0,
    WEIR_NEXT = 0,
    WEIR_DONE = 1,
    WEIR_HANDLED = 2,
    WEIR_AGAIN = 3,
    WEIR_MORE = 4,
    WEIR_ERROR = -1,
    WEIR_GONE = -2,
    WEIR_NOTFOUND = -3
};
typedef enum {
    WEIR_REQ_START = 110,
    WEIR_REQ_REWRITE = 120,
    WEIR_REQ_LIMIT = 130,
    WEIR_REQ_ACCESS = 140,
    WEIR_REQ_PREPARE = 150,
    WEIR_REQ_LOOKUP = 160,
    WEIR_RES_START = 310,
    WEIR_RES_HEADERS = 320,
    WEIR_LOG = 410,
    WEIR_REQ_END = 420
} weir_phase;
typedef enum {
    WEIR_REQUEST = 0,
    WEIR_RESPONSE = 1
} weir_side;
typedef enum {
    WEIR_SET,
    WEIR_ADD,
    WEIR_REMOVE
} weir_edit_op;
typedef enum {
    WEIR_GET_METHOD,
    WEIR_GET_SCHEME,
    WEIR_GET_HOST,
    WEIR_GET_AUTHORITY,
    WEIR_GET_TARGET,
    WEIR_GET_PATH,
    WEIR_GET_RAW_PATH,
    WEIR_GET_QUERY,
    WEIR_GET_CLIENT_ADDR,
    WEIR_GET_CLIENT_PORT,
    WEIR_GET_ID,
    WEIR_GET_SITE,
    WEIR_GET_ROUTE,
    WEIR_GET_ROUTE_PREFIX,
    WEIR_GET_PROTOCOL
} weir_get_what;
typedef enum {
    WEIR_REASON_NONE,
    WEIR_REASON_DESTINATION_NOT_FOUND,
    WEIR_REASON_DESTINATION_UNAVAILABLE,
    WEIR_REASON_DNS_ERROR,
    WEIR_REASON_CONNECTION_REFUSED,
    WEIR_REASON_CONNECTION_TIMEOUT,
    WEIR_REASON_CONNECTION_TERMINATED,
    WEIR_REASON_CONNECTION_READ_TIMEOUT,
    WEIR_REASON_CONNECTION_WRITE_TIMEOUT,
    WEIR_REASON_CONNECTION_LIMIT_REACHED,
    WEIR_REASON_HTTP_REQUEST_ERROR,
    WEIR_REASON_HTTP_REQUEST_DENIED,
    WEIR_REASON_HTTP_RESPONSE_INCOMPLETE,
    WEIR_REASON_HTTP_RESPONSE_HEADER_SIZE,
    WEIR_REASON_HTTP_RESPONSE_TIMEOUT,
    WEIR_REASON_HTTP_UPGRADE_FAILED,
    WEIR_REASON_HTTP_PROTOCOL_ERROR,
    WEIR_REASON_PROXY_LOOP_DETECTED,
    WEIR_REASON_PROXY_INTERNAL_ERROR,
    WEIR_REASON_PROXY_CONFIGURATION_ERROR,
    WEIR_REASON_LIMIT_EXCEEDED,
    WEIR_REASON_ACCESS_DENIED,
    WEIR_REASON_ROUTE_NOT_FOUND,
    WEIR_REASON_SITE_NOT_FOUND,
    WEIR_REASON_FILE_NOT_FOUND,
    WEIR_REASON_METHOD_NOT_ALLOWED,
    WEIR_REASON_RANGE_NOT_SATISFIABLE,
    WEIR_REASON_REQUEST_TIMEOUT,
    WEIR_REASON_REQUEST_TOO_LARGE,
    WEIR_REASON_CLIENT_GONE,
    WEIR_REASON_CONFIGURED,
    WEIR_REASON_COUNT
} weir_reason;
typedef enum {
    WEIR_LOG_ERROR,
    WEIR_LOG_WARN,
    WEIR_LOG_INFO,
    WEIR_LOG_DEBUG
} weir_log_level;
#ifdef __cplusplus
}
#endif
#endif
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H
#define WEIR_KNOWN_FIELDS(X)                                                                       \
    X(HOST, "Host")                                                                                \
    X(CONNECTION, "Connection")                                                                    \
    X(KEEP_ALIVE, "Keep-Alive")                                                                    \
    X(TRANSFER_ENCODING, "Transfer-Encoding")                                                      \
    X(CONTENT_LENGTH, "Content-Length")                                                            \
    X(UPGRADE, "Upgrade")                                                                          \
    X(TE, "TE")                                                                                    \
    X(TRAILER, "Trailer")                                                                          \
    X(EXPECT, "Expect")                                                                            \
    X(PROXY_CONNECTION, "Proxy-Connection")                                                        \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization")                                                  \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate")                                                    \
    X(ACCEPT, "Accept")                                                                            \
    X(ACCEPT_ENCODING, "Accept-Encoding")                                                          \
    X(ACCEPT_LANGUAGE, "Accept-Language")                                                          \
    X(ACCEPT_RANGES, "Accept-Ranges")                                                              \
    X(AGE, "Age")                                                                                  \
    X(ALLOW, "Allow")                                                                              \
    X(AUTHORIZATION, "Authorization")                                                              \
    X(CACHE_CONTROL, "Cache-Control")                                                              \
    X(CONTENT_DISPOSITION, "Content-Disposition")                                                  \
    X(CONTENT_ENCODING, "Content-Encoding")                                                        \
    X(CONTENT_LANGUAGE, "Content-Language")                                                        \
    X(CONTENT_LOCATION, "Content-Location")                                                        \
    X(CONTENT_RANGE, "Content-Range")                                                              \
    X(CONTENT_TYPE, "Content-Type")                                                                \
    X(COOKIE, "Cookie")                                                                            \
    X(DATE, "Date")                                                                                \
    X(ETAG, "ETag")                                                                                \
    X(EXPIRES, "Expires")                                                                          \
    X(FORWARDED, "Forwarded")                                                                      \
    X(IF_MATCH, "If-Match")                                                                        \
    X(IF_MODIFIED_SINCE, "If-Modified-Since")                                                      \
    X(IF_NONE_MATCH, "If-None-Match")                                                              \
    X(IF_RANGE, "If-Range")                                                                        \
    X(IF_UNMODIFIED_SINCE, "If-Unmodified-Since")                                                  \
    X(LAST_MODIFIED, "Last-Modified")                                                              \
    X(LINK, "Link")                                                                                \
    X(LOCATION, "Location")                                                                        \
    X(ORIGIN, "Origin")                                                                            \
    X(PRAGMA, "Pragma")                                                                            \
    X(RANGE, "Range")                                                                              \
    X(REFERER, "Referer")                                                                          \
    X(RETRY_AFTER, "Retry-After")                                                                  \
    X(SERVER, "Server")                                                                            \
    X(SET_COOKIE, "Set-Cookie")                                                                    \
    X(STRICT_TRANSPORT_SECURITY, "Strict-Transport-Security")                                      \
    X(USER_AGENT, "User-Agent")                                                                    \
    X(VARY, "Vary")                                                                                \
    X(VIA, "Via")                                                                                  \
    X(WWW_AUTHENTICATE, "WWW-Authenticate")                                                        \
    X(X_ACCEL_BUFFERING, "X-Accel-Buffering")                                                      \
    X(X_FORWARDED_FOR, "X-Forwarded-For")                                                          \
    X(X_FORWARDED_HOST, "X-Forwarded-Host")                                                        \
    X(X_FORWARDED_PROTO, "X-Forwarded-Proto")                                                      \
    X(X_REAL_IP, "X-Real-IP")                                                                      \
    X(X_FRAME_OPTIONS, "X-Frame-Options")                                                          \
    X(X_CONTENT_TYPE_OPTIONS, "X-Content-Type-Options")                                            \
    X(SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key")                                                      \
    X(SEC_WEBSOCKET_ACCEPT, "Sec-WebSocket-Accept")                                                \
    X(SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version")                                              \
    X(PROXY_STATUS, "Proxy-Status")
enum {
    WEIR_FIELD_OTHER = 0,
#define WEIR_FIELD_ENUM(id, name) WEIR_F_##id,
    WEIR_KNOWN_FIELDS(WEIR_FIELD_ENUM)
#undef WEIR_FIELD_ENUM
        WEIR_F_COUNT
};
#endif
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H
#ifdef __cplusplus
extern "C" {
#endif
enum {
    WEIR_T_BOOL = 1,
    WEIR_T_INT,
    WEIR_T_SIZE,
    WEIR_T_DURATION,
    WEIR_T_STR,
    WEIR_T_PATH,
    WEIR_T_ENUM,
    WEIR_T_TEMPLATE,
    WEIR_T_REGEX,
    WEIR_T_GROUP,
    WEIR_T_KIND = 0xff,
    WEIR_T_LIST = 0x100,
    WEIR_T_MAP = 0x200
};
enum {
    WEIR_S_TOP = 1,
    WEIR_S_SITE = 2,
    WEIR_S_ROUTE = 4,
    WEIR_S_ALL = 7
};
enum {
    WEIR_INHERIT_REPLACE,
    WEIR_INHERIT_APPEND,
    WEIR_INHERIT_MERGE,
    WEIR_INHERIT_NONE
};
enum {
    WEIR_OPT_REQUIRED = 1,
    WEIR_OPT_FILE = 2,
    WEIR_OPT_DIR = 4,
    WEIR_OPT_WRITTEN = 8,
    WEIR_OPT_RESPONSE = 16,
    WEIR_OPT_LOG = 32
};
typedef struct weir_opt {
    const char *name;
    uint32_t type;
    uint32_t scopes;
    uint32_t inherit;
    uint32_t flags;
    size_t offset;
    const char *dflt;
    int64_t min, max;
    const char *const *names;
    const struct weir_opt *sub;
    uint32_t sub_n;
    size_t item_size;
    const char *doc;
    const char *example;
} weir_opt;
#define WEIR_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#ifdef __cplusplus
}
#endif
#endif
#ifndef WEIR_HOST_H
#define WEIR_HOST_H
#include <stdarg.h>
#ifdef __cplusplus
extern "C" {
#endif
#define WEIR_HAS(table, member)                                                                    \
    ((table)->size >= offsetof(__typeof__(*(table)), member) + sizeof((table)->member) &&          \
     (table)->member)
typedef struct {
    uint32_t size;
    const weir_upstream *upstream;
    weir_str target;
    weir_str host;
    const weir_field *fields;
    uint32_t field_n;
    bool buffering;
    bool request_buffering;
    bool websocket;
    bool retry;
    uint64_t connect_timeout_ms, send_timeout_ms, read_timeout_ms;
    uint64_t deadline_ms;
    uint64_t tunnel_timeout_ms;
    uint64_t buffer_head, buffer_body, buffer_file;
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
} weir_req_api;
typedef struct {
    uint32_t size;
    uint64_t (*bytes)(const weir_chain *chain);
    weir_rc (*copy)(weir_chain *chain, const void *bytes, size_t n);
    weir_rc (*add_ref)(weir_chain *chain, const void *bytes, size_t n, void (*unref)(void *),
                       void *arg);
    weir_rc (*add_file)(weir_chain *chain, int fd, uint64_t offset, uint64_t n,
                        void (*unref)(void *), void *arg);
} weir_chain_api;
typedef struct {
    uint32_t size;
    uint64_t (*now_ms)(void);
    int64_t (*wall_ms)(void);
    weir_token (*suspend)(weir_req *req, uint32_t deadline_ms, void (*on_cancel)(void *), void *arg);
    weir_rc (*resume)(weir_token token, weir_rc outcome);
    uint64_t (*timer_start)(uint64_t ms, void (*fn)(void *), void *arg);
    void (*timer_stop)(uint64_t timer);
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
} weir_cfg_api;
typedef struct weir_host {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    const char *version;
    const weir_req_api *req;
    const weir_chain_api *chain;
    const weir_loop_api *loop;
    const weir_cfg_api *cfg;
    void (*log)(weir_log_level level, const weir_req *req, const char *fmt, va_list args);
    int64_t (*peer)(const weir_peer *peer, uint32_t what);
    int (*match)(const weir_regex *regex, weir_str subject, weir_str *groups, int group_max);
} weir_host;
extern const weir_host *weir_host_ __attribute__((visibility("hidden")));
static inline weir_str weir_get(const weir_req *req, weir_get_what what)
{
    return weir_host_->req->get(req, what);
}
static inline weir_rc weir_field_get(const weir_req *req, weir_side side, uint32_t id,
                                     weir_str *out)
{
    return weir_host_->req->field(req, side, id, out);
}
static inline weir_rc weir_field_named(const weir_req *req, weir_side side, weir_str name,
                                       weir_str *out)
{
    return weir_host_->req->field_named(req, side, name, out);
}
static inline size_t weir_fields(const weir_req *req, weir_side side, weir_field *out, size_t max,
                                 size_t from)
{
    return weir_host_->req->fields(req, side, out, max, from);
}
static inline weir_rc weir_edit(weir_req *req, weir_side side, weir_edit_op op, weir_str name,
                                weir_str value)
{
    return weir_host_->req->edit(req, side, op, 0, name, value);
}
static inline weir_rc weir_edit_known(weir_req *req, weir_side side, weir_edit_op op, uint32_t id,
                                      weir_str value)
{
    weir_str none = {NULL, 0};
    return weir_host_->req->edit(req, side, op, id, none, value);
}
static inline uint32_t weir_status(const weir_req *req)
{
    return weir_host_->req->status(req);
}
static inline weir_rc weir_set_status(weir_req *req, uint32_t status)
{
    return weir_host_->req->set_status(req, status);
}
static inline weir_rc weir_rewrite(weir_req *req, weir_str target)
{
    return weir_host_->req->rewrite(req, target);
}
static inline weir_rc weir_reply(weir_req *req, uint32_t status, weir_reason reason, weir_str type,
                                 weir_str body, const char *detail)
{
    return weir_host_->req->reply(req, status, reason, type, body, detail);
}
static inline weir_rc weir_respond(weir_req *req, uint32_t status, int64_t length)
{
    return weir_host_->req->respond(req, status, length);
}
static inline weir_chain *weir_body(weir_req *req)
{
    return weir_host_->req->body(req);
}
static inline weir_rc weir_forward(weir_req *req, const weir_forward_conf *conf)
{
    return weir_host_->req->forward(req, conf);
}
static inline weir_rc weir_eval(weir_req *req, const weir_template *template_, weir_str *out)
{
    return weir_host_->req->eval(req, template_, out);
}
static inline void *weir_alloc(weir_req *req, size_t size)
{
    return weir_host_->req->alloc(req, size);
}
static inline void *weir_ctx(weir_req *req)
{
    return weir_host_->req->ctx(req);
}
static inline weir_reason weir_reason_of(const weir_req *req, weir_str *name, weir_str *detail)
{
    return weir_host_->req->reason(req, name, detail);
}
static inline uint64_t weir_chain_bytes(const weir_chain *chain)
{
    return weir_host_->chain->bytes(chain);
}
static inline weir_rc weir_chain_copy(weir_chain *chain, const void *bytes, size_t n)
{
    return weir_host_->chain->copy(chain, bytes, n);
}
static inline weir_rc weir_chain_add_ref(weir_chain *chain, const void *bytes, size_t n,
                                         void (*unref)(void *), void *arg)
{
    return weir_host_->chain->add_ref(chain, bytes, n, unref, arg);
}
static inline weir_rc weir_chain_add_file(weir_chain *chain, int fd, uint64_t offset, uint64_t n,
                                          void (*unref)(void *), void *arg)
{
    return weir_host_->chain->add_file(chain, fd, offset, n, unref, arg);
}
static inline uint64_t weir_now_ms(void)
{
    return weir_host_->loop->now_ms();
}
static inline int64_t weir_wall_ms(void)
{
    return weir_host_->loop->wall_ms();
}
static inline weir_token weir_suspend(weir_req *req, uint32_t deadline_ms,
                                      void (*on_cancel)(void *), void *arg)
{
    return weir_host_->loop->suspend(req, deadline_ms, on_cancel, arg);
}
static inline weir_rc weir_resume(weir_token token, weir_rc outcome)
{
    return weir_host_->loop->resume(token, outcome);
}
static inline uint64_t weir_timer_start(uint64_t ms, void (*fn)(void *), void *arg)
{
    return weir_host_->loop->timer_start(ms, fn, arg);
}
static inline void weir_timer_stop(uint64_t timer)
{
    weir_host_->loop->timer_stop(timer);
}
__attribute__((format(printf, 3, 4))) static inline void weir_cfg_error(weir_cfg *cfg,
                                                                        const char *opt,
                                                                        const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    weir_host_->cfg->error(cfg, opt, fmt, args);
    va_end(args);
}
__attribute__((format(printf, 3, 4))) static inline void weir_cfg_warn(weir_cfg *cfg,
                                                                       const char *opt,
                                                                       const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    weir_host_->cfg->warn(cfg, opt, fmt, args);
    va_end(args);
}
static inline void *weir_cfg_alloc(weir_cfg *cfg, size_t size)
{
    return weir_host_->cfg->alloc(cfg, size);
}
static inline uint32_t weir_cfg_scope(const weir_cfg *cfg)
{
    return weir_host_->cfg->scope(cfg);
}
static inline const char *weir_cfg_label(const weir_cfg *cfg)
{
    return weir_host_->cfg->label(cfg);
}
static inline const weir_upstream *weir_cfg_upstream(weir_cfg *cfg, const char *opt, weir_str url,
                                                     weir_str *prefix)
{
    return weir_host_->cfg->upstream(cfg, opt, url, prefix);
}
static inline int weir_cfg_open_log(weir_cfg *cfg, const char *opt, const char *path)
{
    return weir_host_->cfg->open_log(cfg, opt, path);
}
static inline weir_str weir_template_text(const weir_template *template_, bool *is_constant)
{
    return weir_host_->cfg->template_text(template_, is_constant);
}
static inline const weir_template *weir_cfg_template(weir_cfg *cfg, const char *opt, weir_str text)
{
    return weir_host_->cfg->compile(cfg, opt, text);
}
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
    WEIR_PEER_WEIGHT,
    WEIR_PEER_IN_FLIGHT,
    WEIR_PEER_IS_BACKUP
};
static inline int64_t weir_peer_info(const weir_peer *peer, uint32_t what)
{
    return weir_host_->peer(peer, what);
}
static inline int weir_match(const weir_regex *regex, weir_str subject, weir_str *groups,
                             int group_max)
{
    return weir_host_->match(regex, subject, groups, group_max);
}
#ifdef __cplusplus
}
#endif
#endif
#ifdef __cplusplus
extern "C" {
#endif
typedef weir_rc weir_hook_fn(weir_req *req, const void *conf);
typedef struct {
    weir_phase phase;
    int32_t stage;
    const char *before, *after;
    weir_hook_fn *fn;
} weir_hook;
typedef weir_rc weir_var_fn(weir_req *req, weir_str suffix, weir_str *out);
typedef struct {
    const char *name;
    weir_phase from;
    weir_var_fn *get;
    const char *doc;
} weir_var;
typedef struct {
    uint32_t size;
    weir_rc (*start)(weir_req *req, const void *conf);
    weir_rc (*pull)(weir_req *req, const void *conf, weir_chain *out, size_t room);
} weir_handler_ops;
typedef enum {
    WEIR_PEER_OK,
    WEIR_PEER_FAILED,
    WEIR_PEER_ABORTED
} weir_outcome;
typedef struct {
    uint32_t size;
    const char *name;
    void *(*open)(weir_peer *const *peers, uint32_t n);
    void (*close)(void *state);
    weir_rc (*pick)(void *state, weir_req *req, const uint64_t *usable, uint32_t *index);
    void (*done)(void *state, uint32_t index, weir_outcome outcome, uint64_t usec);
} weir_balancer_ops;
typedef struct {
    uint32_t size;
    void *(*compile)(const char *pattern, char *error, size_t error_size);
    int (*match)(const void *regex, weir_str subject, weir_str *groups, int group_max);
    void (*free)(void *regex);
} weir_regex_ops;
enum {
    WEIR_MODULE_TOP_ENABLES = 1,
    WEIR_MODULE_ADDITIVE = 2,
    WEIR_MODULE_FAIL_CLOSED = 4,
    WEIR_MODULE_DECODED_PATH = 8
};
typedef struct weir_module {
    uint32_t size;
    uint16_t abi_major, abi_minor;
    uint32_t hook_size, opt_size, var_size;
    const char *name, *version;
    const char *doc;
    uint32_t flags;
    uint32_t scopes;
    const weir_hook *hooks;
    const weir_opt *opts;
    const weir_var *vars;
    uint32_t hook_n, opt_n, var_n;
    uint32_t conf_size;
    uint32_t ctx_size;
    void (*check)(weir_cfg *cfg, void *conf);
    void (*commit)(weir_cfg *cfg, void *conf);
    weir_rc (*worker_start)(void);
    void (*worker_stop)(void);
    void (*reopen)(void);
    const weir_handler_ops *handler;
    const weir_balancer_ops *const *balancers;
    const weir_regex_ops *regex;
} weir_module;
#define WEIR_MODULE_HEAD(name_, version_)                                                          \
    .size = sizeof(weir_module), .abi_major = WEIR_ABI_MAJOR, .abi_minor = WEIR_ABI_MINOR,         \
    .hook_size = sizeof(weir_hook), .opt_size = sizeof(weir_opt), .var_size = sizeof(weir_var),    \
    .name = (name_), .version = (version_)
#define WEIR_TEXT_(x) #x
#define WEIR_TEXT(x) WEIR_TEXT_(x)
#define WEIR_MODULE(name_, minor_, provides_, module_)                                             \
    __attribute__((used, section(".weir.abi"))) static const char weir_note_[] =                   \
        "weir-module " #name_ " abi " WEIR_TEXT(WEIR_ABI_MAJOR) "." #minor_                        \
        " provides " provides_;                                                                    \
    const weir_host *weir_host_;                                                                   \
    __attribute__((visibility("default"))) const weir_module *weir_module_v1(const weir_host *);   \
    const weir_module *weir_module_v1(const weir_host *host)                                       \
    {                                                                                              \
        weir_host_ = host;                                                                         \
        return &(module_);                                                                         \
    }
#ifdef __cplusplus
}
#endif
#endif
