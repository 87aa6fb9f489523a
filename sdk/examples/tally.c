/* SPDX-License-Identifier: Apache-2.0 */
/* tally - writes a line per request to a file of its own. A log sink, that can be rotated. */
#include <weir/module.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct conf {
    weir_str path;
    const weir_template *line;
    int fd;
};

/* All groups of the configuration, for reopen(). */
static struct conf *all[64];
static unsigned all_n;

static const weir_opt options[] = {
    {.name = "path",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_REQUIRED | WEIR_OPT_WRITTEN, /* workers may write there, and nowhere else */
     .offset = offsetof(struct conf, path),
     .doc = "The file.",
     .example = "/var/log/weir/tally.log"},
    {.name = "line",
     .type = WEIR_T_TEMPLATE,
     .flags = WEIR_OPT_LOG | WEIR_OPT_RESPONSE, /* evaluated when all is known */
     .offset = offsetof(struct conf, line),
     .dflt = "$request_method $host $uri $status $bytes_sent",
     .doc = "What is written for each request."},
};

/* The loader opens the file, since workers may not have the right to make it. */
static void commit(weir_cfg *cfg, void *arg)
{
    struct conf *conf = arg;

    conf->fd = weir_cfg_open_log(cfg, "path", conf->path.p);
    if (all_n < WEIR_COUNT(all)) {
        all[all_n++] = conf;
    }
}

/* The file may have been moved away: `weir -s reopen`. */
static void reopen(void)
{
    for (unsigned i = 0; i < all_n; i++) {
        int fd = open(all[i]->path.p, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

        if (fd < 0) {
            weir_log(WEIR_LOG_ERROR, NULL, "tally: %s cannot be opened again", all[i]->path.p);
            continue;
        }
        close(all[i]->fd);
        all[i]->fd = fd;
    }
}

/* One write per line: lines of several workers do not mix in a file opened for appending. */
static weir_rc on_log(weir_req *req, const void *arg)
{
    const struct conf *conf = arg;
    weir_str line;

    weir_eval(req, conf->line, &line);
    char *text = weir_alloc(req, line.n + 1);
    if (line.n) {
        memcpy(text, line.p, line.n);
    }
    text[line.n] = '\n';
    if (write(conf->fd, text, line.n + 1) < 0) {
        return WEIR_ERROR; /* a full disk is counted and logged; the request is over anyway */
    }
    return WEIR_NEXT;
}

static const weir_hook hooks[] = {{.phase = WEIR_LOG, .fn = on_log}};

static const weir_module module = {
    WEIR_MODULE_HEAD("tally", "1.0"),
    .doc = "Writes a line per request to a file of its own.",
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = options,
    .opt_n = WEIR_COUNT(options),
    .conf_size = sizeof(struct conf),
    .commit = commit,
    .reopen = reopen,
};

WEIR_MODULE(tally, 1, "", module)
