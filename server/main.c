/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the command line, nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>
#include <libconfig.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/config.h"
#include "config/unit.h"
#include "http/server.h"
#include "process/command.h"
#include "process/control.h"
#include "process/explain.h"
#include "process/last_good.h"
#include "process/loader.h"
#include "process/master.h"
#include "process/master_state.h"
#include "process/modules.h"
#include "process/pidfile.h"
#include "process/sites.h"
#include "process/test.h"
#include "process/why.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define HEADERS_MAX 32
#define WORDS_MAX 64

struct options {
    const char *config;
    const char *signal;      /* -s */
    bool test, print, version, versions, daemon, help, json;
    const char *confirm;     /* --confirm */
    const char *max_5xx;     /* --max-5xx */
    const char *method;      /* -X */
    const char *headers[HEADERS_MAX + 1]; /* -H */
    unsigned header_n;
    const char *words[WORDS_MAX]; /* command and its arguments */
    unsigned word_n;
};

static const char usage_text[] =
    "usage: weir [-c PATH] [--daemon]            run; PATH is a folder of *.conf files, or a file\n"
    "            [--last-good FILE]              keep what serves there, and start with it when PATH is\n"
    "                                            wrong\n"
    "       weir -t [--json]                     test the configuration\n"
    "       weir -T                              print it with defaults filled in\n"
    "       weir -s reload|quit|stop|reopen|upgrade  tell the running weir\n"
    "            [--confirm 60s] [--max-5xx 5%]  reload: goes back by itself unless -s confirm comes\n"
    "                                            in time, and at once when too many answers are 5xx\n"
    "       weir explain [-X METHOD] [-H 'Name: value'] URL...\n"
    "                                            what would happen to this request, and why\n"
    "       weir status [--json]                 which generation serves, since when; peers; whether\n"
    "                                            the files differ from what runs\n"
    "       weir diff [--json]                   how they differ, as effective values\n"
    "       weir peers [UPSTREAM [add|drain|disable|enable|weight ADDRESS [N]]] [--json]\n"
    "                                            upstreams' peers, and orders for them\n"
    "       weir test [SITE]                     the tests that sites bring, with stubs for backends\n"
    "       weir why REQUEST_ID [--json]         what the logs say of a request, and what to do\n"
    "       weir import nginx PATH [-o FOLDER]   weir's configuration for one of nginx\n"
    "       weir modules [NAME]                  installed modules, or a module's options\n"
    "       weir enable|disable SITE             SITE.conf.off <-> SITE.conf in the folder\n"
    "       weir -v | -V                         version; with ABI, build and libraries\n";

static int usage_error(const char *what, const char *word)
{
    fprintf(stderr, "weir: %s \"%s\"\n%s", what, word, usage_text);
    return EXIT_USAGE;
}

/* ---- commands ---- */

static int show_version(bool all)
{
    printf("weir %s\n", WEIR_VERSION);
    if (all) {
        printf("module ABI %d.%d\nmodules    %s\nconfig     %s\nlibevent   %s\nlibconfig  %d.%d.%d\n"
               "compiler   %s\n", WEIR_ABI_MAJOR, WEIR_ABI_MINOR, WEIR_MODULESDIR,
               WEIR_SYSCONFDIR "/weir/conf.d", event_get_version(), LIBCONFIG_VER_MAJOR,
               LIBCONFIG_VER_MINOR, LIBCONFIG_VER_REVISION, __VERSION__);
    }
    return EXIT_FINE;
}

static bool load(struct config *config, const struct options *o)
{
    return config_load(config, o->config, host_tables());
}

static int test(const struct options *o)
{
    static struct config config;
    bool fine = load(&config, o);

    if (o->json) {
        diag_print_json(&config.diag, stdout);
        return fine ? EXIT_FINE : EXIT_FAILED;
    }
    diag_print(&config.diag, stderr);
    if (fine) {
        fprintf(stderr, "configuration OK: %u sites, %u listeners, %u modules\n", config.site_n,
                config.listener_n, config.registry.module_n);
    }
    return fine ? EXIT_FINE : EXIT_FAILED;
}

static int print(const struct options *o)
{
    static struct config config;

    if (!load(&config, o)) {
        diag_print(&config.diag, stderr);
        return EXIT_FAILED;
    }
    config_print(&config, stdout);
    return EXIT_FINE;
}

static int explain(const struct options *o)
{
    static struct config config;

    if (o->word_n < 2) {
        return usage_error("a URL is wanted after", o->words[0]);
    }
    if (!load(&config, o) || !config_commit(&config)) {
        diag_print(&config.diag, stderr);
        return EXIT_FAILED;
    }
    return explain_main(&config, o->method ? o->method : "GET", o->headers, &o->words[1],
                        o->word_n - 1);
}

static int modules(const struct options *o)
{
    static struct config config;

    load(&config, o); /* mistakes in it do not hide what is installed */
    return modules_main(&config, o->word_n > 1 ? o->words[1] : NULL, o->json);
}

static int why(const struct options *o)
{
    static struct config config;

    if (o->word_n != 2) {
        return usage_error("the id of a request, and nothing else, is wanted after", o->words[0]);
    }
    load(&config, o); /* mistakes in it do not hide where the logs are */
    return why_main(&config, o->words[1], o->json);
}

static int test_sites(const struct options *o)
{
    static struct config config;

    if (o->word_n > 2) {
        return usage_error("one site, or none, is wanted after", o->words[0]);
    }
    return test_main(&config, o->config, o->word_n > 1 ? o->words[1] : NULL);
}

static int not_reached(const struct config *config)
{
    fprintf(stderr, "weir: no weir answers at %s, nor is one named in %s: is it running, and was "
            "it started with this -c?\n", config->server.control.n ? config->server.control.p : "-",
            config->server.pid_file.n ? config->server.pid_file.p : "-");
    return EXIT_FAILED;
}

/* The site is switched back when the configuration is wrong without it, or with it. */
static int switch_site(const struct options *o, bool on)
{
    static struct config config;

    if (o->word_n != 2) {
        return usage_error("the name of a site's file, and nothing else, is wanted after", o->words[0]);
    }
    const char *site = o->words[1];
    int rc = sites_switch(o->config, site, on);
    if (rc != SITES_DONE) {
        return rc == SITES_ALREADY ? EXIT_FINE : EXIT_FAILED;
    }
    if (!load(&config, o)) {
        diag_print(&config.diag, stderr);
        sites_switch(o->config, site, !on);
        fprintf(stderr, "weir: %s stays %s\n", site, on ? "off" : "on");
        return EXIT_FAILED;
    }
    fprintf(stderr, "weir: %s is %s; weir -s reload makes it serve%s\n", site, on ? "on" : "off",
            on ? "" : " no more");
    return EXIT_FINE;
}

static int enable(const struct options *o)
{
    return switch_site(o, true);
}

static int disable(const struct options *o)
{
    return switch_site(o, false);
}

/* Without a control socket a signal has to do. */
static int tell_by_signal(const struct config *config, const char *command)
{
    static const struct {
        const char *command;
        int signo;
    } signals[] = {{"reload", SIGHUP}, {"quit", SIGQUIT}, {"stop", SIGTERM}, {"reopen", SIGUSR1}};
    pid_t pid = config->server.pid_file.n ? pidfile_read(config->server.pid_file.p) : -1;

    for (size_t i = 0; pid > 0 && i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (strcmp(signals[i].command, command) == 0 && kill(pid, signals[i].signo) == 0) {
            fprintf(stderr, "weir: signal sent to %d; the log says what came of it\n", (int)pid);
            return EXIT_FINE;
        }
    }
    return not_reached(config);
}

/* Asks the running weir, and prints its answer. Negative: it is not reached. */
static int ask(const struct config *config, const char *command)
{
    char *text = NULL;

    if (config->server.control.n == 0) {
        return -ENOENT;
    }
    int rc = control_ask(config->server.control.p, command, &text);
    if (rc >= 0) {
        fputs(text, rc == 0 ? stdout : stderr);
        free(text);
    }
    return rc;
}

static int tell(const struct options *o, const char *command)
{
    static struct config config;

    load(&config, o); /* a broken one still says where the socket is; the loader says the rest */
    int rc = ask(&config, command);
    return rc >= 0 ? rc : tell_by_signal(&config, command);
}

/* A command that the generation that serves answers. */
static int ask_generation(const struct config *config, const struct options *o)
{
    char line[CONTROL_LINE] = "";

    for (unsigned i = 0; i < o->word_n; i++) {
        if (!command_append(line, sizeof(line), o->words[i])) {
            return usage_error("too long, or not one line:", o->words[i]);
        }
    }
    if (o->json && !command_append(line, sizeof(line), "--json")) {
        return usage_error("too long:", o->words[0]);
    }
    int rc = ask(config, line);
    return rc >= 0 ? rc : not_reached(config);
}

/* How many options differ between what runs and `config`, as loaded here; printed to `out` unless
 * that is NULL. Negative: what runs cannot be asked. */
static int compare(const struct config *config, bool as_json, FILE *out)
{
    char *live = NULL, *files = NULL;
    size_t n = 0;
    FILE *print;
    int rc = config->server.control.n ? control_ask(config->server.control.p, "config", &live)
                                      : -ENOENT;

    if (rc != 0 || !(print = open_memstream(&files, &n))) {
        fputs(rc == 1 ? live : "", stderr);
        free(live);
        return rc < 0 ? rc : -EPROTO;
    }
    config_print_flat(config, print);
    fclose(print);
    rc = (int)config_diff(live, files, as_json, out);
    free(live);
    free(files);
    return rc;
}

/* As diff(1): 0 for no difference, 1 for some, 2 for trouble. */
static int diff(const struct options *o)
{
    static struct config config;

    if (o->word_n != 1) {
        return usage_error("nothing is wanted after", o->words[0]);
    }
    if (!load(&config, o)) {
        diag_print(&config.diag, stderr);
        return EXIT_USAGE;
    }
    int n = compare(&config, o->json, stdout);
    if (n < 0) {
        not_reached(&config);
        return EXIT_USAGE;
    }
    return n ? EXIT_FAILED : EXIT_FINE;
}

/* What the master says, whether the files differ, and how the peers are. */
static void print_status(const struct config *config, const char *said, bool is_right, bool is_red)
{
    int n = is_right ? compare(config, false, NULL) : 0;
    bool colours = is_red && isatty(STDOUT_FILENO);

    printf("%s%s%s", colours ? "\033[31m" : "", said, colours ? "\033[0m" : "");
    if (!is_right) {
        puts("files       have mistakes: weir -t shows them");
    } else if (n > 0) {
        printf("files       differ from what runs in %d options: weir diff shows them\n", n);
    } else if (n == 0) {
        puts("files       are as they were loaded");
    }
    char *peers_text = NULL;
    if (control_ask(config->server.control.p, "peers", &peers_text) == 0 && *peers_text) {
        printf("peers\n%s", peers_text);
    }
    free(peers_text);
}

/* The same for programs: what the master does not know is put in before its end. */
static void print_status_json(const struct config *config, const char *said, bool is_right)
{
    int n = is_right ? compare(config, false, NULL) : 0;
    const char *end = strrchr(said, '}');

    printf("%.*s,\"files\":\"%s\"}\n", end ? (int)(end - said) : 0, said,
           !is_right ? "wrong" : n > 0 ? "differ" : n == 0 ? "same" : "unknown");
}

static int status(const struct options *o)
{
    static struct config config;
    bool is_right = load(&config, o);
    char *said = NULL;
    int rc = config.server.control.n
                 ? control_ask(config.server.control.p, o->json ? "status --json" : "status", &said)
                 : -ENOENT;

    if (rc != 0) {
        fputs(said ? said : "", stderr);
        free(said);
        return rc > 0 ? EXIT_FAILED : not_reached(&config);
    }
    bool is_red = !strstr(said, o->json ? "{\"healthy\":true," : "state       serving\n");
    if (o->json) {
        print_status_json(&config, said, is_right);
    } else {
        print_status(&config, said, is_right, is_red);
    }
    free(said);
    return is_red ? EXIT_FAILED : EXIT_FINE;
}

static int peers(const struct options *o)
{
    static struct config config;

    load(&config, o);
    return ask_generation(&config, o);
}

/* A module may bring commands: weir/command.h. */
static int module_command(const struct options *o)
{
    static struct config config;
    char capability[100];

    load(&config, o);
    snprintf(capability, sizeof(capability), "command:%s", o->words[0]);
    if (!registry_find_provider(&config.registry, str_from(capability))) {
        return usage_error("unknown command", o->words[0]);
    }
    return ask_generation(&config, o);
}

static int run_daemon(const struct options *o)
{
    int ready[2];
    char status = EXIT_FAILED;

    if (pipe2(ready, O_CLOEXEC) != 0) {
        perror("weir: pipe");
        return EXIT_FAILED;
    }
    pid_t pid = fork();
    if (pid < 0) {
        perror("weir: fork");
        return EXIT_FAILED;
    }
    if (pid > 0) {
        close(ready[1]);
        return read(ready[0], &status, 1) == 1 ? status : EXIT_FAILED;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    close(ready[0]);
    return master_main(o->config, ready[1]);
}

/* Another server's configuration is read by a program of its own, which lies beside this one while
 * that has not been installed. */
static int import(char **argv)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (!argv[0] || strcmp(argv[0], "nginx") != 0) {
        return usage_error("import knows nginx, not", argv[0] ? argv[0] : "");
    }
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    if (n > 0 && (size_t)n < sizeof(path) - sizeof("import/nginx")) {
        memcpy(path + n, "import/nginx", sizeof("import/nginx"));
        execv(path, argv);
    }
    execv(WEIR_IMPORTDIR "/nginx", argv);
    fprintf(stderr, "weir: " WEIR_IMPORTDIR "/nginx: %s: it needs perl\n", strerror(errno));
    return EXIT_FAILED;
}

/* ---- words ---- */

static const struct {
    const char *name;
    int (*fn)(const struct options *o);
} commands[] = {{"diff", diff},     {"disable", disable}, {"enable", enable},
              {"explain", explain}, {"modules", modules}, {"peers", peers},
              {"status", status}, {"test", test_sites}, {"why", why}};

static int run_command(const struct options *o)
{
    const char *word = o->words[0];

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(word, commands[i].name) == 0) {
            return commands[i].fn(o);
        }
    }
    return module_command(o);
}

/* A reload that goes back by itself unless it is confirmed in time. */
static int reload_on_probation(const struct options *o)
{
    uint64_t ms = 60000;
    double percent = -1;
    char command[80], *end = NULL;

    if (o->confirm && (unit_duration(str_from(o->confirm), &ms) != UNIT_OK || ms == 0)) {
        return usage_error("--confirm wants a duration such as 60s, not", o->confirm);
    }
    if (o->max_5xx) {
        percent = strtod(o->max_5xx, &end);
        if (end == o->max_5xx || (*end && strcmp(end, "%") != 0) || percent < 0 || percent > 100) {
            return usage_error("--max-5xx wants a percentage such as 5%, not", o->max_5xx);
        }
    }
    snprintf(command, sizeof(command), "reload %llu %u", (unsigned long long)ms,
             percent < 0 ? UINT32_MAX : (unsigned)(percent * 100));
    return tell(o, command);
}

static int run_signal(const struct options *o)
{
    static const char *const known[] = {"reload", "quit", "stop", "reopen", "upgrade", "confirm"};

    if (o->confirm || o->max_5xx) {
        return strcmp(o->signal, "reload") == 0
                   ? reload_on_probation(o)
                   : usage_error("--confirm and --max-5xx belong to -s reload, not to", o->signal);
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(o->signal, known[i]) == 0) {
            return tell(o, o->signal);
        }
    }
    return usage_error("-s does not know", o->signal);
}

/* An option with a value. False: it is missing. */
static bool take_value(struct options *o, char option, const char *value)
{
    if (!value) {
        return false;
    }
    switch (option) {
    case 'c':
        o->config = value;
        return true;
    case 's':
        o->signal = value;
        return true;
    case 'X':
        o->method = value;
        return true;
    default:
        if (o->header_n < HEADERS_MAX) {
            o->headers[o->header_n++] = value;
        }
        return true;
    }
}

/* Options behind a module's command are the module's. */
static bool belongs_to_command(const struct options *o, const char *arg)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]) && o->word_n; i++) {
        if (strcmp(o->words[0], commands[i].name) == 0) {
            return false;
        }
    }
    return o->word_n && strncmp(arg, "--", 2) == 0;
}

static int parse(struct options *o, char **argv)
{
    static const struct {
        const char *name;
        size_t offset;
    } flags[] = {{"-t", offsetof(struct options, test)},
                 {"-T", offsetof(struct options, print)},
                 {"-v", offsetof(struct options, version)},
                 {"-V", offsetof(struct options, versions)},
                 {"-h", offsetof(struct options, help)},
                 {"--help", offsetof(struct options, help)},
                 {"--json", offsetof(struct options, json)},
                 {"--daemon", offsetof(struct options, daemon)}};

    for (char **at = argv + 1; *at; at++) {
        const char *arg = *at;
        bool known = false;

        if (arg[0] != '-' || belongs_to_command(o, arg)) {
            if (o->word_n == sizeof(o->words) / sizeof(o->words[0])) {
                return usage_error("too many words:", arg);
            }
            o->words[o->word_n++] = arg;
            continue;
        }
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
            if (strcmp(arg, flags[i].name) == 0) {
                *(bool *)((char *)o + flags[i].offset) = known = true;
            }
        }
        if (!known && strlen(arg) == 2 && strchr("csXH", arg[1])) {
            if (!take_value(o, arg[1], at[1])) {
                return usage_error("a value is missing after", arg);
            }
            at++;
            known = true;
        }
        if (!known && strcmp(arg, "--last-good") == 0) {
            if (!at[1]) {
                return usage_error("a value is missing after", arg);
            }
            known = last_good_use(*++at);
        }
        if (!known && (strcmp(arg, "--confirm") == 0 || strcmp(arg, "--max-5xx") == 0)) {
            if (!at[1]) {
                return usage_error("a value is missing after", arg);
            }
            *(arg[2] == 'c' ? &o->confirm : &o->max_5xx) = *++at;
            known = true;
        }
        if (!known) {
            return usage_error("unknown option", arg);
        }
    }
    return EXIT_FINE;
}

int main(int argc, char **argv)
{
    struct options o = {.config = WEIR_SYSCONFDIR "/weir/conf.d"};

    clock_update();
    if (argc == 4 && strcmp(argv[1], LOADER_ARGUMENT) == 0) {
        return loader_main(argv[3], (int)strtol(argv[2], NULL, 10));
    }
    if (argc == 3 && strcmp(argv[1], MASTER_ARGUMENT) == 0) {
        return master_go_on((int)strtol(argv[2], NULL, 10));
    }
    if (argc == 2 && strcmp(argv[1], CHECK_ARGUMENT) == 0) {
        fputs(MASTER_STATE, stdout);
        return EXIT_FINE;
    }
    if (argc > 1 && strcmp(argv[1], "import") == 0) {
        return import(argv + 2);
    }
    int rc = parse(&o, argv);
    if (rc != EXIT_FINE) {
        return rc;
    }
    if (o.help) {
        fputs(usage_text, stdout);
        return EXIT_FINE;
    }
    if (o.version || o.versions) {
        return show_version(o.versions);
    }
    if (o.test) {
        return test(&o);
    }
    if (o.print) {
        return print(&o);
    }
    if (o.signal) {
        return run_signal(&o);
    }
    if (o.word_n) {
        return run_command(&o);
    }
    return o.daemon ? run_daemon(&o) : master_main(o.config, -1);
}
