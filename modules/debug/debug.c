/* SPDX-License-Identifier: Apache-2.0 */
/* debug - answers with what weir knows of the request: for who wonders what arrives. It is nowhere
 * unless a site or route names it, and tells a client nothing but what that one has sent, and where it
 * has come out. */
#include <string.h>

#include <weir/module.h>

/* Text that grows in the request's memory. */
struct text {
    weir_req *req;
    char *p;
    size_t n, room;
};

static void put(struct text *text, weir_str s)
{
    if (text->n + s.n > text->room) {
        size_t room = 2 * (text->n + s.n);
        char *p = weir_alloc(text->req, room);

        if (text->n) {
            memcpy(p, text->p, text->n);
        }
        text->p = p;
        text->room = room;
    }
    if (s.n) {
        memcpy(text->p + text->n, s.p, s.n);
        text->n += s.n;
    }
}

static void put_line(struct text *text, weir_str name, const char *between, weir_str value)
{
    put(text, name);
    put(text, (weir_str){between, strlen(between)});
    put(text, value);
    put(text, WEIR_STR("\n"));
}

static const struct {
    const char *name; /* of one length, so that values stand in a column */
    weir_get_what what;
} facts[] = {
    {"client ", WEIR_GET_CLIENT_ADDR}, {"port   ", WEIR_GET_CLIENT_PORT},
    {"scheme ", WEIR_GET_SCHEME},      {"host   ", WEIR_GET_HOST},
    {"path   ", WEIR_GET_PATH},        {"query  ", WEIR_GET_QUERY},
    {"site   ", WEIR_GET_SITE},        {"route  ", WEIR_GET_ROUTE},
    {"request", WEIR_GET_ID},
};

/* The request as a backend would get it: after all that modules have done to its fields. */
static void put_request(struct text *text)
{
    weir_req *req = text->req;
    weir_field field;

    put(text, weir_get(req, WEIR_GET_METHOD));
    put_line(text, WEIR_STR(" "), "", weir_get(req, WEIR_GET_TARGET));
    for (size_t i = 0; weir_fields(req, WEIR_REQUEST, &field, 1, i) == 1; i++) {
        put_line(text, field.name, ": ", field.value);
    }
}

static weir_rc start(weir_req *req, const void *conf)
{
    struct text text = {.req = req};

    (void)conf;
    put_request(&text);
    put(&text, WEIR_STR("\n"));
    for (size_t i = 0; i < WEIR_COUNT(facts); i++) {
        put_line(&text, (weir_str){facts[i].name, strlen(facts[i].name)}, "  ",
                 weir_get(req, facts[i].what));
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_CACHE_CONTROL, WEIR_STR("no-store"));
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_X_CONTENT_TYPE_OPTIONS,
                    WEIR_STR("nosniff"));
    return weir_reply(req, 200, WEIR_REASON_CONFIGURED, WEIR_STR("text/plain"),
                      (weir_str){text.p, text.n}, NULL);
}

static const weir_handler_ops handler = {.size = sizeof(handler), .start = start};

static const weir_module module = {
    WEIR_MODULE_HEAD("debug", "1.0"),
    .doc = "Answers with what weir knows of the request.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .handler = &handler,
};

WEIR_MODULE(debug, 1, "handler", module)
