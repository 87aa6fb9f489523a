/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - a stored response's record: everything but the body. The same bytes are in memory and
 * in files; the checksum guards against torn and damaged ones.
 *
 * A file is the body, then one record or several, then the tail of the last. An update of the stored
 * fields appends a record: what was there is never written again, so whoever is sending it goes
 * on undisturbed.
 *
 *     body | record | tail | record | tail
 */
#ifndef CACHE_OBJECT_H
#define CACHE_OBJECT_H

#include "freshness.h"

#define OBJECT_VERSION 1
#define OBJECT_RECORD_MAX (256 * 1024)
#define OBJECT_TAIL 16 /* bytes at the end of a file: where the last record begins */

struct object {
    uint32_t status;
    uint64_t serial;       /* microseconds since 1970 when its request was sent; unique */
    uint64_t body_n;
    uint64_t body_check;
    struct freshness freshness;
    weir_str key;          /* the whole one */
    weir_str names, values; /* of its variant: vary_names(), vary_values() */
    weir_str url;          /* scheme://authority/path?query, for purging */
    weir_str tags;         /* Cache-Tag and xkey, separated by spaces */
    weir_str fields;       /* packed */
    uint32_t field_n;
};

/* Packs fields that are stored (see field_is_stored) into `out`, at most `size` bytes. Returns the
 * bytes, 0 when there are none; SIZE_MAX: too many. */
size_t object_pack(const weir_field *fields, size_t n, char *out, size_t size, uint32_t *packed);

/* The next of the packed fields; *at begins with 0. False: that was the last. */
bool object_field(const struct object *object, size_t *at, weir_field *field);

/* Bytes of its record; 0: more than OBJECT_RECORD_MAX. */
size_t object_record_size(const struct object *object);
/* Writes the record, checksum included. */
void object_encode(const struct object *object, char *out);
/* The last 16 bytes of a file whose last record has `n` bytes. */
void object_tail(size_t n, char out[OBJECT_TAIL]);

/* Reads a record of exactly `n` bytes; *object points into it. False: torn, damaged, or of another
 * version. */
bool object_decode(const char *record, size_t n, struct object *object);
/* The same for a record that was checked before. */
void object_view(const char *record, struct object *object);

/* The length of the record that a file's tail announces; 0: it is none. */
size_t object_tail_read(const char tail[OBJECT_TAIL]);

#endif
