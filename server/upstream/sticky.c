/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/sticky.h"

#include "base/str.h"
#include "http/fields.h"
#include "http/request.h"

#include <stdio.h>

#define ID_DIGITS 16

/* Not the address itself, which is nobody's business. */
static void print_id(const struct weir_peer *peer, char out[ID_DIGITS + 1])
{
    snprintf(out, ID_DIGITS + 1, "%016llx", (unsigned long long)peer->id);
}

struct weir_peer *sticky_peer(const struct upstream_group *group, const struct weir_req *req)
{
    weir_str value = fields_cookie(&req->fields[WEIR_REQUEST], group->conf->sticky_cookie);
    char id[ID_DIGITS + 1];

    if (value.n != ID_DIGITS) {
        return NULL;
    }
    for (uint32_t i = 0; i < group->peer_n; i++) {
        print_id(group->peers[i], id);
        if (memcmp(id, value.p, ID_DIGITS) == 0) {
            return group->peers[i];
        }
    }
    return NULL;
}

void sticky_mark(const struct weir_peer *peer, struct weir_req *req, struct fields *fields)
{
    const struct upstream_conf *conf = peer->group->conf;
    char id[ID_DIGITS + 1], age[40] = "";

    if (sticky_peer(peer->group, req) == peer) {
        return;
    }
    if (conf->sticky_ttl_ms) {
        snprintf(age, sizeof(age), "; Max-Age=%llu",
                 (unsigned long long)(conf->sticky_ttl_ms / 1000));
    }
    print_id(peer, id);
    weir_str value = arena_printf(&req->arena, "%.*s=%s; Path=/; HttpOnly; SameSite=Lax%s%s",
                                  (int)conf->sticky_cookie.n, conf->sticky_cookie.p, id, age,
                                  req->listener->tls ? "; Secure" : "");
    fields_add(fields, WEIR_F_SET_COOKIE, field_name(WEIR_F_SET_COOKIE), value, 0);
}
