/* SPDX-License-Identifier: Apache-2.0 */
#include "tap.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "base/zone.h"

static int kept_fd = -1;

static void keep(void *arg, const char *name, int fd)
{
    (void)arg;
    if (strcmp(name, "test:kept") == 0 && fd >= 0) {
        kept_fd = dup(fd);
    }
}

/* Runs in a process of its own, as another generation would. */
static bool generation(bool (*fn)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        _exit(!fn());
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool finds_what_was_left(void)
{
    zone_hold("test:other", kept_fd);
    weir_zone *zone = zone_open("test:other", 4096, 7, 1);

    return zone && !zone_is_fresh(zone) && strcmp(zone_at(zone), "left here") == 0;
}

static bool begins_anew_with_another_layout(void)
{
    zone_hold("test:other", kept_fd);
    weir_zone *zone = zone_open("test:other", 4096, 8, 1);

    return zone && zone_is_fresh(zone) && *(char *)zone_at(zone) == '\0';
}

static weir_zone *shared;

static _Noreturn void die_with_lock(void)
{
    zone_lock(shared, 5);
    raise(SIGKILL);
    _exit(0);
}

static void test_locks(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        die_with_lock();
    }
    waitpid(pid, &status, 0);
    ok(zone_lock(shared, 6) == WEIR_OK, "a lock that nobody held");
    zone_unlock(shared, 6);
    ok(zone_lock(shared, 5) == WEIR_GONE,
       "the next owner of a lock is told that the last one died");
    zone_unlock(shared, 5);
    ok(zone_lock(shared, 5) == WEIR_OK, "once");
    zone_unlock(shared, 5);
}

static void test_counting(weir_zone *table)
{
    int64_t now = 0;
    size_t n;

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (int k = 0; k < 20000; k++) {
                zone_table_add(table, STR("everybody's"), 1, 0, NULL);
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    n = sizeof(now);
    ok(zone_table_get(table, STR("everybody's"), &now, &n) == WEIR_OK && now == 80000,
       "four processes lose no count");
}

static void test_table(void)
{
    weir_zone *table = zone_open_table("test:table", 64 * 1024);
    char value[WEIR_TABLE_VALUE], key[32];
    unsigned found = 0, soon = 0;
    int64_t now = 0;
    size_t n = sizeof(value);

    ok(zone_table_get(table, STR("a"), value, &n) == WEIR_NOTFOUND, "an empty table");
    zone_table_add(table, STR("a"), 5, 100, &now);
    zone_table_add(table, STR("a"), -2, 100, &now);
    ok(now == 3, "a number is added to");
    clock_now.ms += 101;
    zone_table_add(table, STR("a"), 1, 100, &now);
    ok(now == 1, "one that has expired begins again");
    zone_table_put(table, STR("b"), "text", 4, 100);
    ok(zone_table_get(table, STR("b"), value, &n) == WEIR_OK && n == 4 &&
           memcmp(value, "text", 4) == 0,
       "a value");
    n = 3;
    ok(zone_table_get(table, STR("b"), value, &n) == WEIR_ERROR, "for which there is no room");
    ok(zone_table_add(table, STR("b"), 1, 100, NULL) == WEIR_ERROR, "text is no number");
    ok(zone_table_put(table, STR("c"), value, WEIR_TABLE_VALUE + 1, 0) == WEIR_ERROR, "too long");
    for (int i = 0; i < 5000; i++) {
        snprintf(key, sizeof(key), "key %d", i);
        zone_table_put(table, str_from(key), &i, sizeof(i), i < 100 ? 1000000 : 1000);
    }
    for (int i = 0; i < 5000; i++) {
        int got;

        n = sizeof(got);
        snprintf(key, sizeof(key), "key %d", i);
        if (zone_table_get(table, str_from(key), &got, &n) == WEIR_OK) {
            soon += i < 100;
            found += got == i;
        }
    }
    ok(found > 300 && found <= 512, "a full table is bounded (%u)", found);
    ok(soon >= 98, "and what expires last stays (%u of 100)", soon);
    test_counting(table);
}

int main(void)
{
    clock_update();
    log_default->level = WEIR_LOG_ERROR;
    weir_zone *zone = zone_open("test:kept", 4096, 7, 1);
    ok(zone && zone_is_fresh(zone), "a new zone");
    memcpy(zone_at(zone), "left here", sizeof("left here"));
    ok(zone_open("test:kept", 4096, 7, 1) == zone && !zone_is_fresh(zone), "is found again");
    ok(!zone_open("test:kept", 8192, 7, 1), "one name has one size");
    shared = zone_open("test:shared", 1, 1, 1);
    zones_complete(keep, NULL);
    ok(kept_fd >= 0, "who keeps it gets its descriptor");
    ok(generation(finds_what_was_left), "the next generation finds what was left");
    ok(generation(begins_anew_with_another_layout), "unless the layout changed");
    test_locks();
    test_table();
    return done_testing();
}
