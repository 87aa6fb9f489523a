/* SPDX-License-Identifier: Apache-2.0 */
/* open_files.c - files that were sent from not long ago stay open, with their records: a further hit
 * costs one fstat() instead of opening, reading and checking. Each worker has its own. Only bodies that
 * are too large for memory come here. See shared.h. */
#include "shared.h"

#define SLOTS 64
#define IDLE_MS 30000 /* what nobody asked for so long is closed */

static struct {
    struct held *held; /* with a reference; NULL: nothing */
    int64_t used_ms;
} slots[SLOTS];

static unsigned slot_of(struct id id)
{
    return (unsigned)(id.w[0] % SLOTS);
}

static void empty(unsigned slot)
{
    struct held *held = slots[slot].held;

    slots[slot].held = NULL;
    if (held) {
        held_release(held);
    }
}

struct held *open_files_find(struct store *store, struct id id, uint64_t serial, int64_t changed_ns)
{
    unsigned slot = slot_of(id);
    struct held *held = slots[slot].held;

    if (!held || held->store != store || !id_is(held->id, id)) {
        return NULL;
    }
    if (held->object.serial != serial || held->changed_ns != changed_ns ||
        !disk_is_unchanged(held->fd, changed_ns)) {
        empty(slot);
        return NULL;
    }
    slots[slot].used_ms = weir_wall_ms();
    held_retain(held);
    return held;
}

void open_files_keep(struct held *held)
{
    unsigned slot = slot_of(held->id);

    empty(slot);
    held_retain(held);
    slots[slot].held = held;
    slots[slot].used_ms = weir_wall_ms();
}

/* Of a file that was removed the disk gets its room back once nobody has it open. */
void open_files_tidy(struct store *store)
{
    int64_t now_ms = weir_wall_ms();

    for (unsigned slot = 0; slot < SLOTS; slot++) {
        struct held *held = slots[slot].held;

        if (!held || held->store != store) {
            continue;
        }
        store_lock(store);
        const struct entry *entry = index_find(store->index, held->id);
        bool is_current = entry && entry->serial == held->object.serial;
        store_unlock(store);
        if (!is_current || now_ms - slots[slot].used_ms > IDLE_MS) {
            empty(slot);
        }
    }
}
