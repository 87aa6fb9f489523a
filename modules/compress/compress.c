/* SPDX-License-Identifier: Apache-2.0 */
/* compress.c - gzip, brotli and zstd for responses: which coding a client gets, and for what. The
 * coders are in coder.h. */
#include "coder.h"
#include "effort.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/accept.h>

struct conf {
    weir_list codings, types;
    uint64_t min_length;
    int64_t gzip_level, br_level, zstd_level;
    bool skip_cookies, adaptive;
    /* made by commit */
    const struct coder *coders[8];
    uint32_t coder_n;
    uint32_t made[8], kept[8], eased[8]; /* metrics, by coder */
};

static struct effort effort; /* this worker's */

#define OPT(name_, type_, default_, doc_)                                                          \
    {.name = #name_, .type = (type_), .offset = offsetof(struct conf, name_), .dflt = (default_),  \
     .doc = (doc_)}
#define LEVEL(name_, default_, max_, doc_)                                                         \
    {.name = #name_, .type = WEIR_T_INT, .offset = offsetof(struct conf, name_),                   \
     .dflt = (default_), .min = 1, .max = (max_), .doc = (doc_)}

static const weir_opt options[] = {
    OPT(codings, WEIR_T_LIST | WEIR_T_STR, "zstd br gzip",
        "The codings to use, the best liked first among those that a client likes equally."),
    OPT(types, WEIR_T_LIST | WEIR_T_STR,
        "text/* application/javascript application/json application/xml application/wasm "
        "application/manifest+json application/ld+json application/rss+xml application/atom+xml "
        "application/xhtml+xml application/geo+json application/graphql-response+json "
        "application/vnd.ms-fontobject image/svg+xml image/bmp image/x-icon font/ttf font/otf",
        "The types that are compressed; \"text/*\" is all that begin so."),
    OPT(min_length, WEIR_T_SIZE, "256", "Bodies that are known to be smaller stay as they are."),
    OPT(adaptive, WEIR_T_BOOL, "true",
        "Lowers the levels while the worker has hardly a moment to spare."),
    LEVEL(gzip_level, "5", 9, "How hard gzip tries; up to 3 it is fastest by far."),
    LEVEL(br_level, "4", 11, "How hard brotli tries."),
    LEVEL(zstd_level, "3", 19, "How hard zstd tries."),
    OPT(skip_cookies, WEIR_T_BOOL, "false",
        "Leaves answers to requests with cookies alone: what is secret in them could be guessed "
        "from their length (BREACH)."),
};

static bool str_is(weir_str a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* Does a comma-separated field have this word? */
static bool field_has(weir_req *req, weir_side side, uint32_t id, const char *word)
{
    weir_field fields[32];
    size_t at = 0, n;

    while ((n = weir_fields(req, side, fields, WEIR_COUNT(fields), at)) > 0) {
        for (size_t i = 0; i < n; i++) {
            weir_str rest = fields[i].value;

            while (fields[i].id == id && rest.p) {
                if (str_is(weir_list_cut(&rest, ','), word)) {
                    return true;
                }
            }
        }
        at += n;
    }
    return false;
}

/* ---- what the client likes ---- */

static int quality_of(weir_str accepted, const struct coder *coder)
{
    int q = weir_quality_of(accepted, coder->name);

    if (q < 0 && coder->other_name) {
        q = weir_quality_of(accepted, coder->other_name);
    }
    return q < 0 ? weir_quality_of(accepted, "*") : q;
}

/* The coding with the highest quality; among equals the admin's first. NULL: none is welcome. */
static const struct coder *choose(weir_req *req, const struct conf *conf)
{
    const struct coder *best = NULL;
    int best_q = 0;
    weir_str accepted;

    if (weir_field_get(req, WEIR_REQUEST, WEIR_F_ACCEPT_ENCODING, &accepted) != WEIR_OK) {
        return NULL;
    }
    for (uint32_t i = 0; i < conf->coder_n; i++) {
        int q = quality_of(accepted, conf->coders[i]);

        if (q > best_q) {
            best_q = q;
            best = conf->coders[i];
        }
    }
    int identity = weir_quality_of(accepted, "identity");
    return identity > best_q ? NULL : best;
}

/* ---- what may be compressed ---- */

static bool type_matches(weir_str type, weir_str pattern)
{
    if (pattern.n && pattern.p[pattern.n - 1] == '*') {
        return type.n >= pattern.n - 1 && strncasecmp(type.p, pattern.p, pattern.n - 1) == 0;
    }
    return type.n == pattern.n && strncasecmp(type.p, pattern.p, type.n) == 0;
}

static bool has_type(weir_req *req, const struct conf *conf)
{
    const weir_str *types = conf->types.items;
    weir_str type;

    if (weir_field_get(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, &type) != WEIR_OK) {
        return false;
    }
    type = weir_list_cut(&type, ';');
    for (size_t i = 0; i < conf->types.n; i++) {
        if (type_matches(type, types[i])) {
            return true;
        }
    }
    return false;
}

static bool has_field(weir_req *req, weir_side side, uint32_t id)
{
    weir_str value;

    return weir_field_get(req, side, id, &value) == WEIR_OK;
}

static void vary(weir_req *req)
{
    if (!field_has(req, WEIR_RESPONSE, WEIR_F_VARY, "Accept-Encoding") &&
        !field_has(req, WEIR_RESPONSE, WEIR_F_VARY, "*")) {
        weir_edit_known(req, WEIR_RESPONSE, WEIR_ADD, WEIR_F_VARY, WEIR_STR("Accept-Encoding"));
    }
}

/* Whether the client's Accept-Encoding matters here at all: then caches have to know, whatever this
 * client gets. */
static bool is_candidate(weir_req *req, const struct conf *conf, int64_t length)
{
    return has_type(req, conf) && !(length >= 0 && (uint64_t)length < conf->min_length) &&
           !has_field(req, WEIR_RESPONSE, WEIR_F_CONTENT_ENCODING) &&
           !has_field(req, WEIR_RESPONSE, WEIR_F_CONTENT_RANGE) &&
           !field_has(req, WEIR_RESPONSE, WEIR_F_CACHE_CONTROL, "no-transform");
}

static int64_t level_of(const struct conf *conf, const struct coder *coder)
{
    return coder->name[0] == 'g' ? conf->gzip_level
           : coder->name[0] == 'b' ? conf->br_level
                                   : conf->zstd_level;
}

/* Of a response. It is compressed, or what was kept of an earlier time is sent. */
struct filter {
    const struct coder *coder;
    void *stream;           /* NULL: nothing is compressed */
    weir_kept *kept;        /* where the result is, or goes to; or NULL */
    uint64_t length, sent;  /* of what was kept */
};

/* Another level makes another result. */
static weir_str name_of(weir_req *req, const struct coder *coder, int64_t level)
{
    char *text = weir_alloc(req, 32);

    return (weir_str){text, (size_t)snprintf(text, 32, "%s-%d", coder->name, (int)level)};
}

/* Of what is not kept: it is done again for the next client. */
static int64_t eased_level(const struct conf *conf, size_t which, int64_t level)
{
    if (effort_look(&effort, weir_now_ms(), weir_waited_us())) {
        weir_log(WEIR_LOG_INFO, NULL, "compress: this worker was busy for %u %% of the time: levels are %s",
                 effort.busy, effort_word(&effort));
    }
    int64_t eased = effort_level(&effort, level);
    if (eased < level) {
        weir_metric_add(conf->eased[which], 1);
    }
    return eased;
}

static bool is_head(const weir_req *req)
{
    weir_str method = weir_get(req, WEIR_GET_METHOD);

    return method.n == 4 && memcmp(method.p, "HEAD", 4) == 0;
}

/* False: there is no memory for it. */
static bool begin(weir_req *req, const struct conf *conf, struct filter *filter, int64_t length)
{
    const struct coder *coder = filter->coder;
    int64_t level = level_of(conf, coder);
    size_t which = 0;

    if (is_head(req)) {
        return true; /* nothing comes */
    }
    while (conf->coders[which] != coder) {
        which++;
    }
    weir_rc rc = weir_keep_open(req, name_of(req, coder, level), &filter->kept, &filter->length);
    if (rc == WEIR_DONE) {
        weir_metric_add(conf->kept[which], 1);
        return true;
    }
    if (!filter->kept && conf->adaptive) {
        level = eased_level(conf, which, level);
    }
    filter->stream = coder->open((int)level, length);
    if (!filter->stream && filter->kept) {
        weir_keep_close(filter->kept, false);
    }
    weir_metric_add(conf->made[which], 1);
    return filter->stream != NULL;
}

static weir_rc open_filter(weir_req *req, const void *conf_, void **state)
{
    const struct conf *conf = conf_;
    int64_t length = weir_response_length(req);

    if (!is_candidate(req, conf, length)) {
        return WEIR_NEXT;
    }
    vary(req);
    const struct coder *coder = choose(req, conf);
    if (!coder || (conf->skip_cookies && has_field(req, WEIR_REQUEST, WEIR_F_COOKIE))) {
        return WEIR_NEXT;
    }
    struct filter *filter = weir_alloc(req, sizeof(*filter));
    *filter = (struct filter){.coder = coder};
    if (!begin(req, conf, filter, length)) {
        return WEIR_NEXT;
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_CONTENT_ENCODING,
                    (weir_str){coder->name, strlen(coder->name)});
    *state = filter;
    return WEIR_DONE;
}

static void keep_close(struct filter *filter, bool is_whole)
{
    if (filter->kept) {
        weir_keep_close(filter->kept, is_whole);
        filter->kept = NULL;
    }
}

static weir_rc compress(struct filter *filter, weir_chain *in, weir_chain *out, uint32_t flags)
{
    for (;;) {
        weir_str bytes;
        size_t room, taken, made;
        bool has_bytes = weir_chain_first(in, &bytes);
        bool is_last = !has_bytes || bytes.n == weir_chain_bytes(in);
        enum coder_op op = !is_last                ? CODER_RUN
                           : flags & WEIR_IN_END   ? CODER_END
                           : flags & WEIR_IN_FLUSH ? CODER_FLUSH
                                                   : CODER_RUN;

        if (!has_bytes && op == CODER_RUN) {
            return weir_chain_bytes(in) ? WEIR_ERROR : WEIR_OK;
        }
        void *p = weir_chain_reserve(out, 4096, &room);
        if (room == 0) {
            return WEIR_MORE;
        }
        int rc = filter->coder->run(filter->stream, bytes, op, p, room, &taken, &made);
        if (filter->kept && !weir_keep_add(filter->kept, p, made)) {
            keep_close(filter, false);
        }
        weir_chain_commit(out, made);
        weir_chain_drop(in, taken);
        if (rc < 0) {
            return WEIR_ERROR;
        }
        if (rc == CODER_IDLE && op != CODER_RUN) {
            if (op == CODER_END) {
                keep_close(filter, true);
            }
            return WEIR_OK;
        }
    }
}

/* What comes in was compressed before. */
static weir_rc send_kept(struct filter *filter, weir_chain *in, weir_chain *out)
{
    uint64_t left = filter->length - filter->sent, room = weir_chain_room(out);
    uint64_t n = left < room ? left : room;

    weir_chain_drop(in, weir_chain_bytes(in));
    if (n) {
        weir_keep_send(filter->kept, out, filter->sent, n);
        filter->sent += n;
    }
    return n < left ? WEIR_MORE : WEIR_OK;
}

static weir_rc run(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct filter *filter = state;

    (void)req;
    return filter->stream ? compress(filter, in, out, flags) : send_kept(filter, in, out);
}

static void close_filter(weir_req *req, void *state)
{
    struct filter *filter = state;

    (void)req;
    keep_close(filter, false);
    if (filter->stream) {
        filter->coder->close(filter->stream);
    }
}

/* A 304 tells caches what the 200 would have (RFC 9110, 15.4.5): its type is not known here, so it
 * goes by what the client has. */
static weir_rc on_response(weir_req *req, const void *conf)
{
    weir_str known, etag;

    (void)conf;
    if (weir_status(req) != 304) {
        return WEIR_NEXT;
    }
    vary(req);
    if (weir_field_get(req, WEIR_REQUEST, WEIR_F_IF_NONE_MATCH, &known) == WEIR_OK &&
        weir_field_get(req, WEIR_RESPONSE, WEIR_F_ETAG, &etag) == WEIR_OK && known.n > 2 &&
        etag.n && etag.p[0] == '"' && memcmp(known.p, "W/", 2) == 0) {
        char *text = weir_alloc(req, etag.n + 2);

        memcpy(text, "W/", 2);
        memcpy(text + 2, etag.p, etag.n);
        weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_ETAG, (weir_str){text, etag.n + 2});
    }
    return WEIR_NEXT;
}

/* ---- configuration ---- */

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    const weir_str *names = conf->codings.items;

    conf->coder_n = 0;
    for (size_t i = 0; i < conf->codings.n; i++) {
        const struct coder *coder = coder_find(names[i]);

        if (!coder) {
            weir_cfg_error(cfg, "codings", "\"%.*s\": expected \"zstd\", \"br\" or \"gzip\"",
                           (int)names[i].n, names[i].p);
        } else if (conf->coder_n == WEIR_COUNT(conf->coders)) {
            weir_cfg_error(cfg, "codings", "a coding is named more than once");
            return;
        } else {
            conf->coders[conf->coder_n++] = coder;
        }
    }
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    char label[64];

    for (uint32_t i = 0; i < conf->coder_n; i++) {
        snprintf(label, sizeof(label), "coding=\"%s\"", conf->coders[i]->name);
        conf->made[i] = weir_cfg_metric(cfg, "bodies_total", WEIR_METRIC_COUNTER, label,
                                        "Bodies that were compressed.");
        conf->kept[i] = weir_cfg_metric(cfg, "kept_total", WEIR_METRIC_COUNTER, label,
                                        "Bodies of stored responses that had been compressed before.");
        conf->eased[i] = weir_cfg_metric(cfg, "eased_total", WEIR_METRIC_COUNTER, label,
                                         "Bodies that were compressed at a lower level, under load.");
    }
}

static const weir_filter_ops filter_ops = {
    .size = sizeof(filter_ops),
    .stage = WEIR_FILTER_ENCODE,
    .props = WEIR_FILTER_LENGTH | WEIR_FILTER_BYTES,
    .name = "compress",
    .side = WEIR_RESPONSE,
    .open = open_filter,
    .run = run,
    .close = close_filter,
};
static const weir_filter_ops *const filters[] = {&filter_ops, NULL};
static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response}};

static const weir_module module = {
    WEIR_MODULE_HEAD("compress", "0.1"),
    .doc = "Compresses responses with gzip, brotli or zstd, as clients like.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .check = check,
    .commit = commit,
    .filters = filters,
};

WEIR_MODULE(compress, 3, "filter", module)
