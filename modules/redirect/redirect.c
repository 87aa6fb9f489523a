/* SPDX-License-Identifier: Apache-2.0 */
/* redirect - answers with another address. */
#include <weir/module.h>

#include <string.h>

struct conf {
    const weir_template *to;
    int64_t status;
};

static const weir_opt opts[] = {
    {
        .name = "to",
        .type = WEIR_T_TEMPLATE,
        .flags = WEIR_OPT_REQUIRED,
        .offset = offsetof(struct conf, to),
        .doc = "Where the client is sent; becomes the Location field.",
        .example = "https://$host$request_uri",
    },
    {
        .name = "status",
        .type = WEIR_T_INT,
        .offset = offsetof(struct conf, status),
        .dflt = "302",
        .min = 301,
        .max = 308,
        .doc = "301, 302, 303, 307 or 308; 307 and 308 keep the method.",
        .example = "301",
    },
};

static void check(weir_cfg *cfg, void *arg)
{
    const struct conf *conf = arg;

    if (conf->status >= 304 && conf->status <= 306) {
        weir_cfg_error(cfg, "status", "%lld is not a redirection: expected 301, 302, 303, 307 or "
                                      "308",
                       (long long)conf->status);
    }
}

/* What may not stand in a URI as it is (RFC 3986, 2). '%' may: the text is partly escaped already,
 * as $request_uri is. */
static bool needs_escape(unsigned char c)
{
    return c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c);
}

/* Variables such as $uri are decoded, so their bytes may need escaping again. */
static weir_str escape(weir_req *req, weir_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        n += needs_escape((unsigned char)text.p[i]);
    }
    if (n == 0) {
        return text;
    }
    char *p = weir_alloc(req, text.n + 2 * n);
    char *at = p;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (needs_escape(c)) {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        } else {
            *at++ = (char)c;
        }
    }
    return (weir_str){p, (size_t)(at - p)};
}

static bool has_line_break(weir_str text)
{
    return text.n && (memchr(text.p, '\r', text.n) || memchr(text.p, '\n', text.n));
}

static weir_rc start(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str none = {NULL, 0};
    weir_str to;

    if (weir_eval(req, conf->to, &to) != WEIR_OK || to.n == 0) {
        return weir_reply(req, 500, WEIR_REASON_PROXY_CONFIGURATION_ERROR, none, none,
                          "redirect.to is empty for this request");
    }
    if (has_line_break(to)) {
        return weir_reply(req, 400, WEIR_REASON_HTTP_REQUEST_ERROR, none, none,
                          "the address to redirect to would have a line break in it");
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_LOCATION, escape(req, to));
    return weir_reply(req, (uint32_t)conf->status, WEIR_REASON_CONFIGURED, none, none, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("redirect", "1.0"),
    .doc = "Answers with another address.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .handler = &handler,
};

WEIR_MODULE(redirect, 1, "handler", module)
