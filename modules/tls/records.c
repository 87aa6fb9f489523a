/* SPDX-License-Identifier: Apache-2.0 */
#include "records.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 5
#define TAG_BYTES 16
#define IV_BYTES 12
#define PLAIN_MAX 16384
#define SEALED_MAX (PLAIN_MAX + 256)
#define QUIET_MAX 32             /* records without data in a row: no honest client sends so many */
#define REKEY_AFTER (1ULL << 24) /* records under one key (RFC 8446, 5.5 allows 2^24.5 for GCM) */

enum content { CONTENT_ALERT = 21, CONTENT_HANDSHAKE = 22, CONTENT_DATA = 23 };
enum { KEY_UPDATE = 24 };
enum alert {
    ALERT_CLOSE = 0,
    ALERT_UNEXPECTED = 10,
    ALERT_BAD_MAC = 20,
    ALERT_OVERFLOW = 22,
    ALERT_DECODE = 50,
    ALERT_USER_CANCELED = 90
};

static const struct suite {
    uint16_t id;
    const char *cipher;
    uint8_t key_n, hash_n;
    enum secrets_hash hash;
} suites[] = {
    {0x1301, "AES-128-GCM", 16, 32, SECRETS_SHA256},
    {0x1302, "AES-256-GCM", 32, 48, SECRETS_SHA384},
    {0x1303, "ChaCha20-Poly1305", 32, 32, SECRETS_SHA256},
};

static EVP_CIPHER *ciphers[WEIR_COUNT(suites)];

struct direction {
    EVP_CIPHER_CTX *cipher;
    uint64_t sequence;
    unsigned char iv[IV_BYTES];
    unsigned char secret[SECRET_MAX];
};

struct records {
    uint8_t suite;
    bool ended;       /* the client has said so */
    uint8_t quiet;    /* records without data since the last with some */
    struct direction in, out;
    uint32_t plain_n; /* decrypted bytes at the front of raw that wait to be read, ... */
    uint32_t after;   /* ... and what is left of their record behind them */
    const char *error;
};

/* ---- keys ---- */

bool records_init(void)
{
    bool fine = true;

    for (size_t i = 0; i < WEIR_COUNT(suites) && fine; i++) {
        if (!ciphers[i]) {
            ciphers[i] = EVP_CIPHER_fetch(NULL, suites[i].cipher, NULL);
        }
        fine = ciphers[i] != NULL;
    }
    ERR_clear_error();
    return fine;
}

static bool expand(const struct records *records, const unsigned char *secret, const char *label,
                   unsigned char *out, size_t n)
{
    return secrets_expand(suites[records->suite].hash, secret, label, out, n);
}

/* Key and nonce of the direction's secret. */
static bool use_secret(const struct records *records, struct direction *direction, bool encrypts)
{
    unsigned char key[32];
    bool fine = expand(records, direction->secret, "key", key, suites[records->suite].key_n) &&
                expand(records, direction->secret, "iv", direction->iv, IV_BYTES);

    if (fine && !direction->cipher) {
        direction->cipher = EVP_CIPHER_CTX_new();
        fine = direction->cipher != NULL;
    }
    fine = fine && EVP_CipherInit_ex2(direction->cipher, ciphers[records->suite], key, NULL,
                                      encrypts, NULL) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    direction->sequence = 0;
    return fine;
}

/* RFC 8446, 7.2 */
static bool next_secret(const struct records *records, struct direction *direction, bool encrypts)
{
    return expand(records, direction->secret, "traffic upd", direction->secret,
                  suites[records->suite].hash_n) &&
           use_secret(records, direction, encrypts);
}

struct records *records_create(const SSL_CIPHER *cipher, const struct traffic_secrets *secrets,
                               uint64_t sent)
{
    uint16_t id = cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
    uint8_t suite = 0;

    while (suite < WEIR_COUNT(suites) && suites[suite].id != id) {
        suite++;
    }
    if (suite == WEIR_COUNT(suites) || !ciphers[suite]) {
        return NULL;
    }
    struct records *records = calloc(1, sizeof(*records));
    if (!records) {
        return NULL;
    }
    records->suite = suite;
    memcpy(records->in.secret, secrets->client, SECRET_MAX);
    memcpy(records->out.secret, secrets->server, SECRET_MAX);
    if (!use_secret(records, &records->in, false) || !use_secret(records, &records->out, true)) {
        records_destroy(records);
        return NULL;
    }
    records->out.sequence = sent;
    return records;
}

void records_destroy(struct records *records)
{
    if (records) {
        EVP_CIPHER_CTX_free(records->in.cipher);
        EVP_CIPHER_CTX_free(records->out.cipher);
        OPENSSL_clear_free(records, sizeof(*records));
    }
}

/* The nonce is the sequence number over the vector (RFC 8446, 5.3); the head is authenticated. */
static bool begin(struct direction *direction, const unsigned char head[HEAD_BYTES])
{
    unsigned char nonce[IV_BYTES];
    uint64_t sequence = direction->sequence++;
    int n;

    memcpy(nonce, direction->iv, IV_BYTES);
    for (int i = 0; i < 8; i++) {
        nonce[IV_BYTES - 1 - i] ^= (unsigned char)(sequence >> (8 * i));
    }
    return EVP_CipherInit_ex2(direction->cipher, NULL, NULL, nonce, -1, NULL) == 1 &&
           EVP_CipherUpdate(direction->cipher, NULL, &n, head, HEAD_BYTES) == 1;
}

/* ---- writing ---- */

static bool seal(struct records *records, weir_io *io, enum content type, const void *p, size_t n)
{
    static unsigned char out[HEAD_BYTES + PLAIN_MAX + 1 + TAG_BYTES];
    EVP_CIPHER_CTX *cipher = records->out.cipher;
    const unsigned char last = (unsigned char)type;
    size_t sealed = n + 1 + TAG_BYTES;
    unsigned char *at = out + HEAD_BYTES;
    int made = 0, made_last = 0, rest = 0;

    out[0] = CONTENT_DATA;
    out[1] = 3;
    out[2] = 3;
    out[3] = (unsigned char)(sealed >> 8);
    out[4] = (unsigned char)sealed;
    if (!begin(&records->out, out) ||
        (n && EVP_EncryptUpdate(cipher, at, &made, p, (int)n) != 1) ||
        EVP_EncryptUpdate(cipher, at + made, &made_last, &last, 1) != 1 ||
        EVP_EncryptFinal_ex(cipher, at + made + made_last, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, at + n + 1) != 1) {
        ERR_clear_error();
        return false;
    }
    return weir_io_write(io, out, HEAD_BYTES + sealed) >= 0;
}

static bool update_key(struct records *records, weir_io *io)
{
    static const unsigned char message[] = {KEY_UPDATE, 0, 0, 1, 0 /* you need not */};

    return seal(records, io, CONTENT_HANDSHAKE, message, sizeof(message)) &&
           next_secret(records, &records->out, true);
}

ptrdiff_t records_write(struct records *records, weir_io *io, const void *p, size_t n)
{
    n = n < PLAIN_MAX ? n : PLAIN_MAX;
    if ((records->out.sequence >= REKEY_AFTER && !update_key(records, io)) ||
        !seal(records, io, CONTENT_DATA, p, n)) {
        return WEIR_IO_ERROR;
    }
    return (ptrdiff_t)n;
}

static void alert(struct records *records, weir_io *io, enum alert what)
{
    const unsigned char message[] = {what == ALERT_CLOSE ? 1 : 2, (unsigned char)what};

    seal(records, io, CONTENT_ALERT, message, sizeof(message));
}

void records_end(struct records *records, weir_io *io)
{
    alert(records, io, ALERT_CLOSE);
}

/* ---- reading ---- */

const char *records_error(const struct records *records)
{
    return records->error ? records->error : "the other side left";
}

static ptrdiff_t refuse(struct records *records, weir_io *io, enum alert what, const char *why)
{
    records->error = why;
    alert(records, io, what);
    return WEIR_IO_ERROR;
}

/* Decrypts a record in place: `n` bytes, which become fewer. */
static bool unseal(struct records *records, const unsigned char *head, unsigned char *p, size_t *n)
{
    EVP_CIPHER_CTX *cipher = records->in.cipher;
    size_t inner = *n - TAG_BYTES;
    int made = 0, rest = 0;
    bool fine = begin(&records->in, head) &&
                EVP_DecryptUpdate(cipher, p, &made, p, (int)inner) == 1 &&
                EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, p + inner) == 1 &&
                EVP_DecryptFinal_ex(cipher, p + made, &rest) == 1;

    if (!fine) {
        ERR_clear_error();
    }
    *n = inner;
    return fine;
}

static ptrdiff_t on_alert(struct records *records, weir_io *io, const unsigned char *p, size_t n)
{
    if (n != 2) {
        return refuse(records, io, ALERT_DECODE, "a malformed alert");
    }
    if (p[1] == ALERT_CLOSE) {
        records->ended = true;
        return WEIR_IO_END;
    }
    if (p[1] == ALERT_USER_CANCELED) {
        return WEIR_IO_AGAIN; /* close_notify follows (RFC 8446, 6.1) */
    }
    records->error = "the client sent an alert";
    return WEIR_IO_ERROR;
}

/* Whole messages only: none may continue behind a change of keys (RFC 8446, 5.1). */
static ptrdiff_t on_handshake(struct records *records, weir_io *io, const unsigned char *p,
                              size_t n)
{
    if (n != 5 || p[0] != KEY_UPDATE || p[1] || p[2] || p[3] != 1 || p[4] > 1) {
        return refuse(records, io, ALERT_UNEXPECTED, "an unexpected handshake message");
    }
    if (!next_secret(records, &records->in, false) || (p[4] == 1 && !update_key(records, io))) {
        return WEIR_IO_ERROR;
    }
    return WEIR_IO_AGAIN;
}

/* Is there a whole record at the front? */
static bool is_whole(const struct raw *raw)
{
    const unsigned char *head = raw ? raw->bytes + raw->at : NULL;

    return raw && raw->n >= HEAD_BYTES &&
           raw->n >= HEAD_BYTES + ((size_t)head[3] << 8 | head[4]);
}

/* Takes the record at the front of `raw`. Returns WEIR_IO_AGAIN when it is dealt with or its data wait
 * there, or how the stream ends. */
static ptrdiff_t take_record(struct records *records, weir_io *io, struct raw *raw)
{
    unsigned char *head = raw->bytes + raw->at, *p = head + HEAD_BYTES;
    size_t n = (size_t)head[3] << 8 | head[4], whole = HEAD_BYTES + n;
    ptrdiff_t rc = WEIR_IO_AGAIN;

    if (head[0] != CONTENT_DATA || n <= TAG_BYTES) {
        return refuse(records, io, ALERT_UNEXPECTED, "a record that is not protected");
    }
    if (!unseal(records, head, p, &n)) {
        return refuse(records, io, ALERT_BAD_MAC, "a record was damaged on its way");
    }
    while (n > 0 && p[n - 1] == 0) {
        n--; /* padding */
    }
    if (n == 0) {
        return refuse(records, io, ALERT_UNEXPECTED, "a record of no type");
    }
    n--;
    if (n > PLAIN_MAX) {
        return refuse(records, io, ALERT_OVERFLOW, "a record is too long");
    }
    enum content type = p[n];
    if (type == CONTENT_DATA && n > 0) {
        records->quiet = 0;
        raw->at += HEAD_BYTES;
        raw->n -= HEAD_BYTES;
        records->plain_n = (uint32_t)n;
        records->after = (uint32_t)(whole - HEAD_BYTES - n);
        return WEIR_IO_AGAIN;
    }
    if (++records->quiet > QUIET_MAX) {
        return refuse(records, io, ALERT_UNEXPECTED, "too many records without data");
    }
    if (type == CONTENT_ALERT) {
        rc = on_alert(records, io, p, n);
    } else if (type == CONTENT_HANDSHAKE) {
        rc = on_handshake(records, io, p, n);
    } else if (type != CONTENT_DATA) {
        rc = refuse(records, io, ALERT_UNEXPECTED, "a record of an unknown type");
    }
    raw->at += (uint32_t)whole;
    raw->n -= (uint32_t)whole;
    return rc;
}

static size_t take_plain(struct records *records, struct raw *raw, void *p, size_t n)
{
    size_t taken = raw_take(raw, p, n < records->plain_n ? n : records->plain_n);

    records->plain_n -= (uint32_t)taken;
    if (records->plain_n == 0) {
        raw->at += records->after;
        raw->n -= records->after;
        records->after = 0;
    }
    return taken;
}

/* Until a whole record is there. WEIR_OK, or WEIR_IO_*. */
static ptrdiff_t fill(struct records *records, weir_io *io, struct raw **raw)
{
    while (!is_whole(*raw)) {
        const struct raw *have = *raw;

        if (have && have->n >= HEAD_BYTES &&
            ((size_t)have->bytes[have->at + 3] << 8 | have->bytes[have->at + 4]) > SEALED_MAX) {
            return refuse(records, io, ALERT_OVERFLOW, "a record is too long");
        }
        ptrdiff_t got = raw_fill(raw, io);
        if (got <= 0) {
            /* The end without the client saying so: data may have been cut off. */
            return got == WEIR_IO_END ? WEIR_IO_ERROR : got;
        }
    }
    return 1;
}

ptrdiff_t records_read(struct records *records, weir_io *io, struct raw **raw, void *p, size_t n)
{
    size_t done = 0;
    ptrdiff_t rc = 1;

    while (done < n && rc > 0) {
        if (records->plain_n) {
            done += take_plain(records, *raw, (char *)p + done, n - done);
        } else if (records->ended || records->error) {
            rc = records->ended ? WEIR_IO_END : WEIR_IO_ERROR;
        } else if (done > 0 && !is_whole(*raw)) {
            break; /* what is there first; the socket is read at the next call */
        } else if ((rc = fill(records, io, raw)) > 0) {
            rc = take_record(records, io, *raw);
            rc = rc == WEIR_IO_AGAIN ? 1 : rc;
        }
    }
    raw_rest(raw);
    return done ? (ptrdiff_t)done : rc;
}
