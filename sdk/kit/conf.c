/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c - settings as the host would fill them in, from defaults and examples; zones in memory. */
#include "kit.h"

#include <fcntl.h>
#include <regex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *kit_conf;

static char **settings;
static int setting_n;
static const char *reported; /* through weir_cfg_error() */

static weir_str text_of(const char *p)
{
    return (weir_str){strdup(p), strlen(p)};
}

/* ---- values ---- */

static const struct {
    const char *name;
    uint64_t factor;
} units[] = {{"ms", 1},       {"s", 1000},        {"m", 60000}, {"h", 3600000},
             {"d", 86400000}, {"y", 31536000000}, {"", 1000}};

static uint64_t number(const char *text, bool is_time)
{
    char *end;
    uint64_t n = strtoull(text, &end, 10);

    if (!is_time) {
        return *end == 'k' ? n << 10 : *end == 'm' ? n << 20 : *end == 'g' ? n << 30 : n;
    }
    for (size_t i = 0; i < WEIR_COUNT(units); i++) {
        if (strcmp(units[i].name, end) == 0) {
            return n * units[i].factor;
        }
    }
    return n;
}

static size_t size_of(const weir_opt *opt)
{
    switch (opt->type & WEIR_T_KIND) {
    case WEIR_T_BOOL:
        return sizeof(bool);
    case WEIR_T_STR:
    case WEIR_T_PATH:
        return sizeof(weir_str);
    case WEIR_T_ENUM:
        return sizeof(uint32_t);
    case WEIR_T_GROUP:
        return opt->item_size;
    default:
        return 8;
    }
}

static void fill(const weir_opt *opts, uint32_t n, char *conf, const char *outer);

/* Of a PATH that has to be there, something that is. */
static const char *path_for(const weir_opt *opt, const char *text)
{
    static char path[sizeof(kit_folder) + 8];
    bool is_kept = access(text, F_OK) == 0 && !(opt->flags & WEIR_OPT_WRITTEN);

    if (is_kept || !(opt->flags & (WEIR_OPT_FILE | WEIR_OPT_DIR | WEIR_OPT_WRITTEN))) {
        return text;
    }
    snprintf(path, sizeof(path), "%s/XXXXXX", kit_folder);
    if (opt->flags & WEIR_OPT_DIR) {
        return mkdtemp(path);
    }
    int fd = mkstemp(path);
    if (fd >= 0) {
        close(fd);
    }
    return path;
}

static uint32_t name_index(const weir_opt *opt, const char *text)
{
    for (uint32_t i = 0; opt->names && opt->names[i]; i++) {
        if (strcmp(opt->names[i], text) == 0) {
            return i;
        }
    }
    fault("the option %s has the default \"%s\", which is none of its names", opt->name, text);
}

static void set(const weir_opt *opt, void *to, const char *text)
{
    switch (opt->type & WEIR_T_KIND) {
    case WEIR_T_BOOL:
        *(bool *)to = strcmp(text, "true") == 0;
        break;
    case WEIR_T_INT:
    case WEIR_T_SIZE:
        *(uint64_t *)to = number(text, false);
        break;
    case WEIR_T_DURATION:
        *(uint64_t *)to = number(text, true);
        break;
    case WEIR_T_STR:
        *(weir_str *)to = text_of(text);
        break;
    case WEIR_T_PATH:
        *(weir_str *)to = text_of(path_for(opt, text));
        break;
    case WEIR_T_ENUM:
        *(uint32_t *)to = name_index(opt, text);
        break;
    case WEIR_T_TEMPLATE: {
        struct weir_template *template_ = calloc(1, sizeof(*template_));

        template_->text = text_of(text);
        *(const weir_template **)to = template_;
        break;
    }
    case WEIR_T_REGEX: {
        regex_t *regex = calloc(1, sizeof(*regex));

        regcomp(regex, text, REG_EXTENDED);
        *(const weir_regex **)to = (const weir_regex *)regex;
        break;
    }
    default:
        break;
    }
}

/* A default's items are separated by spaces. */
static void set_list(const weir_opt *opt, void *to, const char *text)
{
    weir_list *list = to;
    char *copy = strdup(text), *rest = NULL;
    char *items = calloc(strlen(text) / 2 + 1, size_of(opt));

    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        set(opt, items + list->n++ * size_of(opt), word);
    }
    list->items = items;
}

static const char *setting(const char *name)
{
    size_t n = strlen(name);

    for (int i = 0; i < setting_n; i++) {
        if (strncmp(settings[i], name, n) == 0 && settings[i][n] == '=') {
            return settings[i] + n + 1;
        }
    }
    return NULL;
}

/* An example is written as in a configuration. */
static const char *unquoted(const char *text)
{
    size_t n = text ? strlen(text) : 0;

    return n > 1 && text[0] == '"' && text[n - 1] == '"' ? strndup(text + 1, n - 2) : text;
}

static void set_option(const weir_opt *opt, char *to, const char *name)
{
    const char *text = setting(name);

    if ((opt->type & WEIR_T_KIND) == WEIR_T_GROUP) {
        if (!(opt->type & (WEIR_T_LIST | WEIR_T_MAP))) {
            fill(opt->sub, opt->sub_n, to, name);
        } else if (opt->flags & WEIR_OPT_REQUIRED && opt->type & WEIR_T_LIST) {
            char *item = calloc(1, opt->item_size);

            fill(opt->sub, opt->sub_n, item, name);
            *(weir_list *)(void *)to = (weir_list){item, 1};
        }
        return;
    }
    if (!text) {
        text = opt->dflt                        ? opt->dflt
               : opt->flags & WEIR_OPT_REQUIRED ? unquoted(opt->example)
                                                : NULL;
    }
    if (!text && opt->flags & WEIR_OPT_REQUIRED) {
        printf(
            "skipped nothing is known of the option %s, which is required: give %s=VALUE, or its "
            "row an .example\n",
            name, name);
        fflush(stdout);
        _exit(2);
    }
    if (!text || opt->type & WEIR_T_MAP) {
        return;
    }
    if (opt->type & WEIR_T_LIST) {
        set_list(opt, to, text);
    } else {
        set(opt, to, text);
    }
}

static void fill(const weir_opt *opts, uint32_t n, char *conf, const char *outer)
{
    char name[256];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "%s%s%s", outer, *outer ? "." : "", opts[i].name);
        set_option(&opts[i], conf + opts[i].offset, name);
    }
}

void conf_make(char **given, int n)
{
    uint32_t size = kit_module->conf_size ? kit_module->conf_size : 1;
    const char *at = NULL;

    settings = given;
    setting_n = n;
    kit_conf = guard_alloc(size, "its settings");
    for (uint32_t i = 0; i < kit_module->opt_n; i++) {
        const weir_opt *opt = &kit_module->opts[i];

        if (opt->offset + size_of(opt) > size && strcmp(opt->name, "*") != 0) {
            fault("the option %s lies at %zu, behind the %u bytes of conf_size: conf_size is the "
                  "sizeof the options' struct",
                  opt->name, opt->offset, kit_module->conf_size);
        }
    }
    fill(kit_module->opts, kit_module->opt_n, kit_conf, "");
    if (kit_module->check) {
        module_enter(at = "check()");
        kit_module->check(NULL, kit_conf);
        module_leave();
    }
    if (!reported && kit_module->commit) {
        module_enter(at = "commit()");
        kit_module->commit(NULL, kit_conf);
        module_leave();
    }
    if (reported) {
        printf("skipped its defaults and examples are no right settings (%s): give NAME=VALUE\n",
               reported);
        fflush(stdout);
        _exit(2);
    }
    if (kit_module->worker_start) {
        module_enter("worker_start()");
        weir_rc rc = kit_module->worker_start();
        module_leave();
        if (rc != WEIR_OK) {
            fault("says %d: WEIR_OK, if the worker is to serve", (int)rc);
        }
    }
}

/* ---- the module's table ---- */

static void api_error(weir_cfg *cfg, const char *opt, const char *fmt, va_list args)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "%s: ", opt ? opt : "the group");
    int was = host_enter();

    (void)cfg;
    vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, args);
    reported = strdup(text);
    host_leave(was);
}

static void api_warn(weir_cfg *cfg, const char *opt, const char *fmt, va_list args)
{
    (void)cfg;
    (void)opt;
    (void)fmt;
    (void)args;
}

static void *api_alloc(weir_cfg *cfg, size_t size)
{
    int was = host_enter();
    void *p = guard_alloc(size ? size : 1, "memory of weir_cfg_alloc()");

    (void)cfg;
    host_leave(was);
    return p;
}

static uint32_t api_scope(const weir_cfg *cfg)
{
    (void)cfg;
    return kit_module->scopes & WEIR_S_ROUTE  ? WEIR_S_ROUTE
           : kit_module->scopes & WEIR_S_SITE ? WEIR_S_SITE
                                              : WEIR_S_TOP;
}

static const char *api_label(const weir_cfg *cfg)
{
    (void)cfg;
    return "kit";
}

static const weir_upstream *api_upstream(weir_cfg *cfg, const char *opt, weir_str url,
                                         weir_str *prefix)
{
    static int upstream;
    const char *host = url.n ? strstr(url.p, "://") : NULL;
    const char *path = host ? strchr(host + 3, '/') : NULL;

    (void)cfg;
    (void)opt;
    if (prefix) {
        *prefix = path ? (weir_str){path, strlen(path)} : (weir_str){"", 0};
    }
    return (const weir_upstream *)(const void *)&upstream;
}

static int api_open_log(weir_cfg *cfg, const char *opt, const char *path)
{
    (void)cfg;
    (void)opt;
    (void)path;
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static weir_str api_template_text(const weir_template *template_, bool *is_constant)
{
    weir_str text = template_ ? template_->text : (weir_str){"", 0};

    if (is_constant) {
        *is_constant = !text.n || !memchr(text.p, '$', text.n);
    }
    return text;
}

static const weir_template *api_compile(weir_cfg *cfg, const char *opt, weir_str text)
{
    int was = host_enter();
    struct weir_template *template_ = calloc(1, sizeof(*template_));

    (void)cfg;
    (void)opt;
    template_->text = (weir_str){strndup(text.p ? text.p : "", text.n), text.n};
    host_leave(was);
    return template_;
}

static const void *api_tls_client(weir_cfg *cfg, const char *opt, const weir_tls_client *client)
{
    (void)cfg;
    (void)opt;
    return client;
}

static const unsigned char *api_secret(const weir_cfg *cfg)
{
    (void)cfg;
    return (const unsigned char *)"0123456789abcdef0123456789abcdef";
}

static bool api_is_own(const weir_cfg *cfg, const char *opt)
{
    (void)cfg;
    return setting(opt) != NULL;
}

static const weir_regex *api_regex(weir_cfg *cfg, const char *opt, weir_str pattern)
{
    int was = host_enter();
    regex_t *regex = calloc(1, sizeof(*regex));
    char *text = strndup(pattern.p ? pattern.p : "", pattern.n);

    (void)cfg;
    (void)opt;
    regcomp(regex, text, REG_EXTENDED);
    free(text);
    host_leave(was);
    return (const weir_regex *)regex;
}

static void api_at(weir_cfg *cfg, const char *file, uint32_t line)
{
    (void)cfg;
    (void)file;
    (void)line;
}

const weir_cfg_api cfg_api = {
    .size = sizeof(cfg_api),
    .error = api_error,
    .warn = api_warn,
    .alloc = api_alloc,
    .scope = api_scope,
    .label = api_label,
    .upstream = api_upstream,
    .open_log = api_open_log,
    .template_text = api_template_text,
    .compile = api_compile,
    .tls_client = api_tls_client,
    .secret = api_secret,
    .is_own = api_is_own,
    .regex = api_regex,
    .at = api_at,
};

int kit_match(const weir_regex *regex, weir_str subject, weir_str *groups, int group_max)
{
    int was = host_enter(), n = 0;
    char *text = strndup(subject.p ? subject.p : "", subject.n);
    regmatch_t found[10];

    if (regexec((const regex_t *)regex, text, 10, found, 0) == 0) {
        for (; n < 10 && (n < group_max || n == 0) && found[n].rm_so >= 0; n++) {
            if (groups) {
                groups[n] = (weir_str){subject.p + found[n].rm_so,
                                       (size_t)(found[n].rm_eo - found[n].rm_so)};
            }
        }
    }
    free(text);
    host_leave(was);
    return n;
}

/* ---- shared memory; now and then the last owner of a lock has died ---- */

struct weir_zone {
    char *name;
    char *memory;
    unsigned held;
    struct {
        char key[64], value[WEIR_TABLE_VALUE];
        size_t key_n, n;
    } rows[64];
    unsigned row_n;
};

static struct weir_zone *zones[32];
static unsigned zone_n;

static weir_zone *zone_open(weir_cfg *cfg, const char *name, uint64_t bytes, uint32_t layout,
                            uint32_t version)
{
    int was = host_enter();
    struct weir_zone *zone = NULL;

    (void)cfg;
    (void)layout;
    (void)version;
    for (unsigned i = 0; i < zone_n; i++) {
        if (strcmp(zones[i]->name, name) == 0) {
            zone = zones[i];
        }
    }
    if (!zone) {
        zone = calloc(1, sizeof(*zone));
        zone->name = strdup(name);
        zone->memory = guard_alloc(bytes ? (size_t)(bytes + 4095) / 4096 * 4096 : 4096, "its zone");
        zones[zone_n++ % 32] = zone;
    }
    host_leave(was);
    return zone;
}

static weir_zone *zone_open_table(weir_cfg *cfg, const char *name, uint64_t bytes)
{
    (void)bytes;
    return zone_open(cfg, name, 4096, 0, 0);
}

static void *zone_at(weir_zone *zone)
{
    return zone->memory;
}

static bool zone_is_fresh(const weir_zone *zone)
{
    (void)zone;
    return true;
}

static weir_rc zone_lock(weir_zone *zone, uint32_t stripe)
{
    int was = host_enter();

    if (zone->held & 1U << stripe % 32) {
        fault("locks stripe %u of its zone twice: the worker would hang", stripe);
    }
    zone->held |= 1U << stripe % 32;
    host_leave(was);
    return pick(20) == 0 ? WEIR_GONE : WEIR_OK;
}

static void zone_unlock(weir_zone *zone, uint32_t stripe)
{
    int was = host_enter();

    if (!(zone->held & 1U << stripe % 32)) {
        fault("unlocks stripe %u of its zone without holding it", stripe);
    }
    zone->held &= ~(1U << stripe % 32);
    host_leave(was);
}

static int row_of(weir_zone *zone, weir_str key, bool make)
{
    size_t n = key.n < 64 ? key.n : 64;

    for (unsigned i = 0; i < zone->row_n && i < 64; i++) {
        if (zone->rows[i].key_n == n && memcmp(zone->rows[i].key, key.p, n) == 0) {
            return (int)i;
        }
    }
    if (!make) {
        return -1;
    }
    unsigned at = zone->row_n++ % 64; /* what was there is evicted */
    memset(&zone->rows[at], 0, sizeof(zone->rows[at]));
    zone->rows[at].key_n = n;
    if (n) {
        memcpy(zone->rows[at].key, key.p, n);
    }
    return (int)at;
}

static weir_rc table_add(weir_zone *table, weir_str key, int64_t delta, uint32_t ttl_ms,
                         int64_t *now)
{
    int at = row_of(table, key, true);
    int64_t n = 0;

    (void)ttl_ms;
    memcpy(&n, table->rows[at].value, sizeof(n));
    n += delta;
    memcpy(table->rows[at].value, &n, sizeof(n));
    table->rows[at].n = sizeof(n);
    if (now) {
        *now = n;
    }
    return WEIR_OK;
}

static weir_rc table_get(weir_zone *table, weir_str key, void *value, size_t *n)
{
    int at = row_of(table, key, false);

    if (at < 0) {
        return WEIR_NOTFOUND;
    }
    if (table->rows[at].n > *n) {
        return WEIR_ERROR;
    }
    *n = table->rows[at].n;
    memcpy(value, table->rows[at].value, *n);
    return WEIR_OK;
}

static weir_rc table_put(weir_zone *table, weir_str key, const void *value, size_t n,
                         uint32_t ttl_ms)
{
    if (n > WEIR_TABLE_VALUE) {
        return WEIR_ERROR;
    }
    int at = row_of(table, key, true);

    (void)ttl_ms;
    memcpy(table->rows[at].value, value, n);
    table->rows[at].n = n;
    return WEIR_OK;
}

const weir_zone_api zone_api = {
    .size = sizeof(zone_api),
    .open = zone_open,
    .open_table = zone_open_table,
    .at = zone_at,
    .is_fresh = zone_is_fresh,
    .lock = zone_lock,
    .unlock = zone_unlock,
    .table_add = table_add,
    .table_get = table_get,
    .table_put = table_put,
};
