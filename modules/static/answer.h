/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - what is sent for a file that was found, or for one that was not. */
#ifndef STATIC_ANSWER_H
#define STATIC_ANSWER_H

#include "conf.h"
#include "file_cache.h"

/* Takes `file`. */
weir_rc answer_with_file(weir_req *req, const struct conf *conf, struct file *file);

/* An error reply; `what` and `path` go to the log. */
weir_rc answer_refusal(weir_req *req, uint32_t status, weir_reason reason, const char *what,
                       weir_str path);
weir_rc answer_errno(weir_req *req, int error, weir_str path);

#endif
