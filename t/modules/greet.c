/* SPDX-License-Identifier: Apache-2.0 */
/* greet.c - a connection begins with a line "FROM address", which says who the client is. */
#include <string.h>
#include <weir/module.h>

static weir_rc on_accept(weir_conn *conn, const void *conf)
{
    static int count;

    (void)conf;
    *weir_conn_slot(conn) = &count;
    count++;
    return WEIR_NEXT;
}

static weir_rc on_preread(weir_conn *conn, const void *conf)
{
    weir_str bytes;
    weir_rc rc = weir_conn_preread(conn, &bytes);

    (void)conf;
    if (rc != WEIR_NEXT) {
        return rc;
    }
    const char *end = memchr(bytes.p, '\n', bytes.n);
    if (!end) {
        return bytes.n < 100 ? WEIR_WANT_READ : WEIR_HANDLED;
    }
    weir_str line = {bytes.p, (size_t)(end - bytes.p)};
    if (line.n < 5 || memcmp(line.p, "FROM ", 5) != 0 ||
        weir_conn_set_addr(conn, (weir_str){line.p + 5, line.n - 5}) != WEIR_OK) {
        return WEIR_HANDLED;
    }
    return weir_conn_consume(conn, line.n + 1);
}

static weir_rc on_close(weir_conn *conn, const void *conf)
{
    int *count = *weir_conn_slot(conn);

    (void)conf;
    weir_log(WEIR_LOG_WARN, NULL, "greet: %d connections are left", --*count);
    return WEIR_NEXT;
}

/* A request may say so, too. */
static weir_rc on_start(weir_req *req, const void *conf)
{
    weir_str value;

    (void)conf;
    if (weir_field_named(req, WEIR_REQUEST, WEIR_STR("X-From"), &value) == WEIR_OK &&
        weir_set_client_addr(req, value) != WEIR_OK) {
        return weir_reply(req, 400, WEIR_REASON_HTTP_REQUEST_ERROR, WEIR_STR(""), WEIR_STR(""),
                          "X-From is no address");
    }
    return WEIR_NEXT;
}

static const weir_hook hooks[] = {
    {.phase = WEIR_CONN_ACCEPT, .conn_fn = on_accept},
    {.phase = WEIR_CONN_PREREAD, .conn_fn = on_preread},
    {.phase = WEIR_CONN_CLOSE, .conn_fn = on_close},
    {.phase = WEIR_REQ_START, .fn = on_start},
};

static const weir_module module = {
    WEIR_MODULE_HEAD("greet", "1"),
    .doc = "Wants to be greeted.",
    .flags = WEIR_MODULE_TOP_ENABLES,
    .scopes = WEIR_S_ALL,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
};

WEIR_MODULE(greet, 3, "", module)
