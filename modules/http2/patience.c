/* SPDX-License-Identifier: Apache-2.0 */
#include "http2.h"

#define PATIENCE_MAX 300.0
#define PATIENCE_PER_MS 0.05 /* 50 a second */

void http2_bear_init(struct h2 *h2)
{
    h2->patience = (struct patience){PATIENCE_MAX, weir_now_ms()};
}

bool http2_bear(struct h2 *h2, double cost)
{
    struct patience *p = &h2->patience;
    uint64_t now = weir_now_ms();

    if (h2->is_backend) {
        return true;
    }
    p->left += (double)(now - p->at_ms) * PATIENCE_PER_MS;
    p->left = p->left > PATIENCE_MAX ? PATIENCE_MAX : p->left;
    p->at_ms = now;
    p->left -= cost;
    if (p->left >= 0) {
        return true;
    }
    if (!h2->is_over) {
        h2->is_over = true;
        weir_log(WEIR_LOG_WARN, NULL, "http2: a client that resets, pings or dribbles too often "
                 "was sent away");
        nghttp2_session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    return false;
}
