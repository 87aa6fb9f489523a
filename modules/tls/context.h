/* SPDX-License-Identifier: Apache-2.0 */
/* context.h - a site's settings as OpenSSL wants them. */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include "tls.h"

/* Makes the server context of `conf`, from its files, which are checked. Mistakes are reported (`cfg`
 * NULL: in the log). NULL: there were some, and `conf` is as it was. */
SSL_CTX *context_create(weir_cfg *cfg, struct tls_conf *conf);

#endif
