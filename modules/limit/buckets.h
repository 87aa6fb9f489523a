/* SPDX-License-Identifier: Apache-2.0 */
/* limit/buckets.h - what each key owes, in shared memory: a table of fixed size, without pointers,
 * in which all zeroes is empty. No locks and no clock in here: the caller has the lock of the key's
 * stripe, and says what time it is.
 *
 * A key has two groups of places where it can be. When neither has a free one, it takes the place
 * of the key that owes least, and takes over what that one owes. So debts are never forgotten: a
 * key that was pushed out comes back with at least its old debt, since it pushes out in turn the one
 * that owes least, and that is no less than it owed itself. Filling the table with other keys
 * therefore gains nobody anything. Keys whose requests are under way keep their places; only what
 * happens around those can cost a debt.
 *
 * Only a keyed hash of each key is kept, so that nobody can aim at another one's place. */
#ifndef LIMIT_BUCKETS_H
#define LIMIT_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_WAYS 4     /* places in a group: two cache lines */
#define BUCKET_STRIPES 64 /* the upper 6 bits of a hash */

struct bucket {
    uint64_t hash;      /* 0: free */
    uint64_t due_ns;    /* when all requests so far would have been in order, one each step */
    uint64_t bytes_due_ns; /* the same for the bytes of responses */
    uint32_t in_flight; /* requests under way */
    uint32_t owner;     /* 0; or this is a worker's share of another bucket's in_flight: its number */
};

/* One stripe. */
struct buckets {
    struct bucket *at;
    uint32_t group_n; /* not 0 */
};

/* The key's bucket, made if need be. NULL: all its places belong to keys with requests under way. */
struct bucket *buckets_take(const struct buckets *stripe, uint64_t hash, uint64_t now_ns);
/* NULL: there is none. */
struct bucket *buckets_find(const struct buckets *stripe, uint64_t hash);

/* ---- requests under way ---- */

/* Worker `owner` (from 1) begins a request of this key. When it dies, buckets_disown() takes back
 * what it had. False: there is no place to note that; nothing was counted. */
bool buckets_hold(const struct buckets *stripe, struct bucket *bucket, uint32_t owner,
                  uint64_t now_ns);
void buckets_release(const struct buckets *stripe, uint64_t hash, uint32_t owner);
void buckets_disown(const struct buckets *stripe, uint32_t owner);

/* ---- rates: the generic cell rate algorithm ---- */

struct rate {
    uint64_t step_ns;      /* between two requests */
    uint64_t tolerance_ns; /* how much too early one may be: burst * step */
};

/* Would one more request be in order? Then it is counted. *ahead_ns: how early it is, or was
 * with one that is refused. */
bool rate_take(struct bucket *bucket, const struct rate *rate, uint64_t now_ns, uint64_t *ahead_ns);
/* Takes one back that was counted but refused for another reason. */
void rate_give_back(struct bucket *bucket, const struct rate *rate);
/* How many more would be admitted at once. */
uint64_t rate_remaining(const struct bucket *bucket, const struct rate *rate, uint64_t now_ns);

#endif
