/* SPDX-License-Identifier: Apache-2.0 */
/* access - who may come: by the networks of the client's address (the longest prefix decides), and
 * by variables. What is refused gets 403. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/module.h>

#include "cidr.h"

enum {
    SAYS_ALLOW = 1,
    SAYS_DENY = 2 /* the larger one wins a tie */
};

struct conf {
    weir_list allow, deny;       /* of weir_str */
    weir_str allow_file, deny_file;
    weir_list allow_if, deny_if; /* of const weir_template * */
    const weir_template *address;
    uint32_t mode;
    /* made by check and commit */
    uint32_t reported; /* metric */
    struct cidr_rule *rules;     /* check() leaves them to commit() */
    size_t rule_n, rule_cap;
    struct cidr_set networks;
    uint8_t all_says;            /* what "all" says; 0: it does not stand anywhere */
    bool denies_rest;            /* there is something that allows, and this was not it */
};

enum {
    MODE_ENFORCE,
    MODE_REPORT
};
static const char *const modes[] = {"enforce", "report", NULL};

static const weir_opt opts[] = {
    {.name = "allow",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, allow),
     .doc = "Networks and addresses that may, or \"all\". Without deny, all others may not.",
     .example = "[ \"10.0.0.0/8\", \"2001:db8::/32\" ]"},
    {.name = "deny",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .offset = offsetof(struct conf, deny),
     .doc = "Networks and addresses that may not, or \"all\". The longest prefix decides; of equal "
            "ones this."},
    {.name = "allow_file",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_FILE,
     .offset = offsetof(struct conf, allow_file),
     .doc = "A file with more of allow, one on a line; # begins a comment."},
    {.name = "deny_file",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_FILE,
     .offset = offsetof(struct conf, deny_file),
     .doc = "A file with more of deny."},
    {.name = "allow_if",
     .type = WEIR_T_LIST | WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, allow_if),
     .doc = "Who may where the address says nothing: one of these is neither empty nor \"0\"."},
    {.name = "deny_if",
     .type = WEIR_T_LIST | WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, deny_if),
     .doc = "Who may not, whatever the address: one of these is neither empty nor \"0\"."},
    {.name = "address",
     .type = WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, address),
     .doc = "The address that is looked at; without it, the client's."},
    {.name = "mode",
     .type = WEIR_T_ENUM,
     .names = modes,
     .offset = offsetof(struct conf, mode),
     .dflt = "enforce",
     .doc = "\"report\": what would be refused is logged, counted and passes."},
};

/* ---- at work ---- */

static bool any_is_true(weir_req *req, const weir_list *conditions)
{
    const weir_template *const *templates = conditions->items;

    for (size_t i = 0; i < conditions->n; i++) {
        weir_str value;

        weir_eval(req, templates[i], &value);
        if (value.n && !(value.n == 1 && value.p[0] == '0')) {
            return true;
        }
    }
    return false;
}

/* NULL: it may, *allowed: since something says so; else why not. */
static const char *why_not(weir_req *req, const struct conf *conf, weir_str address, bool *allowed)
{
    struct cidr cidr;
    uint8_t says = 0;

    if (any_is_true(req, &conf->deny_if)) {
        return "a condition of access.deny_if is true";
    }
    if (cidr_parse_address(address, &cidr)) {
        says = cidr_set_find(&conf->networks, &cidr);
    }
    if (says == 0 && any_is_true(req, &conf->allow_if)) {
        says = SAYS_ALLOW;
    }
    says = says ? says : conf->all_says;
    *allowed = says == SAYS_ALLOW;
    if (*allowed) {
        return NULL;
    }
    if (says == SAYS_DENY) {
        return "its longest match is in access.deny";
    }
    return conf->denies_rest ? "nothing in access.allow is for it" : NULL;
}

static weir_rc on_access(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    weir_str address = weir_get(req, WEIR_GET_CLIENT_ADDR);
    char detail[200];

    if (conf->address) {
        weir_eval(req, conf->address, &address);
    }
    bool allowed = false;
    const char *why = why_not(req, conf, address, &allowed);
    if (!why) {
        return allowed ? WEIR_DONE : WEIR_NEXT;
    }
    snprintf(detail, sizeof(detail), "%.*s may not: %s", (int)(address.n > 64 ? 64 : address.n),
             address.p, why);
    if (conf->mode == MODE_REPORT) {
        weir_metric_add(conf->reported, 1);
        weir_log(WEIR_LOG_WARN, req, "access.mode is \"report\", this passes: %s", detail);
        return WEIR_NEXT;
    }
    return weir_reply(req, 403, WEIR_REASON_ACCESS_DENIED, WEIR_STR(""), WEIR_STR(""), detail);
}

/* ---- configuration ---- */

static void add_rule(struct conf *conf, const struct cidr *cidr, uint8_t says)
{
    if (conf->rule_n == conf->rule_cap) {
        conf->rule_cap = conf->rule_cap ? 2 * conf->rule_cap : 64;
        conf->rules = realloc(conf->rules, conf->rule_cap * sizeof(*conf->rules));
        if (!conf->rules) {
            abort(); /* as everywhere when the configuration does not fit into memory */
        }
    }
    conf->rules[conf->rule_n++] = (struct cidr_rule){*cidr, says};
}

/* `line` of a file, or 0. */
static void read_rule(weir_cfg *cfg, struct conf *conf, const char *opt, weir_str text,
                      unsigned line, uint8_t says)
{
    char place[32] = "";
    struct cidr cidr;
    bool stray;

    if (text.n == 3 && memcmp(text.p, "all", 3) == 0) {
        conf->all_says = says > conf->all_says ? says : conf->all_says;
        return;
    }
    if (cidr_parse(text, &cidr, &stray)) {
        add_rule(conf, &cidr, says);
        return;
    }
    if (line) {
        snprintf(place, sizeof(place), "line %u: ", line);
    }
    if (stray) {
        weir_cfg_error(cfg, opt, "%s\"%.*s\" has bits behind its prefix: write the network's first "
                                 "address, or a longer prefix", place, (int)text.n, text.p);
    } else {
        weir_cfg_error(cfg, opt, "%s\"%.*s\": expected an address, a network such as "
                                 "\"10.0.0.0/8\" or \"2001:db8::/32\", or \"all\"",
                       place, (int)text.n, text.p);
    }
}

static void read_file(weir_cfg *cfg, struct conf *conf, const char *opt, weir_str path, uint8_t says)
{
    FILE *file = path.n ? fopen(path.p, "re") : NULL;
    unsigned number = 0;
    char line[256];

    if (!file) {
        return; /* there is none, or the host has said that it cannot be read */
    }
    while (fgets(line, sizeof(line), file)) {
        char *word = line + strspn(line, " \t\r\n");
        size_t n = strcspn(word, " \t\r\n;#");

        number++;
        if (n) {
            read_rule(cfg, conf, opt, (weir_str){word, n}, number, says);
        }
    }
    fclose(file);
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    const weir_str *allow = conf->allow.items, *deny = conf->deny.items;

    conf->rule_n = 0;
    conf->all_says = 0;
    for (size_t i = 0; i < conf->allow.n; i++) {
        read_rule(cfg, conf, "allow", allow[i], 0, SAYS_ALLOW);
    }
    for (size_t i = 0; i < conf->deny.n; i++) {
        read_rule(cfg, conf, "deny", deny[i], 0, SAYS_DENY);
    }
    read_file(cfg, conf, "allow_file", conf->allow_file, SAYS_ALLOW);
    read_file(cfg, conf, "deny_file", conf->deny_file, SAYS_DENY);
    bool has_deny = conf->deny.n || conf->deny_file.n || conf->deny_if.n;
    bool has_allow = conf->allow.n || conf->allow_file.n || conf->allow_if.n;
    conf->denies_rest = has_allow && !has_deny;
    if (!has_allow && !has_deny) {
        weir_cfg_error(cfg, NULL, "nothing is allowed or denied: add allow = [ \"NETWORK\" ] or "
                                  "deny = [ \"NETWORK\" ], or remove the group");
    }
}

static void *alloc(void *cfg, size_t size)
{
    return weir_cfg_alloc(cfg, size);
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    cidr_set_build(&conf->networks, conf->rules, conf->rule_n, alloc, cfg);
    free(conf->rules);
    conf->rules = NULL;
    conf->reported = weir_cfg_metric(cfg, "reported_total", WEIR_METRIC_COUNTER, NULL,
                                     "Requests that mode = \"report\" let pass.");
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("access", "0.1"),
    .doc = "Allows and denies clients by their address and by variables.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .commit = commit,
};

WEIR_MODULE(access, 3, "", module)
