/* SPDX-License-Identifier: Apache-2.0 */
/* split - variables that divide requests into parts by weight: for canaries and experiments. The
 * same key always falls into the same part, and making a part larger moves nobody out of it. */
#include <stdio.h>
#include <string.h>

#include <weir/module.h>
#include <weir/share.h>

struct part {
    weir_str share; /* "5%", "0.5%", or "*" for the rest */
    weir_str result;
    uint64_t end; /* made by check: hashes below it, of 2^32, that no earlier part has */
    const weir_template *value;
};

struct split {
    const weir_template *key;
    weir_list parts; /* of struct part */
};

struct conf {
    weir_map splits; /* of struct split */
};

static const weir_opt part_opts[] = {
    {.name = "share",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct part, share),
     .doc = "How much falls into the part: \"5%\", \"0.5%\", or \"*\" for the rest.",
     .example = "share = \"5%\";"},
    {.name = "result",
     .type = WEIR_T_STR,
     .offset = offsetof(struct part, result),
     .doc = "What the variable is there; may have variables."},
};

static const weir_opt split_opts[] = {
    {.name = "key",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct split, key),
     .doc = "What decides: equal keys fall into the same part.",
     .example = "key = \"$remote_addr\";"},
    {.name = "parts",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .flags = WEIR_OPT_REQUIRED,
     .offset = offsetof(struct split, parts),
     .sub = part_opts,
     .sub_n = WEIR_COUNT(part_opts),
     .item_size = sizeof(struct part),
     .doc = "Pairs: [ \"5%\", \"new\" ], [ \"*\", \"old\" ]. What no part takes gives the empty "
            "text.",
     .example = "parts = ( [ \"5%\", \"new\" ], [ \"*\", \"old\" ] );"},
};

static const weir_opt opts[] = {
    {.name = "*",
     .type = WEIR_T_GROUP,
     .flags = WEIR_OPT_VARIABLES,
     .offset = offsetof(struct conf, splits),
     .sub = split_opts,
     .sub_n = WEIR_COUNT(split_opts),
     .item_size = sizeof(struct split),
     .doc = "A variable: its name, and how requests are divided."},
};

static const struct conf *current; /* of this generation: a module has one top-level group */

static void check_parts(weir_cfg *cfg, const char *name, const struct split *split)
{
    struct part *parts = (struct part *)(uintptr_t)split->parts.items;
    char opt[300];
    uint64_t end = 0;

    snprintf(opt, sizeof(opt), "%.200s.parts", name);
    for (size_t i = 0; i < split->parts.n; i++) {
        struct part *part = &parts[i];
        uint64_t share = 0;

        part->value = weir_cfg_template(cfg, opt, part->result);
        if (part->share.n == 1 && part->share.p[0] == '*') {
            share = WEIR_SHARE_ALL - end;
            if (i + 1 < split->parts.n) {
                weir_cfg_error(cfg, opt, "\"*\" takes all the rest: it has to be the last part");
                return;
            }
        } else if (!weir_share_parse(part->share, &share)) {
            weir_cfg_error(cfg, opt,
                           "\"%s\": expected a percentage such as \"5%%\" or \"0.5%%\", "
                           "or \"*\" for the rest",
                           part->share.p);
            return;
        }
        part->end = end += share;
        if (end > WEIR_SHARE_ALL + split->parts.n) { /* what rounding adds is forgiven */
            weir_cfg_error(cfg, opt, "the parts are more than 100%% together");
            return;
        }
    }
}

static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;
    const struct split *splits = conf->splits.items;

    current = conf;
    for (size_t i = 0; i < conf->splits.n; i++) {
        check_parts(cfg, conf->splits.keys[i].p, &splits[i]);
    }
}

/* FNV-1a with a last mix (of the murmur family), so that keys that differ at their end only, as
 * addresses do, are spread. */
static uint32_t hash(weir_str key)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < key.n; i++) {
        h = (h ^ (unsigned char)key.p[i]) * 0x100000001b3;
    }
    h = (h ^ (h >> 33)) * 0xff51afd7ed558ccd;
    h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53;
    return (uint32_t)(h >> 32);
}

static weir_rc get(weir_req *req, weir_str name, weir_str *out)
{
    const struct split *splits = current ? current->splits.items : NULL;
    size_t n = current ? current->splits.n : 0;
    weir_str key;

    for (size_t i = 0; i < n; i++) {
        const weir_str *own = &current->splits.keys[i];

        if (own->n != name.n || memcmp(own->p, name.p, name.n) != 0) {
            continue;
        }
        const struct part *parts = splits[i].parts.items;
        weir_eval(req, splits[i].key, &key);
        uint32_t at = hash(key);
        for (size_t k = 0; k < splits[i].parts.n; k++) {
            if (at < parts[k].end) {
                return weir_eval(req, parts[k].value, out);
            }
        }
    }
    return WEIR_NOTFOUND;
}

static const weir_var vars[] = {
    {.name = "*", .from = WEIR_REQ_START, .get = get, .doc = "the part that a request falls into"},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("split", "1.0"),
    .doc = "Variables that divide requests into parts by weight.",
    .scopes = WEIR_S_TOP,
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .vars = vars,
    .var_n = WEIR_COUNT(vars),
    .conf_size = sizeof(struct conf),
    .check = check,
};

WEIR_MODULE(split, 3, "", module)
