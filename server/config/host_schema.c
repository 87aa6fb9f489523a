/* SPDX-License-Identifier: Apache-2.0 */
#include "config/host_schema.h"

#include "config/tests.h"

#define KILO 1024ll
#define MEGA (1024ll * 1024)
#define SECOND 1000ll
#define DAY (24 * 60 * 60 * SECOND)

#define AT(type, member) .offset = offsetof(type, member)
/* A GROUP whose rows fill the same struct: their offsets count from its start. */
#define GROUP(rows_) .type = WEIR_T_GROUP, .sub = (rows_), .sub_n = WEIR_COUNT(rows_)
#define APART(name_, doc_)                                                                         \
    {                                                                                              \
        .name = (name_), .type = WEIR_T_STR, .flags = SCHEMA_APART, .doc = (doc_)                  \
    }

static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const satisfies[] = {"all", "any", NULL};
static const char *const slashes[] = {"auto", "keep", "refuse", NULL};

static const weir_opt log_table[] = {
    {.name = "path",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_WRITTEN,
     AT(struct log_settings, path),
     .doc = "The file; without it, standard error."},
    {.name = "level",
     .type = WEIR_T_ENUM,
     .names = levels,
     AT(struct log_settings, level),
     .dflt = "warn",
     .doc = "The least important lines that are written."},
};

static const weir_opt server_log_table[] = {
    {.name = "path",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_WRITTEN,
     AT(struct server_conf, error_log_path),
     .doc = "The file; without it, standard error."},
    {.name = "level",
     .type = WEIR_T_ENUM,
     .names = levels,
     AT(struct server_conf, error_log_level),
     .dflt = "warn",
     .doc = "The least important lines that are written."},
};

static const weir_opt server_table[] = {
    {.name = "workers",
     .type = WEIR_T_INT,
     .flags = SCHEMA_AUTO,
     AT(struct server_conf, workers),
     .dflt = "auto",
     .min = 1,
     .max = 1024,
     .doc = "Worker processes; \"auto\": one per CPU."},
    {.name = "user",
     .type = WEIR_T_STR,
     AT(struct server_conf, user),
     .dflt = "www-data",
     .doc = "Who the workers become when weir is started by root."},
    {.name = "group",
     .type = WEIR_T_STR,
     AT(struct server_conf, group),
     .doc = "Their group; without it, the user's."},
    {.name = "error_log", GROUP(server_log_table), .doc = "The error log."},
    {.name = "modules_path",
     .type = WEIR_T_LIST | WEIR_T_PATH,
     .flags = WEIR_OPT_DIR,
     AT(struct server_conf, modules_path),
     .doc = "Folders that modules are looked for in."},
    {.name = "modules",
     .type = WEIR_T_LIST | WEIR_T_STR,
     AT(struct server_conf, modules),
     .doc = "The modules that may be loaded; without it, all that are installed."},
    {.name = "pid_file",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_WRITTEN,
     AT(struct server_conf, pid_file),
     .doc = "Where the master's process number is kept."},
    {.name = "control",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_WRITTEN,
     AT(struct server_conf, control),
     .doc = "The control socket; without it, control.sock in a service's $RUNTIME_DIRECTORY, "
            "/run/weir/control.sock for root, and weir.sock in $XDG_RUNTIME_DIR for others."},
    {.name = "control_group",
     .type = WEIR_T_STR,
     AT(struct server_conf, control_group),
     .doc = "A group whose members may use the control socket, too, and so may do all that weir -s and weir "
            "peers do; without it, only the user that weir was started by."},
    {.name = "temp_path",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_WRITTEN,
     AT(struct server_conf, temp_path),
     .doc = "A folder for large bodies under way."},
    {.name = "connections",
     .type = WEIR_T_INT,
     AT(struct server_conf, connections),
     .dflt = "16384",
     .min = 1,
     .max = 10000000,
     .doc = "Open connections per worker. When there are so many, those that have waited longest "
            "between requests or for a first one give way."},
    {.name = "connections_per_address",
     .type = WEIR_T_INT,
     AT(struct server_conf, connections_per_address),
     .dflt = "0",
     .max = 10000000,
     .doc = "Open connections of one address, or of one IPv6 /64, per worker; further ones are closed at "
            "once. 0: any number."},
    {.name = "drain_timeout",
     .type = WEIR_T_DURATION,
     AT(struct server_conf, drain_timeout_ms),
     .dflt = "1h",
     .doc = "How long old workers may finish what they serve after a reload."},
    {.name = "stall_timeout",
     .type = WEIR_T_DURATION,
     AT(struct server_conf, stall_timeout_ms),
     .dflt = "10s",
     .doc = "After how long a worker that is stuck is ended, and the module named; 0: never."},
    {.name = "worker_memory",
     .type = WEIR_T_SIZE,
     AT(struct server_conf, worker_memory),
     .dflt = "0",
     .doc = "The most that a worker may allocate. When four fifths are in use it refuses further requests "
            "(503) but those for its status; one that needs more ends, the module named, and is "
            "replaced; 0: no limit."},
    {.name = "sandbox",
     .type = WEIR_T_BOOL,
     AT(struct server_conf, sandbox),
     .dflt = "true",
     .doc = "Workers keep to the files of the configuration and to the system calls that serving "
            "needs."},
};

static const weir_opt client_table[] = {
    {.name = "header_timeout",
     .type = WEIR_T_DURATION,
     AT(struct client_conf, header_timeout_ms),
     .dflt = "60s",
     .min = 1,
     .max = DAY,
     .doc = "For a request's head to be complete."},
    {.name = "body_timeout",
     .type = WEIR_T_DURATION,
     AT(struct client_conf, body_timeout_ms),
     .dflt = "60s",
     .min = 1,
     .max = DAY,
     .doc = "Between two pieces of a request's body."},
    {.name = "send_timeout",
     .type = WEIR_T_DURATION,
     AT(struct client_conf, send_timeout_ms),
     .dflt = "60s",
     .min = 1,
     .max = DAY,
     .doc = "For a client to take the next piece."},
    {.name = "keepalive_timeout",
     .type = WEIR_T_DURATION,
     AT(struct client_conf, keepalive_timeout_ms),
     .dflt = "75s",
     .max = DAY,
     .doc = "How long an idle connection is kept."},
    {.name = "keepalive_requests",
     .type = WEIR_T_INT,
     AT(struct client_conf, keepalive_requests),
     .dflt = "10000",
     .min = 1,
     .max = INT64_MAX,
     .doc = "Requests served on one connection."},
    {.name = "max_header",
     .type = WEIR_T_SIZE,
     AT(struct client_conf, max_header),
     .dflt = "32k",
     .min = 1 * KILO,
     .max = 16 * MEGA,
     .doc = "Bytes of a request's head (431)."},
    {.name = "max_headers",
     .type = WEIR_T_INT,
     AT(struct client_conf, max_headers),
     .dflt = "100",
     .min = 1,
     .max = 10000,
     .doc = "Fields of a request's head (431)."},
    {.name = "max_body",
     .type = WEIR_T_SIZE,
     AT(struct client_conf, max_body),
     .dflt = "100m",
     .doc = "Bytes of a request's body (413); 0: no limit."},
    {.name = "min_rate",
     .type = WEIR_T_SIZE,
     AT(struct client_conf, min_rate),
     .dflt = "0",
     .doc = "Bytes per second of a request's body that a client has to keep up on average while it is "
            "waited for (408); 0: none."},
    {.name = "min_response_rate",
     .type = WEIR_T_SIZE,
     AT(struct client_conf, min_response_rate),
     .dflt = "0",
     .doc = "Bytes per second of a response that a client has to take on average while it is waited "
            "for; else its connection is cut. 0: none."},
    {.name = "min_rate_grace",
     .type = WEIR_T_DURATION,
     AT(struct client_conf, min_rate_grace_ms),
     .dflt = "10s",
     .max = DAY,
     .doc = "How long a client may be waited for before min_rate and min_response_rate hold."},
    {.name = "encoded_slash",
     .type = WEIR_T_ENUM,
     .names = slashes,
     AT(struct client_conf, encoded_slash),
     .dflt = "auto",
     .doc = "What becomes of %2F in a path."},
};

static const weir_opt peer_table[] = {
    {.name = "address",
     .type = WEIR_T_STR,
     .flags = WEIR_OPT_REQUIRED,
     AT(struct peer_conf, address),
     .example = "address = \"127.0.0.1:3000\";",
     .doc = "host:port, [v6]:port or unix:/path."},
    {.name = "weight",
     .type = WEIR_T_INT,
     AT(struct peer_conf, weight),
     .dflt = "1",
     .min = 1,
     .max = 65535,
     .doc = "Its share of the requests, relative to the others'."},
    {.name = "max_fails",
     .type = WEIR_T_INT,
     AT(struct peer_conf, max_fails),
     .dflt = "1",
     .max = 1000000,
     .doc = "Failures within fail_timeout that put it out; 0: never."},
    {.name = "fail_timeout",
     .type = WEIR_T_DURATION,
     AT(struct peer_conf, fail_timeout_ms),
     .dflt = "10s",
     .min = 1,
     .max = DAY,
     .doc = "The time failures count, and it stays out."},
    {.name = "backup",
     .type = WEIR_T_BOOL,
     AT(struct peer_conf, backup),
     .dflt = "false",
     .doc = "Asked only when no other is left."},
    {.name = "down",
     .type = WEIR_T_BOOL,
     AT(struct peer_conf, down),
     .dflt = "false",
     .doc = "Not asked at all."},
    {.name = "drain",
     .type = WEIR_T_BOOL,
     AT(struct peer_conf, drain),
     .dflt = "false",
     .doc = "No new clients."},
    {.name = "max_connections",
     .type = WEIR_T_INT,
     AT(struct peer_conf, max_connections),
     .dflt = "0",
     .max = 10000000,
     .doc = "Requests at a time; 0: no limit."},
    {.name = "slow_start",
     .type = WEIR_T_DURATION,
     AT(struct peer_conf, slow_start_ms),
     .max = DAY,
     .doc = "How long its share grows once it is back; absent: it is whole at once."},
    {.name = "proxy_protocol",
     .type = WEIR_T_INT,
     AT(struct peer_conf, proxy_protocol),
     .dflt = "0",
     .max = 2,
     .doc = "Tells it the client's address by PROXY protocol, version 1 or 2; 0: not."},
};

static const weir_opt retry_table[] = {
    {.name = "tries",
     .type = WEIR_T_INT,
     AT(struct upstream_conf, retry_tries),
     .dflt = "0",
     .max = 1000,
     .doc = "Peers asked for one request; 0: each once."},
    {.name = "budget",
     .type = WEIR_T_INT,
     AT(struct upstream_conf, retry_budget),
     .dflt = "20",
     .max = 100,
     .doc = "Retries under way, in percent of the requests under way."},
    {.name = "on",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .flags = SCHEMA_WORD,
     AT(struct upstream_conf, retry_words),
     .dflt = "error timeout invalid",
     .doc = "What is worth another try: connect, error, timeout, invalid, and statuses."},
    {.name = "timeout",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, retry_timeout_ms),
     .max = DAY,
     .doc = "For the head of an answer, per try; absent: read_timeout alone."},
    {.name = "hedge",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, retry_hedge_ms),
     .min = 1,
     .max = DAY,
     .doc = "An idempotent request without an answer for so long goes to a second peer, too; absent: "
            "never."},
};

static const weir_opt queue_table[] = {
    {.name = "length",
     .type = WEIR_T_INT,
     AT(struct upstream_conf, queue_length),
     .dflt = "0",
     .max = 1000000,
     .doc = "Requests that may wait while all peers are at max_connections, per worker."},
    {.name = "timeout",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, queue_timeout_ms),
     .dflt = "60s",
     .min = 1,
     .max = DAY,
     .doc = "How long each waits (503)."},
};

static const weir_opt sticky_table[] = {
    {.name = "cookie",
     .type = WEIR_T_STR,
     AT(struct upstream_conf, sticky_cookie),
     .dflt = "route",
     .doc = "The name of the cookie that brings a client back to its peer."},
    {.name = "ttl",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, sticky_ttl_ms),
     .doc = "How long browsers keep it; absent: as long as they run."},
};

static const weir_opt eject_table[] = {
    {.name = "status",
     .type = WEIR_T_LIST | WEIR_T_STR,
     .flags = SCHEMA_WORD,
     AT(struct upstream_conf, eject_words),
     .doc = "Answers that count as failures."},
    {.name = "ratio",
     .type = WEIR_T_INT,
     AT(struct upstream_conf, eject_ratio),
     .dflt = "0",
     .max = 100,
     .doc = "Percent of bad answers in the window that put a peer out; 0: max_fails of them."},
    {.name = "window",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, eject_window_ms),
     .dflt = "10s",
     .min = 1,
     .max = DAY,
     .doc = "The time that the ratio is taken over."},
    {.name = "latency",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, eject_latency_ms),
     .max = DAY,
     .doc = "Answers that take longer count as failures, too; absent: however long."},
};

static const char *const health_types[] = {"http", "tcp", "grpc", NULL};

#define HEALTH(name_, type_, member_, ...)                                                         \
    {                                                                                              \
        .name = (name_), .type = (type_), AT(struct upstream_conf, health.member_), __VA_ARGS__    \
    }

static const weir_opt health_tls[] = {
    HEALTH("verify", WEIR_T_BOOL, tls.verify, .dflt = "true",
           .doc = "Checks the peer's certificate and its name."),
    HEALTH("ca", WEIR_T_PATH, tls.ca,
           .doc = "File with the certificates to trust; absent: the system's."),
    HEALTH("name", WEIR_T_STR, tls.name,
           .doc = "The name in the certificate, and for SNI; absent: `host`, else the peer's."),
    HEALTH("certificate", WEIR_T_PATH, tls.certificate,
           .doc = "File with weir's own certificate, if peers ask."),
    HEALTH("key", WEIR_T_PATH, tls.key, .doc = "File with its key."),
};

static const weir_opt health_table[] = {
    HEALTH("type", WEIR_T_ENUM, type, .names = health_types, .dflt = "http",
           .doc = "What is asked of each peer."),
    HEALTH("path", WEIR_T_STR, path, .dflt = "/", .doc = "http: the path that is fetched."),
    HEALTH("host", WEIR_T_STR, host, .doc = "http: the Host that is sent; absent: the address."),
    HEALTH("port", WEIR_T_INT, port, .dflt = "0", .max = 65535,
           .doc = "Another port than the peer's; 0: that one."),
    HEALTH("interval", WEIR_T_DURATION, interval_ms, .dflt = "5s", .min = 10, .max = DAY,
           .doc = "Between two checks of a peer, more or less a tenth."),
    HEALTH("timeout", WEIR_T_DURATION, timeout_ms, .dflt = "2s", .min = 1, .max = DAY,
           .doc = "For the whole of a check."),
    HEALTH("rise", WEIR_T_INT, rise, .dflt = "2", .min = 1, .max = 1000,
           .doc = "Good checks in a row that bring a peer back."),
    HEALTH("fall", WEIR_T_INT, fall, .dflt = "3", .min = 1, .max = 1000,
           .doc = "Failed checks in a row that put it out."),
    HEALTH("expect", WEIR_T_LIST | WEIR_T_STR, expect_words, .flags = SCHEMA_WORD,
           .dflt = "200-399", .doc = "http: statuses that are good."),
    HEALTH("body", WEIR_T_STR, body, .doc = "http: text that the answer has to contain."),
    HEALTH("service", WEIR_T_STR, service, .doc = "grpc: the service asked about."),
    {.name = "tls", GROUP(health_tls), .doc = "The peers are asked through TLS; true: with the defaults."},
};

static const weir_opt upstream_table[] = {
    /* The list is read apart, into struct peer_conf; the row is for its keys and for -T. */
    {.name = "servers",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .flags = SCHEMA_FIRST | SCHEMA_APART,
     .sub = peer_table,
     .sub_n = WEIR_COUNT(peer_table),
     .item_size = sizeof(struct peer_conf),
     .doc = "The peers."},
    {.name = "balance",
     .type = WEIR_T_STR,
     AT(struct upstream_conf, balance),
     .dflt = "round_robin",
     .doc = "How a peer is chosen."},
    {.name = "keepalive",
     .type = WEIR_T_INT,
     AT(struct upstream_conf, keepalive),
     .dflt = "32",
     .max = 1000000,
     .doc = "Idle connections kept per worker."},
    {.name = "keepalive_timeout",
     .type = WEIR_T_DURATION,
     AT(struct upstream_conf, keepalive_timeout_ms),
     .dflt = "60s",
     .max = DAY,
     .doc = "How long an idle connection is kept."},
    {.name = "retry", GROUP(retry_table), .doc = "Asking another peer."},
    {.name = "key",
     .type = WEIR_T_TEMPLATE,
     AT(struct upstream_conf, key),
     .doc = "What requests with the same peer have in common, for balance = \"hash\".",
     .example = "\"$request_uri\""},
    {.name = "resolve",
     .type = WEIR_T_BOOL,
     AT(struct upstream_conf, resolve),
     .dflt = "false",
     .doc = "Looks names up again whenever an answer's time is over; also of SRV records."},
    {.name = "queue", GROUP(queue_table), .doc = "Waiting for a place at a peer."},
    {.name = "sticky", GROUP(sticky_table), .flags = SCHEMA_APART, .doc = "Clients keep their peer."},
    {.name = "eject", GROUP(eject_table), .doc = "What puts a peer out besides failures."},
    {.name = "health", GROUP(health_table), .flags = SCHEMA_APART, .doc = "Active checks."},
};

#define ON_ERROR(name_, type_, member_, ...)                                                       \
    {                                                                                              \
        .name = (name_), .type = (type_), AT(struct on_error_settings, member_), __VA_ARGS__       \
    }

static const weir_opt on_error_respond[] = {
    ON_ERROR("text", WEIR_T_TEMPLATE, text, .flags = WEIR_OPT_RESPONSE, .doc = "The body.",
             .example = "\"Sorry: $status. Tell us $request_id.\""),
    ON_ERROR("file", WEIR_T_PATH, file, .flags = WEIR_OPT_FILE,
             .doc = "A file with the body, of at most 1 MiB; it is read when weir is loaded."),
    ON_ERROR("type", WEIR_T_STR, type,
             .doc = "The body's media type; absent: by the file's name, else text/plain."),
    ON_ERROR("status", WEIR_T_INT, respond_status, .dflt = "0", .max = 599,
             .doc = "Another status; 0: the one that was to be answered."),
};

static const weir_opt on_error_table[] = {
    ON_ERROR("status", WEIR_T_LIST | WEIR_T_STR, status, .flags = SCHEMA_WORD | WEIR_OPT_REQUIRED,
             .doc = "The statuses that are answered so, from 300 on.", .example = "[ \"404\", \"5xx\" ]"),
    ON_ERROR("path", WEIR_T_TEMPLATE, path, .flags = WEIR_OPT_RESPONSE,
             .doc = "A path of the same site, whose route makes the answer, asked by GET (or HEAD); or "
                    "\"@NAME\", the route of that name, for the path that the client asked for.",
             .example = "\"/errors/$status.html\""),
    {.name = "respond", GROUP(on_error_respond), .doc = "A text instead of a path."},
    ON_ERROR("answer", WEIR_T_STR, answer, .flags = SCHEMA_WORD, .dflt = "keep",
             .doc = "With path, the status sent: \"keep\", the one that was to be answered; \"own\", the "
                    "other route's; or a number."),
    ON_ERROR("upstream", WEIR_T_BOOL, upstream, .dflt = "false",
             .doc = "Answers of backends, too, not only weir's own."),
};

/* The list is read apart: on_error.c. */
#define ON_ERROR_ROW                                                                               \
    {                                                                                              \
        .name = "on_error", .type = WEIR_T_LIST | WEIR_T_GROUP, .flags = SCHEMA_APART,             \
        .sub = on_error_table, .sub_n = WEIR_COUNT(on_error_table),                                \
        .item_size = sizeof(struct on_error_settings),                                             \
        .doc = "What is answered instead of errors. Inner scopes' entries are asked first."        \
    }

static const weir_opt top_names[] = {
    APART("server", "The process as a whole."),
    APART("upstream", "Named groups of backends."),
    APART("client", "Limits for clients, for all sites."),
    ON_ERROR_ROW,
    APART("sites", "The sites."),
};

#define TEST(name_, type_, member_, ...)                                                           \
    {                                                                                              \
        .name = (name_), .type = (type_), AT(struct test, member_), __VA_ARGS__                    \
    }

static const weir_opt test_backend[] = {
    TEST("status", WEIR_T_INT, backend.status, .dflt = "200", .max = 599,
         .doc = "What backends answer; 0: they refuse the connection."),
    TEST("headers", WEIR_T_MAP | WEIR_T_STR, backend.headers, .doc = "Fields of their answer."),
    TEST("body", WEIR_T_STR, backend.body,
         .doc = "Its body; absent: \"upstream NAME\" and the head of the request, as they got it."),
};

static const weir_opt test_expect[] = {
    TEST("status", WEIR_T_INT, expect.status, .max = 599, .doc = "The status."),
    TEST("site", WEIR_T_STR, expect.site, .doc = "The first name of the site that answers."),
    TEST("route", WEIR_T_STR, expect.route, .doc = "The route's name; else its path or regex."),
    TEST("upstream", WEIR_T_STR, expect.upstream,
         .doc = "The upstream that was asked, by its name or address; \"\": none was."),
    TEST("reason", WEIR_T_STR, expect.reason, .doc = "Why weir answers itself: $reason."),
    /* A field that has to be absent is NAME = false. */
    {.name = "headers",
     .type = WEIR_T_MAP | WEIR_T_STR,
     .flags = SCHEMA_APART,
     .doc = "Fields of the answer and their values; false: there must be none."},
    TEST("body", WEIR_T_STR, expect.body, .doc = "Text that the body has in it."),
};

static const weir_opt test_table[] = {
    TEST("request", WEIR_T_STR, request, .flags = WEIR_OPT_REQUIRED,
         .doc = "Method and URL; or method and path, for the site itself.",
         .example = "\"GET https://example.com/static/x.css\""),
    TEST("headers", WEIR_T_MAP | WEIR_T_STR, headers, .doc = "Fields of the request."),
    TEST("body", WEIR_T_STR, body, .doc = "The request's body."),
    TEST("from", WEIR_T_STR, from, .dflt = "127.0.0.1", .doc = "The client's address."),
    {.name = "backend", GROUP(test_backend), .doc = "The backends that stand for the real ones."},
    {.name = "expect",
     GROUP(test_expect),
     .doc = "What has to be; a text that begins with \"~\" is a regular expression."},
};

static const weir_opt site_names[] = {
    {.name = "satisfy",
     .type = WEIR_T_ENUM,
     .names = satisfies,
     AT(struct site_settings, satisfy),
     .dflt = "all",
     .doc = "Do all modules that guard a route have to agree, or any of them?"},
    {.name = "names",
     .type = WEIR_T_LIST | WEIR_T_STR,
     AT(struct site_settings, names),
     .doc = "Host names: \"example.com\", \"*.example.com\", \"example.*\"."},
    {.name = "default",
     .type = WEIR_T_BOOL,
     AT(struct site_settings, is_default),
     .doc = "Answers hosts that no other site on the listener has."},
    APART("listen", "Addresses: \"http://*:80\"."),
    {.name = "error_log",
     .type = WEIR_T_GROUP,
     .flags = SCHEMA_APART,
     .sub = log_table,
     .sub_n = WEIR_COUNT(log_table),
     .doc = "An error log of its own."},
    {.name = "client",
     .type = WEIR_T_GROUP,
     .flags = SCHEMA_APART,
     .sub = client_table,
     .sub_n = WEIR_COUNT(client_table),
     .doc = "Limits for clients."},
    APART("order", "The order of modules in a phase."),
    APART("routes", "The routes."),
    ON_ERROR_ROW,
    {.name = "tests",
     .type = WEIR_T_LIST | WEIR_T_GROUP,
     .flags = SCHEMA_APART,
     .sub = test_table,
     .sub_n = WEIR_COUNT(test_table),
     .item_size = sizeof(struct test),
     .doc = "What the site promises to answer: weir test tries it."},
};

#define MATCH(name_, member_, doc_)                                                                \
    {                                                                                              \
        .name = (name_), .type = WEIR_T_MAP | WEIR_T_REGEX, AT(struct match_settings, member_),    \
        .doc = (doc_)                                                                              \
    }

static const weir_opt match_table[] = {
    MATCH("header", header, "Request fields that have to match: a name and a regular expression."),
    MATCH("query", query, "Query arguments that have to match."),
    MATCH("cookie", cookie, "Cookies that have to match."),
};

static const weir_opt route_names[] = {
    {.name = "path",
     .type = WEIR_T_STR,
     AT(struct route_settings, path),
     .doc = "A prefix, on segment boundaries."},
    {.name = "exact", .type = WEIR_T_STR, AT(struct route_settings, exact), .doc = "A path."},
    {.name = "regex",
     .type = WEIR_T_STR,
     AT(struct route_settings, regex),
     .doc = "A regular expression for paths."},
    {.name = "final",
     .type = WEIR_T_BOOL,
     AT(struct route_settings, final),
     .doc = "As the longest prefix it wins before any regex."},
    {.name = "methods",
     .type = WEIR_T_LIST | WEIR_T_STR,
     AT(struct route_settings, methods),
     .doc = "The methods it takes; without it, any. GET takes HEAD, too."},
    {.name = "name",
     .type = WEIR_T_STR,
     AT(struct route_settings, name),
     .doc = "What logs call it."},
    {.name = "satisfy",
     .type = WEIR_T_ENUM,
     .names = satisfies,
     AT(struct route_settings, satisfy),
     .doc = "As the site's, which holds without it."},
    {.name = "client",
     .type = WEIR_T_GROUP,
     .flags = SCHEMA_APART,
     .sub = client_table,
     .sub_n = WEIR_COUNT(client_table),
     .doc = "Limits for clients."},
    {.name = "match",
     .type = WEIR_T_GROUP,
     AT(struct route_settings, match),
     .sub = match_table,
     .sub_n = WEIR_COUNT(match_table),
     .doc = "What requests must have besides the path; all of it."},
    {.name = "internal",
     .type = WEIR_T_BOOL,
     AT(struct route_settings, internal),
     .doc = "Clients get 404; only on_error, rewriting, `try` and X-Accel-Redirect lead here."},
    ON_ERROR_ROW,
};

struct rows host_rows(uint32_t kind)
{
    return kind == WEIR_S_TOP    ? ROWS(top_names)
           : kind == WEIR_S_SITE ? ROWS(site_names)
                                 : ROWS(route_names);
}

struct rows server_rows(void)
{
    return ROWS(server_table);
}

struct rows log_rows(void)
{
    return ROWS(log_table);
}

struct rows client_rows(void)
{
    return ROWS(client_table);
}

struct rows on_error_rows(void)
{
    return ROWS(on_error_table);
}

struct rows test_rows(void)
{
    return ROWS(test_table);
}

struct rows upstream_rows(void)
{
    return ROWS(upstream_table);
}
