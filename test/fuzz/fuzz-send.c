/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The source's engine (plugin/source) and a target that is the fuzzer.
 *
 * The target knows what it is to say next, so that every state is reached; the
 * input says where it says something else.
 *
 * Input: u8 how (enum how), and then steps: u8 what to say (enum step; the
 * upper bits are a number that most take), and but for the first kind u8 how
 * many bytes of the payload are spoiled, each u16 where and u8 by what.
 */
#include "config.h"

#include <errno.h>
#include <dirent.h>
#include <linux/close_range.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/match/rolling.h"
#include "plugin/proto.h"
#include "plugin/source/sender.h"
#include "test/fuzz/map.h"
#include "test/fuzz/session.h"

#define BLOCK PROTO_BLOCK
#define BLOCKS 272u
#define DISK_BYTES (BLOCKS * BLOCK)
#define STEPS_MAX 120

enum how {
    HOW_DRY = 1 << 0,
    HOW_BASE = 1 << 1,          /* the target holds something */
    HOW_WITNESS = 1 << 2,       /* and says that it is a device */
};

enum step {
    STEP_RIGHT,                 /* what comes next, a number of times */
    STEP_BYTES, STEP_WANT, STEP_UNKNOWN, STEP_SIGNATURE, STEP_LIST, STEP_HELD,
    STEP_LEFT, STEP_WANT_END, STEP_BULK_DONE, STEP_DIFFER, STEP_BLOCKS,
    STEP_PASS_DONE, STEP_UNLIKE, STEP_WITNESSED, STEP_PLACED, STEP_PROBE,
    STEP_DISK_OK, STEP_HELLO,
    STEP_LISTED,                /* nothing, before all objects are listed */
    STEP_COUNT,
};

static struct fuzz_input in;
static uint8_t how;
static unsigned steps, right;
static uint8_t disk_content[DISK_BYTES];
static const uint8_t key[PROTO_KEY] = { 1, 2, 3 };
static char image[200];

static void make_content(void)
{
    unsigned i;

    for (i = 0; i < BLOCKS; i++)
        memset(disk_content + i * BLOCK, i % 5 ? (int)(i % 97) + 1 : 0, BLOCK);
}

/* Frames */

static void put_numbers(struct buf *b, unsigned n)
{
    unsigned i;

    buf_put_u32(b, n % 4 + 1);
    for (i = 0; i < n % 4 + 1; i++)
        buf_put_zigzag(b, i ? 1 : (int64_t)n);
}

/* Of a file that has much of what is on the disk. */
static void put_signature(struct buf *b, unsigned n)
{
    size_t block = n & 1 ? 700 : 2048, size = n & 2 ? 20000 : 66000, at, some;
    unsigned width = n & 1 ? 5 : 8, i;
    struct rolling r;
    uint64_t hash;

    rolling_init(&r, key);
    buf_put(b, key, sizeof(key));
    buf_put_zigzag(b, n & 1);
    buf_put_varint(b, size);
    buf_put_varint(b, block);
    buf_put_u8(b, (uint8_t)(width | (n & 4 ? PROTO_SIGNATURE_CODE : 0)));
    for (at = 0; at < size; at += some) {
        some = size - at < block ? size - at : block;
        hash = rolling_add(&r, 0, disk_content + 4096 + at + (n & 4) * 100,
                           some);
        hash = rolling_cut(&r, hash, width);
        for (i = 0; i < width; i++)
            buf_put_u8(b, (uint8_t)(hash >> (8 * i)));
    }
}

static void put_held(struct buf *b, unsigned n)
{
    buf_put_zigzag(b, n);
    buf_put_varint(b, n % 3);
    buf_put_varint(b, 3);
    buf_put_varint(b, n);
}

static void put_blocks(struct buf *b, unsigned n)
{
    size_t length = n & 1 ? DISK_BYTES - PROTO_SEGMENT : PROTO_SEGMENT, at;
    uint8_t hash[crypto_shorthash_BYTES];

    buf_put_u64(b, n & 1);
    if (n & 4)
        return;
    buf_put(b, key, crypto_shorthash_KEYBYTES);
    for (at = 0; at < length; at += BLOCK) {
        crypto_shorthash(hash, disk_content + (n & 2) * BLOCK + at, BLOCK, key);
        buf_put(b, hash, sizeof(hash));
    }
}

static void put_bytes(uint16_t *type, struct buf *b)
{
    const uint8_t *data;
    size_t length;

    *type = fuzz_u8(&in);
    length = fuzz_u16(&in);
    data = fuzz_bytes(&in, &length);
    buf_put(b, data, length);
}

static void put_disk_ok(struct buf *b)
{
    buf_put_text(b, "base", how & HOW_BASE ? "1" : "0");
    buf_put_text(b, "physical", "4096");
    if (how & HOW_WITNESS)
        buf_put_text(b, "witness", "/dev/disk");
}

static void take_step(enum step step, unsigned n, uint16_t *type,
                      struct buf *b)
{
    static const uint16_t types[STEP_COUNT] = {
        [STEP_WANT] = FRAME_WANT, [STEP_UNKNOWN] = FRAME_UNKNOWN,
        [STEP_SIGNATURE] = FRAME_SIGNATURE, [STEP_LIST] = FRAME_LIST,
        [STEP_HELD] = FRAME_HELD, [STEP_LEFT] = FRAME_LEFT,
        [STEP_WANT_END] = FRAME_WANT_END, [STEP_BULK_DONE] = FRAME_BULK_DONE,
        [STEP_DIFFER] = FRAME_DIFFER, [STEP_BLOCKS] = FRAME_BLOCKS,
        [STEP_PASS_DONE] = FRAME_PASS_DONE, [STEP_UNLIKE] = FRAME_UNLIKE,
        [STEP_WITNESSED] = FRAME_WITNESSED, [STEP_PLACED] = FRAME_PLACED,
        [STEP_PROBE] = FRAME_PROBE, [STEP_DISK_OK] = FRAME_DISK_OK,
        [STEP_HELLO] = FRAME_HELLO,
    };

    *type = step < STEP_COUNT ? types[step] : FRAME_FAIL;
    switch (step) {
    case STEP_BYTES:
        put_bytes(type, b);
        break;
    case STEP_LIST:
        buf_put(b, key, sizeof(key));
        /* fall through */
    case STEP_WANT:
    case STEP_UNKNOWN:
    case STEP_LEFT:
        put_numbers(b, n);
        break;
    case STEP_SIGNATURE:
        put_signature(b, n);
        break;
    case STEP_HELD:
        put_held(b, n);
        break;
    case STEP_BLOCKS:
        put_blocks(b, n);
        break;
    case STEP_DIFFER:
    case STEP_PASS_DONE:
    case STEP_UNLIKE:
        buf_put_u64(b, n & 1);
        break;
    case STEP_WITNESSED:
        buf_put_u8(b, n & 1);
        buf_put(b, key, PROTO_MARK);
        break;
    case STEP_PROBE:
        buf_put(b, ".probe", 6);
        break;
    case STEP_DISK_OK:
        put_disk_ok(b);
        break;
    case STEP_HELLO:
        buf_put_text(b, "host", "far");
        break;
    default:
        break;
    }
}

/* What is right */

static void put_witnessed(const struct sent *s, struct buf *b)
{
    size_t n = s->length / (8 + PROTO_DIGEST);

    for (; n; n--) {
        buf_put_u8(b, 0);
        buf_put(b, key, PROTO_MARK);
    }
}

/* False: it has no answer. */
static bool answer(const struct sent *s, uint16_t *type, struct buf *b)
{
    switch (s->type) {
    case FRAME_DISKS_END:
        *type = FRAME_DISK_OK;
        put_disk_ok(b);
        return true;
    case FRAME_HELLO:
        *type = FRAME_HELLO;
        buf_put_text(b, "host", "far");
        return true;
    case FRAME_COMPARED:
        *type = FRAME_UNLIKE;
        buf_put_u64(b, 1);
        return how & HOW_WITNESS;
    case FRAME_MANIFEST_END:
        *type = FRAME_WANT_END;
        return true;
    case FRAME_DATA_END:
        *type = FRAME_BULK_DONE;
        return true;
    case FRAME_PASS_END:
        *type = FRAME_PASS_DONE;
        buf_put_u64(b, 0);
        return true;
    case FRAME_WITNESS:
        *type = FRAME_WITNESSED;
        put_witnessed(s, b);
        return true;
    case FRAME_PLACE:
        *type = FRAME_PLACED;
        return true;
    default:
        return false;
    }
}

static bool next_right(bool wait, uint16_t *type, struct buf *b)
{
    struct sent *s;
    bool is_answer = false;

    while (!is_answer && (s = session_sent(wait))) {
        is_answer = answer(s, type, b);
        free_sent(s);
    }
    return is_answer;
}

/* Waits until the source has sent a frame of this type. */
static void wait_for(uint16_t type)
{
    struct sent *s;
    bool seen = false;

    while (!seen && (s = session_sent(true))) {
        seen = s->type == type;
        free_sent(s);
    }
}

static bool next(bool wait, uint16_t disk, uint16_t *type_r, uint16_t *disk_r,
                 struct buf *b)
{
    uint8_t word;

    while (steps++ < STEPS_MAX) {
        if (!right && !in.left)
            return false;
        *disk_r = disk == PROTO_NO_DISK ? 0 : disk;
        if (right) {
            if (!next_right(wait, type_r, b)) {
                if (!wait)
                    return false;
                right--;
                continue;
            }
            right--;
            if (*type_r == FRAME_HELLO)
                *disk_r = PROTO_NO_DISK;
            return true;
        }
        word = fuzz_u8(&in);
        if ((word & 31) == STEP_RIGHT) {
            right = (word >> 5) + 1;
            continue;
        }
        if ((word & 31) == STEP_LISTED) {
            wait_for(FRAME_MANIFEST_END);
            continue;
        }
        take_step(word & 31, word >> 5, type_r, b);
        if (*type_r == FRAME_HELLO)
            *disk_r = PROTO_NO_DISK;
        session_spoil(&in, b);
        return true;
    }
    return false;
}

/* The host */

static void answer_parser(const char *task, int image_fd, int request_fd,
                          struct buf *to)
{
    (void)task;
    (void)image_fd;
    (void)request_fd;
    map_put_files(to, DISK_BYTES);
}

static int first_free;          /* of descriptors, before a session */

static void begin_host(void)
{
    FILE *f;

    if (*image)
        return;
    make_content();
    snprintf(image, sizeof(image), "%s/image", session_directory());
    f = fopen(image, "we");
    FUZZ_CHECK(f && fwrite(disk_content, 1, DISK_BYTES, f) == DISK_BYTES &&
               !fclose(f));
    first_free = dup(STDERR_FILENO);
    FUZZ_CHECK(first_free >= 0);
    close(first_free);
}

static unsigned count_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    unsigned n = 0;

    FUZZ_CHECK(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* A session that failed leaves threads that end when they find out, and what
 * these use; the program ends then. */
static void wait_for_threads(unsigned before)
{
    unsigned i;

    for (i = 0; count_threads() > before && i < 10000; i++)
        usleep(200);
    FUZZ_CHECK(i < 10000);
}

static int transfer(struct sender *s)
{
    static const struct estimate_options estimate = { .level = 3 };
    int rc;

    if (how & HOW_DRY)
        return sender_dry_run(s, &estimate);
    rc = sender_bulk(s);
    if (!rc)
        rc = sender_settle(s);
    return rc ? rc : sender_place(s);
}

static void run(void)
{
    struct sender_options opt = {
        .mode = "push", .name = "guest", .uuid = "fuzz", .peer = "far",
        .dry = how & HOW_DRY,
    };
    struct inbox *inbox;
    struct wire *w = session_begin(next, &inbox);
    unsigned threads;
    struct sender *s;
    int rc;

    FUZZ_CHECK(!sender_new(&s, &opt));
    threads = count_threads();
    FUZZ_CHECK(!sender_add_disk(s, "xvda", image, "/disk"));
    rc = sender_offer(s, w, inbox);
    if (!rc)
        transfer(s);
    wait_for_threads(threads);
    sender_free(s);
    session_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_quiet();
    in = (struct fuzz_input){ data, size };
    how = fuzz_u8(&in);
    steps = right = 0;
    map_parse_with(answer_parser);
    begin_host();
    run();
    syscall(SYS_close_range, first_free, ~0U, 0);
    return 0;
}
