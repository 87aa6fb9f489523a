/* SPDX-License-Identifier: Apache-2.0 */
/* respond - answers with a text from the configuration. */
#include <weir/module.h>

struct conf {
    int64_t status;
    const weir_template *text;
    weir_str type;
};

static const weir_opt opts[] = {
    {
        .name = "status",
        .type = WEIR_T_INT,
        .offset = offsetof(struct conf, status),
        .dflt = "200",
        .min = 200,
        .max = 599,
        .doc = "The status of the answer.",
        .example = "410",
    },
    {
        .name = "text",
        .type = WEIR_T_TEMPLATE,
        .offset = offsetof(struct conf, text),
        .doc = "The body.",
        .example = "hello $remote_addr",
    },
    {
        .name = "type",
        .type = WEIR_T_STR,
        .offset = offsetof(struct conf, type),
        .dflt = "text/plain",
        .doc = "The body's media type.",
        .example = "application/json",
    },
};

static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;

    for (size_t i = 0; i < conf->type.n; i++) {
        unsigned char c = (unsigned char)conf->type.p[i];

        if (c < ' ' || c == 0x7f) {
            weir_cfg_error(cfg, "type", "a control character in a media type: expected something "
                                        "like \"text/plain\"");
            return;
        }
    }
}

static weir_rc start(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str none = {NULL, 0};
    weir_str text;

    weir_rc rc = weir_eval(req, conf->text, &text);
    if (rc != WEIR_OK) {
        return rc;
    }
    return weir_reply(req, (uint32_t)conf->status, WEIR_REASON_CONFIGURED,
                      text.n ? conf->type : none, text, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("respond", "1.0"),
    .doc = "Answers with a text from the configuration.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .handler = &handler,
};

WEIR_MODULE(respond, 1, "handler", module)
