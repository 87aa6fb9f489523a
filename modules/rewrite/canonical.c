/* SPDX-License-Identifier: Apache-2.0 */
#include "canonical.h"

#include <string.h>
#include <strings.h>

enum {
    SLASH_KEEP,
    SLASH_ADD,
    SLASH_REMOVE
};
static const char *const slashes[] = {"keep", "add", "remove", NULL};

const weir_opt canonical_opts[CANONICAL_OPTS] = {
    {.name = "host",
     .type = WEIR_T_STR,
     .offset = offsetof(struct canonical, host),
     .doc = "The name at which clients have to ask, those at the site's other names are sent there; "
            "with a port, or with the one at which they ask.",
     .example = "host = \"www.example.com\";"},
    {.name = "slash",
     .type = WEIR_T_ENUM,
     .names = slashes,
     .offset = offsetof(struct canonical, slash),
     .dflt = "keep",
     .doc = "\"add\": paths end with a slash, but for those with a dot in the last segment; \"remove\": "
            "none does but \"/\"."},
    {.name = "status",
     .type = WEIR_T_INT,
     .offset = offsetof(struct canonical, status),
     .dflt = "308",
     .min = 301,
     .max = 308,
     .doc = "301, 302, 307 or 308; 307 and 308 keep the method."},
};

/* ---- the host ---- */

static bool is_at_host(const weir_req *req, weir_str host)
{
    weir_str asked = memchr(host.p, ':', host.n) ? weir_get(req, WEIR_GET_AUTHORITY)
                                                 : weir_get(req, WEIR_GET_HOST);

    return asked.n == host.n && strncasecmp(asked.p, host.p, host.n) == 0;
}

/* ":8080" at which the client asks, or nothing. */
static weir_str port_of(weir_str authority)
{
    for (size_t i = authority.n; i > 0 && authority.p[i - 1] != ']'; i--) {
        if (authority.p[i - 1] == ':') {
            return (weir_str){authority.p + i - 1, authority.n - i + 1};
        }
    }
    return WEIR_STR("");
}

/* ---- the path ---- */

static bool has_dot_in_last_segment(weir_str path)
{
    for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--) {
        if (path.p[i - 1] == '.') {
            return true;
        }
    }
    return false;
}

/* The path as it should be; *slash is what goes behind it. */
static weir_str canonical_path(weir_str path, uint32_t rule, weir_str *slash)
{
    bool ends = path.n && path.p[path.n - 1] == '/';

    *slash = WEIR_STR("");
    if (rule == SLASH_ADD && !ends && !has_dot_in_last_segment(path)) {
        *slash = WEIR_STR("/");
    }
    while (rule == SLASH_REMOVE && path.n > 1 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    return path;
}

/* ---- the redirect ---- */

static weir_str join(weir_req *req, const weir_str *parts, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++) {
        size += parts[i].n;
    }
    char *text = weir_alloc(req, size + 1), *at = text;
    for (size_t i = 0; i < n; i++) {
        if (parts[i].n) {
            memcpy(at, parts[i].p, parts[i].n);
            at += parts[i].n;
        }
    }
    return (weir_str){text, size};
}

weir_rc canonical_redirect(weir_req *req, const struct canonical *canonical)
{
    const weir_str none = {NULL, 0}, target = weir_get(req, WEIR_GET_TARGET),
                   raw = weir_get(req, WEIR_GET_RAW_PATH);
    const weir_str query = {raw.p + raw.n, target.n - raw.n}; /* with its '?' */
    bool moves = canonical->host.n && !is_at_host(req, canonical->host);
    weir_str slash, path = canonical_path(raw, canonical->slash, &slash), to;

    if (!moves && path.n == raw.n && slash.n == 0) {
        return WEIR_NEXT;
    }
    if (moves) {
        bool has_port = memchr(canonical->host.p, ':', canonical->host.n);
        const weir_str parts[] = {weir_client_scheme(req), WEIR_STR("://"), canonical->host,
                                  has_port ? none : port_of(weir_get(req, WEIR_GET_AUTHORITY)),
                                  path, slash, query};

        to = join(req, parts, WEIR_COUNT(parts));
    } else {
        while (path.n > 1 && path.p[1] == '/') { /* "//host" would be another host's address */
            path.p++;
            path.n--;
        }
        const weir_str parts[] = {path, slash, query};

        to = join(req, parts, WEIR_COUNT(parts));
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_LOCATION, to);
    return weir_reply(req, (uint32_t)canonical->status, WEIR_REASON_CONFIGURED, none, none, NULL);
}

/* ---- configuration ---- */

void canonical_check(weir_cfg *cfg, const struct canonical *canonical)
{
    if (canonical->host.n && strcspn(canonical->host.p, "/ $@?#") != canonical->host.n) {
        weir_cfg_error(cfg, "canonical.host",
                       "\"%s\": expected a host name, and a port if one has to be in the address",
                       canonical->host.p);
    }
    if (canonical->status >= 303 && canonical->status <= 306) {
        weir_cfg_error(cfg, "canonical.status", "%lld: expected 301, 302, 307 or 308",
                       (long long)canonical->status);
    }
}
