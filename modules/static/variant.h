/* SPDX-License-Identifier: Apache-2.0 */
/* variant.h - files that stand beside a file and say the same: page.html.br, photo.jpg.avif. */
#ifndef STATIC_VARIANT_H
#define STATIC_VARIANT_H

#include "conf.h"
#include "file_cache.h"

/* What is sent for a file. */
struct choice {
    struct file *file;
    weir_str type;
    const char *coding; /* NULL: none */
};

/* check(): reads `precompressed` and `images` into `variants` and `preferred`. */
void variants_check(weir_cfg *cfg, struct conf *conf);

struct choice variant_choose_slowly(weir_req *req, const struct conf *conf, struct file *file);

/* The variant that the client likes best, or the file itself; takes `file`. Sets Vary when there is
 * anything to choose. What is known not to be there costs nothing until the file is looked at
 * again. */
static inline struct choice variant_choose(weir_req *req, const struct conf *conf,
                                           struct file *file)
{
    if ((conf->variants & ~file->missing) == 0) {
        return (struct choice){.file = file, .type = file->type};
    }
    return variant_choose_slowly(req, conf, file);
}

#endif
