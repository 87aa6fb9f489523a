/* SPDX-License-Identifier: Apache-2.0 */
/* backend.c - the role towards backends: requests that weir makes. */
#include "http2.h"

#define STREAMS_MAX 1000 /* on one connection, whatever the backend says */

/* A backend that has said GOAWAY, or a connection whose numbers are used up, takes no more. */
uint32_t http2_limit(void *state)
{
    const struct h2 *h2 = state;
    uint32_t most;

    if (!h2->has_settings || !nghttp2_session_check_request_allowed(h2->session)) {
        return 0;
    }
    most = nghttp2_session_get_remote_settings(h2->session,
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return most < STREAMS_MAX ? most : STREAMS_MAX;
}

bool http2_allows_connect(void *state)
{
    const struct h2 *h2 = state;

    return nghttp2_session_get_remote_settings(h2->session,
                                               NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

weir_rc http2_request(void *state, weir_stream *stream, const weir_stream_head *head, uint32_t *id)
{
    struct h2 *h2 = state;
    nghttp2_data_provider body = http2_body();
    nghttp2_nv list[FIELDS_MAX + 5];
    size_t n = 0;

    if (head->field_n > FIELDS_MAX) {
        return WEIR_ERROR;
    }
    list[n++] = http2_pair(WEIR_STR(":method"), head->method, NGHTTP2_NV_FLAG_NONE);
    list[n++] = http2_pair(WEIR_STR(":scheme"), head->scheme, NGHTTP2_NV_FLAG_NONE);
    list[n++] = http2_pair(WEIR_STR(":authority"), head->authority, NGHTTP2_NV_FLAG_NONE);
    list[n++] = http2_pair(WEIR_STR(":path"), head->path, NGHTTP2_NV_FLAG_NONE);
    if (head->protocol.n) {
        list[n++] = http2_pair(WEIR_STR(":protocol"), head->protocol, NGHTTP2_NV_FLAG_NONE);
    }
    for (size_t i = 0; i < head->field_n; i++) {
        list[n++] = http2_pair(head->fields[i].name, head->fields[i].value, NGHTTP2_NV_FLAG_NONE);
    }
    int32_t made = nghttp2_submit_request(h2->session, NULL, list, n, head->ended ? NULL : &body,
                                          stream);
    if (made < 0) {
        return WEIR_ERROR;
    }
    *id = (uint32_t)made;
    return WEIR_OK;
}

/* nghttp2 keeps a request that waits to be sent by its number, too: both calls reach it there. */
void http2_leave(void *state, uint32_t id, uint32_t why)
{
    struct h2 *h2 = state;

    nghttp2_session_set_stream_user_data(h2->session, (int32_t)id, NULL);
    if (nghttp2_session_get_stream_local_close(h2->session, (int32_t)id) != 1 ||
        nghttp2_session_get_stream_remote_close(h2->session, (int32_t)id) != 1) {
        nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, (int32_t)id, why);
    }
}
