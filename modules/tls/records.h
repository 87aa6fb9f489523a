/* SPDX-License-Identifier: Apache-2.0 */
/* records.h - TLS 1.3 records once the handshake is over (RFC 8446, 5), as kernels do them, too: with
 * the traffic secrets and OpenSSL's ciphers, but without OpenSSL's connection, whose 14 KiB would
 * last as long as an idle client. After the handshake TLS 1.3 has no more than data, alerts and key
 * updates. */
#ifndef TLS_RECORDS_H
#define TLS_RECORDS_H

#include "raw.h"
#include "secrets.h"
#include "tls.h"

struct records;

/* Loader: looks up what OpenSSL would look up for each connection. False: not possible. */
bool records_init(void);

/* The server's side of a connection whose handshake has ended; `sent` records have been sent under
 * the server's traffic secret. NULL: the cipher is none of TLS 1.3's usual three, or no memory. */
struct records *records_create(const SSL_CIPHER *cipher, const struct traffic_secrets *secrets,
                               uint64_t sent);
void records_destroy(struct records *records);

/* As in weir_transport_ops; `raw` holds what came behind the handshake. */
ptrdiff_t records_read(struct records *records, weir_io *io, struct raw **raw, void *p, size_t n);
ptrdiff_t records_write(struct records *records, weir_io *io, const void *p, size_t n);
void records_end(struct records *records, weir_io *io); /* close_notify */
/* Why reading failed, for a log line. */
const char *records_error(const struct records *records);

#endif
