/* SPDX-License-Identifier: Apache-2.0 */
/* echo - answers with the request as it came. A content handler. */
#include <weir/module.h>

static void add(weir_chain *body, weir_str text)
{
    weir_chain_copy(body, text.p, text.n);
}

static weir_rc start(weir_req *req, const void *conf)
{
    weir_chain *body = weir_body(req);
    weir_field fields[16];
    size_t n, from = 0;

    (void)conf;
    add(body, weir_get(req, WEIR_GET_METHOD));
    add(body, WEIR_STR(" "));
    add(body, weir_get(req, WEIR_GET_TARGET));
    add(body, WEIR_STR("\n"));
    while ((n = weir_fields(req, WEIR_REQUEST, fields, WEIR_COUNT(fields), from)) > 0) {
        for (size_t i = 0; i < n; i++) {
            add(body, fields[i].name);
            add(body, WEIR_STR(": "));
            add(body, fields[i].value);
            add(body, WEIR_STR("\n"));
        }
        from += n;
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_CONTENT_TYPE, WEIR_STR("text/plain"));
    return weir_respond(req, 200, (int64_t)weir_chain_bytes(body));
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("echo", "1.0"),
    .doc = "Answers with the request as it came.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .handler = &handler,
};

WEIR_MODULE(echo, 1, "handler", module)
