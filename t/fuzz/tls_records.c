/* SPDX-License-Identifier: Apache-2.0 */
/* Records of TLS 1.3 between weir and a client that has the keys, so that what it does wrong is more than
 * noise: the input says what either does next, how the bytes are split and what else comes in between.
 * Until something does, each side reads what the other has written. An end or an error lasts. */
#include "../../modules/tls/records.c"

#define BYTES_MAX (1u << 18)
#define TEXT_MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One side; what comes to it waits in `bytes`. */
struct weir_io {
    struct weir_io *other;
    struct records *records;
    struct raw *raw;
    size_t at, n, split;
    unsigned said, heard; /* bytes of text, which are numbered */
    bool ended;
    unsigned char bytes[BYTES_MAX];
};

static struct weir_io weir, client;
static bool is_clean; /* nothing but what records say has been sent */
static const uint8_t *script, *script_end;

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static unsigned next_byte(void)
{
    return script < script_end ? *script++ : 0;
}

/* ---- the host ---- */

static ptrdiff_t io_read(weir_io *io, void *p, size_t n)
{
    size_t left = io->n - io->at;

    if (left == 0) {
        return io->ended ? WEIR_IO_END : WEIR_IO_AGAIN;
    }
    n = n < left ? n : left;
    n = n < io->split ? n : io->split;
    memcpy(p, io->bytes + io->at, n);
    io->at += n;
    return (ptrdiff_t)n;
}

static ptrdiff_t io_write(weir_io *io, const void *p, size_t n)
{
    struct weir_io *to = io->other;

    if (to->at > 0) {
        memmove(to->bytes, to->bytes + to->at, to->n - to->at);
        to->n -= to->at;
        to->at = 0;
    }
    if (to->ended || n > BYTES_MAX - to->n) {
        is_clean = false;
        return WEIR_IO_ERROR;
    }
    memcpy(to->bytes + to->n, p, n);
    to->n += n;
    return (ptrdiff_t)n;
}

static const weir_conn_api conn_api = {
    .size = sizeof(conn_api), .io_read = io_read, .io_write = io_write};
static const weir_host host = {.size = sizeof(host), .conn = &conn_api};
const weir_host *weir_host_ = &host;

/* ---- what happens ---- */

static void say(struct weir_io *io, size_t n)
{
    static unsigned char text[TEXT_MAX];

    for (size_t i = 0; i < n; i++) {
        text[i] = (unsigned char)(io->said + i);
    }
    ptrdiff_t taken = records_write(io->records, io, text, n);
    must(taken == WEIR_IO_ERROR || (taken >= 0 && (size_t)taken <= n));
    io->said += taken > 0 ? (unsigned)taken : 0;
}

static void hear(struct weir_io *io, size_t n)
{
    static unsigned char text[TEXT_MAX];
    bool has_failed = io->records->error != NULL, has_ended = io->records->ended;
    ptrdiff_t got = records_read(io->records, io, &io->raw, text, n);

    must(got <= (ptrdiff_t)n);
    must(!has_failed || got == WEIR_IO_ERROR);
    must(!has_ended || has_failed || got == WEIR_IO_END);
    for (ptrdiff_t i = 0; i < got; i++) {
        must(!is_clean || text[i] == (unsigned char)(io->heard + i));
    }
    io->heard += got > 0 ? (unsigned)got : 0;
    must(!is_clean || io->heard <= io->other->said);
    must(!is_clean || !io->records->error);
}

/* A record that is sealed well, but of anything. */
static void send_inner(struct weir_io *io)
{
    unsigned char inner[64];
    unsigned type = next_byte();
    size_t n = next_byte() % sizeof(inner);

    for (size_t i = 0; i < n; i++) {
        inner[i] = (unsigned char)next_byte();
    }
    is_clean = false;
    seal(io->records, io, (enum content)type, inner, n);
}

static void send_noise(struct weir_io *io)
{
    unsigned char noise[64];
    size_t n = next_byte() % sizeof(noise);

    for (size_t i = 0; i < n; i++) {
        noise[i] = (unsigned char)next_byte();
    }
    is_clean = false;
    io_write(io, noise, n);
}

static void damage(struct weir_io *io)
{
    size_t back = next_byte() + 1;

    if (io->n - io->at >= back) {
        is_clean = false;
        io->bytes[io->n - back] ^= (unsigned char)(1u << (next_byte() & 7));
    }
}

static void step(void)
{
    unsigned what = next_byte();
    struct weir_io *io = what & 0x80 ? &weir : &client;

    switch (what & 15) {
    case 0:
        say(io, next_byte() + 1);
        break;
    case 1:
        say(io, next_byte() * 75 + 1);
        break;
    case 2:
        hear(io, next_byte() + 1);
        break;
    case 3:
        hear(io, TEXT_MAX);
        break;
    case 4:
        io->split = next_byte() * 8 + 1;
        break;
    case 5:
        update_key(io->records, io);
        say(io, 1); /* many in a row are refused */
        break;
    case 6:
        records_end(io->records, io);
        break;
    case 7:
        io->ended = true;
        is_clean = false; /* without a word: that is an error */
        break;
    case 8:
        send_inner(&client);
        break;
    case 9:
        send_noise(&client);
        break;
    case 10:
        damage(&weir);
        break;
    default:
        break;
    }
}

/* ---- begin and end ---- */

static const SSL_CIPHER *cipher_of(unsigned which)
{
    static SSL *ssl;
    unsigned char id[2] = {0x13, (unsigned char)(1 + which % WEIR_COUNT(suites))};

    if (!ssl) {
        must(secrets_init() && records_init());
        ssl = SSL_new(SSL_CTX_new(TLS_server_method()));
    }
    return SSL_CIPHER_find(ssl, id);
}

static void open_side(struct weir_io *io, struct weir_io *other, const SSL_CIPHER *cipher,
                      const struct traffic_secrets *secrets, uint64_t sent)
{
    io->other = other;
    io->at = io->n = io->said = io->heard = 0;
    io->split = RAW_BYTES;
    io->ended = false;
    io->records = records_create(cipher, secrets, sent);
    must(io->records != NULL);
}

static void close_side(struct weir_io *io)
{
    records_destroy(io->records);
    free(io->raw);
    io->raw = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct traffic_secrets secrets = {.client = "what the client writes under",
                                      .server = "what the server writes under"};
    struct traffic_secrets mirrored;

    script = data;
    script_end = data + size;
    unsigned first = next_byte();
    const SSL_CIPHER *cipher = cipher_of(first);
    uint64_t sent = first & 0x80 ? REKEY_AFTER - 1 : 1; /* keys that are used up in a moment */

    memcpy(mirrored.client, secrets.server, SECRET_MAX);
    memcpy(mirrored.server, secrets.client, SECRET_MAX);
    is_clean = true;
    open_side(&weir, &client, cipher, &secrets, sent);
    open_side(&client, &weir, cipher, &mirrored, 0);
    client.records->in.sequence = sent;
    while (script < script_end) {
        step();
    }
    close_side(&weir);
    close_side(&client);
    return 0;
}
