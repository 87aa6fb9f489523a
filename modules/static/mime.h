/* SPDX-License-Identifier: Apache-2.0 */
/* mime.h - media types by a file name's extension. */
#ifndef STATIC_MIME_H
#define STATIC_MIME_H

#include <weir/types.h>

/* Reads /etc/mime.types, once; without that file a small table of our own serves. */
void mime_load(void);

/* The media type of a path; "application/octet-stream" when it is not known. Lives for ever. */
weir_str mime_type(weir_str path);

#endif
