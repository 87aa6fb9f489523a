/* SPDX-License-Identifier: Apache-2.0 */
/* purging.c - requests that remove: the method of `purge`, and methods that change what is stored
 * (RFC 9111, 4.4). See state.h. */
#include <string.h>

#include "invalidation.h"
#include "state.h"
#include "words.h"

static weir_rc reply(struct state *s, uint32_t status, const char *text)
{
    s->plan = PLAN_NONE;
    return weir_reply(s->req, status,
                      status < 400 ? WEIR_REASON_CONFIGURED : WEIR_REASON_ACCESS_DENIED,
                      WEIR_STR("text/plain"), (weir_str){text, strlen(text)},
                      status < 400 ? NULL : "purge.from does not have the client's address");
}

static bool is_allowed(struct state *s)
{
    weir_str address = weir_get(s->req, WEIR_GET_CLIENT_ADDR);

    for (uint32_t i = 0; i < s->conf->network_n; i++) {
        if (network_has(&s->conf->networks[i], address)) {
            return true;
        }
    }
    return false;
}

/* A target that ends with "*" is a prefix, one with others a wildcard; `Cache-Tag` or `xkey` name tags instead; "Soft-Purge: 1"
 * keeps what is hit until it is validated. */
weir_rc purge_request(struct state *s)
{
    weir_str target = weir_get(s->req, WEIR_GET_TARGET), tags, tag, soft;
    bool is_soft;

    if (!is_allowed(s)) {
        return reply(s, 403, "purging is not allowed from here\n");
    }
    is_soft = weir_field_named(s->req, WEIR_REQUEST, WEIR_STR("Soft-Purge"), &soft) == WEIR_OK &&
              !word_is(soft, WEIR_STR("0"));
    if (weir_field_named(s->req, WEIR_REQUEST, WEIR_STR("Cache-Tag"), &tags) == WEIR_OK ||
        weir_field_named(s->req, WEIR_REQUEST, WEIR_STR("xkey"), &tags) == WEIR_OK) {
        while (list_next(&tags, &tag)) {
            store_purge(s->store, PURGE_TAG, tag, is_soft);
        }
        return reply(s, 200, "purged by tag\n");
    }
    weir_str url = request_url(s, target);
    enum purge_kind kind = purge_kind_of(&url);
    store_purge(s->store, kind, url, is_soft);
    return reply(s, 200, kind == PURGE_URL      ? "purged\n"
                         : kind == PURGE_PREFIX ? "purged by prefix\n"
                                                : "purged by wildcard\n");
}

/* ---- methods that change things ---- */

static void invalidate_field(struct state *s, uint32_t id)
{
    weir_str location, path;

    if (weir_field_get(s->req, WEIR_RESPONSE, id, &location) != WEIR_OK) {
        return;
    }
    weir_str target = weir_get(s->req, WEIR_GET_TARGET);
    char *out = weir_alloc(s->req, location.n + target.n + 1);
    if (invalidation_target(location, weir_get(s->req, WEIR_GET_SCHEME),
                            weir_get(s->req, WEIR_GET_AUTHORITY), target, out, &path)) {
        store_purge(s->store, PURGE_URL, request_url(s, path), false);
    }
}

void purge_invalidated(struct state *s)
{
    if (method_is_safe(s->method) || !status_invalidates(weir_status(s->req))) {
        return;
    }
    store_invalidate(s->store, s->primary);
    store_invalidate(s->store, id_of(part_key(s, s->key), (weir_str){NULL, 0}));
    invalidate_field(s, WEIR_F_LOCATION);
    invalidate_field(s, WEIR_F_CONTENT_LOCATION);
}
