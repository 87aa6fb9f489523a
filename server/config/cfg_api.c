/* SPDX-License-Identifier: Apache-2.0 */
#include "config/cfg_api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "base/str.h"
#include "base/zone.h"
#include "config/keys.h"
#include "config/log_file.h"
#include "config/scope.h"
#include "config/variables.h"
#include "http/template.h"
#include "module/regex.h"
#include "upstream/group.h"
#include "upstream/target.h"

/* "response.set.X-Name" below the group; NULL: not set. */
static const struct node *find_option(const struct node *group, const char *opt)
{
    weir_str rest = str_from(opt);

    while (group && rest.p) {
        const struct node *whole = node_get(group, rest);

        if (whole) {
            return whole;
        }
        group = node_get(group, str_cut(&rest, '.'));
    }
    return rest.p ? NULL : group;
}

/* Errors are placed at the option if it is set, else at the group. */
static struct source place_of(const weir_cfg *cfg, const char *opt)
{
    const struct node *option = opt ? find_option(cfg->use->effective, opt) : NULL;

    if (cfg->at.file) {
        return cfg->at;
    }
    return option && option->at.file ? option->at : cfg->use->own->at;
}

static void add(weir_cfg *cfg, enum diag_level level, const char *opt, const char *fmt,
                va_list args)
{
    struct source at = place_of(cfg, opt);
    char text[1024];

    vsnprintf(text, sizeof(text), fmt, args);
    diag_add(&cfg->config->diag, level, at.file, at.line, "%s%s%s: %s",
             cfg->use->module->desc->name, opt ? "." : "", opt ? opt : "", text);
}

static void cfg_api_error(weir_cfg *cfg, const char *opt, const char *fmt, va_list args)
{
    add(cfg, DIAG_ERROR, opt, fmt, args);
}

static void cfg_api_warn(weir_cfg *cfg, const char *opt, const char *fmt, va_list args)
{
    add(cfg, DIAG_WARNING, opt, fmt, args);
}

__attribute__((format(printf, 3, 4))) static void report(weir_cfg *cfg, const char *opt,
                                                         const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(cfg, DIAG_ERROR, opt, fmt, args);
    va_end(args);
}

static void *cfg_api_alloc(weir_cfg *cfg, size_t size)
{
    return arena_zalloc(&cfg->config->arena, size);
}

static uint32_t cfg_api_scope(const weir_cfg *cfg)
{
    return cfg->use->scope->kind;
}

static const char *cfg_api_label(const weir_cfg *cfg)
{
    return cfg->use->scope->label;
}

static const weir_upstream *cfg_api_upstream(weir_cfg *cfg, const char *opt, weir_str url,
                                             weir_str *prefix)
{
    char error[512] = "";
    const weir_upstream *upstream =
        upstream_resolve(cfg->config, url, prefix, error, sizeof(error));

    if (!upstream) {
        report(cfg, opt, "%s", error);
    }
    return upstream;
}

static int cfg_api_open_log(weir_cfg *cfg, const char *opt, const char *path)
{
    if (config_private) {
        path = log_file_private(&cfg->config->arena, str_from(path)).p;
    }
    int fd = log_file_open(cfg->config, path);

    if (fd < 0) {
        report(cfg, opt, "cannot open %s: %s", path, strerror(-fd));
        return -1;
    }
    return fd;
}

static weir_str cfg_api_template_text(const weir_template *template_, bool *is_constant)
{
    bool constant = !template_ || template_->constant.p;

    if (is_constant) {
        *is_constant = constant;
    }
    if (!template_) {
        return (weir_str){0};
    }
    return constant ? template_->constant : template_->source;
}

static const weir_template *cfg_api_compile(weir_cfg *cfg, const char *opt, weir_str text)
{
    struct template_error error = {0};
    const weir_template *t = template_compile(&cfg->config->arena, text, WEIR_LOG,
                                              variables_lookup, cfg->config, &error);

    if (!t) {
        report(cfg, opt, "%s", error.text);
    }
    return t;
}

static const void *cfg_api_tls_client(weir_cfg *cfg, const char *opt, const weir_tls_client *client)
{
    struct source at = place_of(cfg, opt);
    const struct module *module = keys_transport(cfg->config, &at);

    if (!module || config_private) {
        return NULL;
    }
    struct tls_client *made = arena_zalloc(&cfg->config->arena, sizeof(*made));
    made->transport = (struct transport){module->desc->transport, module};
    made->settings = made->transport.ops->client_settings(cfg, opt, client);
    return made->settings ? made : NULL;
}

unsigned char config_secret[CONFIG_SECRET];

static const unsigned char *cfg_api_secret(const weir_cfg *cfg)
{
    (void)cfg;
    return config_secret;
}

static bool cfg_api_is_own(const weir_cfg *cfg, const char *opt)
{
    return find_option(cfg->use->own, opt) != NULL;
}

static void cfg_api_at(weir_cfg *cfg, const char *file, uint32_t line)
{
    cfg->at = (struct source){.file = file, .line = line};
}

/* ---- zones ---- */

static weir_zone *checked_zone(weir_cfg *cfg, const char *name, weir_zone *zone)
{
    if (!zone && errno == EINVAL) {
        report(cfg, NULL, "the zone %s is asked for twice, with two sizes or layouts", name);
    } else if (!zone) {
        report(cfg, NULL, "no memory for the zone %s: %s", name, strerror(errno));
    }
    return zone;
}

static const char *zone_name(weir_cfg *cfg, const char *name)
{
    return arena_printf(&cfg->config->arena, "%s:%s", cfg->use->module->desc->name, name).p;
}

weir_zone *cfg_api_zone(weir_cfg *cfg, const char *name, uint64_t bytes, uint32_t layout,
                        uint32_t version)
{
    return checked_zone(cfg, name, zone_open(zone_name(cfg, name), bytes, layout, version));
}

weir_zone *cfg_api_table(weir_cfg *cfg, const char *name, uint64_t bytes)
{
    return checked_zone(cfg, name, zone_open_table(zone_name(cfg, name), bytes));
}

/* ---- the table ---- */

static const weir_regex *cfg_api_regex(weir_cfg *cfg, const char *opt, weir_str pattern)
{
    struct source at = place_of(cfg, opt);
    const weir_regex_ops *ops = keys_regex(cfg->config, &at);
    char error[256] = "";

    if (!ops) {
        return NULL;
    }
    const weir_regex *regex =
        regex_compile(&cfg->config->arena, ops, pattern, error, sizeof(error));
    if (!regex) {
        report(cfg, opt, "\"%.*s\": %s", (int)pattern.n, pattern.p, error);
    }
    return regex;
}

uint32_t cfg_api_metric(weir_cfg *cfg, const char *name, int kind, const char *labels,
                        const char *doc)
{
    weir_str full = arena_printf(&cfg->config->arena, "weir_%s_%s", cfg->use->module->desc->name,
                                 name);

    return metric_define(full.p, kind, labels, doc);
}

static const weir_cfg_api api = {
    .size = sizeof(api),
    .error = cfg_api_error,
    .warn = cfg_api_warn,
    .alloc = cfg_api_alloc,
    .scope = cfg_api_scope,
    .label = cfg_api_label,
    .upstream = cfg_api_upstream,
    .open_log = cfg_api_open_log,
    .template_text = cfg_api_template_text,
    .compile = cfg_api_compile,
    .tls_client = cfg_api_tls_client,
    .secret = cfg_api_secret,
    .is_own = cfg_api_is_own,
    .regex = cfg_api_regex,
    .at = cfg_api_at,
};

const weir_cfg_api *cfg_api(void)
{
    return &api;
}
