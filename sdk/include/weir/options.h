/* SPDX-License-Identifier: Apache-2.0 */
/* weir/options.h - how a module declares its settings.
 *
 * A module lists its options in a table. The host reads the configuration, checks it against the
 * table, reports every mistake with file and line, and writes typed values into the module's own
 * struct; documentation and `weir modules NAME` come from the same rows.
 *
 * Where a value is written (`offset`) and as which C type:
 *
 *   WEIR_T_BOOL      bool
 *   WEIR_T_INT       int64_t
 *   WEIR_T_SIZE      uint64_t, bytes            "4k" "10m" "1g", or a bare number
 *   WEIR_T_DURATION  uint64_t, milliseconds     "10s" "5m" "250ms", or a bare number of seconds
 *   WEIR_T_STR       weir_str, NUL-terminated as a courtesy to C functions
 *   WEIR_T_PATH      weir_str, the same; a relative path is resolved against the file's folder
 *   WEIR_T_ENUM      uint32_t, index into `names`
 *   WEIR_T_TEMPLATE  const weir_template *, NULL when not set and without default
 *   WEIR_T_REGEX     const weir_regex *, the same
 *   WEIR_T_GROUP     a struct of the rows in `sub`, in place; their offsets count from it
 *   WEIR_T_LIST | T  weir_list; items are an array of T's C type (GROUP: of `item_size` bytes)
 *   WEIR_T_MAP | T   weir_map, the same with keys
 *
 * Strings, lists and maps live as long as the generation.
 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WEIR_T_BOOL = 1,
    WEIR_T_INT,
    WEIR_T_SIZE,
    WEIR_T_DURATION,
    WEIR_T_STR,
    WEIR_T_PATH,
    WEIR_T_ENUM,
    WEIR_T_TEMPLATE,
    WEIR_T_REGEX,
    WEIR_T_GROUP,
    WEIR_T_KIND = 0xff,  /* mask: the kind without LIST or MAP */
    WEIR_T_LIST = 0x100, /* a single value is taken as a list of one */
    WEIR_T_MAP = 0x200
};

/* Where an option, or a module's group, may stand. */
enum {
    WEIR_S_TOP = 1,
    WEIR_S_SITE = 2,
    WEIR_S_ROUTE = 4,
    WEIR_S_ALL = 7
};

/* How an inner scope's value meets the outer one's. */
enum {
    WEIR_INHERIT_REPLACE, /* the inner one wins */
    WEIR_INHERIT_APPEND,  /* LIST: outer items first */
    WEIR_INHERIT_MERGE,   /* MAP: by key, the inner one wins */
    WEIR_INHERIT_NONE     /* each scope stands alone */
};

enum {
    WEIR_OPT_REQUIRED = 1,   /* an error when the effective value is absent */
    /* PATH. The flags also say what workers may do: read files and folders of the first two kinds,
     * write the third's (and files beside it). Without a flag, a folder is theirs to read and
     * write, and a file is for check() and commit() alone. */
    WEIR_OPT_FILE = 2,       /* PATH: must be a readable file when the configuration is checked */
    WEIR_OPT_DIR = 4,        /* PATH: must be a folder */
    WEIR_OPT_WRITTEN = 8,    /* PATH: weir writes this file; the loader opens the way for it */
    WEIR_OPT_RESPONSE = 16,  /* TEMPLATE: is evaluated once there is a response, so it may use
                                variables such as $status */
    WEIR_OPT_LOG = 32,       /* TEMPLATE: is evaluated when the request is over ($bytes_sent) */
    WEIR_OPT_VARIABLES = 64, /* "*" row at the top level: each name there is a variable, whose value
                                the module's variable "*" tells (the name is its suffix). It is known
                                as early as the variables in its templates are */
    WEIR_OPT_BARE = 128       /* since 0.3; LIST | GROUP, no other row has it: the module's group
                                may be written as this list alone, NAME = ( { ... }, { ... } ); it
                                then inherits nothing */
};

typedef struct weir_opt {
    const char *name;         /* "*" as the only row: the group is a map of named groups */
    uint32_t type;            /* WEIR_T_* */
    uint32_t scopes;          /* WEIR_S_*; 0: wherever the module's group may stand */
    uint32_t inherit;         /* WEIR_INHERIT_* */
    uint32_t flags;           /* WEIR_OPT_* */
    size_t offset;            /* of the value in the conf struct (or in the group's) */
    const char *dflt;         /* as an admin would write it; list items separated by a space;
                                 NULL: zero, absent */
    int64_t min, max;         /* INT, SIZE, DURATION; max 0: no bound */
    const char *const *names; /* ENUM: ends with NULL */
    const struct weir_opt *sub;
    uint32_t sub_n;
    size_t item_size;         /* LIST|GROUP and MAP|GROUP */
    const char *doc;          /* one sentence, for the manual */
    const char *example;
} weir_opt;

/* Number of rows of an array. */
#define WEIR_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifdef __cplusplus
}
#endif
#endif
