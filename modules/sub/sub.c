/* SPDX-License-Identifier: Apache-2.0 */
/* sub - replaces texts in responses as they pass. What it does not change is passed on without a
 * copy; of what might be the beginning of a text it holds back fewer bytes than the text has. */
#include <string.h>
#include <strings.h>

#include <weir/accept.h>
#include <weir/module.h>

#include "search.h"

struct pair {
    weir_str from, to;
    const weir_template *value; /* of `to`; made by check */
};

struct conf {
    weir_list replace; /* of struct pair */
    weir_list types;   /* of weir_str */
    bool once;
    struct search search; /* made by check */
};

static const weir_opt pair_opts[] = {
    {.name = "from",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct pair, from),
     .doc = "The text, byte by byte."},
    {.name = "to",
     .type = WEIR_T_STR,
     .offset = offsetof(struct pair, to),
     .doc = "What takes its place; may have variables."},
};

static const weir_opt opts[] = {
    {.name = "replace",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, replace),
     .sub = pair_opts,
     .sub_n = WEIR_COUNT(pair_opts),
     .item_size = sizeof(struct pair),
     .doc = "Texts and what takes their place; where several begin, the first of the list.",
     .example = "( [ \"http://old.example.com\", \"https://$host\" ] )"},
    {.name = "types",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, types),
     .dflt = "text/html",
     .doc = "The types of responses that are searched; \"text/*\" is all that begin so."},
    {.name = "once",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct conf, once),
     .dflt = "false",
     .doc = "Replaces the first of each text alone."},
};

/* Of one response. `held` are bytes that may be the beginning of a text. */
struct filter {
    const struct conf *conf;
    const weir_str *values;
    bool *used; /* with `once`; else NULL */
    char held[2 * SEARCH_TEXT_MAX];
    size_t held_n;
};

/* ---- which responses ---- */

static bool has_type(weir_req *req, const struct conf *conf)
{
    const weir_str *types = conf->types.items;
    weir_str field;

    weir_field_get(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, &field);
    weir_str type = weir_list_cut(&field, ';');
    for (size_t i = 0; i < conf->types.n; i++) {
        size_t n = types[i].n;
        bool is_prefix = n && types[i].p[n - 1] == '*';

        n -= is_prefix;
        if ((is_prefix ? type.n >= n : type.n == n) && strncasecmp(type.p, types[i].p, n) == 0) {
            return true;
        }
    }
    return false;
}

static weir_rc open_filter(weir_req *req, const void *conf_, void **state)
{
    const struct conf *conf = conf_;
    const struct pair *pairs = conf->replace.items;
    weir_str coding;

    if (!has_type(req, conf) ||
        weir_field_get(req, WEIR_RESPONSE, WEIR_F_CONTENT_ENCODING, &coding) == WEIR_OK) {
        return WEIR_NEXT; /* a backend coded it all the same */
    }
    struct filter *filter = weir_alloc(req, sizeof(*filter));
    weir_str *values = weir_alloc(req, conf->replace.n * sizeof(*values));
    for (size_t i = 0; i < conf->replace.n; i++) {
        weir_eval(req, pairs[i].value, &values[i]);
    }
    filter->conf = conf;
    filter->values = values;
    filter->used = conf->once ? weir_alloc(req, conf->replace.n) : NULL;
    filter->held_n = 0;
    if (filter->used) {
        memset(filter->used, 0, conf->replace.n);
    }
    *state = filter;
    return WEIR_DONE;
}

/* ---- the stream ---- */

static void put_value(struct filter *filter, size_t which, weir_chain *out)
{
    weir_str value = filter->values[which];

    if (filter->used) {
        filter->used[which] = true;
    }
    if (value.n) {
        weir_chain_copy(out, value.p, value.n);
    }
}

/* With bytes held: one step over them and what follows. */
static void step_held(struct filter *filter, weir_str next, weir_chain *in, weir_chain *out,
                      bool is_end)
{
    size_t n = next.n < SEARCH_TEXT_MAX ? next.n : SEARCH_TEXT_MAX, drop = 0;
    weir_str window = {filter->held, filter->held_n + n};

    memcpy(filter->held + filter->held_n, next.p, n);
    struct search_result found =
        search_run(&filter->conf->search, window, filter->used, is_end && n == next.n);
    size_t pass = found.at < filter->held_n ? found.at : filter->held_n;
    weir_chain_copy(out, filter->held, pass);
    if (found.kind == SEARCH_NONE || found.at >= filter->held_n) {
        filter->held_n = 0; /* whatever comes next lies in `in` alone */
    } else if (found.kind == SEARCH_FOUND) {
        size_t end = found.at + filter->conf->search.texts[found.which].n;

        put_value(filter, found.which, out);
        drop = end > filter->held_n ? end - filter->held_n : 0;
        /* What was held behind the text is looked at again. */
        size_t left = end < filter->held_n ? filter->held_n - end : 0;
        memmove(filter->held, filter->held + end, left);
        filter->held_n = left;
    } else {
        drop = n;
        filter->held_n = window.n - found.at;
        memmove(filter->held, filter->held + found.at, filter->held_n);
    }
    weir_chain_drop(in, drop);
}

/* With nothing held: up to the next text, or to what may be one. */
static void step(struct filter *filter, weir_str bytes, weir_chain *in, weir_chain *out,
                 bool is_end)
{
    struct search_result found = search_run(&filter->conf->search, bytes, filter->used, is_end);

    if (found.kind == SEARCH_MAYBE) {
        filter->held_n = bytes.n - found.at;
        memcpy(filter->held, bytes.p + found.at, filter->held_n);
    }
    weir_chain_move(out, in, found.at);
    if (found.kind == SEARCH_FOUND) {
        put_value(filter, found.which, out);
        weir_chain_drop(in, filter->conf->search.texts[found.which].n);
    } else if (found.kind == SEARCH_MAYBE) {
        weir_chain_drop(in, filter->held_n);
    }
}

static weir_rc run(weir_req *req, void *state, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct filter *filter = state;
    weir_str bytes;

    (void)req;
    while (weir_chain_first(in, &bytes)) {
        bool is_end = flags & WEIR_IN_END && bytes.n == weir_chain_bytes(in);

        if (weir_chain_room(out) == 0) {
            return WEIR_MORE;
        }
        if (filter->held_n) {
            step_held(filter, bytes, in, out, is_end);
        } else {
            step(filter, bytes, in, out, is_end);
        }
    }
    if (weir_chain_bytes(in)) {
        return WEIR_ERROR; /* a file that cannot be read */
    }
    while (flags & WEIR_IN_END && filter->held_n) {
        step_held(filter, (weir_str){"", 0}, in, out, true);
    }
    return WEIR_OK;
}

/* Texts cannot be found in what is coded, so nobody further on gets to know which codings the
 * client takes; whoever codes the result does. */
static weir_rc on_request(weir_req *req, const void *conf)
{
    weir_str *accepted = weir_ctx(req);

    (void)conf;
    if (accepted &&
        weir_field_get(req, WEIR_REQUEST, WEIR_F_ACCEPT_ENCODING, accepted) == WEIR_OK) {
        weir_edit_known(req, WEIR_REQUEST, WEIR_REMOVE, WEIR_F_ACCEPT_ENCODING, WEIR_STR(""));
    }
    return WEIR_NEXT;
}

static weir_rc on_response(weir_req *req, const void *conf)
{
    weir_str *accepted = weir_ctx(req);

    (void)conf;
    if (accepted && accepted->n) {
        weir_edit_known(req, WEIR_REQUEST, WEIR_SET, WEIR_F_ACCEPT_ENCODING, *accepted);
    }
    return WEIR_NEXT;
}

/* ---- configuration ---- */

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    struct pair *pairs = (struct pair *)(uintptr_t)conf->replace.items;
    weir_str *texts = weir_cfg_alloc(cfg, (conf->replace.n + 1) * sizeof(*texts));

    for (size_t i = 0; i < conf->replace.n; i++) {
        texts[i] = pairs[i].from;
        pairs[i].value = weir_cfg_template(cfg, "replace", pairs[i].to);
        if (texts[i].n == 0 || texts[i].n > SEARCH_TEXT_MAX) {
            weir_cfg_error(cfg, "replace", "\"%s\": expected a text of 1 to %d bytes",
                           pairs[i].from.p, SEARCH_TEXT_MAX);
            return;
        }
    }
    search_init(&conf->search, texts, conf->replace.n);
}

static const weir_filter_ops filter_ops = {
    .size = sizeof(filter_ops),
    .stage = WEIR_FILTER_TRANSFORM,
    .props = WEIR_FILTER_LENGTH | WEIR_FILTER_BYTES | WEIR_FILTER_NO_RANGE,
    .name = "sub",
    .side = WEIR_RESPONSE,
    .open = open_filter,
    .run = run,
};
static const weir_filter_ops *const filters[] = {&filter_ops, NULL};
static const weir_hook hooks[] = {{.phase = WEIR_REQ_PREPARE, .stage = 2, .fn = on_request},
                                  {.phase = WEIR_RES_START, .stage = -2, .fn = on_response}};

static const weir_module module = {
    WEIR_MODULE_HEAD("sub", "0.1"),
    .doc = "Replaces texts in responses as they pass.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(weir_str), /* the client's Accept-Encoding */
    .check = check,
    .filters = filters,
};

WEIR_MODULE(sub, 3, "filter", module)
