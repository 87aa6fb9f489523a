/* SPDX-License-Identifier: Apache-2.0 */
/* NAME - refuses requests that lack a certain header field. */
#include <weir/module.h>

struct conf {
    weir_str field;
};

static const weir_opt options[] = {
    {.name = "field",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, field),
     .dflt = "X-Key",
     .doc = "The field that requests need."},
};

static weir_rc on_access(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str value, none = {NULL, 0};

    if (weir_field_named(req, WEIR_REQUEST, conf->field, &value) == WEIR_OK) {
        return WEIR_NEXT;
    }
    return weir_reply(req, 403, WEIR_REASON_ACCESS_DENIED, none, none,
                      "NAME: the request lacks the field that its option `field` names");
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("NAME", "0.1"),
    .doc = "Refuses requests that lack a certain header field.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
};

WEIR_MODULE(NAME, 1, "", module)
