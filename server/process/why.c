/* SPDX-License-Identifier: Apache-2.0 */
#include "process/why.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "config/scope.h"

#define ID_DIGITS 32

/* Reasons as they stand in logs (http/request.c), and what an administrator does about each. */
static const struct {
    const char *reason, *advice;
} table[] = {
    {"destination_not_found",
     "No backend is configured here: give the upstream servers, or proxy.to an address."},
    {"destination_unavailable", "All peers of the upstream are out or down: see that one answers "
                                "at its address; what put them out is logged before."},
    {"dns_error", "The backend's name does not resolve: check it with getent hosts NAME, and "
                  "/etc/resolv.conf. It is looked up again every two seconds."},
    {"connection_refused",
     "Nothing listens at the backend's address: start the backend, or correct the port."},
    {"connection_timeout", "The backend's machine did not answer in proxy.connect_timeout: check "
                           "address, routes and firewall."},
    {"connection_terminated", "The backend closed before it had answered: look into its own log; "
                              "it may have crashed or have a shorter keep-alive time."},
    {"connection_read_timeout", "The backend was silent longer than proxy.read_timeout: find out "
                                "what it waits for, or raise the option."},
    {"connection_write_timeout", "The backend did not take the request in proxy.send_timeout: it "
                                 "is overloaded, or the option too short."},
    {"connection_limit_reached",
     "All peers have max_connections requests: add peers, or raise the limit."},
    {"http_request_error",
     "The client's request is malformed: nothing to do here, unless the client is yours."},
    {"http_request_denied",
     "The request is well-formed and not allowed: the entry says by which rule."},
    {"http_response_incomplete",
     "The backend stopped in the middle of its answer: look into its own log at that time."},
    {"http_response_header_section_size", "The backend's head is larger than proxy.buffer_head: "
                                          "make its cookies smaller, or raise the option."},
    {"http_response_timeout", "The whole exchange took longer than proxy.deadline: make the "
                              "backend faster, or raise the option."},
    {"http_upgrade_failed",
     "The backend did not switch protocols as asked: see that it speaks WebSocket at this path."},
    {"http_protocol_error", "The backend's answer is no valid HTTP: see that the port is the right "
                            "one, and whether it wants https://."},
    {"proxy_loop_detected", "The request came back to weir: proxy.to leads to weir itself."},
    {"proxy_internal_error",
     "Weir could not do its part: the entry says what was missing, such as descriptors or memory."},
    {"proxy_configuration_error", "Correct the configuration that the entry names."},
    {"limit_exceeded", "A limit was passed: the entry names it; raise it if this client is right."},
    {"access_denied",
     "An access rule or a file's mode forbids it: weir explain URL lists the rules."},
    {"route_not_found",
     "The site has no content for this path: add a route, or a handler for the site."},
    {"site_not_found",
     "No site has this host name on this listener: add the name, or make a site the default."},
    {"file_not_found", "The file is not there: compare the path in the entry with static.root."},
    {"method_not_allowed", "The route takes other methods only: see its `methods`."},
    {"range_not_satisfiable", "The client asked for a part that lies behind the file's end."},
    {"request_timeout",
     "The client was too slow: see client.header_timeout, body_timeout and min_rate."},
    {"request_too_large", "The request is larger than client.max_body or max_header: raise it for "
                          "this route if that is meant to work."},
    {"client_gone", "The client left before its answer: often because that took too long."},
    {"tls_protocol_error", "The TLS handshake with the backend failed: check proxy.tls (name, ca), "
                           "and the backend's certificate."},
};

static const char *advice_for(const char *line, const char **reason)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *at = strstr(line, table[i].reason);

        /* "502 REASON: ..." or "REASON: ...; trying the next peer" */
        if (at && at[strlen(table[i].reason)] == ':') {
            *reason = table[i].reason;
            return table[i].advice;
        }
    }
    *reason = NULL;
    return NULL;
}

struct search {
    char mark[ID_DIGITS + 8]; /* "[id ...] " */
    struct json *json;        /* NULL: for people */
    unsigned found, files;
};

static void show(struct search *search, const char *path, const char *line)
{
    const char *reason, *text = strstr(line, search->mark) + strlen(search->mark);
    const char *advice = advice_for(text, &reason);

    search->found++;
    if (search->json) {
        json_open(search->json, NULL, '{');
        json_text(search->json, "file", path);
        json_str(search->json, "time", (weir_str){line, strcspn(line, " ")});
        json_text(search->json, "text", text);
        json_text(search->json, "reason", reason);
        json_text(search->json, "advice", advice);
        json_close(search->json, '}');
        return;
    }
    printf("%s\n", line);
    if (advice) {
        printf("  reason  %s\n  advice  %s\n", reason, advice);
    }
}

static bool search_file(struct search *search, const char *path)
{
    FILE *in = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (!in) {
        if (errno != ENOENT) {
            fprintf(stderr, "weir: %s: %s\n", path, strerror(errno));
        }
        return false;
    }
    while ((n = getline(&line, &room, in)) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, search->mark)) {
            show(search, path, line);
        }
    }
    free(line);
    fclose(in);
    search->files++;
    return true;
}

static bool is_id(const char *id)
{
    for (size_t i = 0; i < ID_DIGITS; i++) {
        if (!isxdigit((unsigned char)id[i])) {
            return false;
        }
    }
    return id[ID_DIGITS] == '\0';
}

/* A log and what the last rotation left of it, older first. */
static void search_log(struct search *search, const char *path)
{
    char rotated[4096];

    snprintf(rotated, sizeof(rotated), "%s.1", path);
    search_file(search, rotated);
    search_file(search, path);
}

/* Several sites may write to one log; a site's own may be the server's. */
static bool is_searched(const struct config *config, uint32_t site)
{
    weir_str path = config->tree->sites[site]->log.path;

    for (uint32_t i = 0; i < site; i++) {
        const struct scope *other = config->tree->sites[i];

        if (other && other->has_log && str_eq(other->log.path, path)) {
            return true;
        }
    }
    return str_eq(config->server.error_log_path, path);
}

static void search_logs(struct search *search, const struct config *config)
{
    const char *own = config->server.error_log_path.n ? config->server.error_log_path.p : NULL;

    if (own) {
        search_log(search, own);
    }
    for (uint32_t i = 0; i < config->site_n; i++) {
        const struct scope *site = config->tree->sites[i];

        if (site && site->has_log && site->log.path.n && !is_searched(config, i)) {
            search_log(search, site->log.path.p);
        }
    }
}

int why_main(const struct config *config, const char *id, bool as_json)
{
    struct json json = {.out = stdout};
    struct search search = {.json = as_json ? &json : NULL};

    if (!is_id(id)) {
        fprintf(stderr,
                "weir: \"%s\" is no request id: expected 32 hexadecimal digits, as in the error "
                "page and "
                "in $request_id\n",
                id);
        return 2;
    }
    snprintf(search.mark, sizeof(search.mark), "[id %s] ", id);
    if (as_json) {
        json_open(&json, NULL, '[');
    }
    search_logs(&search, config);
    if (as_json) {
        json_close(&json, ']');
        putchar('\n');
    }
    if (search.files == 0) {
        fprintf(stderr, "weir: no error log can be read: server.error_log has no path, or this "
                        "user may not read it\n");
    } else if (search.found == 0) {
        fprintf(stderr,
                "weir: %u log files say nothing of this request: it went well, or they were "
                "rotated away\n",
                search.files);
    }
    return search.found ? 0 : 1;
}
