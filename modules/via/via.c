/* SPDX-License-Identifier: Apache-2.0 */
/* via - says in requests and responses through whom they came, and refuses requests that come
 * through here a second time (RFC 9110, 7.6.3). */
#include <string.h>

#include <weir/module.h>

struct conf {
    weir_str name;
    weir_str field; /* "1.1 NAME" */
};

static const weir_opt opts[] = {
    {
        .name = "name",
        .type = WEIR_T_STR,
        .flags = WEIR_OPT_REQUIRED,
        .offset = offsetof(struct conf, name),
        .doc = "What this proxy calls itself: one word that no other proxy of yours has.",
        .example = "\"edge1\"",
    },
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("!#$%&'*+-.^_`|~:", c));
}

static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;

    for (size_t i = 0; i < conf->name.n; i++) {
        if (!is_name_char(conf->name.p[i])) {
            weir_cfg_error(cfg, "name", "\"%.*s\": expected one word, such as \"edge1\" or \"proxy.example.com\"",
                           (int)conf->name.n, conf->name.p);
            return;
        }
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes "protocol name (comment)" off the list; *name is empty if there is none. */
static bool next_member(weir_str *rest, weir_str *name)
{
    const char *p = rest->p, *end = rest->p + rest->n;
    int depth = 0;

    while (p < end && (is_blank(*p) || *p == ',')) {
        p++;
    }
    if (p == end) {
        return false;
    }
    while (p < end && !is_blank(*p) && *p != ',') { /* the protocol */
        p++;
    }
    while (p < end && is_blank(*p)) {
        p++;
    }
    name->p = p;
    while (p < end && !is_blank(*p) && *p != ',') {
        p++;
    }
    name->n = (size_t)(p - name->p);
    for (; p < end && (depth > 0 || *p != ','); p++) { /* commas in comments do not separate */
        depth += *p == '(' ? 1 : *p == ')' && depth > 0 ? -1 : 0;
        p += *p == '\\' && p + 1 < end;
    }
    *rest = (weir_str){p, (size_t)(end - p)};
    return true;
}

static bool has_name(weir_str list, weir_str name)
{
    weir_str member;

    while (next_member(&list, &member)) {
        if (member.n == name.n && memcmp(member.p, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

/* "2 NAME", for requests that did not come by HTTP/1.1. */
static weir_str member_for(weir_req *req, weir_side side, const struct conf *conf)
{
    weir_str protocol = weir_get(req, WEIR_GET_PROTOCOL);

    if (side == WEIR_RESPONSE || protocol.n <= 5 ||
        (protocol.n == 8 && memcmp(protocol.p + 5, "1.1", 3) == 0)) {
        return conf->field;
    }
    size_t n = protocol.n - 5; /* behind "HTTP/" */
    char *text = weir_alloc(req, n + 1 + conf->name.n);
    memcpy(text, protocol.p + 5, n);
    text[n] = ' ';
    memcpy(text + n + 1, conf->name.p, conf->name.n);
    return (weir_str){text, n + 1 + conf->name.n};
}

/* Those that were there first, then this one. True: this one was there already. */
static bool add(weir_req *req, weir_side side, const struct conf *conf)
{
    weir_str mine = member_for(req, side, conf);
    weir_field fields[8];
    size_t at = 0, n, bytes = 0;
    bool is_there = false;
    char *text = NULL;

    while ((n = weir_fields(req, side, fields, WEIR_COUNT(fields), at)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (fields[i].id != WEIR_F_VIA || fields[i].value.n == 0) {
                continue;
            }
            char *longer = weir_alloc(req, bytes + fields[i].value.n + 2 + mine.n);

            is_there = is_there || has_name(fields[i].value, conf->name);
            if (bytes) {
                memcpy(longer, text, bytes);
            }
            text = longer;
            memcpy(text + bytes, fields[i].value.p, fields[i].value.n);
            bytes += fields[i].value.n;
            memcpy(text + bytes, ", ", 2);
            bytes += 2;
        }
        at += n;
    }
    if (!text) {
        weir_edit_known(req, side, WEIR_SET, WEIR_F_VIA, mine);
        return false;
    }
    memcpy(text + bytes, mine.p, mine.n);
    weir_edit_known(req, side, WEIR_SET, WEIR_F_VIA, (weir_str){text, bytes + mine.n});
    return is_there;
}

static weir_rc on_request(weir_req *req, const void *conf)
{
    if (add(req, WEIR_REQUEST, conf)) {
        return weir_reply(req, 508, WEIR_REASON_PROXY_LOOP_DETECTED, WEIR_STR(""), WEIR_STR(""),
                          "the request came through here before: a backend, or the proxy behind, "
                          "leads back to this site");
    }
    return WEIR_NEXT;
}

static weir_rc on_response(weir_req *req, const void *conf)
{
    if (weir_reason_of(req, NULL, NULL) == WEIR_REASON_NONE) { /* what is made here came from nobody */
        add(req, WEIR_RESPONSE, conf);
    }
    return WEIR_NEXT;
}

static void commit(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;
    char *text = weir_cfg_alloc(cfg, conf->name.n + 4);

    memcpy(text, "1.1 ", 4);
    memcpy(text + 4, conf->name.p, conf->name.n);
    conf->field = (weir_str){text, conf->name.n + 4};
}

static const weir_hook hooks[] = {
    {.phase = WEIR_REQ_LIMIT, .stage = -2, .fn = on_request},
    {.phase = WEIR_RES_START, .stage = -2, .fn = on_response},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("via", "0.1"),
    .doc = "Says in Via through whom messages came, and refuses loops.",
    .scopes = WEIR_S_ALL,
    .flags = WEIR_MODULE_TOP_ENABLES,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .commit = commit,
};

WEIR_MODULE(via, 3, "", module)
