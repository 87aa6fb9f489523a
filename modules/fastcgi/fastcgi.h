/* SPDX-License-Identifier: Apache-2.0 */
/* fastcgi.h - what the files of the module share. fastcgi.c: settings and what is asked; params.c:
 * what PHP is told about a request; codec.c: the wire. */
#ifndef FASTCGI_H
#define FASTCGI_H

#include <weir/module.h>

struct fastcgi_conf {
    weir_str to, root, index;
    weir_map params;               /* const weir_template * */
    const weir_regex *split_path;
    int64_t keepalive;
    bool check_script, request_buffering, buffering, retry, accel_redirect;
    uint64_t connect_timeout_ms, send_timeout_ms, read_timeout_ms, deadline_ms;
    uint64_t buffer_head, buffer_body, buffer_file;
    /* made by commit */
    const weir_upstream *upstream;
};

/* One request, as start() made it; goes to the codec with the head. */
struct fastcgi_request {
    weir_req *req;
    const char *params;            /* encoded, without CONTENT_LENGTH */
    size_t params_n;
    bool keep;                     /* the connection serves others afterwards */
};

/* What the path names: "/blog/index.php" and "/a/b" of "/blog/index.php/a/b". */
struct script {
    weir_str name, path_info;
    weir_str filename;             /* root and name; NUL-terminated */
};

#define HIDDEN __attribute__((visibility("hidden")))

/* Encodes what the backend is told. */
HIDDEN void params_make(weir_req *req, const struct fastcgi_conf *conf, const struct script *script,
                        struct fastcgi_request *out);
/* One pair; returns the bytes, at most 8 + both lengths. */
HIDDEN size_t params_put(char *at, weir_str name, weir_str value);

extern const weir_codec_ops fastcgi_codec HIDDEN;

#endif
