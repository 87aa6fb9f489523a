/* SPDX-License-Identifier: Apache-2.0 */
/* upper - makes texts of responses upper-case. A body filter. */
#include <weir/module.h>

#include <string.h>

/* Takes part in texts alone. */
static weir_rc filter_open(weir_req *req, const void *conf, void **state)
{
    weir_str type;

    (void)conf;
    (void)state; /* the filter keeps nothing from call to call */
    weir_field_get(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, &type);
    return type.n >= 5 && memcmp(type.p, "text/", 5) == 0 ? WEIR_DONE : WEIR_NEXT;
}

/* Takes what has come, as far as there is room for it. */
static weir_rc filter_run(weir_req *req, void *state, weir_chain *in, weir_chain *out,
                          uint32_t flags)
{
    weir_str bytes;

    (void)req;
    (void)state;
    (void)flags;
    while (weir_chain_first(in, &bytes)) {
        size_t got;
        char *to = weir_chain_reserve(out, bytes.n, &got);

        if (got == 0) {
            return WEIR_MORE; /* called again when the client has taken some */
        }
        size_t n = got < bytes.n ? got : bytes.n;
        for (size_t i = 0; i < n; i++) {
            to[i] = bytes.p[i] >= 'a' && bytes.p[i] <= 'z' ? (char)(bytes.p[i] - 32) : bytes.p[i];
        }
        weir_chain_commit(out, n);
        weir_chain_drop(in, n);
    }
    return WEIR_OK;
}

static const weir_filter_ops filter_ops = {
    .size = sizeof(filter_ops),
    .stage = WEIR_FILTER_TRANSFORM,
    .props = WEIR_FILTER_BYTES, /* a strong ETag becomes weak; the length stays */
    .name = "upper",
    .side = WEIR_RESPONSE,
    .open = filter_open,
    .run = filter_run,
};
static const weir_filter_ops *const filters[] = {&filter_ops, NULL};

static const weir_module module = {
    WEIR_MODULE_HEAD("upper", "1.0"),
    .doc = "Makes texts of responses upper-case.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .filters = filters,
};

WEIR_MODULE(upper, 3, "", module)
