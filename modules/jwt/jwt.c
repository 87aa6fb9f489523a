/* SPDX-License-Identifier: Apache-2.0 */
/* jwt - lets in who has a signed token (RFC 7519), and makes variables of its claims. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <weir/module.h>

#include "remote.h"
#include "token.h"

#define KEYS_FILE_MAX (1 << 20)
#define VALUE_MAX 4096 /* bytes of a claim as a variable */

enum {
    MODE_ENFORCE,
    MODE_REPORT
};
static const char *const modes[] = {"enforce", "report", NULL};

struct conf {
    weir_str keys;
    weir_list algorithms, audience; /* of weir_str */
    weir_str issuer;
    uint64_t leeway_ms;
    bool require_exp;
    weir_map claims; /* of weir_str */
    const weir_template *from;
    uint32_t mode;
    /* made by check and commit */
    struct token_rules rules;
    struct key *local;      /* NULL: `remote` */
    struct remote *remote;
    uint32_t reported;      /* metric */
};

/* Of a request. */
struct state {
    struct remote_waiter waiter;
    weir_req *req;
    const struct conf *conf;
    weir_token token;
    weir_str text;
    weir_str *values;       /* by conf->claims; NULL: it has no good token */
};

static const weir_opt opts[] = {
    {.name = "keys",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, keys),
     .doc = "Who signs: the path of a file with a JWK set or PEM public keys, or the URL of a JWK set.",
     .example = "\"/etc/weir/jwks.json\""},
    {.name = "algorithms",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, algorithms),
     .dflt = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA",
     .doc = "What a signature may be made by; HS256, HS384 and HS512 have to be named."},
    {.name = "audience",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, audience),
     .doc = "One of these has to be in the token's aud; absent: that is not looked at."},
    {.name = "issuer",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, issuer),
     .doc = "The token's iss has to be this; absent: that is not looked at."},
    {.name = "leeway",
     .type = WEIR_T_DURATION,
     .offset = offsetof(struct conf, leeway_ms),
     .dflt = "30s",
     .doc = "So far the clocks of who signs and of weir may differ."},
    {.name = "require_exp",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct conf, require_exp),
     .dflt = "true",
     .doc = "Refuses tokens that never expire."},
    {.name = "claims",
     .type = WEIR_T_MAP | WEIR_T_STR,
     .inherit = WEIR_INHERIT_MERGE,
     .offset = offsetof(struct conf, claims),
     .doc = "NAME = claim: the claim's value is $jwt_NAME; a.b is b in the object a.",
     .example = "{ user = \"sub\"; }"},
    {.name = "from",
     .type = WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, from),
     .doc = "The token; absent: that of \"Authorization: Bearer\".",
     .example = "\"$cookie_session\""},
    {.name = "mode",
     .type = WEIR_T_ENUM,
     .names = modes,
     .offset = offsetof(struct conf, mode),
     .dflt = "enforce",
     .doc = "\"report\": what would be refused is logged, counted and passes."},
};

/* ---- claims ---- */

static weir_str keep(weir_req *req, const char *p, size_t n)
{
    char *text = weir_alloc(req, n);

    if (n) {
        memcpy(text, p, n);
    }
    return (weir_str){text, n};
}

/* The claim itself, or on the way that its dots tell. NULL: there is none. */
static const json_t *find_claim(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    const char *dot = strchr(name, '.');
    char part[128];

    if (value || !dot || (size_t)(dot - name) >= sizeof(part)) {
        return value;
    }
    memcpy(part, name, (size_t)(dot - name));
    part[dot - name] = '\0';
    return find_claim(json_object_get(claims, part), dot + 1);
}

/* Texts as they are, several with commas between them, anything else as JSON. */
static weir_str text_of(weir_req *req, const json_t *value)
{
    char text[VALUE_MAX];
    size_t n = 0;

    if (json_is_string(value)) {
        return keep(req, json_string_value(value), json_string_length(value));
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        size_t item_n = json_string_length(item);

        if (!json_is_string(item) || n + item_n + 1 > sizeof(text)) {
            n = 0;
            break;
        }
        if (i) {
            text[n++] = ',';
        }
        memcpy(text + n, json_string_value(item), item_n);
        n += item_n;
    }
    if (n == 0 && !json_is_null(value)) {
        n = json_dumpb(value, text, sizeof(text), JSON_COMPACT | JSON_ENCODE_ANY);
    }
    return n <= sizeof(text) ? keep(req, text, n) : (weir_str){0};
}

static void use_claims(struct state *state, const json_t *claims)
{
    const struct conf *conf = state->conf;
    const weir_str *names = conf->claims.items;
    const json_t *subject = json_object_get(claims, "sub");

    state->values = weir_alloc(state->req, (conf->claims.n + 1) * sizeof(*state->values));
    for (size_t i = 0; i < conf->claims.n; i++) {
        const json_t *value = find_claim(claims, names[i].p);

        state->values[i] = value ? text_of(state->req, value) : (weir_str){0};
    }
    if (json_is_string(subject)) {
        weir_set_user(state->req, text_of(state->req, subject));
    }
}

static weir_rc get_claim(weir_req *req, weir_str name, weir_str *out)
{
    const struct state *state = weir_ctx(req);

    for (size_t i = 0; state->values && i < state->conf->claims.n; i++) {
        const weir_str *key = &state->conf->claims.keys[i];

        if (key->n == name.n && memcmp(key->p, name.p, name.n) == 0) {
            *out = state->values[i];
            return WEIR_OK;
        }
    }
    return WEIR_NOTFOUND;
}

static const weir_var vars[] = {
    {"jwt_*", WEIR_REQ_ACCESS, get_claim, "a claim of the token, by its name in jwt.claims"},
};

/* ---- at work ---- */

static weir_rc report(const struct state *state, const char *why)
{
    weir_metric_add(state->conf->reported, 1);
    weir_log(WEIR_LOG_WARN, state->req, "jwt.mode is \"report\", this passes: %s", why);
    return WEIR_NEXT;
}

static weir_rc refuse(const struct state *state, const char *why)
{
    char detail[200];

    if (state->text.n) {
        snprintf(detail, sizeof(detail), "the token is not accepted: %s", why);
    } else {
        snprintf(detail, sizeof(detail), "there is no token");
    }
    if (state->conf->mode == MODE_REPORT) {
        return report(state, detail);
    }
    weir_edit_known(state->req, WEIR_RESPONSE, WEIR_SET, WEIR_F_WWW_AUTHENTICATE,
                    state->text.n ? WEIR_STR("Bearer error=\"invalid_token\"") : WEIR_STR("Bearer"));
    return weir_reply(state->req, 401, WEIR_REASON_ACCESS_DENIED, WEIR_STR(""), WEIR_STR(""), detail);
}

static weir_rc refuse_for_now(const struct state *state)
{
    static const char why[] = "the keys for tokens could not be fetched yet: see the error log";

    if (state->conf->mode == MODE_REPORT) {
        return report(state, why);
    }
    return weir_reply(state->req, 503, WEIR_REASON_PROXY_INTERNAL_ERROR, WEIR_STR(""), WEIR_STR(""),
                      why);
}

/* WEIR_AGAIN: other keys might tell. */
static weir_rc decide(struct state *state, bool may_wait)
{
    const struct conf *conf = state->conf;
    const struct key *keys = conf->remote ? remote_keys(conf->remote) : conf->local;
    const char *why = NULL;
    json_t *claims;

    switch (token_check(state->text, keys, &conf->rules, weir_wall_ms() / 1000, &claims, &why)) {
    case TOKEN_GOOD:
        use_claims(state, claims);
        json_decref(claims);
        return WEIR_DONE;
    case TOKEN_UNKNOWN_KEY:
        if (conf->remote && may_wait) {
            return WEIR_AGAIN;
        }
        return conf->remote && !keys ? refuse_for_now(state) : refuse(state, why);
    default:
        return refuse(state, why);
    }
}

static void on_keys(struct remote_waiter *waiter)
{
    struct state *state = (struct state *)(void *)waiter; /* its first member */

    weir_resume(state->token, decide(state, false));
}

static void on_cancel(void *arg)
{
    struct state *state = arg;

    remote_leave(state->conf->remote, &state->waiter);
}

static weir_rc wait_for_keys(struct state *state)
{
    state->waiter.fn = on_keys;
    if (!remote_wait(state->conf->remote, &state->waiter)) {
        return decide(state, false);
    }
    state->token = weir_suspend(state->req, 30000, on_cancel, state);
    if (!state->token) {
        remote_leave(state->conf->remote, &state->waiter);
        return WEIR_ERROR;
    }
    return WEIR_AGAIN;
}

/* Empty: there is none. */
static weir_str find_token(weir_req *req, const struct conf *conf)
{
    weir_str field;

    if (conf->from) {
        weir_eval(req, conf->from, &field);
        return field;
    }
    weir_field_get(req, WEIR_REQUEST, WEIR_F_AUTHORIZATION, &field);
    if (field.n <= 7 || strncasecmp(field.p, "Bearer ", 7) != 0) {
        return (weir_str){0};
    }
    field.p += 7;
    field.n -= 7;
    while (field.n && field.p[0] == ' ') {
        field.p++;
        field.n--;
    }
    return field;
}

static weir_rc on_access(weir_req *req, const void *conf)
{
    struct state *state = weir_ctx(req);

    *state = (struct state){.req = req, .conf = conf};
    state->text = find_token(req, state->conf);
    if (state->text.n == 0) {
        return refuse(state, "");
    }
    weir_rc rc = decide(state, true);
    return rc == WEIR_AGAIN ? wait_for_keys(state) : rc;
}

/* ---- configuration ---- */

static bool is_url(weir_str s)
{
    return (s.n > 7 && memcmp(s.p, "http://", 7) == 0) || (s.n > 8 && memcmp(s.p, "https://", 8) == 0);
}

static void read_file(weir_cfg *cfg, struct conf *conf)
{
    FILE *file = fopen(conf->keys.p, "re");
    char *text = file ? malloc(KEYS_FILE_MAX) : NULL;
    char error[200] = "";

    if (!file) {
        weir_cfg_error(cfg, "keys", "cannot read %s: %m", conf->keys.p);
        return;
    }
    size_t n = text ? fread(text, 1, KEYS_FILE_MAX, file) : 0;
    fclose(file);
    keys_free(conf->local);
    conf->local = text ? keys_read(text, n, error, sizeof(error)) : NULL;
    free(text);
    if (!conf->local) {
        weir_cfg_error(cfg, "keys", "%s: %s", conf->keys.p, error);
    }
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    const weir_str *names = conf->algorithms.items;

    conf->rules = (struct token_rules){.audience = conf->audience.items,
                                       .audience_n = conf->audience.n,
                                       .issuer = conf->issuer,
                                       .leeway_s = (int64_t)(conf->leeway_ms / 1000),
                                       .requires_expiry = conf->require_exp};
    for (size_t i = 0; i < conf->algorithms.n; i++) {
        int algorithm = algorithm_find(names[i].p, names[i].n);

        if (algorithm < 0) {
            weir_cfg_error(cfg, "algorithms", "\"%s\": expected RS256, PS256, ES256, HS256, the same "
                                              "with 384 or 512, or EdDSA", names[i].p);
        } else {
            conf->rules.algorithms |= 1u << algorithm;
        }
    }
    if (is_url(conf->keys)) {
        return; /* workers fetch them */
    }
    if (conf->keys.n && conf->keys.p[0] != '/') {
        weir_cfg_error(cfg, "keys", "\"%s\": expected an absolute path, or a URL that begins with "
                                    "\"https://\"", conf->keys.p);
    } else if (conf->keys.n) {
        read_file(cfg, conf);
    }
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    if (is_url(conf->keys)) {
        conf->remote = remote_open(cfg, "keys", conf->keys);
    }
    conf->reported = weir_cfg_metric(cfg, "reported_total", WEIR_METRIC_COUNTER, NULL,
                                     "Requests that mode = \"report\" let pass.");
}

static weir_rc worker_start(void)
{
    remotes_start();
    return WEIR_OK;
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("jwt", "0.1"),
    .doc = "Lets in who has a signed token, and makes variables of its claims.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .check = check,
    .commit = commit,
    .worker_start = worker_start,
};

WEIR_MODULE(jwt, 3, "var:jwt_*", module)
