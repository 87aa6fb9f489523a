/* SPDX-License-Identifier: Apache-2.0 */
/* rewrite - changes the path and the query of requests before the route is chosen for good: by
 * regular expressions, by prefixes on segment boundaries, by names of query arguments. What clients
 * should ask for in the first place is in canonical.h.
 *
 * Each group of settings works once per request, so that rules cannot send it round in circles:
 * first strip_prefix, then add_prefix, then the rules one after another, then the query. */
#include <string.h>

#include <weir/module.h>

#include "canonical.h"

#define GROUPS 10
#define RUN_MAX 16 /* groups of settings that one request may meet */

struct rule {
    const weir_regex *match;
    const weir_template *to;
    bool stop;
};

struct query_rules {
    weir_map set, add;      /* of const weir_template * */
    weir_list remove, keep; /* of weir_str */
};

struct conf {
    weir_list rules; /* of struct rule */
    weir_str strip_prefix, add_prefix;
    struct query_rules query;
    struct canonical canonical;
};

/* Of a request. */
struct state {
    const struct conf *run[RUN_MAX]; /* those that have worked */
    uint32_t run_n;
    bool is_rewritten; /* the path is not the client's any more */
};

/* A target under way. All slices live as long as the request. */
struct target {
    weir_str path;  /* raw: escaped as it has to be sent */
    weir_str query; /* without the '?' */
};

static const weir_opt rule_opts[] = {
    {.name = "match",
     .type = WEIR_T_REGEX,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct rule, match),
     .doc = "A regular expression for the decoded path.",
     .example = "match = \"^/old/(.*)$\";"},
    {.name = "to",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct rule, to),
     .doc = "The new path, written decoded; $1 to $9 are the groups. What follows a '?' goes "
            "before the query; a '?' at the end drops the query.",
     .example = "to = \"/new/$1\";"},
    {.name = "stop",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct rule, stop),
     .dflt = "false",
     .doc = "No further rule after this one."},
};

static const weir_opt query_opts[] = {
    {.name = "set",
     .type = WEIR_T_MAP | WEIR_T_TEMPLATE,
     .inherit = WEIR_INHERIT_MERGE,
     .offset = offsetof(struct query_rules, set),
     .doc = "Arguments and their values, instead of those of that name."},
    {.name = "add",
     .type = WEIR_T_MAP | WEIR_T_TEMPLATE,
     .inherit = WEIR_INHERIT_MERGE,
     .offset = offsetof(struct query_rules, add),
     .doc = "Arguments and their values, behind those that are there."},
    {.name = "remove",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct query_rules, remove),
     .doc = "Names of arguments that go; a name may end with \"*\".",
     .example = "remove = [ \"utm_*\" ];"},
    {.name = "keep",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct query_rules, keep),
     .doc = "Names of the only arguments that stay; a name may end with \"*\".",
     .example = "keep = [ \"page\", \"sort\" ];"},
};

static const weir_opt opts[] = {
    {.name = "rules",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .offset = offsetof(struct conf, rules),
     .sub = rule_opts,
     .sub_n = WEIR_COUNT(rule_opts),
     .item_size = sizeof(struct rule),
     .doc = "Rules, tried in order; each works on what the one before made.",
     .example = "rules = ( { match = \"^/old/(.*)$\"; to = \"/new/$1\"; } );"},
    {.name = "strip_prefix",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, strip_prefix),
     .doc = "Cut off the path's front, in whole segments."},
    {.name = "add_prefix",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, add_prefix),
     .doc = "Put before the path, after strip_prefix."},
    {.name = "query",
     .type = WEIR_T_GROUP,
     .offset = offsetof(struct conf, query),
     .sub = query_opts,
     .sub_n = WEIR_COUNT(query_opts),
     .doc = "Changes of the query's arguments."},
    {.name = "canonical",
     .type = WEIR_T_GROUP,
     .offset = offsetof(struct conf, canonical),
     .sub = canonical_opts,
     .sub_n = CANONICAL_OPTS,
     .doc = "Sends clients to the one address that a page should have; the query stays."},
};

/* ---- text ---- */

static weir_str join(weir_req *req, weir_str a, weir_str b, weir_str c)
{
    char *text = weir_alloc(req, a.n + b.n + c.n + 1);
    char *at = text;
    const weir_str parts[] = {a, b, c};

    for (int i = 0; i < 3; i++) {
        if (parts[i].n) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return (weir_str){text, (size_t)(at - text)};
}

/* What may stand in a path (RFC 3986, 3.3). */
static bool is_path_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("-._~!$&'()*+,;=:@/", c));
}

/* The decoded form has an escaped slash as "%2F" still, since it is no slash. */
static bool is_escaped_slash(weir_str text, size_t i)
{
    return text.n - i >= 3 && memcmp(text.p + i, "%2F", 3) == 0;
}

static weir_str escape_path(weir_req *req, weir_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *p = weir_alloc(req, text.n * 3 + 1);
    char *at = p;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (is_path_byte(c) || is_escaped_slash(text, i)) {
            *at++ = (char)c;
        } else {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return (weir_str){p, (size_t)(at - p)};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A path that has passed the host's checks: every '%' begins an escape. A slash stays escaped. */
static weir_str decode_path(weir_req *req, weir_str raw)
{
    char *p = weir_alloc(req, raw.n + 1);
    char *at = p;

    for (size_t i = 0; i < raw.n; i++) {
        int high = raw.p[i] == '%' && i + 2 < raw.n ? hex_value(raw.p[i + 1]) : -1;
        int low = high >= 0 ? hex_value(raw.p[i + 2]) : -1;

        if (low < 0) {
            *at++ = raw.p[i];
        } else if (high * 16 + low == '/') {
            memcpy(at, "%2F", 3);
            at += 3;
            i += 2;
        } else {
            *at++ = (char)(high * 16 + low);
            i += 2;
        }
    }
    return (weir_str){p, (size_t)(at - p)};
}

/* ---- the path ---- */

static void apply_prefixes(weir_req *req, const struct conf *conf, struct target *target)
{
    weir_str none = {NULL, 0};

    if (conf->strip_prefix.n) {
        weir_str rest = weir_strip_prefix(target->path, conf->strip_prefix);

        if (rest.p) {
            target->path = rest.n ? rest : WEIR_STR("/");
        }
    }
    if (conf->add_prefix.n) {
        target->path = join(req, conf->add_prefix, target->path, none);
    }
}

/* "path?query" as a rule made it. */
static void use_result(weir_req *req, weir_str made, struct target *target)
{
    const char *mark = made.n ? memchr(made.p, '?', made.n) : NULL;
    weir_str path = made;

    if (mark) {
        weir_str query = {mark + 1, (size_t)(made.p + made.n - mark - 1)};

        path.n = (size_t)(mark - made.p);
        if (query.n == 0) {
            target->query = query;
        } else {
            target->query =
                target->query.n ? join(req, query, WEIR_STR("&"), target->query) : query;
        }
    }
    target->path = escape_path(req, path);
    if (path.n == 0 || path.p[0] != '/') {
        target->path = join(req, WEIR_STR("/"), target->path, (weir_str){NULL, 0});
    }
}

/* ERROR: the limit on backtracking was passed. */
static weir_rc apply_rules(weir_req *req, const struct conf *conf, struct target *target)
{
    const struct rule *rules = conf->rules.items;
    /* As routes see it, without dot segments. */
    weir_str path = target->path.p == weir_get(req, WEIR_GET_RAW_PATH).p
                        ? weir_get(req, WEIR_GET_PATH)
                        : decode_path(req, target->path);

    for (size_t i = 0; i < conf->rules.n; i++) {
        weir_str groups[GROUPS] = {{NULL, 0}};
        int n = weir_match(rules[i].match, path, groups, GROUPS);
        weir_str made;

        if (n < 0) {
            weir_log(WEIR_LOG_ERROR, req,
                     "rewrite: rule %zu takes too long for this path: make its regex simpler",
                     i + 1);
            return WEIR_ERROR;
        }
        if (n == 0) {
            continue;
        }
        weir_set_groups(req, groups, n);
        weir_eval(req, rules[i].to, &made);
        use_result(req, made, target);
        path = decode_path(req, target->path);
        if (rules[i].stop) {
            break;
        }
    }
    return WEIR_OK;
}

/* ---- the query ---- */

static bool names(weir_str pattern, weir_str name)
{
    if (pattern.n && pattern.p[pattern.n - 1] == '*') {
        pattern.n--;
        name.n = name.n < pattern.n ? name.n : pattern.n;
    }
    return pattern.n == name.n && memcmp(pattern.p, name.p, name.n) == 0;
}

static bool lists(const weir_list *patterns, weir_str name)
{
    const weir_str *items = patterns->items;

    for (size_t i = 0; i < patterns->n; i++) {
        if (names(items[i], name)) {
            return true;
        }
    }
    return false;
}

static bool is_dropped(const struct query_rules *rules, weir_str argument)
{
    const char *sign = memchr(argument.p, '=', argument.n);
    weir_str name = {argument.p, sign ? (size_t)(sign - argument.p) : argument.n};

    for (size_t i = 0; i < rules->set.n; i++) {
        if (rules->set.keys[i].n == name.n && memcmp(rules->set.keys[i].p, name.p, name.n) == 0) {
            return true;
        }
    }
    return lists(&rules->remove, name) || (rules->keep.n && !lists(&rules->keep, name));
}

static weir_str kept_arguments(weir_req *req, const struct query_rules *rules, weir_str query)
{
    char *text = weir_alloc(req, query.n + 1);
    size_t n = 0;

    while (query.n) {
        const char *end = memchr(query.p, '&', query.n);
        weir_str argument = {query.p, end ? (size_t)(end - query.p) : query.n};
        size_t used = argument.n + (end != NULL);

        query = (weir_str){query.p + used, query.n - used};
        if (argument.n && !is_dropped(rules, argument)) {
            if (n) {
                text[n++] = '&';
            }
            memcpy(text + n, argument.p, argument.n);
            n += argument.n;
        }
    }
    return (weir_str){text, n};
}

/* '&' and '=' would be read as structure; the rest is escaped as in a path. */
static weir_str escape_value(weir_req *req, weir_str value)
{
    weir_str path = escape_path(req, value);
    char *p = weir_alloc(req, path.n * 3 + 1);
    char *at = p;

    for (size_t i = 0; i < path.n; i++) {
        const char *escaped = path.p[i] == '&' ? "%26" : path.p[i] == '+' ? "%2B" : NULL;

        if (escaped) {
            memcpy(at, escaped, 3);
            at += 3;
        } else {
            *at++ = path.p[i];
        }
    }
    return (weir_str){p, (size_t)(at - p)};
}

static void append_arguments(weir_req *req, const weir_map *arguments, struct target *target)
{
    const weir_template *const *values = arguments->items;

    for (size_t i = 0; i < arguments->n; i++) {
        weir_str value;

        weir_eval(req, values[i], &value);
        weir_str argument =
            join(req, arguments->keys[i], WEIR_STR("="), escape_value(req, value));
        target->query =
            target->query.n ? join(req, target->query, WEIR_STR("&"), argument) : argument;
    }
}

static void apply_query(weir_req *req, const struct query_rules *rules, struct target *target)
{
    if (rules->set.n || rules->remove.n || rules->keep.n) {
        target->query = kept_arguments(req, rules, target->query);
    }
    append_arguments(req, &rules->set, target);
    append_arguments(req, &rules->add, target);
}

/* ---- the hook ---- */

static bool has_run(struct state *state, const struct conf *conf)
{
    for (uint32_t i = 0; i < state->run_n; i++) {
        if (state->run[i] == conf) {
            return true;
        }
    }
    if (state->run_n < RUN_MAX) {
        state->run[state->run_n++] = conf;
    }
    return false;
}

static bool equals(weir_str a, weir_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static weir_rc on_rewrite(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;

    struct state *state = weir_ctx(req);

    if (has_run(state, conf)) {
        return WEIR_NEXT;
    }
    if (!state->is_rewritten && canonical_redirect(req, &conf->canonical) == WEIR_HANDLED) {
        return WEIR_HANDLED;
    }
    const struct target before = {weir_get(req, WEIR_GET_RAW_PATH), weir_get(req, WEIR_GET_QUERY)};
    struct target target = before;
    apply_prefixes(req, conf, &target);
    if (apply_rules(req, conf, &target) != WEIR_OK) {
        return WEIR_ERROR;
    }
    apply_query(req, &conf->query, &target);
    if (equals(before.path, target.path) && equals(before.query, target.query)) {
        return WEIR_NEXT;
    }
    state->is_rewritten = true;
    return weir_rewrite(req, target.query.n ? join(req, target.path, WEIR_STR("?"), target.query)
                                            : target.path);
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_REWRITE, .fn = on_rewrite}};

static void check_prefix(weir_cfg *cfg, const char *name, weir_str prefix)
{
    if (prefix.n && prefix.p[0] != '/') {
        weir_cfg_error(cfg, name, "\"%s\": expected a path that begins with '/'", prefix.p);
    }
}

static void check(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;
    const struct rule *rules = conf->rules.items;

    canonical_check(cfg, &conf->canonical);
    check_prefix(cfg, "strip_prefix", conf->strip_prefix);
    check_prefix(cfg, "add_prefix", conf->add_prefix);
    while (conf->add_prefix.n && conf->add_prefix.p[conf->add_prefix.n - 1] == '/') {
        conf->add_prefix.n--;
    }
    for (size_t i = 0; i < conf->rules.n; i++) {
        weir_str to = weir_template_text(rules[i].to, NULL);

        if (to.n > 4 && memcmp(to.p, "http", 4) == 0) {
            weir_cfg_error(cfg, "rules",
                           "to = \"%s\": a rule changes the path; what sends clients to another "
                           "address is redirect = { to = \"...\"; }",
                           to.p);
        }
    }
}

static const weir_module module = {
    WEIR_MODULE_HEAD("rewrite", "1.0"),
    .doc = "Changes the path and the query of requests.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .check = check,
};

WEIR_MODULE(rewrite, 3, "", module)
