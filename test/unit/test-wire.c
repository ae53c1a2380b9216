/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of wire.c, line.c and greeting.c: frames over a socket pair, and
 * everything that a peer can do wrong with them.  read() and write() are
 * replaced by fakes that do as little as they may.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "test/unit/unit.h"

static size_t at_once = SIZE_MAX;   /* bytes that one call moves */
static unsigned interrupted;        /* this many calls fail with EINTR */

static ssize_t fake_read(int fd, void *data, size_t length)
{
    if (interrupted && interrupted-- % 2) {
        errno = EINTR;
        return -1;
    }
    return read(fd, data, length < at_once ? length : at_once);
}

static ssize_t fake_write(int fd, const void *data, size_t length)
{
    return write(fd, data, length < at_once ? length : at_once);
}

#define read fake_read
#define write fake_write
#include "plugin/wire/greeting.c"
#include "plugin/wire/line.c"
#include "plugin/wire/wire.c"
#undef read
#undef write

static const struct wire_options wire_defaults;

static void connect_wires(struct wire **a_r, struct wire **b_r)
{
    int fds[2];

    assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    assert(!wire_new(a_r, fds[0], fds[0], &wire_defaults));
    assert(!wire_new(b_r, fds[1], fds[1], &wire_defaults));
}

/* A wire whose peer is played by hand, through *fd_r. */
static struct wire *lone_wire(int *fd_r)
{
    struct wire *w;
    int fds[2];

    assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
    assert(!wire_new(&w, fds[0], fds[0], &wire_defaults));
    *fd_r = fds[1];
    return w;
}

static void put_all(int fd, const void *data, size_t length)
{
    assert(write(fd, data, length) == (ssize_t)length);
}

static void put_header(int fd, uint32_t on_wire, uint32_t raw)
{
    struct buf b = BUF_INIT;

    buf_put_u16(&b, FRAME_DATA);
    buf_put_u16(&b, 3);
    buf_put_u32(&b, on_wire);
    buf_put_u32(&b, raw);
    put_all(fd, b.data, b.length);
    buf_release(&b);
}

struct sending {
    struct wire *wire;
    uint16_t number;
    const void *data;
    size_t length;
    unsigned times;
};

static void *send_frames(void *opaque)
{
    struct sending *s = opaque;
    unsigned i;

    for (i = 0; i < s->times; i++)
        assert(!wire_send(s->wire, FRAME_DATA, s->number, s->data,
                          s->length));
    return NULL;
}

/* Sends a frame from a to b and compares what arrives. */
static void cross(struct wire *a, struct wire *b, const void *data,
                  size_t length)
{
    struct sending s = { a, 7, data, length, 1 };
    struct frame f;
    pthread_t thread;

    assert(!pthread_create(&thread, NULL, send_frames, &s));
    assert(!wire_recv(b, &f));
    assert(!pthread_join(thread, NULL));
    assert(f.type == FRAME_DATA && f.disk == 7 && f.length == length);
    assert(!memcmp(f.data, data, length));
    frame_release(&f);
    assert(!f.data);
}

static const size_t lengths[] = {
    0, 1, COMPRESS_MIN - 1, COMPRESS_MIN, COMPRESS_MIN + 1, 4096, 70000,
    1 << 20, PROTO_RAW_MAX,
};

static void round_trip(void)
{
    uint8_t *data = allocate(PROTO_RAW_MAX);
    struct wire *a, *b;
    size_t i;

    connect_wires(&a, &b);
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(data, 'x', lengths[i]);
        cross(a, b, data, lengths[i]);
        noise(data, lengths[i], i);
        cross(a, b, data, lengths[i]);
        cross(b, a, data, lengths[i]);
    }
    assert(wire_bytes_out(a) == wire_bytes_in(b));
    assert(wire_bytes_out(b) == wire_bytes_in(a));
    assert(wire_bytes_out(a) > 0);
    wire_free(a);
    wire_free(b);
    free(data);
}

static void what_compresses_is_compressed(void)
{
    uint8_t *data = allocate(1 << 20);
    struct wire *a, *b;
    uint64_t before;

    connect_wires(&a, &b);
    memset(data, 0, 1 << 20);
    cross(a, b, data, 1 << 20);
    assert(wire_bytes_out(a) < 2000);
    /* noise costs what it is, and nothing when it comes again */
    noise(data, 1 << 20, 5);
    before = wire_bytes_out(a);
    cross(a, b, data, 1 << 20);
    assert(wire_bytes_out(a) - before > (1 << 20));
    before = wire_bytes_out(a);
    cross(a, b, data, 1 << 20);
    assert(wire_bytes_out(a) - before < 2000);
    wire_free(a);
    wire_free(b);
    free(data);
}

static atomic_bool is_allowed;

static void *recv_held(void *opaque)
{
    struct frame f;

    assert(!wire_recv(opaque, &f));
    assert(atomic_load(&is_allowed) && f.type == FRAME_DATA);
    frame_release(&f);
    return NULL;
}

/* A target with rights takes frames only as they stand. */
static void nothing_is_unpacked(void)
{
    static uint8_t data[4096];
    struct wire *a, *b;
    pthread_t thread;
    struct frame f;

    connect_wires(&a, &b);
    wire_set_packed(b, WIRE_PACKED_REFUSE);
    assert(!wire_send(a, FRAME_HELLO, PROTO_NO_DISK, data, sizeof(data)));
    assert(!wire_recv(b, &f) && f.length == sizeof(data));
    frame_release(&f);
    wire_set_packed(b, WIRE_PACKED_HOLD);
    assert(!wire_send(a, FRAME_DISK, 0, data, sizeof(data)));
    assert(!wire_recv(b, &f) && f.length == sizeof(data));
    frame_release(&f);
    assert(!wire_send(a, FRAME_DATA, 0, data, sizeof(data)));
    assert(!pthread_create(&thread, NULL, recv_held, b));
    atomic_store(&is_allowed, true);
    wire_set_packed(b, WIRE_PACKED_TAKE);
    assert(!pthread_join(thread, NULL));
    wire_set_packed(b, WIRE_PACKED_REFUSE);
    assert(!wire_send(a, FRAME_DATA, 0, data, sizeof(data)));
    assert(wire_recv(b, &f) == -EPROTO);
    wire_free(a);
    wire_free(b);
    connect_wires(&a, &b);
    wire_set_packed(b, WIRE_PACKED_REFUSE);
    assert(!wire_send_freight(a, FRAME_DATA, 0, data, sizeof(data)));
    wire_flush_freight(a);
    assert(wire_recv(b, &f) == -EPROTO);
    wire_free(a);
    wire_free(b);
}

static void short_reads_and_signals(void)
{
    uint8_t data[3000];
    struct wire *a, *b;

    noise(data, sizeof(data), 1);
    connect_wires(&a, &b);
    for (at_once = 1; at_once < 20; at_once += 6) {
        interrupted = 500;
        cross(a, b, data, sizeof(data));
        assert(interrupted < 500);
        cross(a, b, data, 10);
    }
    at_once = SIZE_MAX;
    interrupted = 0;
    wire_free(a);
    wire_free(b);
}

static void many_senders(void)
{
    enum { SENDERS = 4, TIMES = 300 };
    uint8_t data[SENDERS][5000];
    struct sending s[SENDERS];
    pthread_t threads[SENDERS];
    unsigned seen[SENDERS] = { 0 }, i;
    struct wire *a, *b;
    struct frame f;

    connect_wires(&a, &b);
    for (i = 0; i < SENDERS; i++) {
        noise(data[i], sizeof(data[i]), i);
        s[i] = (struct sending){ a, i, data[i], 40 + i * 1000, TIMES };
        assert(!pthread_create(&threads[i], NULL, send_frames, &s[i]));
    }
    for (i = 0; i < SENDERS * TIMES; i++) {
        assert(!wire_recv(b, &f));
        assert(f.disk < SENDERS && f.length == s[f.disk].length);
        assert(!memcmp(f.data, data[f.disk], f.length));
        seen[f.disk]++;
        frame_release(&f);
    }
    for (i = 0; i < SENDERS; i++) {
        assert(!pthread_join(threads[i], NULL));
        assert(seen[i] == TIMES);
    }
    wire_free(a);
    wire_free(b);
}

#define LOADS 400u

static size_t load_length(unsigned i)
{
    return i % 50 == 49 ? PROTO_RAW_MAX : i % 7 * 1000u;
}

static void *send_freight(void *opaque)
{
    struct wire *w = opaque;
    uint8_t *data = allocate(PROTO_RAW_MAX);
    unsigned i;

    for (i = 0; i < LOADS; i++) {
        noise(data, load_length(i), i);
        assert(!wire_send_freight(w, FRAME_DATA, i, data, load_length(i)));
        if (i % 10 == 0)
            assert(!wire_send(w, FRAME_PASS_END, i, NULL, 0));
    }
    free(data);
    return NULL;
}

/* What is read may not be counted as written yet. */
static void assert_all_came(const struct wire *a, const struct wire *b)
{
    unsigned i;

    for (i = 0; i < 10000 && wire_bytes_out(a) != wire_bytes_in(b); i++)
        usleep(1000);
    assert(wire_bytes_out(a) == wire_bytes_in(b));
}

/* Freight keeps its own order, and everything comes without being asked. */
static void freight(void)
{
    uint8_t *data = allocate(PROTO_RAW_MAX);
    unsigned loads = 0, others = 0;
    struct wire *a, *b;
    pthread_t thread;
    struct frame f;

    connect_wires(&a, &b);
    assert(!pthread_create(&thread, NULL, send_freight, a));
    while (loads < LOADS || others < LOADS / 10) {
        assert(!wire_recv(b, &f));
        if (f.type == FRAME_DATA) {
            noise(data, load_length(loads), loads);
            assert(f.disk == loads && f.length == load_length(loads) &&
                   !memcmp(f.data, data, f.length));
            loads++;
        } else {
            assert(f.type == FRAME_PASS_END && f.disk == others * 10);
            others++;
        }
        frame_release(&f);
    }
    assert(!pthread_join(thread, NULL));
    assert_all_came(a, b);
    /* many other frames after the last piece */
    for (others = 0; others < 100; others++) {
        assert(!wire_send(a, FRAME_PASS_END, 0, NULL, 0));
        assert(!wire_recv(b, &f) && f.type == FRAME_PASS_END);
        frame_release(&f);
    }
    /* the same again is found in what went before */
    assert(!wire_send_freight(a, FRAME_DATA, 1, data, PROTO_RAW_MAX));
    assert(!wire_recv(b, &f));
    frame_release(&f);
    assert_all_came(a, b);
    assert(wire_send_freight(a, FRAME_DATA, 1, data, PROTO_RAW_MAX + 1) ==
           -EMSGSIZE);
    wire_free(a);
    wire_free(b);
    free(data);
}

/* Who hands over freight is told when the peer has gone; what the peer said
 * before can still be read. */
static void freight_of_the_gone(void)
{
    uint8_t *data = allocate(PROTO_RAW_MAX);
    struct wire *w;
    struct frame f;
    int fd, rc = 0;
    unsigned i;

    noise(data, PROTO_RAW_MAX, 3);
    w = lone_wire(&fd);
    put_header(fd, 3, 0);
    put_all(fd, "bye", 3);
    close(fd);
    for (i = 0; i < 1000 && !rc; i++)
        rc = wire_send_freight(w, FRAME_DATA, 0, data, PROTO_RAW_MAX);
    assert(rc == -EPIPE);
    assert(!wire_recv(w, &f) && f.length == 3);
    frame_release(&f);
    assert(wire_recv(w, &f) == -EPIPE);
    wire_free(w);
    free(data);
}

static void too_long_to_send(void)
{
    uint8_t *data = calloc(1, PROTO_RAW_MAX + 1);
    struct buf failed = { .failed = true };
    struct wire *a, *b;

    connect_wires(&a, &b);
    assert(wire_send(a, FRAME_DATA, 0, data, PROTO_RAW_MAX + 1) ==
           -EMSGSIZE);
    assert(wire_send_buf(a, FRAME_DATA, 0, &failed) == -ENOMEM);
    assert(wire_bytes_out(a) == 0);
    cross(a, b, data, 100);
    wire_free(a);
    wire_free(b);
    free(data);
}

/* What a header announces, and what wire_recv() makes of it when nothing
 * follows. */
static int announced(uint32_t on_wire, uint32_t raw)
{
    struct frame f;
    struct wire *w;
    int fd, rc;

    w = lone_wire(&fd);
    put_header(fd, on_wire, raw);
    close(fd);
    rc = wire_recv(w, &f);
    assert(!f.data);
    wire_free(w);
    return rc;
}

static void oversize(void)
{
    assert(announced(PROTO_WIRE_MAX + 1, PROTO_RAW_MAX) == -EPROTO);
    assert(announced(UINT32_MAX, 1) == -EPROTO);
    assert(announced(10, PROTO_RAW_MAX + 1) == -EPROTO);
    assert(announced(10, UINT32_MAX) == -EPROTO);
    assert(announced(PROTO_RAW_MAX + 1, 0) == -EPROTO);
    assert(announced(0, 10) == -EPROTO);
    /* these are within the limits; only the rest is missing */
    assert(announced(PROTO_WIRE_MAX, PROTO_RAW_MAX) == -EPIPE);
    assert(announced(PROTO_RAW_MAX, 0) == -EPIPE);
}

/* The next piece of a stream as another implementation would make it. */
static size_t pack(ZSTD_CStream *c, const void *data, size_t length,
                   void *out, size_t size)
{
    ZSTD_inBuffer in = { data, length, 0 };
    ZSTD_outBuffer o = { out, size, 0 };

    assert(ZSTD_compressStream2(c, &o, &in, ZSTD_e_flush) == 0);
    return o.pos;
}

/* A frame of length bytes that says it has announced. */
static int lie(const void *data, size_t length, uint32_t says)
{
    ZSTD_CStream *c = ZSTD_createCStream();
    size_t size = length + 1000, n;
    void *packed = allocate(size);
    struct frame f;
    struct wire *w;
    int fd, rc;

    n = pack(c, data, length, packed, size);
    w = lone_wire(&fd);
    put_header(fd, n, says);
    put_all(fd, packed, n);
    rc = wire_recv(w, &f);
    assert(rc || (f.length == says && !memcmp(f.data, data, says)));
    frame_release(&f);
    close(fd);
    wire_free(w);
    free(packed);
    ZSTD_freeCStream(c);
    return rc;
}

static void length_that_lies(void)
{
    uint8_t *data = calloc(1, 1 << 17);

    assert(lie(data, 100000, 100000) == 0);
    assert(lie(data, 100000, 99999) == -EPROTO);
    assert(lie(data, 100000, 1) == -EPROTO);
    assert(lie(data, 100000, 100001) == -EPROTO);
    assert(lie(data, 100, PROTO_RAW_MAX) == -EPROTO);
    noise(data, 100000, 3);
    assert(lie(data, 100000, 100000) == 0);
    assert(lie(data, 100000, 99999) == -EPROTO);
    assert(lie(data, 100000, 100001) == -EPROTO);
    free(data);
}

static void truncated(void)
{
    uint8_t data[600], whole[700];
    struct frame f;
    struct wire *w;
    size_t n, cut;
    int fd;

    noise(data, 60, 9);
    memset(data + 60, 0, sizeof(data) - 60);
    w = lone_wire(&fd);
    assert(!wire_send(w, FRAME_DATA, 1, data, sizeof(data)));
    n = read(fd, whole, sizeof(whole));
    assert(n > PROTO_HEADER_BYTES && n == wire_bytes_out(w));
    close(fd);
    wire_free(w);
    for (cut = 0; cut <= n; cut++) {
        w = lone_wire(&fd);
        put_all(fd, whole, cut);
        close(fd);
        assert(wire_recv(w, &f) == (cut < n ? -EPIPE : 0));
        assert(cut == n || !f.data);
        frame_release(&f);
        wire_free(w);
    }
}

static void damaged(void)
{
    uint8_t data[2000], packed[3000];
    ZSTD_CStream *c = ZSTD_createCStream();
    struct frame f;
    struct wire *w;
    size_t n, i;
    int fd, rc;

    noise(data, 1000, 2);
    memset(data + 1000, 'y', 1000);
    n = pack(c, data, sizeof(data), packed, sizeof(packed));
    for (i = 0; i < n; i++) {
        packed[i] ^= 0x41;
        w = lone_wire(&fd);
        put_header(fd, n, sizeof(data));
        put_all(fd, packed, n);
        rc = wire_recv(w, &f);
        assert(rc == 0 || rc == -EPROTO);
        assert(rc == -EPROTO || i >= 4);
        frame_release(&f);
        close(fd);
        wire_free(w);
        packed[i] ^= 0x41;
    }
    ZSTD_freeCStream(c);
}

/* A stream of one uncompressed block, as RFC 8878 has it. */
static int window(unsigned log)
{
    uint8_t packed[] = {
        0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3,
        5 << 3, 0, 0, 'h', 'e', 'l', 'l', 'o',
    };
    struct frame f;
    struct wire *w;
    int fd, rc;

    w = lone_wire(&fd);
    put_header(fd, sizeof(packed), 5);
    put_all(fd, packed, sizeof(packed));
    rc = wire_recv(w, &f);
    assert(rc || !memcmp(f.data, "hello", 5));
    frame_release(&f);
    close(fd);
    wire_free(w);
    return rc;
}

static void window_too_large(void)
{
    assert(window(20) == 0);
    assert(window(PROTO_WINDOW_LOG_MAX) == 0);
    assert(window(PROTO_WINDOW_LOG_MAX + 1) == -EPROTO);
    assert(window(31) == -EPROTO);
}

static void peer_gone(void)
{
    uint8_t data[1000] = { 0 };
    struct frame f;
    struct wire *w;
    int fd;

    w = lone_wire(&fd);
    close(fd);
    assert(wire_send(w, FRAME_DATA, 0, data, sizeof(data)) == -EPIPE);
    assert(wire_recv(w, &f) == -EPIPE);
    wire_free(w);
    wire_free(NULL);
}

/* Greetings */

static int greet_with(const void *theirs, size_t length, char *garbage,
                 size_t size)
{
    uint8_t ours[PROTO_GREETING_BYTES];
    struct wire *w;
    int fd, rc;

    w = lone_wire(&fd);
    put_all(fd, theirs, length);
    shutdown(fd, SHUT_WR);
    rc = wire_greet(w, -1, garbage, size);
    assert(read(fd, ours, sizeof(ours)) == PROTO_GREETING_BYTES);
    assert(!memcmp(ours, "XL-DEDUP\3\0\0\0\0\0\r\n", sizeof(ours)));
    close(fd);
    wire_free(w);
    return rc;
}

static void greetings(void)
{
    static const char good[] = "XL-DEDUP\3\0\0\0\0\0\r\n";
    static const char newer[] = "XL-DEDUP\3\0\7\0\xff\0\r\n";
    static const char older[] = "XL-DEDUP\2\0\0\0\0\0\0";
    static const char other[] = "XL-DEDUP\xff\0\0\0\0\0\r\n";
    char garbage[64];
    size_t n;

    assert(greet_with(good, 16, garbage, sizeof(garbage)) == 0);
    assert(greet_with(newer, 16, garbage, sizeof(garbage)) == 0);
    assert(greet_with(older, 16, garbage, sizeof(garbage)) == -EPROTONOSUPPORT);
    assert(greet_with(other, 16, garbage, sizeof(garbage)) == -EPROTONOSUPPORT);
    for (n = 0; n < 16; n++)
        assert(greet_with(good, n, garbage, sizeof(garbage)) ==
               (n == 0 || n >= 8 ? -EPIPE : -EPROTO));
}

static void garbage_greeting(void)
{
    char garbage[64];

    assert(greet_with("Last login: Mon\n*", 17, garbage, sizeof(garbage)) ==
           -EPROTO);
    assert(!strcmp(garbage, "Last login: Mon"));
    assert(greet_with("\33[2J bash: \xff\xff\xff...", 16, garbage,
                 sizeof(garbage)) == -EPROTO);
    assert(!strcmp(garbage, "?[2J bash: ???.."));
    assert(greet_with("no such command: xl-dedup", 25, garbage, 5) == -EPROTO);
    assert(!strcmp(garbage, "no s"));
    assert(greet_with("sh: no", 6, garbage, sizeof(garbage)) == -EPROTO);
    assert(!strcmp(garbage, "sh: no"));
}

/* What a terminal makes of it: it echoes ours, or changes the line end, in
 * what it takes as in what it shows. */
static void greeting_through_a_terminal(void)
{
    static const char *const seen[] = {
        "XL-DEDUP^C^@^@^@^@^@\r\n", "XL-DEDUP\3\0\0\0\0\0\r\r\n",
        "XL-DEDUP\3\0\0\0\0\0\n\n", "XL-DEDUP\3\0\0\0\0\0\n...",
        "XL-DEDUP\0\1\0\0\0\0\r\n", "^C^@^@^@^@^@\r\n\r\n",
    };
    char garbage[64];
    size_t i;

    for (i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        assert(greet_with(seen[i], 16, garbage, sizeof(garbage)) == -EILSEQ);
}

/* All of the line is told, also if it comes in pieces, but no more. */
static void garbage_in_pieces(void)
{
    static const char line[] = "\r\n\r\nWelcome to hostb, which has been up\r\n";
    char garbage[64];
    struct wire *w;
    int fd;

    assert(greet_with(line, sizeof(line) - 1, garbage, sizeof(garbage)) ==
           -EPROTO);
    assert(!strcmp(garbage, "Welcome to hostb, which has been up"));
    assert(greet_with("\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n", 16, garbage,
                      sizeof(garbage)) == -EPROTO);
    assert(!*garbage);
    /* it goes on, but not for ever */
    w = lone_wire(&fd);
    put_all(fd, line, sizeof(line) - 3);
    assert(wire_greet(w, -1, garbage, sizeof(garbage)) == -EPROTO);
    assert(!strcmp(garbage, "Welcome to hostb, which has been up"));
    close(fd);
    wire_free(w);
}

/* Who started us has gone while a password is waited for. */
static void greeting_given_up(void)
{
    char garbage[64];
    struct wire *w;
    int fd, control[2];

    assert(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control));
    w = lone_wire(&fd);
    close(control[1]);
    assert(wire_greet(w, control[0], garbage, sizeof(garbage)) ==
           -ECANCELED);
    close(control[0]);
    close(fd);
    wire_free(w);
}

static void greeting_of_nobody(void)
{
    char garbage[64] = "old";
    struct wire *w;
    int fd;

    w = lone_wire(&fd);
    close(fd);
    assert(wire_greet(w, -1, garbage, sizeof(garbage)) == -EPIPE);
    assert(!*garbage);
    wire_free(w);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    RUN(round_trip);
    RUN(what_compresses_is_compressed);
    RUN(nothing_is_unpacked);
    RUN(short_reads_and_signals);
    RUN(many_senders);
    RUN(freight);
    RUN(freight_of_the_gone);
    RUN(too_long_to_send);
    RUN(oversize);
    RUN(length_that_lies);
    RUN(truncated);
    RUN(damaged);
    RUN(window_too_large);
    RUN(peer_gone);
    RUN(greetings);
    RUN(greeting_through_a_terminal);
    RUN(garbage_greeting);
    RUN(garbage_in_pieces);
    RUN(greeting_given_up);
    RUN(greeting_of_nobody);
    return 0;
}
