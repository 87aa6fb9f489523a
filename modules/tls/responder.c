/* SPDX-License-Identifier: Apache-2.0 */
#include "responder.h"

#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOK_MS 50
#define TIMEOUT_MS 10000
#define SKEW_S 300          /* between our clock and the responder's */
#define NO_DATE_S (12 * 3600) /* an answer without nextUpdate is used so long */

struct question {
    X509 *issuer;
    OCSP_CERTID *id;
    OCSP_REQUEST *request;
    char *host, *port, *path;
    struct gaicb lookup; /* the resolver's thread may write to it until it is done */
    bool is_looking_up;
    OSSL_HTTP_REQ_CTX *exchange;
    BIO *socket;
    uint64_t end_ms;
    void (*done)(void *arg, const struct answer *answer);
    void *arg;
};

static char *url_of(X509 *leaf)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
    char *url = NULL;

    for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && !url; i++) {
        const char *one = sk_OPENSSL_STRING_value(urls, i);

        url = strncmp(one, "http://", 7) == 0 ? strdup(one) : NULL;
    }
    X509_email_free(urls);
    return url;
}

bool responder_is_named(X509 *leaf)
{
    char *url = url_of(leaf);

    free(url);
    return url != NULL;
}

static void destroy(struct question *question)
{
    OSSL_HTTP_REQ_CTX_free(question->exchange);
    BIO_free_all(question->socket);
    OCSP_REQUEST_free(question->request);
    OCSP_CERTID_free(question->id);
    X509_free(question->issuer);
    OPENSSL_free(question->host);
    OPENSSL_free(question->port);
    OPENSSL_free(question->path);
    if (question->lookup.ar_result) {
        freeaddrinfo(question->lookup.ar_result);
    }
    ERR_clear_error();
    free(question);
}

/* ---- the answer ---- */

static int64_t seconds_from_now(const ASN1_GENERALIZEDTIME *time)
{
    int days = 0, seconds = 0;

    ASN1_TIME_diff(&days, &seconds, NULL, time);
    return (int64_t)days * 86400 + seconds;
}

/* Signed by the issuer, or by somebody whom it lets sign. */
static bool is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    bool fine = store && others && X509_STORE_add_cert(store, issuer) == 1 &&
                X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                sk_X509_push(others, issuer) > 0 && OCSP_basic_verify(basic, others, store, 0) == 1;

    sk_X509_free(others);
    X509_STORE_free(store);
    return fine;
}

/* NULL: it can be stapled. */
static const char *check(const struct question *question, OCSP_RESPONSE *response,
                         int64_t *until_s)
{
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    OCSP_BASICRESP *basic = NULL;
    int status = -1;
    const char *error = NULL;

    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL ||
        !(basic = OCSP_response_get1_basic(response))) {
        error = "the responder refuses to answer";
    } else if (!is_signed(basic, question->issuer)) {
        error = "the answer is not signed by the certificate's issuer";
    } else if (OCSP_resp_find_status(basic, question->id, &status, NULL, NULL, &from, &until) !=
               1) {
        error = "the answer is about another certificate";
    } else if (OCSP_check_validity(from, until, SKEW_S, -1) != 1) {
        error = "the answer is out of date";
    } else if (status != V_OCSP_CERTSTATUS_GOOD) {
        error = status == V_OCSP_CERTSTATUS_REVOKED ? "the certificate is REVOKED: get another one"
                                                    : "the responder does not know the certificate";
    }
    *until_s = weir_wall_ms() / 1000 + (until ? seconds_from_now(until) : NO_DATE_S);
    OCSP_BASICRESP_free(basic);
    return error;
}

static void end(struct question *question, OCSP_RESPONSE *response, const char *error)
{
    struct answer answer = {.error = error};

    if (response) {
        answer.error = check(question, response, &answer.until_s);
        answer.n = answer.error ? 0 : i2d_OCSP_RESPONSE(response, &answer.der);
    }
    question->done(question->arg, &answer);
    OPENSSL_free(answer.der);
    destroy(question);
}

/* ---- the way there ---- */

/* False: it cannot be connected to. */
static bool start_exchange(struct question *question)
{
    const struct addrinfo *to = question->lookup.ar_result;
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return false;
    }
    connect(fd, to->ai_addr, to->ai_addrlen); /* a failure shows at the first write */
    question->socket = BIO_new_socket(fd, BIO_CLOSE);
    question->exchange = OSSL_HTTP_REQ_CTX_new(question->socket, question->socket, 0);
    return question->exchange &&
           OSSL_HTTP_REQ_CTX_set_request_line(question->exchange, 1, NULL, NULL, question->path) &&
           OSSL_HTTP_REQ_CTX_add1_header(question->exchange, "Host", question->host) &&
           OSSL_HTTP_REQ_CTX_set_expected(question->exchange, "application/ocsp-response", 1, 0,
                                          0) &&
           OSSL_HTTP_REQ_CTX_set1_req(question->exchange, "application/ocsp-request",
                                      ASN1_ITEM_rptr(OCSP_REQUEST),
                                      (const ASN1_VALUE *)question->request);
}

/* Is the socket still on its way? OpenSSL's client would take that for an error. */
static bool is_connecting(const struct question *question)
{
    struct pollfd fd = {.fd = (int)BIO_get_fd(question->socket, NULL), .events = POLLOUT};

    return poll(&fd, 1, 0) == 0;
}

static void look(void *arg)
{
    struct question *question = arg;
    OCSP_RESPONSE *response = NULL;
    bool is_late = weir_now_ms() > question->end_ms;

    if (question->is_looking_up) {
        int rc = gai_error(&question->lookup);

        if (rc == EAI_INPROGRESS) {
            weir_timer_start(LOOK_MS, look, question); /* the thread still has it, late or not */
            return;
        }
        question->is_looking_up = false;
        if (rc != 0 || !start_exchange(question)) {
            end(question, NULL, rc ? gai_strerror(rc) : "it cannot be connected to");
            return;
        }
    }
    int rc = is_connecting(question)
                 ? -1
                 : OSSL_HTTP_REQ_CTX_nbio_d2i(question->exchange, (ASN1_VALUE **)&response,
                                              ASN1_ITEM_rptr(OCSP_RESPONSE));
    if (rc < 0 && !is_late) {
        weir_timer_start(LOOK_MS, look, question);
        return;
    }
    end(question, response, rc < 0 ? "no answer in time" : tls_error(NULL).p);
    OCSP_RESPONSE_free(response);
}

bool responder_ask(X509 *leaf, X509 *issuer, void (*done)(void *, const struct answer *), void *arg)
{
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct question *question = calloc(1, sizeof(*question));
    char *url = url_of(leaf);
    struct gaicb *list[1];
    bool fine = question && url &&
                OSSL_HTTP_parse_url(url, NULL, NULL, &question->host, &question->port, NULL,
                                    &question->path, NULL, NULL) == 1;

    free(url);
    if (fine) {
        question->done = done;
        question->arg = arg;
        question->end_ms = weir_now_ms() + TIMEOUT_MS;
        question->issuer = issuer;
        X509_up_ref(issuer);
        question->id = OCSP_cert_to_id(NULL, leaf, issuer);
        question->request = OCSP_REQUEST_new();
        OCSP_CERTID *copy = question->id ? OCSP_CERTID_dup(question->id) : NULL;
        fine = question->request && copy && OCSP_request_add0_id(question->request, copy);
        question->lookup = (struct gaicb){
            .ar_name = question->host, .ar_service = question->port, .ar_request = &hints};
        list[0] = &question->lookup;
        fine = fine && getaddrinfo_a(GAI_NOWAIT, list, 1, NULL) == 0;
    }
    if (!fine) {
        if (question) {
            destroy(question);
        }
        return false;
    }
    question->is_looking_up = true;
    weir_timer_start(LOOK_MS, look, question);
    return true;
}
