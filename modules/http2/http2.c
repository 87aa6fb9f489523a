/* SPDX-License-Identifier: Apache-2.0 */
/* http2.c - the module: options, and the codec's table. Begin to read at http2.h. */
#include "http2.h"

#include <stdlib.h>

#define DRAIN_MS 1000 /* between the notice and the last word of a graceful end */
#define BACKEND_WINDOW (16 * 1024 * 1024) /* of a connection; each stream has its own below that */

static const weir_opt options[] = {
    {.name = "max_streams",
     .type = WEIR_T_INT,
     .offset = offsetof(struct http2_conf, max_streams),
     .dflt = "128",
     .min = 1,
     .max = 100000,
     .doc = "Requests at a time on one connection."},
    {.name = "max_header_list",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct http2_conf, max_header_list),
     .dflt = "64k",
     .min = 1024,
     .doc = "Largest head, unpacked, that is read at all; client.max_header decides before."},
    {.name = "window",
     .type = WEIR_T_SIZE,
     .offset = offsetof(struct http2_conf, window),
     .dflt = "256k",
     .min = 65535,
     .max = 16 * 1024 * 1024,
     .doc = "Bytes of a request body that a client may be ahead of its backend."},
    {.name = "cleartext",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct http2_conf, cleartext),
     .dflt = "false",
     .doc = "Takes HTTP/2 on plain ports, too, from clients that begin with it."},
    {.name = "upgrade",
     .type = WEIR_T_BOOL,
     .offset = offsetof(struct http2_conf, upgrade),
     .dflt = "false",
     .doc = "Takes it there from clients that begin with HTTP/1.1 and Upgrade: h2c."},
};

/* ---- the codec ---- */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *session_option;

static bool prepare(void)
{
    if (callbacks) {
        return true;
    }
    if (nghttp2_session_callbacks_new(&callbacks) != 0 ||
        nghttp2_option_new(&session_option) != 0) {
        return false;
    }
    http2_set_input(callbacks);
    http2_set_output(callbacks);
    nghttp2_option_set_no_auto_window_update(session_option, 1);
    nghttp2_option_set_builtin_recv_extension_type(session_option, NGHTTP2_PRIORITY_UPDATE);
    nghttp2_option_set_no_closed_streams(session_option, 1);
    return true;
}

static void http2_close(void *state)
{
    struct h2 *h2 = state;

    http2_head_begin(h2);
    nghttp2_session_del(h2->session);
    free(h2);
}

static struct h2 *create(weir_conn *conn, const struct http2_conf *conf)
{
    static const struct http2_conf defaults = {128, 65536, 262144, false, false};
    struct h2 *h2 = prepare() ? calloc(1, sizeof(*h2)) : NULL;

    if (h2) {
        h2->conn = conn;
        h2->conf = conf ? conf : &defaults;
        http2_bear_init(h2);
    }
    return h2;
}

static void *http2_open(weir_conn *conn, const void *conf)
{
    struct h2 *h2 = create(conn, conf);

    if (!h2 || nghttp2_session_server_new2(&h2->session, callbacks, h2, session_option) != 0) {
        free(h2);
        return NULL;
    }
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)h2->conf->max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)h2->conf->window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h2->conf->max_header_list},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, WEIR_COUNT(settings));
    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                          (int32_t)(4 * h2->conf->window));
    return h2;
}

static void *http2_connect(weir_conn *conn)
{
    struct h2 *h2 = create(conn, NULL);

    if (!h2 || nghttp2_session_client_new2(&h2->session, callbacks, h2, session_option) != 0) {
        free(h2);
        return NULL;
    }
    h2->is_backend = true;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)h2->conf->window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h2->conf->max_header_list},
    };
    nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings, WEIR_COUNT(settings));
    nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0, BACKEND_WINDOW);
    return h2;
}

static weir_rc http2_head(void *state, uint32_t stream, uint32_t status, const weir_field *fields,
                          size_t n, uint32_t flags)
{
    struct h2 *h2 = state;
    nghttp2_nv few[64];
    nghttp2_nv *list = n < WEIR_COUNT(few) ? few : calloc(n + 1, sizeof(*list));
    nghttp2_data_provider body = http2_body();
    char digits[3] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10)};
    uint8_t no_copy = flags & WEIR_HEAD_INTERIM ? 0 : NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    int rc;

    if (!list) {
        return WEIR_ERROR;
    }
    list[0] = http2_pair(WEIR_STR(":status"), (weir_str){digits, 3}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    for (size_t i = 0; i < n; i++) {
        list[i + 1] = http2_pair(fields[i].name, fields[i].value, no_copy);
    }
    if (flags & WEIR_HEAD_INTERIM) {
        rc = nghttp2_submit_headers(h2->session, NGHTTP2_FLAG_NONE, (int32_t)stream, NULL, list,
                                    n + 1, NULL);
    } else {
        rc = nghttp2_submit_response(h2->session, (int32_t)stream, list, n + 1,
                                     flags & WEIR_HEAD_ENDS ? NULL : &body);
    }
    if (list != few) {
        free(list);
    }
    return rc == 0 ? WEIR_OK : WEIR_ERROR;
}

static void http2_resume(void *state, uint32_t stream)
{
    struct h2 *h2 = state;

    nghttp2_session_resume_data(h2->session, (int32_t)stream);
}

static void http2_consumed(void *state, uint32_t stream, size_t n)
{
    struct h2 *h2 = state;

    nghttp2_session_consume(h2->session, (int32_t)stream, n);
}

static void http2_reset(void *state, uint32_t stream, uint32_t why)
{
    struct h2 *h2 = state;

    nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, (int32_t)stream, why);
}

static void http2_drain(void *state)
{
    struct h2 *h2 = state;

    if (h2->is_backend) {
        nghttp2_session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
    } else if (h2->drain_at_ms == 0) {
        h2->drain_at_ms = weir_now_ms() + DRAIN_MS;
        nghttp2_submit_shutdown_notice(h2->session);
    } else if (h2->drain_at_ms != UINT64_MAX) {
        h2->drain_at_ms = weir_now_ms();
    }
}

static bool http2_is_cleartext(const void *conf)
{
    return ((const struct http2_conf *)conf)->cleartext;
}

static bool http2_takes_upgrade(const void *conf)
{
    return ((const struct http2_conf *)conf)->upgrade;
}

static const weir_codec_ops codec = {
    .size = sizeof(codec),
    .name = "http2",
    .alpn = "h2",
    .preface = NGHTTP2_CLIENT_MAGIC,
    .open = http2_open,
    .is_cleartext = http2_is_cleartext,
    .input = http2_input,
    .output = http2_output,
    .head = http2_head,
    .resume = http2_resume,
    .consumed = http2_consumed,
    .reset = http2_reset,
    .drain = http2_drain,
    .close = http2_close,
    .connect = http2_connect,
    .limit = http2_limit,
    .allows_connect = http2_allows_connect,
    .request = http2_request,
    .leave = http2_leave,
    .upgrade_name = NGHTTP2_CLEARTEXT_PROTO_VERSION_ID,
    .takes_upgrade = http2_takes_upgrade,
    .upgrade = http2_upgrade,
};

static const weir_module module = {
    WEIR_MODULE_HEAD("http2", "0.1"),
    .doc = "HTTP/2 for clients, and towards h2:// and h2s:// backends.",
    .scopes = WEIR_S_SITE,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct http2_conf),
    .codec = &codec,
};

WEIR_MODULE(http2, 3, "codec codec:h2", module)
