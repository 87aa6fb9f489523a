/* SPDX-License-Identifier: Apache-2.0 */
/* weir/connection.h - transports and codecs: what stands between a socket and requests.
 *
 * A transport turns the bytes of a socket into others and back (TLS). A codec turns bytes into
 * requests and responses (HTTP/2). The host owns sockets, buffers, time limits and requests; both
 * only convert. All functions run on the worker's loop thread and never block.
 *
 * Included by module.h. */
#ifndef WEIR_CONNECTION_H
#define WEIR_CONNECTION_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_io weir_io;             /* the socket below a transport */
typedef struct weir_listener weir_listener; /* an address that weir listens on */
typedef struct weir_stream weir_stream;     /* one request and its response on a codec's connection */

/* ---- transports ---- */

/* Counts of bytes, or one of these. */
enum {
    WEIR_IO_END = 0,    /* the other side has ended the stream, and said so */
    WEIR_IO_AGAIN = -1, /* nothing now: try when the socket has news */
    WEIR_IO_ERROR = -2  /* broken, or cut without a proper end */
};

typedef enum {
    WEIR_TRANSPORT_PROTOCOL, /* chosen by ALPN: "h2"; empty: none */
    WEIR_TRANSPORT_NAME,     /* the server name that the client asked for, lower case; may be empty */
    WEIR_TRANSPORT_ERROR     /* why the last call failed, for a log line */
} weir_transport_what;

/* How weir speaks as a client: the group `tls` of a module that has upstreams. */
typedef struct {
    uint32_t size;
    bool verify;               /* check the peer's certificate and its name */
    weir_str ca;               /* file with trusted certificates; empty: the system's */
    weir_str name;             /* expected in the certificate and sent as SNI; empty: the URL's host */
    weir_str certificate, key; /* files; empty: no client certificate */
    weir_str protocols;        /* for ALPN, as on the wire: a length byte before each; empty: none */
} weir_tls_client;

typedef struct {
    uint32_t size;
    const char *name; /* "tls" */
    /* A client has connected. Returns the transport's state, NULL: out of memory. */
    void *(*accept)(weir_io *io, const weir_listener *listener);
    /* Loader, commit(): settings for the client role, kept with the generation. NULL: a mistake
     * was reported with weir_cfg_error() in option `opt`. */
    const void *(*client_settings)(weir_cfg *cfg, const char *opt, const weir_tls_client *client);
    /* weir connects to a peer; `name` is the host of the URL, without port. */
    void *(*connect)(weir_io *io, const void *settings, weir_str name);
    /* WEIR_OK: bytes can flow; WEIR_AGAIN: when the socket has news; WEIR_DONE: what the client
     * speaks is not this protocol but plain HTTP; WEIR_ERROR. */
    weir_rc (*handshake)(void *transport);
    /* Both return the bytes taken or WEIR_IO_*. read() gives as much as there is, up to n. */
    ptrdiff_t (*read)(void *transport, void *p, size_t n);
    ptrdiff_t (*write)(void *transport, const void *p, size_t n);
    weir_str (*info)(void *transport, weir_transport_what what); /* borrowed until the next call */
    void (*shutdown)(void *transport); /* says the end, by weir_io_write() */
    void (*close)(void *transport);    /* frees the state */
} weir_transport_ops;

/* ---- codecs ---- */

/* A codec has two roles: towards clients the other side opens streams, and the codec tells the host
 * of requests; towards backends the host opens them, and the codec tells of responses. */

/* What a request begins with. The strings are borrowed during the call; towards a backend they
 * live until the stream is left or gone. */
typedef struct {
    weir_str method, scheme, authority, path;
    weir_str protocol;        /* of an extended CONNECT (RFC 8441), else empty */
    const weir_field *fields; /* without pseudo-fields; from a client in lower case */
    size_t field_n;
    bool ended;               /* there is no body */
    const void *request;      /* towards a backend: weir_forward_conf.request */
} weir_stream_head;

/* Why a stream ends, in the numbers of RFC 9113, 7; others pass as they are. */
enum {
    WEIR_STREAM_OK = 0,       /* its answer is whole */
    WEIR_STREAM_FAILED = 2,
    WEIR_STREAM_REFUSED = 7,  /* nothing was done about it: it may be sent again */
    WEIR_STREAM_CANCELLED = 8 /* nobody wants it any more */
};

enum {
    WEIR_HEAD_ENDS = 1,   /* no body follows */
    WEIR_HEAD_INTERIM = 2 /* 1xx: another head follows */
};

typedef struct {
    uint32_t size;
    const char *name;
    const char *alpn;    /* "h2" */
    const char *preface; /* what such a connection begins with on a plain port; NULL: no such use */
    /* `conf` is the module's struct of the connection's site. `conn` lives until close(). */
    void *(*open)(weir_conn *conn, const void *conf);
    /* May clients speak it on a plain port of that site? */
    bool (*is_cleartext)(const void *conf);
    /* Bytes have come; all are taken. ERROR: they make no sense, DONE: none are wanted any more: end
     * the connection once output() has nothing left. */
    weir_rc (*input)(void *codec, const char *p, size_t n);
    /* Appends frames to `out` until it holds about `room` bytes. OK: no more for now; MORE: call
     * me again when there is room; DONE: no more ever, the connection can end. */
    weir_rc (*output)(void *codec, weir_chain *out, size_t room);
    /* A response begins (or an interim one). Field names may be in any case. Values of a response,
     * not of an interim one, live until the stream is gone. */
    weir_rc (*head)(void *codec, uint32_t stream, uint32_t status, const weir_field *fields,
                    size_t n, uint32_t flags);
    /* There are body bytes, or the end: see weir_stream_pending(). */
    void (*resume)(void *codec, uint32_t stream);
    /* `n` bytes of the body that comes in were used up: the other side may send as many more. */
    void (*consumed)(void *codec, uint32_t stream, size_t n);
    /* The stream is given up, for a reason of WEIR_STREAM_*; weir_stream_gone() will follow. */
    void (*reset)(void *codec, uint32_t stream, uint32_t why);
    /* The client is asked to open no more streams; output() gives DONE once the last one has ended.
     * Called again once a while has passed without any: what comes from now on is not served, which
     * the client must be told (RFC 9113, 6.8), and DONE follows. */
    void (*drain)(void *codec);
    void (*close)(void *codec);
    /* The role towards backends, since 0.3; all NULL: it has none. input() to close() serve both,
     * head() is for clients. */
    void *(*connect)(weir_conn *conn); /* instead of open() */
    /* Requests at a time that the peer allows. 0: none now, since it has not said yet, or none any
     * more, since it goes away. */
    uint32_t (*limit)(void *codec);
    bool (*allows_connect)(void *codec); /* does the peer take extended CONNECT? */
    /* Sends a request; its number to *id. Only while limit() has room. */
    weir_rc (*request)(void *codec, weir_stream *stream, const weir_stream_head *head,
                       uint32_t *id);
    /* No call for this stream any more; it is reset, for that reason, unless both sides ended it. */
    void (*leave)(void *codec, uint32_t stream, uint32_t why);
    /* Of a protocol without windows of its own: false, and nothing is read until consumed() has
     * made it true again. NULL: always. */
    bool (*wants_input)(void *codec);
    /* Since 0.3: a client that speaks HTTP/1.1 on a plain connection may ask to go on in this
     * protocol (RFC 9110, 7.8). Its name in the Upgrade field; NULL: there is no such way. */
    const char *upgrade_name;
    bool (*takes_upgrade)(const void *conf); /* is it allowed? */
    /* Behind open(): the request that asked, with these fields and without a body, becomes stream 1;
     * `stream` is the host's, and its response will follow 101. Not OK: it asked wrongly, and is
     * answered in HTTP/1.1. */
    weir_rc (*upgrade)(void *codec, weir_stream *stream, const weir_field *fields, size_t n);
} weir_codec_ops;

#ifdef __cplusplus
}
#endif
#endif
