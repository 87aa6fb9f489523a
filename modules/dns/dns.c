/* SPDX-License-Identifier: Apache-2.0 */
/* dns - names of peers, looked up by c-ares: both families, SRV, and how long answers hold. When
 * names are looked up, and what becomes of the addresses, is the host's affair. */
#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

#include <weir/module.h>

#define ADDRESSES_MAX 64
#define TARGETS_MAX 16   /* of SRV records */

struct dns_conf {
    weir_list servers; /* weir_str */
    uint64_t timeout_ms, min_ttl_ms, max_ttl_ms;
    int64_t tries;
};

static struct dns_conf settings = {
    .timeout_ms = 2000, .min_ttl_ms = 1000, .max_ttl_ms = 300000, .tries = 2};

#define OPT(name_, type_, member_, default_, doc_)                                                 \
    {.name = name_, .type = (type_), .offset = offsetof(struct dns_conf, member_),                 \
     .dflt = (default_), .doc = (doc_)}

static const weir_opt options[] = {
    OPT("servers", WEIR_T_LIST | WEIR_T_STR, servers, NULL,
        "Name servers, \"address\" or \"address:port\"; absent: those of /etc/resolv.conf."),
    OPT("timeout", WEIR_T_DURATION, timeout_ms, "2s", "For an answer, before the next try."),
    OPT("tries", WEIR_T_INT, tries, "2", "How often each server is asked."),
    OPT("min_ttl", WEIR_T_DURATION, min_ttl_ms, "1s", "Answers hold at least as long."),
    OPT("max_ttl", WEIR_T_DURATION, max_ttl_ms, "5m", "And no longer than this."),
};

/* ---- c-ares in the loop ---- */

struct watched {
    struct watched *next;
    ares_socket_t fd;
    weir_watch *watch;
};

static struct {
    ares_channel channel; /* NULL: not made yet */
    struct watched *watched;
    uint64_t timer;
} dns;

static void arm_timer(void);

static void on_timer(void *arg)
{
    (void)arg;
    dns.timer = 0;
    ares_process_fd(dns.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm_timer();
}

static void arm_timer(void)
{
    struct timeval wait, *next = ares_timeout(dns.channel, NULL, &wait);

    if (dns.timer) {
        weir_timer_stop(dns.timer);
        dns.timer = 0;
    }
    if (next) {
        uint64_t ms = (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1;

        dns.timer = weir_timer_start(ms, on_timer, NULL);
    }
}

static void on_socket(void *arg, uint32_t what)
{
    ares_socket_t fd = ((struct watched *)arg)->fd; /* the other side may end it meanwhile */

    ares_process_fd(dns.channel, what & WEIR_WATCH_READ ? fd : ARES_SOCKET_BAD,
                    what & WEIR_WATCH_WRITE ? fd : ARES_SOCKET_BAD);
    arm_timer();
}

static void unwatch(ares_socket_t fd)
{
    struct watched **at = &dns.watched;

    while (*at && (*at)->fd != fd) {
        at = &(*at)->next;
    }
    if (*at) {
        struct watched *gone = *at;

        *at = gone->next;
        weir_watch_stop(gone->watch);
        free(gone);
    }
}

static void on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    uint32_t what = (readable ? WEIR_WATCH_READ : 0u) | (writable ? WEIR_WATCH_WRITE : 0u);
    struct watched *watched = dns.watched;

    (void)arg;
    if (!what) {
        unwatch(fd);
        return;
    }
    while (watched && watched->fd != fd) {
        watched = watched->next;
    }
    if (watched) {
        weir_watch_change(watched->watch, what);
    } else if ((watched = calloc(1, sizeof(*watched)))) {
        watched->fd = fd;
        watched->next = dns.watched;
        dns.watched = watched;
        watched->watch = weir_watch_start(fd, what, on_socket, watched);
    }
}

static bool set_servers(void)
{
    const weir_str *servers = settings.servers.items;
    char text[1024];
    size_t n = 0;

    for (size_t i = 0; i < settings.servers.n && n < sizeof(text); i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", i ? "," : "",
                              (int)servers[i].n, servers[i].p);
    }
    return n == 0 || ares_set_servers_ports_csv(dns.channel, text) == ARES_SUCCESS;
}

static bool open_channel(void)
{
    struct ares_options with = {.timeout = (int)settings.timeout_ms,
                                .tries = (int)settings.tries,
                                .sock_state_cb = on_state};

    if (dns.channel) {
        return true;
    }
    if (ares_init_options(&dns.channel, &with,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS) {
        dns.channel = NULL;
        return false;
    }
    return set_servers();
}

/* ---- one lookup ---- */

struct target {
    struct lookup *lookup;
    uint16_t port, priority, weight;
};

struct lookup {
    weir_resolved_fn *done; /* NULL: stopped */
    void *arg;
    struct sockaddr_storage addrs[ADDRESSES_MAX];
    weir_address list[ADDRESSES_MAX];
    uint32_t n;
    uint32_t ttl_s;
    int error;              /* ARES_*, the last one */
    unsigned waiting;       /* answers that are to come */
    bool starting, is_srv;
    uint64_t timer;
    struct target targets[TARGETS_MAX];
};

static int by_priority(const void *a_, const void *b_)
{
    const weir_address *a = a_, *b = b_;

    return a->priority != b->priority ? (a->priority < b->priority ? -1 : 1)
           : a->weight != b->weight   ? (a->weight > b->weight ? -1 : 1)
                                      : 0;
}

static uint32_t clamp_ttl(uint32_t ttl_s)
{
    uint64_t ms = (uint64_t)ttl_s * 1000;

    ms = ms < settings.min_ttl_ms ? settings.min_ttl_ms : ms;
    ms = ms > settings.max_ttl_ms ? settings.max_ttl_ms : ms;
    return (uint32_t)((ms + 999) / 1000);
}

static void finish(void *arg)
{
    struct lookup *lookup = arg;

    lookup->timer = 0;
    if (lookup->done) {
        /* Without priorities they stay in the order that suits this machine (RFC 6724). */
        if (lookup->is_srv) {
            qsort(lookup->list, lookup->n, sizeof(lookup->list[0]), by_priority);
        }
        lookup->done(lookup->arg, lookup->list, lookup->n, clamp_ttl(lookup->ttl_s),
                     lookup->n ? NULL : ares_strerror(lookup->error ? lookup->error
                                                                    : ARES_ENODATA));
    }
    free(lookup);
}

/* One answer fewer is to come. */
static void answered(struct lookup *lookup)
{
    if (--lookup->waiting > 0) {
        return;
    }
    if (lookup->starting) {
        lookup->timer = weir_timer_start(0, finish, lookup);
    } else {
        finish(lookup);
    }
}

static void add_address(struct lookup *lookup, const struct target *target,
                        const struct ares_addrinfo_node *node)
{
    struct sockaddr_storage *addr = &lookup->addrs[lookup->n];

    if (lookup->n == ADDRESSES_MAX || node->ai_addrlen > sizeof(*addr)) {
        return;
    }
    memcpy(addr, node->ai_addr, node->ai_addrlen);
    if (addr->ss_family == AF_INET) {
        ((struct sockaddr_in *)addr)->sin_port = htons(target->port);
    } else {
        ((struct sockaddr_in6 *)addr)->sin6_port = htons(target->port);
    }
    lookup->list[lookup->n++] = (weir_address){.addr = addr,
                                               .addr_n = (uint32_t)node->ai_addrlen,
                                               .priority = target->priority,
                                               .weight = target->weight};
    if (node->ai_ttl >= 0 && (uint32_t)node->ai_ttl < lookup->ttl_s) {
        lookup->ttl_s = (uint32_t)node->ai_ttl;
    }
}

static void on_addresses(void *arg, int status, int timeouts, struct ares_addrinfo *result)
{
    struct target *target = arg;
    struct lookup *lookup = target->lookup;

    (void)timeouts;
    if (status != ARES_SUCCESS) {
        lookup->error = status;
    }
    for (struct ares_addrinfo_node *node = result ? result->nodes : NULL; node;
         node = node->ai_next) {
        add_address(lookup, target, node);
    }
    if (result) {
        ares_freeaddrinfo(result);
    }
    answered(lookup);
}

static void ask_addresses(struct target *target, const char *name)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    target->lookup->waiting++;
    ares_getaddrinfo(dns.channel, name, NULL, &hints, on_addresses, target);
}

static void on_services(void *arg, int status, int timeouts, unsigned char *answer, int n)
{
    struct lookup *lookup = arg;
    struct ares_srv_reply *list = NULL;
    unsigned i = 0;

    (void)timeouts;
    if (status == ARES_SUCCESS) {
        status = ares_parse_srv_reply(answer, n, &list);
    }
    lookup->error = status;
    for (const struct ares_srv_reply *srv = list; srv && i < TARGETS_MAX; srv = srv->next) {
        lookup->targets[i] = (struct target){.lookup = lookup,
                                             .port = srv->port,
                                             .priority = srv->priority,
                                             .weight = srv->weight};
        ask_addresses(&lookup->targets[i++], srv->host);
    }
    if (list) {
        ares_free_data(list);
    }
    answered(lookup);
}

static void *start(weir_str name, uint16_t port, weir_resolved_fn *done, void *arg)
{
    struct lookup *lookup = open_channel() ? calloc(1, sizeof(*lookup)) : NULL;
    char text[256];

    if (!lookup || name.n >= sizeof(text)) {
        free(lookup);
        errno = lookup ? ENAMETOOLONG : ENOMEM;
        return NULL;
    }
    snprintf(text, sizeof(text), "%.*s", (int)name.n, name.p);
    *lookup = (struct lookup){.done = done, .arg = arg, .ttl_s = UINT32_MAX, .starting = true};
    if (text[0] == '_') {
        lookup->is_srv = true;
        lookup->waiting++;
        ares_query(dns.channel, text, C_IN, T_SRV, on_services, lookup);
    } else {
        lookup->targets[0] = (struct target){.lookup = lookup, .port = port};
        ask_addresses(&lookup->targets[0], text);
    }
    lookup->starting = false;
    arm_timer();
    return lookup;
}

/* c-ares has no way to give up one query: its answer is dropped when it comes. */
static void stop(void *state)
{
    struct lookup *lookup = state;

    lookup->done = NULL;
    if (lookup->timer) {
        weir_timer_stop(lookup->timer);
        free(lookup);
    }
}

/* ---- configuration ---- */

static void check(weir_cfg *cfg, void *conf_)
{
    const struct dns_conf *conf = conf_;

    if (conf->tries < 1 || conf->tries > 10) {
        weir_cfg_error(cfg, "tries", "expected 1 to 10");
    }
}

static void commit(weir_cfg *cfg, void *conf_)
{
    (void)cfg;
    settings = *(const struct dns_conf *)conf_;
}

static const weir_resolver_ops resolver = {
    .size = sizeof(resolver), .start = start, .stop = stop};

static const weir_module module = {
    WEIR_MODULE_HEAD("dns", "0.1"),
    .doc = "Looks up the names of peers, as long as each answer holds.",
    .scopes = WEIR_S_TOP,
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct dns_conf),
    .check = check,
    .commit = commit,
    .resolver = &resolver,
};

WEIR_MODULE(dns, 3, "resolver", module)
