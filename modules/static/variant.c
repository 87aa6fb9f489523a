/* SPDX-License-Identifier: Apache-2.0 */
#include "variant.h"

#include <errno.h>
#include <string.h>

#include <weir/accept.h>

static const struct {
    const char *suffix, *name; /* of the coding, or the media type */
    bool is_image;
} kinds[] = {
    {".br", "br", false},          {".zst", "zstd", false},       {".gz", "gzip", false},
    {".avif", "image/avif", true}, {".webp", "image/webp", true},
};

#define IMAGES ((uint32_t)(1 << 3 | 1 << 4))

/* Is there a variant of this kind, and not older than the file? */
static struct file *find(weir_req *req, struct file *file, unsigned kind)
{
    size_t n = strlen(kinds[kind].suffix);
    char *path = weir_alloc(req, file->path.n + n + 1);

    memcpy(path, file->path.p, file->path.n);
    memcpy(path + file->path.n, kinds[kind].suffix, n + 1);
    struct file *variant =
        file_get(file->root_fd, (weir_str){path, file->path.n + n}, file->resolve);
    if (!variant && errno != ENOENT && errno != ENAMETOOLONG) {
        return NULL; /* of descriptors there are none left, say: look again next time */
    }
    /* Two representations never share an entity tag. */
    if (variant && !variant->is_folder && variant->mtime_s >= file->mtime_s &&
        !(variant->etag_n == file->etag_n &&
          memcmp(variant->etag, file->etag, file->etag_n) == 0)) {
        return variant;
    }
    if (variant) {
        file_release(variant);
    }
    file->missing |= 1u << kind;
    return NULL;
}

static int quality(weir_str encodings, weir_str types, unsigned kind)
{
    /* A client that likes any type may not have heard of this one: it has to be named. */
    int q = weir_quality_of(kinds[kind].is_image ? types : encodings, kinds[kind].name);

    return q < 0 && !kinds[kind].is_image ? weir_quality_of(encodings, "*") : q;
}

struct choice variant_choose_slowly(weir_req *req, const struct conf *conf, struct file *file)
{
    struct choice best = {.file = file, .type = file->type};
    bool is_image = file->type.n > 6 && memcmp(file->type.p, "image/", 6) == 0;
    weir_str encodings, types;
    uint32_t found = 0;
    int best_q = 0;

    weir_field_get(req, WEIR_REQUEST, WEIR_F_ACCEPT_ENCODING, &encodings);
    weir_field_get(req, WEIR_REQUEST, WEIR_F_ACCEPT, &types);
    int identity = weir_quality_of(encodings, "identity");
    file->missing |= is_image ? 0 : IMAGES;
    for (uint32_t i = 0; i < conf->preferred_n; i++) {
        unsigned kind = conf->preferred[i];
        struct file *variant = file->missing >> kind & 1 ? NULL : find(req, file, kind);

        if (!variant) {
            continue;
        }
        found |= 1u << kind;
        int q = quality(encodings, types, kind);
        bool is_liked = q > best_q && (kinds[kind].is_image || q >= identity);
        struct file *loser = is_liked ? best.file : variant;
        if (is_liked) {
            best_q = q;
            best.file = variant;
            best.type = kinds[kind].is_image ? variant->type : file->type;
            best.coding = kinds[kind].is_image ? NULL : kinds[kind].name;
        }
        if (loser != file) {
            file_release(loser);
        }
    }
    if (found & ~IMAGES) {
        weir_edit_known(req, WEIR_RESPONSE, WEIR_ADD, WEIR_F_VARY, WEIR_STR("Accept-Encoding"));
    }
    if (found & IMAGES) {
        weir_edit_known(req, WEIR_RESPONSE, WEIR_ADD, WEIR_F_VARY, WEIR_STR("Accept"));
    }
    if (best.file != file) {
        file_release(file);
    }
    return best;
}

static void check_list(weir_cfg *cfg, struct conf *conf, const char *opt, weir_list list,
                       bool is_image)
{
    const weir_str *names = list.items;

    for (size_t i = 0; i < list.n; i++) {
        const char *expected = is_image ? "\"avif\" or \"webp\"" : "\"br\", \"zstd\" or \"gzip\"";
        unsigned kind = 0;

        while (kind < WEIR_COUNT(kinds) &&
               (kinds[kind].is_image != is_image ||
                strcmp(names[i].p, kinds[kind].name + (is_image ? 6 : 0)) != 0)) {
            kind++;
        }
        if (kind == WEIR_COUNT(kinds)) {
            weir_cfg_error(cfg, opt, "\"%s\": expected %s", names[i].p, expected);
        } else if (!(conf->variants >> kind & 1)) {
            conf->variants |= 1u << kind;
            conf->preferred[conf->preferred_n++] = (uint8_t)kind;
        }
    }
}

void variants_check(weir_cfg *cfg, struct conf *conf)
{
    conf->variants = conf->preferred_n = 0;
    check_list(cfg, conf, "images", conf->images, true);
    check_list(cfg, conf, "precompressed", conf->precompressed, false);
}
