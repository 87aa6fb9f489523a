/* SPDX-License-Identifier: Apache-2.0 */
/* NAME - answers requests itself. */
#include <weir/module.h>

struct conf {
    const weir_template *text;
};

static const weir_opt options[] = {
    {.name = "text",
     .type = WEIR_T_TEMPLATE,
     .offset = offsetof(struct conf, text),
     .dflt = "Hello from $host",
     .doc = "What it answers."},
};

static weir_rc start(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str text;

    weir_eval(req, conf->text, &text);
    return weir_reply(req, 200, WEIR_REASON_CONFIGURED, WEIR_STR("text/plain"), text, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("NAME", "0.1"),
    .doc = "Answers requests itself.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .handler = &handler,
};

WEIR_MODULE(NAME, 1, "handler", module)
