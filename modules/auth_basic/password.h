/* SPDX-License-Identifier: Apache-2.0 */
/* auth_basic/password.h - does a password belong to a hash of an htpasswd file? Slow on purpose:
 * for threads that may block. */
#ifndef AUTH_BASIC_PASSWORD_H
#define AUTH_BASIC_PASSWORD_H

#include <stdbool.h>

/* NULL: it can be checked; else why not, and what to do. */
const char *password_hash_fault(const char *hash);
/* Compares in constant time. Any thread. */
bool password_matches(const char *hash, const char *password);

#endif
