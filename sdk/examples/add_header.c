/* SPDX-License-Identifier: Apache-2.0 */
/* add_header - adds a header field to responses. The shortest module that does something. */
#include <weir/module.h>

struct conf {
    weir_str name;
    const weir_template *value;
};

static const weir_opt options[] = {
    {.name = "name",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, name),
     .dflt = "X-Served-By",
     .doc = "The field."},
    {.name = "value",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_RESPONSE, /* so that $status may be used */
     .offset = offsetof(struct conf, value),
     .dflt = "weir",
     .doc = "Its value."},
};

/* Runs for every response, errors included. */
static weir_rc on_response(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str value;

    weir_eval(req, conf->value, &value); /* lives as long as the request, as weir_edit() wants it */
    return weir_edit(req, WEIR_RESPONSE, WEIR_SET, conf->name, value);
}

static const weir_hook hooks[] = {{.phase = WEIR_RES_START, .fn = on_response}};

static const weir_module module = {
    WEIR_MODULE_HEAD("add_header", "1.0"),
    .doc = "Adds a header field to responses.",
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
};

WEIR_MODULE(add_header, 1, "", module)
