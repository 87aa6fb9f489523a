/* SPDX-License-Identifier: Apache-2.0 */
/* auth_basic - names and passwords (RFC 7617) from an htpasswd file. Passwords are checked on a
 * thread, since that is slow on purpose; what was found is remembered for a while. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <weir/async.h>
#include <weir/module.h>

#include "password.h"

#define CREDENTIALS_MAX 1024 /* bytes of "name:password" */
#define VERDICTS 1024        /* remembered ones; a power of two */
#define GOOD_MS 300000
#define BAD_MS 10000
#define JOBS_MAX 64          /* at a time, of a worker: who asks beyond that hears 503 */
#define JOB_TIME_MS 30000

enum {
    MODE_ENFORCE,
    MODE_REPORT
};
static const char *const modes[] = {"enforce", "report", NULL};

struct user {
    const char *name, *hash;
    size_t name_n;
    struct user *next; /* in its chain */
};

struct conf {
    weir_str realm, file;
    uint32_t mode;
    /* made by check */
    struct user **chains; /* chain_n of them, a power of two */
    size_t chain_n, user_n;
    const char *stand_in; /* a hash for unknown names: they take as long */
    weir_str challenge;
    uint32_t reported; /* metric; made by commit */
};

static const weir_opt opts[] = {
    {.name = "realm",
     .type = WEIR_T_STR,
     .offset = offsetof(struct conf, realm),
     .dflt = "restricted",
     .doc = "What browsers show when they ask."},
    {.name = "file",
     .type = WEIR_T_PATH,
     .flags = WEIR_OPT_FILE | WEIR_OPT_REQUIRED,
     .offset = offsetof(struct conf, file),
     .doc = "The htpasswd file: NAME:HASH on each line. It is read when the configuration is loaded.",
     .example = "\"/etc/weir/admin.htpasswd\""},
    {.name = "mode",
     .type = WEIR_T_ENUM,
     .names = modes,
     .offset = offsetof(struct conf, mode),
     .dflt = "enforce",
     .doc = "\"report\": what would be refused is logged, counted and passes."},
};

/* ---- verdicts ---- */

/* Neither names nor passwords are kept: only a keyed digest of both with the hash they met. */
struct verdict {
    unsigned char digest[32];
    uint64_t until_ms; /* 0: free */
    bool good;
};

static struct verdict verdicts[VERDICTS]; /* of this worker */
static unsigned char secret[32];
static unsigned jobs;

static void make_digest(const char *hash, const char *credentials, size_t n, unsigned char out[32])
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();

    memset(out, 0, 32);
    if (md) {
        EVP_DigestInit_ex(md, EVP_sha256(), NULL);
        EVP_DigestUpdate(md, secret, sizeof(secret));
        EVP_DigestUpdate(md, hash, strlen(hash) + 1);
        EVP_DigestUpdate(md, credentials, n);
        EVP_DigestUpdate(md, secret, sizeof(secret));
        EVP_DigestFinal_ex(md, out, NULL);
        EVP_MD_CTX_free(md);
    }
}

static struct verdict *place_of(const unsigned char digest[32])
{
    return &verdicts[(digest[0] | (unsigned)digest[1] << 8) & (VERDICTS - 1)];
}

/* 1: good, 0: bad, -1: not known. */
static int recall(const unsigned char digest[32])
{
    const struct verdict *verdict = place_of(digest);

    if (verdict->until_ms <= weir_now_ms() || CRYPTO_memcmp(verdict->digest, digest, 32) != 0) {
        return -1;
    }
    return verdict->good;
}

/* Wrong guesses do not push out what is right. */
static void remember(const unsigned char digest[32], bool good)
{
    struct verdict *verdict = place_of(digest);

    if (!good && verdict->good && verdict->until_ms > weir_now_ms()) {
        return;
    }
    memcpy(verdict->digest, digest, 32);
    verdict->good = good;
    verdict->until_ms = weir_now_ms() + (good ? GOOD_MS : BAD_MS);
}

/* ---- answers ---- */

static weir_rc refuse(weir_req *req, const struct conf *conf, const char *why)
{
    if (conf->mode == MODE_REPORT) {
        weir_metric_add(conf->reported, 1);
        weir_log(WEIR_LOG_WARN, req, "auth_basic.mode is \"report\", this passes: %s", why);
        return WEIR_NEXT;
    }
    weir_edit_known(req, WEIR_RESPONSE, WEIR_SET, WEIR_F_WWW_AUTHENTICATE, conf->challenge);
    return weir_reply(req, 401, WEIR_REASON_ACCESS_DENIED, WEIR_STR(""), WEIR_STR(""), why);
}

/* ---- checking ---- */

struct job {
    weir_req *req; /* NULL: it is gone */
    weir_token token;
    const struct conf *conf;
    const char *hash;
    bool is_known, good;
    unsigned char digest[32];
    char password[CREDENTIALS_MAX + 1];
};

static void work(void *arg)
{
    struct job *job = arg;

    job->good = password_matches(job->hash, job->password) && job->is_known;
}

static void done(void *arg)
{
    struct job *job = arg;

    jobs--;
    remember(job->digest, job->good);
    if (job->req) {
        weir_rc rc = job->good ? WEIR_DONE : refuse(job->req, job->conf, "the password is wrong");

        weir_resume(job->token, rc);
    }
    OPENSSL_cleanse(job, sizeof(*job));
    free(job);
}

static void on_cancel(void *arg)
{
    ((struct job *)arg)->req = NULL;
}

static weir_rc start_job(weir_req *req, const struct conf *conf, const char *hash, bool is_known,
                         weir_str password, const unsigned char digest[32])
{
    struct job *job = jobs < JOBS_MAX ? malloc(sizeof(*job)) : NULL;

    if (!job) {
        return weir_reply(req, 503, WEIR_REASON_LIMIT_EXCEEDED, WEIR_STR(""), WEIR_STR(""),
                          "too many passwords are being checked at a time");
    }
    *job = (struct job){.req = req, .conf = conf, .hash = hash, .is_known = is_known};
    memcpy(job->digest, digest, 32);
    memcpy(job->password, password.p, password.n);
    job->password[password.n] = '\0';
    job->token = weir_suspend(req, JOB_TIME_MS, on_cancel, job);
    if (!job->token || weir_offload(work, done, job) != WEIR_OK) {
        free(job);
        return WEIR_ERROR;
    }
    jobs++;
    return WEIR_AGAIN;
}

static size_t hash_name(const char *name, size_t n)
{
    size_t hash = 5381;

    for (size_t i = 0; i < n; i++) {
        hash = hash * 33 + (unsigned char)name[i];
    }
    return hash;
}

static const struct user *find_user(const struct conf *conf, const char *name, size_t n)
{
    for (const struct user *user = conf->chains[hash_name(name, n) & (conf->chain_n - 1)]; user;
         user = user->next) {
        if (user->name_n == n && memcmp(user->name, name, n) == 0) {
            return user;
        }
    }
    return NULL;
}

/* The credentials of "Basic BASE64". Returns their length, 0: there are none. */
static size_t decode(weir_str field, char out[CREDENTIALS_MAX + 4])
{
    char text[(CREDENTIALS_MAX + 2) / 3 * 4 + 1];

    if (field.n < 7 || strncasecmp(field.p, "Basic ", 6) != 0) {
        return 0;
    }
    field.p += 6;
    field.n -= 6;
    while (field.n && field.p[0] == ' ') {
        field.p++;
        field.n--;
    }
    if (field.n == 0 || field.n % 4 || field.n > sizeof(text) - 1) {
        return 0;
    }
    int n = EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)field.p, (int)field.n);
    for (size_t i = field.n; n > 0 && field.p[i - 1] == '=' && field.n - i < 2; i--) {
        n--;
    }
    return n > 0 && n <= CREDENTIALS_MAX ? (size_t)n : 0;
}

static weir_rc on_access(weir_req *req, const void *conf_)
{
    const struct conf *conf = conf_;
    char credentials[CREDENTIALS_MAX + 4];
    unsigned char digest[32];
    weir_str field;

    weir_field_get(req, WEIR_REQUEST, WEIR_F_AUTHORIZATION, &field);
    size_t n = decode(field, credentials);
    const char *colon = n ? memchr(credentials, ':', n) : NULL;
    if (!colon || memchr(credentials, '\0', n)) {
        return refuse(req, conf, field.n ? "Authorization is not of Basic, or malformed"
                                         : "no name and password were sent");
    }
    size_t name_n = (size_t)(colon - credentials);
    const struct user *user = find_user(conf, credentials, name_n);
    const char *hash = user ? user->hash : conf->stand_in;
    make_digest(hash, credentials, n, digest);
    int known = recall(digest);
    weir_rc rc = WEIR_DONE;
    if (known < 0) {
        rc = start_job(req, conf, hash, user != NULL,
                       (weir_str){colon + 1, n - name_n - 1}, digest);
    } else if (!known) {
        rc = refuse(req, conf, "the password is wrong");
    }
    if (user && rc != WEIR_HANDLED) {
        char *name = weir_alloc(req, name_n);

        memcpy(name, credentials, name_n);
        weir_set_user(req, (weir_str){name, name_n});
    }
    OPENSSL_cleanse(credentials, sizeof(credentials));
    return rc;
}

/* ---- configuration ---- */

static void add_user(weir_cfg *cfg, struct conf *conf, char *line, unsigned number)
{
    char *colon = strchr(line, ':');

    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#') {
        return;
    }
    if (!colon || colon == line) {
        weir_cfg_error(cfg, "file", "line %u: expected NAME:HASH", number);
        return;
    }
    *colon = '\0';
    char *hash = colon + 1;
    hash[strcspn(hash, ":")] = '\0'; /* what follows is a comment */
    const char *fault = password_hash_fault(hash);
    if (fault) {
        weir_cfg_error(cfg, "file", "line %u: user \"%s\": %s", number, line, fault);
        return;
    }
    struct user *user = weir_cfg_alloc(cfg, sizeof(*user));
    size_t name_n = strlen(line), hash_n = strlen(hash);
    char *text = weir_cfg_alloc(cfg, name_n + hash_n + 2);
    memcpy(text, line, name_n);
    memcpy(text + name_n + 1, hash, hash_n);
    struct user **chain = &conf->chains[hash_name(line, name_n) & (conf->chain_n - 1)];
    *user = (struct user){text, text + name_n + 1, name_n, *chain};
    *chain = user;
    conf->stand_in = conf->stand_in ? conf->stand_in : user->hash;
    conf->user_n++;
}

static void read_file(weir_cfg *cfg, struct conf *conf)
{
    FILE *file = fopen(conf->file.p, "re");
    unsigned number = 0;
    char line[1024];

    if (!file) {
        return; /* the host has said so */
    }
    while (fgets(line, sizeof(line), file)) {
        add_user(cfg, conf, line, ++number);
    }
    fclose(file);
    OPENSSL_cleanse(line, sizeof(line));
    if (number == 0) {
        weir_cfg_warn(cfg, "file", "%s has no users: nobody gets in", conf->file.p);
    }
}

static void check(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;
    size_t n = 0;

    conf->chain_n = 1024;
    conf->chains = weir_cfg_alloc(cfg, conf->chain_n * sizeof(*conf->chains));
    if (conf->file.n) {
        read_file(cfg, conf);
    }
    conf->stand_in = conf->stand_in ? conf->stand_in : "{SHA}none";
    char *text = weir_cfg_alloc(cfg, conf->realm.n * 2 + 40);
    memcpy(text, "Basic realm=\"", 13);
    n = 13;
    for (size_t i = 0; i < conf->realm.n; i++) {
        if ((unsigned char)conf->realm.p[i] < ' ' || conf->realm.p[i] == 0x7f) {
            weir_cfg_error(cfg, "realm", "it has a control character");
            return;
        }
        if (conf->realm.p[i] == '"' || conf->realm.p[i] == '\\') {
            text[n++] = '\\';
        }
        text[n++] = conf->realm.p[i];
    }
    memcpy(text + n, "\", charset=\"UTF-8\"", 18);
    conf->challenge = (weir_str){text, n + 18};
}

static void commit(weir_cfg *cfg, void *conf_)
{
    struct conf *conf = conf_;

    conf->reported = weir_cfg_metric(cfg, "reported_total", WEIR_METRIC_COUNTER, NULL,
                                     "Requests that mode = \"report\" let pass.");
    memcpy(secret, weir_cfg_secret(cfg), sizeof(secret));
}

static const weir_hook hooks[] = {{.phase = WEIR_REQ_ACCESS, .fn = on_access}};

static const weir_module module = {
    WEIR_MODULE_HEAD("auth_basic", "0.1"),
    .doc = "Asks for a name and a password from an htpasswd file.",
    .flags = WEIR_MODULE_FAIL_CLOSED,
    .scopes = WEIR_S_SITE | WEIR_S_ROUTE,
    .hooks = hooks,
    .hook_n = WEIR_COUNT(hooks),
    .opts = opts,
    .opt_n = WEIR_COUNT(opts),
    .conf_size = sizeof(struct conf),
    .check = check,
    .commit = commit,
};

WEIR_MODULE(auth_basic, 3, "", module)
