/* SPDX-License-Identifier: Apache-2.0 */
/* params.c - the CGI variables of a request (RFC 3875, 4.1), as FastCGI writes them. */
#include "fastcgi.h"

#include <string.h>
#include <strings.h>

#define FIELDS_AT_ONCE 16
#define PAIRS_MAX 32 /* of our own */

struct pairs {
    weir_str names[PAIRS_MAX], values[PAIRS_MAX];
    size_t n;
};

static void add(struct pairs *pairs, const char *name, weir_str value)
{
    pairs->names[pairs->n] = (weir_str){name, strlen(name)};
    pairs->values[pairs->n++] = value;
}

static size_t put_length(char *at, size_t n)
{
    if (n < 128) {
        at[0] = (char)n;
        return 1;
    }
    at[0] = (char)(n >> 24 | 0x80);
    at[1] = (char)(n >> 16);
    at[2] = (char)(n >> 8);
    at[3] = (char)n;
    return 4;
}

size_t params_put(char *at, weir_str name, weir_str value)
{
    size_t n = put_length(at, name.n);

    n += put_length(at + n, value.n);
    memcpy(at + n, name.p, name.n);
    if (value.n) {
        memcpy(at + n + name.n, value.p, value.n);
    }
    return n + name.n + value.n;
}

static weir_str field(const weir_req *req, uint32_t id)
{
    weir_str value = {NULL, 0};

    weir_field_get(req, WEIR_REQUEST, id, &value);
    return value;
}

/* The usual ones; what `params` of the configuration names replaces them. */
static void add_usual(struct pairs *pairs, weir_req *req, const struct fastcgi_conf *conf,
                      const struct script *script)
{
    bool is_https = weir_get(req, WEIR_GET_SCHEME).n == 5;

    add(pairs, "GATEWAY_INTERFACE", WEIR_STR("CGI/1.1"));
    add(pairs, "SERVER_SOFTWARE", WEIR_STR("weir"));
    add(pairs, "SERVER_PROTOCOL", weir_get(req, WEIR_GET_PROTOCOL));
    add(pairs, "SERVER_NAME", weir_get(req, WEIR_GET_HOST));
    add(pairs, "REQUEST_METHOD", weir_get(req, WEIR_GET_METHOD));
    add(pairs, "REQUEST_SCHEME", weir_get(req, WEIR_GET_SCHEME));
    add(pairs, "REQUEST_URI", weir_get(req, WEIR_GET_TARGET));
    add(pairs, "QUERY_STRING", weir_get(req, WEIR_GET_QUERY));
    add(pairs, "CONTENT_TYPE", field(req, WEIR_F_CONTENT_TYPE));
    add(pairs, "DOCUMENT_ROOT", conf->root);
    add(pairs, "DOCUMENT_URI", weir_get(req, WEIR_GET_PATH));
    add(pairs, "SCRIPT_NAME", script->name);
    add(pairs, "SCRIPT_FILENAME", script->filename);
    add(pairs, "PATH_INFO", script->path_info);
    add(pairs, "REMOTE_ADDR", weir_get(req, WEIR_GET_CLIENT_ADDR));
    add(pairs, "REMOTE_PORT", weir_get(req, WEIR_GET_CLIENT_PORT));
    add(pairs, "REDIRECT_STATUS", WEIR_STR("200")); /* php-cgi refuses to run without it */
    if (is_https) {
        add(pairs, "HTTPS", WEIR_STR("on"));
    }
}

static bool is_configured(const struct fastcgi_conf *conf, weir_str name)
{
    for (size_t i = 0; i < conf->params.n; i++) {
        if (conf->params.keys[i].n == name.n && memcmp(conf->params.keys[i].p, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

/* "Proxy" would become HTTP_PROXY, which programs take for their own proxy setting; a name with
 * '_' could pass for another one with '-', since both become '_'. */
static bool becomes_param(const weir_field *f)
{
    return f->id != WEIR_F_CONTENT_LENGTH && f->id != WEIR_F_CONTENT_TYPE &&
           f->id != WEIR_F_TRANSFER_ENCODING && f->id != WEIR_F_CONNECTION &&
           !(f->name.n == 5 && strncasecmp(f->name.p, "proxy", 5) == 0) &&
           !memchr(f->name.p, '_', f->name.n);
}

/* HTTP_ACCEPT_LANGUAGE of Accept-Language. */
static weir_str variable_name(weir_req *req, weir_str name)
{
    char *text = (char *)weir_alloc(req, name.n + 5);

    memcpy(text, "HTTP_", 5);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        text[5 + i] = (char)(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 32 : c);
    }
    return (weir_str){text, name.n + 5};
}

static bool same_name(weir_str a, weir_str b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* Fields of one name are one variable: joined by ", ", cookies by "; ". */
static weir_str joined(weir_req *req, const weir_field *list, size_t n, size_t at)
{
    weir_str text = list[at].value;

    for (size_t i = at + 1; i < n; i++) {
        if (same_name(list[i].name, list[at].name)) {
            weir_str more = list[i].value;
            char *both = (char *)weir_alloc(req, text.n + more.n + 2);

            memcpy(both, text.p, text.n);
            memcpy(both + text.n, list[i].id == WEIR_F_COOKIE ? "; " : ", ", 2);
            memcpy(both + text.n + 2, more.p, more.n);
            text = (weir_str){both, text.n + more.n + 2};
        }
    }
    return text;
}

static bool is_repeated(const weir_field *list, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (same_name(list[i].name, list[at].name)) {
            return true;
        }
    }
    return false;
}

static size_t all_fields(weir_req *req, weir_field **list)
{
    size_t n = 0, got, cap = FIELDS_AT_ONCE;

    *list = (weir_field *)weir_alloc(req, cap * sizeof(**list));
    while ((got = weir_fields(req, WEIR_REQUEST, *list + n, cap - n, n)) == cap - n) {
        weir_field *more = (weir_field *)weir_alloc(req, 2 * cap * sizeof(**list));

        memcpy(more, *list, cap * sizeof(**list));
        n = cap;
        cap *= 2;
        *list = more;
    }
    return n + got;
}

static size_t fields_bytes(const weir_field *list, size_t n)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++) {
        bytes += list[i].name.n + list[i].value.n + 5 + 8 + 2;
    }
    return bytes;
}

void params_make(weir_req *req, const struct fastcgi_conf *conf, const struct script *script,
                 struct fastcgi_request *out)
{
    struct pairs pairs = {.n = 0};
    weir_field *fields;
    size_t field_n = all_fields(req, &fields);
    size_t bytes = fields_bytes(fields, field_n);
    weir_str *values = (weir_str *)weir_alloc(req, (conf->params.n + 1) * sizeof(*values));
    const weir_template *const *templates = (const weir_template *const *)conf->params.items;

    add_usual(&pairs, req, conf, script);
    for (size_t i = 0; i < pairs.n; i++) {
        bytes += pairs.names[i].n + pairs.values[i].n + 8;
    }
    for (size_t i = 0; i < conf->params.n; i++) {
        weir_eval(req, templates[i], &values[i]);
        bytes += conf->params.keys[i].n + values[i].n + 8;
    }
    char *text = (char *)weir_alloc(req, bytes), *at = text;
    for (size_t i = 0; i < pairs.n; i++) {
        if (!is_configured(conf, pairs.names[i])) {
            at += params_put(at, pairs.names[i], pairs.values[i]);
        }
    }
    for (size_t i = 0; i < field_n; i++) {
        if (becomes_param(&fields[i]) && !is_repeated(fields, i)) {
            at += params_put(at, variable_name(req, fields[i].name),
                             joined(req, fields, field_n, i));
        }
    }
    for (size_t i = 0; i < conf->params.n; i++) {
        at += params_put(at, conf->params.keys[i], values[i]);
    }
    out->params = text;
    out->params_n = (size_t)(at - text);
}
