/* SPDX-License-Identifier: Apache-2.0 */
#include "password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define MD5_BYTES 16
#define SALT_MAX 8
#define BCRYPT_LENGTH 60

static const char apr1[] = "$apr1$";
static const char sha1[] = "{SHA}";

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *password_hash_fault(const char *hash)
{
    static const char *const good[] = {"$2y$", "$2b$", "$2a$", "$5$", "$6$", "$y$", "$gy$", "$7$"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (begins(hash, good[i])) {
            bool is_short = good[i][1] == '2' && strlen(hash) != BCRYPT_LENGTH;

            return is_short || crypt_checksalt(hash) == CRYPT_SALT_INVALID ? "its hash is malformed"
                                                                           : NULL;
        }
    }
    if (begins(hash, apr1) || begins(hash, sha1)) {
        return NULL;
    }
    return begins(hash, "$1$") || hash[0] != '$'
               ? "its hash is none, or one that protects nothing: make it again with htpasswd -B"
               : "its kind of hash is not known: make it with htpasswd -B (bcrypt), or mkpasswd";
}

/* ---- apr1: the MD5 scheme of Apache's htpasswd ---- */

/* The bits of 3 bytes as 4 characters, the lowest first. */
static char *put64(char *out, unsigned bits, int n)
{
    static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (; n > 0; n--, bits >>= 6) {
        *out++ = digits[bits & 63];
    }
    return out;
}

static void digest(EVP_MD_CTX *md, unsigned char out[MD5_BYTES])
{
    EVP_DigestFinal_ex(md, out, NULL);
}

static void apr1_rounds(EVP_MD_CTX *md, const char *password, size_t n, const char *salt,
                        size_t salt_n, unsigned char sum[MD5_BYTES])
{
    for (int i = 0; i < 1000; i++) {
        EVP_DigestInit_ex(md, EVP_md5(), NULL);
        EVP_DigestUpdate(md, i & 1 ? (const void *)password : sum, i & 1 ? n : MD5_BYTES);
        if (i % 3) {
            EVP_DigestUpdate(md, salt, salt_n);
        }
        if (i % 7) {
            EVP_DigestUpdate(md, password, n);
        }
        EVP_DigestUpdate(md, i & 1 ? (const void *)sum : password, i & 1 ? MD5_BYTES : n);
        digest(md, sum);
    }
}

static void apr1_hash(EVP_MD_CTX *md, const char *password, const char *salt, size_t salt_n, char out[23])
{
    static const unsigned char order[5][3] = {
        {0, 6, 12}, {1, 7, 13}, {2, 8, 14}, {3, 9, 15}, {4, 10, 5}};
    unsigned char sum[MD5_BYTES];
    size_t n = strlen(password);

    EVP_DigestInit_ex(md, EVP_md5(), NULL);
    EVP_DigestUpdate(md, password, n);
    EVP_DigestUpdate(md, salt, salt_n);
    EVP_DigestUpdate(md, password, n);
    digest(md, sum);
    EVP_DigestInit_ex(md, EVP_md5(), NULL);
    EVP_DigestUpdate(md, password, n);
    EVP_DigestUpdate(md, apr1, strlen(apr1));
    EVP_DigestUpdate(md, salt, salt_n);
    for (size_t left = n; left > 0; left -= left > MD5_BYTES ? MD5_BYTES : left) {
        EVP_DigestUpdate(md, sum, left > MD5_BYTES ? MD5_BYTES : left);
    }
    for (size_t bits = n; bits > 0; bits >>= 1) {
        EVP_DigestUpdate(md, bits & 1 ? "" : password, 1);
    }
    digest(md, sum);
    apr1_rounds(md, password, n, salt, salt_n, sum);
    for (int i = 0; i < 5; i++) {
        const unsigned char *at = order[i];

        out = put64(out, (unsigned)sum[at[0]] << 16 | (unsigned)sum[at[1]] << 8 | sum[at[2]], 4);
    }
    *put64(out, sum[11], 2) = '\0';
}

static bool apr1_matches(const char *hash, const char *password)
{
    const char *salt = hash + strlen(apr1);
    size_t salt_n = strcspn(salt, "$");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    char made[23];

    if (!md || salt[salt_n] != '$' || strlen(salt + salt_n + 1) != sizeof(made) - 1) {
        EVP_MD_CTX_free(md);
        return false;
    }
    apr1_hash(md, password, salt, salt_n < SALT_MAX ? salt_n : SALT_MAX, made);
    EVP_MD_CTX_free(md);
    return CRYPTO_memcmp(made, salt + salt_n + 1, sizeof(made) - 1) == 0;
}

/* ---- the others ---- */

static bool sha1_matches(const char *hash, const char *password)
{
    unsigned char sum[20], text[29];

    if (strlen(hash) != strlen(sha1) + 28 ||
        !EVP_Digest(password, strlen(password), sum, NULL, EVP_sha1(), NULL)) {
        return false;
    }
    EVP_EncodeBlock(text, sum, sizeof(sum));
    return CRYPTO_memcmp(text, hash + strlen(sha1), 28) == 0;
}

bool password_matches(const char *hash, const char *password)
{
    if (begins(hash, apr1)) {
        return apr1_matches(hash, password);
    }
    if (begins(hash, sha1)) {
        return sha1_matches(hash, password);
    }
    struct crypt_data *data = calloc(1, sizeof(*data));
    const char *made = data ? crypt_rn(password, hash, data, sizeof(*data)) : NULL;
    size_t n = strlen(hash);
    bool fine = made && made[0] != '*' && strlen(made) == n && CRYPTO_memcmp(made, hash, n) == 0;

    if (data) {
        OPENSSL_cleanse(data, sizeof(*data));
        free(data);
    }
    return fine;
}
