/* SPDX-License-Identifier: Apache-2.0 */
/* chain.c - bodies as chains of slices; every slice is memory of its own, freed as soon as the
 * contract allows, so that a borrowed pointer that is kept too long is noticed. */
#include "kit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FENCE 16
#define FENCE_BYTE 0x5a

static void append(struct weir_chain *chain, char *memory, size_t n, void (*unref)(void *),
                   void *arg)
{
    struct slice *slice = calloc(1, sizeof(*slice));

    *slice = (struct slice){.memory = memory, .p = memory, .n = n, .unref = unref, .arg = arg};
    *(chain->last ? &chain->last->next : &chain->first) = slice;
    chain->last = slice;
    chain->bytes += n;
}

void chain_add(struct weir_chain *chain, const void *p, size_t n)
{
    if (n == 0) {
        return;
    }
    char *memory = malloc(n);
    memcpy(memory, p, n);
    append(chain, memory, n, NULL, NULL);
}

static void drop_first(struct weir_chain *chain)
{
    struct slice *slice = chain->first;

    chain->first = slice->next;
    if (!chain->first) {
        chain->last = NULL;
    }
    chain->bytes -= slice->n;
    free(slice->memory);
    if (slice->unref) {
        module_enter("unref()");
        slice->unref(slice->arg);
        module_leave();
    }
    free(slice);
}

static void drop(struct weir_chain *chain, uint64_t n)
{
    while (n && chain->first) {
        if (n < chain->first->n) {
            chain->first->p += n;
            chain->first->n -= (size_t)n;
            chain->bytes -= n;
            return;
        }
        n -= chain->first->n;
        drop_first(chain);
    }
}

void chain_free(struct weir_chain *chain)
{
    while (chain->first) {
        drop_first(chain);
    }
    free(chain->reserved);
    chain->reserved = NULL;
}

char *chain_text(const struct weir_chain *chain)
{
    char *text = malloc((size_t)chain->bytes + 1), *at = text;

    for (const struct slice *slice = chain->first; slice; slice = slice->next) {
        memcpy(at, slice->p, slice->n);
        at += slice->n;
    }
    *at = '\0';
    return text;
}

/* ---- the module's table ---- */

static uint64_t api_bytes(const weir_chain *chain)
{
    return chain->bytes;
}

static uint64_t api_room(const weir_chain *chain)
{
    uint64_t limit = chain->limit ? chain->limit : 65536;

    return chain->bytes < limit ? limit - chain->bytes : 0;
}

static weir_rc api_copy(weir_chain *chain, const void *bytes, size_t n)
{
    int was = host_enter();

    chain_add(chain, bytes, n);
    host_leave(was);
    return WEIR_OK;
}

static weir_rc api_add_ref(weir_chain *chain, const void *bytes, size_t n, void (*unref)(void *),
                           void *arg)
{
    int was = host_enter();
    char *memory = malloc(n ? n : 1);

    memcpy(memory, bytes, n);
    append(chain, memory, n, unref, arg);
    host_leave(was);
    return WEIR_OK;
}

static weir_rc api_add_file(weir_chain *chain, int fd, uint64_t offset, uint64_t n,
                            void (*unref)(void *), void *arg)
{
    int was = host_enter();
    char *memory = calloc(1, (size_t)n + 1);

    if (pread(fd, memory, (size_t)n, (off_t)offset) != (ssize_t)n) {
        fault("adds a part of a file that the file does not have");
    }
    append(chain, memory, (size_t)n, unref, arg);
    host_leave(was);
    return WEIR_OK;
}

/* The first run is anything between one byte and all of the slice. */
static bool api_first(weir_chain *chain, weir_str *bytes)
{
    struct slice *slice = chain->first;

    if (!slice) {
        *bytes = (weir_str){NULL, 0};
        return false;
    }
    *bytes = (weir_str){slice->p, slice->n};
    return true;
}

static void api_drop(weir_chain *chain, uint64_t n)
{
    int was = host_enter();

    if (n > chain->bytes) {
        fault("drops %llu bytes of a chain that has %llu: weir_chain_bytes() tells how many there "
              "are",
              (unsigned long long)n, (unsigned long long)chain->bytes);
    }
    drop(chain, n);
    host_leave(was);
}

static uint64_t api_move(weir_chain *to, weir_chain *from, uint64_t n)
{
    int was = host_enter();
    uint64_t moved = 0;

    while (moved < n && from->first) {
        struct slice *slice = from->first;
        uint64_t part = n - moved < slice->n ? n - moved : slice->n;

        if (part == slice->n && slice->unref) { /* its owner is told when it has left */
            append(to, slice->memory, slice->n, slice->unref, slice->arg);
            slice->memory = NULL;
            slice->unref = NULL;
        } else {
            chain_add(to, slice->p, (size_t)part);
        }
        drop(from, part);
        moved += part;
    }
    host_leave(was);
    return moved;
}

static void *api_reserve(weir_chain *chain, size_t want, size_t *got)
{
    int was = host_enter();
    uint64_t room = api_room(chain);

    free(chain->reserved);
    *got = want < room ? want : (size_t)room;
    if (*got > 1 && pick(3) == 0) {
        *got = 1 + pick((unsigned)*got); /* "or fewer" */
    }
    chain->reserved = malloc(*got + FENCE);
    chain->reserved_n = *got;
    memset(chain->reserved + *got, FENCE_BYTE, FENCE);
    host_leave(was);
    return chain->reserved;
}

static void api_commit(weir_chain *chain, size_t used)
{
    int was = host_enter();

    if (used > chain->reserved_n || !chain->reserved) {
        fault("commits %zu bytes where weir_chain_reserve() gave %zu: *got says how many there are",
              used, chain->reserved ? chain->reserved_n : 0);
    }
    for (size_t i = 0; i < FENCE; i++) {
        if (chain->reserved[chain->reserved_n + i] != FENCE_BYTE) {
            fault("writes past the %zu bytes that weir_chain_reserve() gave: *got says how many "
                  "there are, it may be fewer than were wanted",
                  chain->reserved_n);
        }
    }
    chain_add(chain, chain->reserved, used);
    free(chain->reserved);
    chain->reserved = NULL;
    host_leave(was);
}

const weir_chain_api chain_api = {
    .size = sizeof(chain_api),
    .bytes = api_bytes,
    .copy = api_copy,
    .add_ref = api_add_ref,
    .add_file = api_add_file,
    .room = api_room,
    .first = api_first,
    .drop = api_drop,
    .move = api_move,
    .reserve = api_reserve,
    .commit = api_commit,
};
