/* SPDX-License-Identifier: Apache-2.0 */
/* doorman - lets clients in whose key is in a file of keys, counts how often each came today, and
 * writes that into texts of responses.
 *
 * An access rule, a counter that all workers share, a call that takes its time, and a body filter.
 * Written as somebody outside of weir's tree would, from the manual alone. */
#include <weir/module.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 60 * 60 * 1000)
#define KEY_MAX 64
#define MARK '#' /* in texts: the number of visits takes its place */

struct conf {
    weir_str keys;
    weir_zone *visits;
};

/* What a thread works on. It outlives the request when the client leaves. */
struct job {
    weir_token token;
    weir_req *req; /* NULL: the client has left */
    const char *path;
    char key[KEY_MAX + 2]; /* with its line feed */
    bool is_known;
};

struct state {
    struct job *job;
    char text[32]; /* how often this key came */
    size_t n;
};

static const weir_opt options[] = {
    {.name = "keys",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_REQUIRED | WEIR_OPT_FILE,
     .offset = offsetof(struct conf, keys),
     .doc = "A file with a key in each line.",
     .example = "/etc/weir/keys"},
};

static void commit(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;

    conf->visits = weir_cfg_table(cfg, "visits", 1 << 20);
}

/* On a thread, since reading a file may block. */
static void look_up(void *arg)
{
    struct job *job = arg;
    FILE *file = fopen(job->path, "re");
    char line[KEY_MAX + 2];

    while (file && !job->is_known && fgets(line, sizeof(line), file)) {
        job->is_known = strcmp(line, job->key) == 0;
    }
    if (file) {
        fclose(file);
    }
}

static void on_looked_up(void *arg)
{
    struct job *job = arg;
    weir_str none = {NULL, 0};

    if (job->req) {
        struct state *state = weir_ctx(job->req);

        state->job = NULL;
        weir_resume(job->token, job->is_known
                                    ? WEIR_NEXT
                                    : weir_reply(job->req, 403, WEIR_REASON_ACCESS_DENIED, none,
                                                 none, "doorman: the key is unknown"));
    }
    free(job);
}

static void on_cancel(void *arg)
{
    struct state *state = arg;

    if (state->job) {
        state->job->req = NULL; /* on_looked_up() frees it */
    }
}

static weir_rc on_access(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    struct state *state = weir_ctx(req);
    weir_str key, none = {NULL, 0};
    int64_t visits = 0;

    if (weir_field_named(req, WEIR_REQUEST, WEIR_STR("X-Key"), &key) != WEIR_OK || key.n == 0 ||
        key.n > KEY_MAX) {
        return weir_reply(req, 401, WEIR_REASON_ACCESS_DENIED, none, none, "doorman: no X-Key");
    }
    if (weir_table_add(conf->visits, key, 1, DAY_MS, &visits) == WEIR_OK) {
        state->n = (size_t)snprintf(state->text, sizeof(state->text), "%lld", (long long)visits);
    }
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        return WEIR_ERROR; /* the phase is closed: 503 */
    }
    job->req = req;
    job->path = conf->keys.p;
    memcpy(job->key, key.p, key.n);
    job->key[key.n] = '\n';
    state->job = job;
    job->token = weir_suspend(req, 5000, on_cancel, state);
    if (weir_offload(look_up, on_looked_up, job) != WEIR_OK) {
        state->job = NULL;
        free(job);
        return WEIR_ERROR;
    }
    return WEIR_AGAIN;
}

struct filter {
    const struct state *state;
    size_t at; /* bytes of the number that are out already */
};

static weir_rc filter_open(weir_req *req, const void *arg, void **state)
{
    struct filter *filter = weir_alloc(req, sizeof(*filter));
    weir_str type;

    weir_field_get(req, WEIR_RESPONSE, WEIR_F_CONTENT_TYPE, &type);
    (void)arg;
    *filter = (struct filter){.state = weir_ctx(req)};
    *state = filter;
    return type.n >= 5 && memcmp(type.p, "text/", 5) == 0 ? WEIR_DONE : WEIR_NEXT;
}

static weir_rc filter_run(weir_req *req, void *arg, weir_chain *in, weir_chain *out, uint32_t flags)
{
    struct filter *filter = arg;
    weir_str bytes;

    (void)req;
    (void)flags;
    while (weir_chain_first(in, &bytes)) {
        const char *mark = memchr(bytes.p, MARK, bytes.n);
        size_t plain = mark ? (size_t)(mark - bytes.p) : bytes.n, room = weir_chain_room(out);

        if (room == 0) {
            return WEIR_MORE;
        }
        if (plain) {
            weir_chain_move(out, in, plain < room ? plain : room);
        } else if (filter->at < filter->state->n) {
            size_t rest = filter->state->n - filter->at, n = rest < room ? rest : room;

            weir_chain_copy(out, filter->state->text + filter->at, n);
            filter->at += n;
        } else {
            weir_chain_drop(in, 1);
            filter->at = 0;
        }
    }
    return WEIR_OK;
}

static const weir_filter_ops filter_ops = {.size = sizeof(filter_ops),
                                           .stage = WEIR_FILTER_TRANSFORM,
                                           .props = WEIR_FILTER_LENGTH | WEIR_FILTER_BYTES |
                                                    WEIR_FILTER_NO_RANGE,
                                           .name = "doorman",
                                           .side = WEIR_RESPONSE,
                                           .open = filter_open,
                                           .run = filter_run};
static const weir_filter_ops *const filters[] = {&filter_ops, NULL};
static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("doorman", "1.0"),
    .doc = "Lets clients in by key, and tells them how often they came.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .ctx_size = sizeof(struct state),
    .commit = commit,
    .filters = filters};

WEIR_MODULE(doorman, 3, "", module)
