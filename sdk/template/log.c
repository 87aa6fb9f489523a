/* SPDX-License-Identifier: Apache-2.0 */
/* NAME - writes a line for each request to the error log. */
#include <weir/module.h>

struct conf {
    const weir_template *line;
};

static const weir_opt options[] = {
    {.name = "line",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_LOG | WEIR_OPT_RESPONSE,
     .offset = offsetof(struct conf, line),
     .dflt = "$request_method $uri $status",
     .doc = "The line; may use all variables."},
};

static weir_rc on_log(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str line;

    weir_eval(req, conf->line, &line);
    weir_log(WEIR_LOG_WARN, req, "NAME: %.*s", (int)line.n, line.p);
    return WEIR_NEXT;
}

static const weir_hook hooks[] = {{.phase = WEIR_LOG, .fn = on_log}};

static const weir_module module = {
    WEIR_MODULE_HEAD("NAME", "0.1"),
    .doc = "Writes a line for each request to the error log.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
};

WEIR_MODULE(NAME, 1, "", module)
