/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The target's engine (plugin/target) and a source that is the fuzzer.
 *
 * The source knows how to answer: it has a disk, and sends of it what it is
 * asked for.  The input says in which order things come, with which numbers,
 * and what of them is spoiled, so that every state is reached and then left in
 * other ways than the right one.
 *
 * Input: u8 how (enum how), u8 whether there is a reference, and then steps: u8
 * what to send (enum step; the upper bits are a number that most take), and for
 * each u8 how many bytes of the payload are spoiled, each u16 where and u8 by
 * what.  A step that sends bytes as they are reads u8 type, u8 disk, u16 length
 * and these.
 */
#include "config.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/budget.h"
#include "plugin/base/digest.h"
#include "plugin/content/manifest_hash.h"
#include "plugin/index/index_add.h"
#include "plugin/index/index_add_image.h"
#include "plugin/match/x86_operands.h"
#include "plugin/proto.h"
#include "plugin/target/receiver.h"
#include "plugin/wire/wire.h"
#include "test/fuzz/map.h"
#include "test/fuzz/session.h"

#define BLOCK PROTO_BLOCK
#define BLOCKS 272u             /* of the disk: a segment, and some of one */
#define DISK_BYTES (BLOCKS * BLOCK)
#define SEGMENTS 2u
#define OBJECTS_MAX 64u
#define OBJECT_BLOCKS 8u
#define STEPS_MAX 120
#define BUDGET (UINT64_C(64) << 20)

enum how {
    HOW_DRY = 1 << 0,
    HOW_MIGRATE = 1 << 1,
    HOW_LIST = 1 << 2,          /* the disk is offered with a listing */
    HOW_EARLIER = 1 << 3,       /* there is a staging file of an earlier try */
    HOW_OFFER = 1 << 4,         /* HELLO to DISK_OK come by themselves */
    HOW_BULK = 1 << 5,          /* and the bulk copy */
    HOW_PASS = 1 << 6,          /* and a pass */
    HOW_TWO = 1 << 7,           /* disks */
};

enum step {
    STEP_ANSWER, STEP_BYTES, STEP_HELLO, STEP_DISK, STEP_DISKS_END,
    STEP_PROBED, STEP_MANIFEST, STEP_MANIFEST_END, STEP_DATA, STEP_DATA_END,
    STEP_NAMES, STEP_RECIPE, STEP_BLOCKLIST, STEP_SEGMENTS, STEP_COMPARED,
    STEP_SEGMENT, STEP_PATCH, STEP_DELTA, STEP_PASS_END, STEP_WITNESS,
    STEP_APART, STEP_PLACE, STEP_RESTORE, STEP_MEMORY_END, STEP_BALLAST,
    STEP_BYE, STEP_ANSWER_ALL, STEP_UNPARSED, STEP_COUNT,
};

struct piece {
    unsigned first, n;          /* blocks of the disk */
    uint64_t size;
};

static struct fuzz_input in;
static uint8_t how;
static bool with_reference;
static unsigned steps;
static const uint8_t *script;           /* what comes by itself, before in */
static uint8_t disk_content[DISK_BYTES];
static struct piece objects[OBJECTS_MAX];
static unsigned n_objects;
static uint8_t list_key[16];
static bool answering;                  /* what is asked for, one by one */
static char reference[200], earlier[200];

/* The disk: blocks of one byte each, and some that are zero; and where /file2
 * is (map_put_files()), something that is taken for a program. */
static void make_content(void)
{
    static const uint8_t elf[20] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\3\0\76";
    unsigned i;

    for (i = 0; i < BLOCKS; i++)
        memset(disk_content + i * BLOCK, i % 5 ? (int)(i % 97) + 1 : 0, BLOCK);
    memcpy(disk_content + 20 * BLOCK, elf, sizeof(elf));
    for (i = 22 * BLOCK; i < 24 * BLOCK; i += 16)
        memcpy(disk_content + i, "\xe8\0\x10\0\0\x48\x8b\5\0\x20\0\0", 12);
}

static size_t segment_bytes(unsigned n)
{
    return n ? DISK_BYTES - PROTO_SEGMENT : PROTO_SEGMENT;
}

static void put_digest(struct buf *b, const void *data, size_t length,
                       size_t bytes)
{
    uint8_t digest[HASH_BYTES];

    digest_of(data, length, digest);
    buf_put(b, digest, bytes);
}

/* Frames */

static void put_hello(struct buf *b)
{
    buf_put_text(b, "mode", how & HOW_MIGRATE ? "migrate" : "push");
    buf_put_text(b, "name", "guest");
    buf_put_text(b, "uuid", "fuzz");
    if (how & HOW_DRY)
        buf_put_text(b, "dry", "1");
}

/* The first "dest" counts, so the input cannot name another. */
static void put_disk(struct buf *b, unsigned number)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/disks/%u", session_directory(), number);
    buf_put_text(b, "dest", path);
    buf_put_text(b, "vdev", number ? "xvdb" : "xvda");
    buf_put_text_u64(b, "size", DISK_BYTES);
    buf_put_text_u64(b, "used", DISK_BYTES / 2);
    buf_put_text(b, "path", "/images/disk");
    buf_put_text(b, "base", "disk");
    buf_put_text(b, "kind", "file");
    buf_put_text(b, "owner", "root");
    buf_put_text(b, "group", "root");
    buf_put_text(b, "mode", "600");
    if (how & HOW_LIST)
        buf_put_text(b, "list", "00000000000000000000000000000000"
                     "00000000000000000000000000000000");
}

/* Three objects: of a file, of what is not parsed, and of something else. */
static void put_manifest(struct buf *b, unsigned number)
{
    unsigned i, n = number % 3 + 1;
    struct piece *o;

    buf_put_u64(b, n_objects);
    buf_put_u32(b, n);
    for (i = 0; i < n && n_objects < OBJECTS_MAX; i++) {
        o = &objects[n_objects];
        o->first = (n_objects * 31 + number) % (BLOCKS - OBJECT_BLOCKS);
        o->n = n_objects % OBJECT_BLOCKS + 1;
        o->size = o->n * BLOCK - (n_objects % 3 == 2 ? 100 : 0);
        n_objects++;
        put_digest(b, disk_content + o->first * BLOCK, o->size,
                   PROTO_SHORT_DIGEST);
        buf_put_varint(b, o->size);
        buf_put_varint(b, 1 << PROTO_KIND_BITS |
                          (n_objects % 3 == 1 ? KIND_NAMED :
                           n_objects % 3 == 2 ? KIND_UNPARSED : KIND_PLAIN));
        buf_put_varint(b, 0);
        buf_put_zigzag(b, (int64_t)(o->first * BLOCK) -
                          (int64_t)(i ? o[-1].first * BLOCK + o[-1].size : 0));
        buf_put_varint(b, o->size);
    }
}

/* Enough for blocks to be looked for: all of the first segment, which nobody
 * minds. */
static void put_unparsed(struct buf *b, unsigned number)
{
    unsigned i, n = number + 1;
    struct piece *o;

    buf_put_u64(b, n_objects);
    buf_put_u32(b, n);
    for (i = 0; i < n && n_objects < OBJECTS_MAX; i++) {
        o = &objects[n_objects++];
        *o = (struct piece){ 0, PROTO_SEGMENT / BLOCK, PROTO_SEGMENT };
        /* Another one each time, which is not found as a whole. */
        put_digest(b, &n_objects, sizeof(n_objects), PROTO_SHORT_DIGEST);
        buf_put_varint(b, o->size);
        buf_put_varint(b, 1 << PROTO_KIND_BITS | KIND_UNPARSED);
        buf_put_varint(b, 0);
        buf_put_zigzag(b, i ? -(int64_t)PROTO_SEGMENT : 0);
        buf_put_varint(b, o->size);
    }
}

static const struct piece *object_of(uint64_t number)
{
    static const struct piece none = { 0, 1, BLOCK };

    return number < n_objects ? &objects[number] : &none;
}

static void put_data(struct buf *b, uint64_t number)
{
    const struct piece *o = object_of(number);

    buf_put_u64(b, number);
    buf_put_u32(b, (uint32_t)o->size);
    buf_put(b, disk_content + o->first * BLOCK, o->size);
}

/* Of bytes that come with it and of some that the target has. */
static void put_recipe(struct buf *b, uint64_t number, bool copy)
{
    const struct piece *o = object_of(number);
    const uint8_t *data = disk_content + o->first * BLOCK;
    size_t n = copy && o->size > 2 * BLOCK ? BLOCK : 0;

    buf_put_u64(b, number);
    if (n) {
        buf_put_varint(b, n << 1 | 1);
        buf_put_zigzag(b, 0);
    }
    buf_put_varint(b, (o->size - n) << 1);
    buf_put(b, data + n, o->size - n);
    buf_put_varint(b, 0);
    put_digest(b, data, o->size, PROTO_SHORT_DIGEST);
}

/* Of a skeleton, all of which comes with it. */
static void put_code_recipe(struct buf *b, uint64_t number)
{
    const struct piece *o = object_of(number);
    struct x86_operands x = { .size = o->size };
    struct buf operands = BUF_INIT, skeleton = BUF_INIT;

    buf_put(&skeleton, disk_content + o->first * BLOCK, o->size);
    FUZZ_CHECK(!skeleton.failed);
    x86_operands_split(&x, skeleton.data, o->size, 0, &operands);
    buf_put_u64(b, number | PROTO_CODE);
    buf_put_varint(b, operands.length / X86_OPERAND_BYTES);
    buf_put(b, operands.data, operands.length);
    buf_put_varint(b, o->size << 1);
    buf_put(b, skeleton.data, o->size);
    buf_put_varint(b, 0);
    put_digest(b, disk_content + o->first * BLOCK, o->size,
               PROTO_SHORT_DIGEST);
    buf_release(&operands);
    buf_release(&skeleton);
}

/* By turns, beginning with one or the other. */
static void put_names(struct buf *b, unsigned n, uint64_t first)
{
    unsigned i;

    buf_put_u32(b, n);
    for (i = 0; i < n; i++) {
        buf_put_varint(b, i ? 5 : 0);
        buf_put_varint(b, i ? 1 : 6);
        buf_put(b, "/file", i ? 0 : 5);
        buf_put_u8(b, (uint8_t)('1' + (first + i) % 2));
    }
}

static void put_blocklist(struct buf *b, const uint64_t *numbers, unsigned n)
{
    uint8_t hash[crypto_shorthash_BYTES];
    unsigned i, k;

    buf_put_u32(b, n);
    for (i = 0; i < n; i++) {
        const struct piece *o = object_of(numbers[i]);

        buf_put_varint(b, 0);
        for (k = 0; k < o->size / BLOCK; k++) {
            const uint8_t *p = disk_content + (o->first + k) * BLOCK;

            crypto_shorthash(hash, p, BLOCK, list_key);
            if (!p[0])
                memset(hash, 0, sizeof(hash));
            buf_put(b, hash, PROTO_LIST_HASH);
        }
    }
}

static void put_segments(struct buf *b)
{
    unsigned i;

    buf_put_u64(b, 0);
    buf_put_u32(b, SEGMENTS);
    buf_put_u8(b, 0);
    for (i = 0; i < SEGMENTS; i++)
        put_digest(b, disk_content + i * PROTO_SEGMENT, segment_bytes(i),
                   HASH_BYTES);
}

static void put_segment(struct buf *b, unsigned n)
{
    n %= SEGMENTS;
    buf_put_u64(b, n);
    put_digest(b, disk_content + n * PROTO_SEGMENT, segment_bytes(n),
               HASH_BYTES);
    buf_put(b, disk_content + n * PROTO_SEGMENT, segment_bytes(n));
}

static void put_patch(struct buf *b, unsigned n)
{
    n %= SEGMENTS;
    buf_put_u64(b, n);
    put_digest(b, disk_content + n * PROTO_SEGMENT, segment_bytes(n),
               HASH_BYTES);
    buf_put_u32(b, 0);
    buf_put_u32(b, BLOCK | PROTO_ZERO);
    buf_put_u32(b, BLOCK);
    buf_put_u32(b, (uint32_t)segment_bytes(1) - BLOCK);
    buf_put(b, disk_content + n * PROTO_SEGMENT + BLOCK,
            segment_bytes(1) - BLOCK);
}

static void put_delta(struct buf *b, unsigned n)
{
    const uint8_t *data = disk_content + (n % BLOCKS) * BLOCK;
    struct digest state;
    uint8_t digest[HASH_BYTES];

    digest_init(&state);
    digest_record(&state, n % BLOCKS * BLOCK, BLOCK);
    digest_update(&state, data, BLOCK);
    digest_record(&state, 0, BLOCK | PROTO_ZERO);
    digest_zeros(&state, BLOCK);
    digest_final(&state, digest);
    buf_put(b, digest, HASH_BYTES);
    buf_put_u64(b, n % BLOCKS * BLOCK);
    buf_put_u32(b, BLOCK);
    buf_put(b, data, BLOCK);
    buf_put_u64(b, 0);
    buf_put_u32(b, BLOCK | PROTO_ZERO);
}

static void put_witness(struct buf *b, unsigned n)
{
    unsigned i;

    for (i = 0; i < n % 3 + 1; i++) {
        buf_put_u64(b, i);
        put_digest(b, disk_content, segment_bytes(0), HASH_BYTES);
    }
}

/* Answers */

static bool answer_recipes(const struct sent *s, uint16_t *type,
                           struct buf *b)
{
    struct cursor c = CURSOR_INIT(s->data, s->length);
    uint64_t number;

    *type = FRAME_RECIPE;
    if (s->type == FRAME_HELD) {
        put_recipe(b, (uint64_t)cursor_zigzag(&c), true);
        return true;
    }
    cursor_get(&c, PROTO_KEY);
    number = (uint64_t)cursor_zigzag(&c);
    cursor_varint(&c);
    cursor_varint(&c);
    if (cursor_u8(&c) & PROTO_SIGNATURE_CODE)
        put_code_recipe(b, number);
    else
        put_recipe(b, number, number & 1);
    return true;
}

static bool answer_list(const struct sent *s, uint16_t *type, struct buf *b)
{
    struct cursor c = CURSOR_INIT(s->data, s->length);
    const uint8_t *key = cursor_get(&c, sizeof(list_key));
    uint64_t numbers[PROTO_LIST_OBJECTS], last = 0;
    uint32_t n, i;

    FUZZ_CHECK(key);
    memcpy(list_key, key, sizeof(list_key));
    n = cursor_u32(&c);
    FUZZ_CHECK(n <= PROTO_LIST_OBJECTS);
    for (i = 0; i < n; i++)
        last = numbers[i] = last + (uint64_t)cursor_zigzag(&c);
    put_blocklist(b, numbers, n);
    *type = FRAME_BLOCKLIST;
    return true;
}

static bool answer_want(const struct sent *s, uint16_t *type, struct buf *b)
{
    struct cursor c = CURSOR_INIT(s->data, s->length);
    uint64_t last = 0;
    uint32_t n = cursor_u32(&c);

    for (; n && b->length < PROTO_SEGMENT / 2; n--) {
        last += (uint64_t)cursor_zigzag(&c);
        put_data(b, last);
    }
    *type = FRAME_DATA;
    return true;
}

/* False: it wants no answer. */
static bool answer(const struct sent *s, uint16_t *type, struct buf *b)
{
    struct cursor c = CURSOR_INIT(s->data, s->length);
    uint32_t count;

    switch (s->type) {
    case FRAME_PROBE:
        buf_put_u8(b, 0);
        *type = FRAME_PROBED;
        return true;
    case FRAME_UNKNOWN:
        count = cursor_u32(&c);
        put_names(b, count, (uint64_t)cursor_zigzag(&c));
        *type = FRAME_NAMES;
        return true;
    case FRAME_SIGNATURE:
    case FRAME_HELD:
        return answer_recipes(s, type, b);
    case FRAME_LIST:
        return answer_list(s, type, b);
    case FRAME_WANT:
        return answer_want(s, type, b);
    case FRAME_DIFFER:
    case FRAME_BLOCKS:
        put_segment(b, (unsigned)cursor_u64(&c));
        *type = FRAME_SEGMENT;
        return true;
    default:
        return false;
    }
}

/* The next answer that is due; false: nothing is asked for. */
static bool next_answer(uint16_t *type, uint16_t *disk, struct buf *b)
{
    struct sent *s;
    bool is_answer = false;

    while (!is_answer && (s = session_sent(answering))) {
        is_answer = answer(s, type, b);
        *disk = s->disk;
        /* Until this, or the end, more may be asked for. */
        if (s->type == FRAME_WANT_END || s->type == FRAME_PASS_DONE ||
            s->type == FRAME_DISK_OK || s->type == FRAME_FAIL)
            answering = false;
        free_sent(s);
    }
    return is_answer;
}

/* Steps */

static void put_bytes(uint16_t *type, uint16_t *disk, struct buf *b)
{
    const uint8_t *data;
    size_t length;

    *type = fuzz_u8(&in);
    *disk = fuzz_u8(&in);
    if (*disk == 0xff)
        *disk = PROTO_NO_DISK;
    length = fuzz_u16(&in);
    data = fuzz_bytes(&in, &length);
    /* It would name a path of its own. */
    if (*type == FRAME_DISK)
        put_disk(b, *disk);
    buf_put(b, data, length);
}

static void take_step(enum step step, unsigned n, uint16_t *type,
                      uint16_t *disk, struct buf *b)
{
    uint64_t number = n;

    *disk = how & HOW_TWO ? n & 1 : 0;
    switch (step) {
    case STEP_BYTES:
        put_bytes(type, disk, b);
        break;
    case STEP_HELLO:
        *type = FRAME_HELLO;
        *disk = PROTO_NO_DISK;
        put_hello(b);
        break;
    case STEP_DISK:
        *type = FRAME_DISK;
        put_disk(b, *disk);
        break;
    case STEP_DISKS_END:
        *type = FRAME_DISKS_END;
        *disk = PROTO_NO_DISK;
        break;
    case STEP_PROBED:
        *type = FRAME_PROBED;
        buf_put_u8(b, 0);
        break;
    case STEP_MANIFEST:
        *type = FRAME_MANIFEST;
        put_manifest(b, n);
        break;
    case STEP_UNPARSED:
        *type = FRAME_MANIFEST;
        put_unparsed(b, n);
        break;
    case STEP_MANIFEST_END:
        *type = FRAME_MANIFEST_END;
        buf_put_u64(b, n_objects);
        break;
    case STEP_DATA:
        *type = FRAME_DATA;
        put_data(b, n);
        break;
    case STEP_DATA_END:
        *type = FRAME_DATA_END;
        break;
    case STEP_NAMES:
        *type = FRAME_NAMES;
        put_names(b, n, 0);
        break;
    case STEP_RECIPE:
        *type = FRAME_RECIPE;
        put_recipe(b, n, n & 1);
        break;
    case STEP_BLOCKLIST:
        *type = FRAME_BLOCKLIST;
        put_blocklist(b, &number, 1);
        break;
    case STEP_SEGMENTS:
        *type = FRAME_SEGMENTS;
        put_segments(b);
        break;
    case STEP_COMPARED:
        *type = FRAME_COMPARED;
        break;
    case STEP_SEGMENT:
        *type = FRAME_SEGMENT;
        put_segment(b, n);
        break;
    case STEP_PATCH:
        *type = FRAME_PATCH;
        put_patch(b, n);
        break;
    case STEP_DELTA:
        *type = FRAME_DELTA;
        put_delta(b, n * 37);
        break;
    case STEP_PASS_END:
        *type = FRAME_PASS_END;
        break;
    case STEP_WITNESS:
        *type = FRAME_WITNESS;
        put_witness(b, n);
        break;
    case STEP_APART:
        *type = FRAME_APART;
        break;
    case STEP_PLACE:
        *type = FRAME_PLACE;
        break;
    case STEP_RESTORE:
        *type = FRAME_RESTORE;
        *disk = PROTO_NO_DISK;
        break;
    case STEP_MEMORY_END:
        *type = FRAME_MEMORY_END;
        *disk = PROTO_NO_DISK;
        put_digest(b, "", 0, HASH_BYTES);
        buf_put_u64(b, 0);
        break;
    case STEP_BALLAST:
        *type = FRAME_BALLAST;
        *disk = PROTO_NO_DISK;
        break;
    default:
        *type = FRAME_BYE;
        *disk = PROTO_NO_DISK;
        break;
    }
}

static bool next(bool wait, uint16_t disk, uint16_t *type_r, uint16_t *disk_r,
                 struct buf *b)
{
    uint8_t word;
    bool own;

    (void)wait;
    (void)disk;
    while (steps++ < STEPS_MAX) {
        if (answering) {
            if (next_answer(type_r, disk_r, b))
                return true;
            answering = false;
        }
        own = *script != STEP_COUNT;
        if (!own && !in.left)
            return false;
        word = own ? *script++ : fuzz_u8(&in);
        if ((word & 31) == STEP_ANSWER_ALL) {
            answering = true;
            continue;
        }
        if ((word & 31) == STEP_ANSWER) {
            if (!next_answer(type_r, disk_r, b))
                continue;
        } else {
            take_step(word & 31, word >> 5, type_r, disk_r, b);
        }
        if (!own && *type_r != FRAME_DISK)
            session_spoil(&in, b);
        return true;
    }
    return false;
}

/* What comes by itself */

static uint8_t own_steps[64];

static void make_script(void)
{
    uint8_t *p = own_steps;

    if (how & (HOW_OFFER | HOW_BULK | HOW_PASS)) {
        *p++ = STEP_HELLO;
        *p++ = STEP_DISK;
        if (how & HOW_TWO)
            *p++ = STEP_DISK | 1 << 5;
        *p++ = STEP_DISKS_END;
        *p++ = STEP_ANSWER_ALL;
        if (how & HOW_TWO)
            *p++ = STEP_ANSWER_ALL;
    }
    if (how & (HOW_BULK | HOW_PASS)) {
        if (how & HOW_EARLIER) {
            *p++ = STEP_SEGMENTS;
            *p++ = STEP_COMPARED;
        }
        *p++ = STEP_MANIFEST | 2 << 5;
        *p++ = STEP_MANIFEST | 4 << 5;
        *p++ = STEP_MANIFEST_END;
        *p++ = STEP_ANSWER_ALL;
        *p++ = STEP_DATA_END;
    }
    if (how & HOW_PASS) {
        *p++ = STEP_SEGMENTS;
        *p++ = STEP_PASS_END;
        *p++ = STEP_ANSWER_ALL;
        *p++ = STEP_PASS_END;
        *p++ = STEP_ANSWER_ALL;
    }
    *p = STEP_COUNT;
    script = own_steps;
}

/* The host */

/* As if a parser had found two files in the reference. */
static void answer_parser(const char *task, int image_fd, int request_fd,
                          struct buf *answer)
{
    (void)task;
    (void)image_fd;
    (void)request_fd;
    map_put_files(answer, DISK_BYTES);
}

static void write_image(const char *path)
{
    FILE *f = fopen(path, "we");

    FUZZ_CHECK(f && fwrite(disk_content, 1, DISK_BYTES, f) == DISK_BYTES &&
               !fclose(f));
}

static void index_reference(const char *state)
{
    struct image image = IMAGE_INIT;
    struct manifest_options options = { .threads = 1 };
    struct index_source source;
    struct manifest *m;
    struct stamp stamp;

    map_parse_with(answer_parser);
    FUZZ_CHECK(!image_open(&image, reference) &&
               !stamp_of(reference, &stamp));
    FUZZ_CHECK(!manifest_parse(&image, NULL, &m) &&
               !manifest_hash(m, &options));
    source = index_source_of(m);
    index_add_image(state, reference, &stamp, &source);
    manifest_free(m);
    image_release(&image);
}

static void begin_host(struct configuration *conf)
{
    static char *references[] = { reference };
    static char state[200], disks[200];

    if (!*reference) {
        make_content();
        snprintf(state, sizeof(state), "%s/state", session_directory());
        snprintf(disks, sizeof(disks), "%s/disks", session_directory());
        snprintf(reference, sizeof(reference), "%s/state/reference",
                 session_directory());
        snprintf(earlier, sizeof(earlier), "%s/disks/.0.xl-dedup",
                 session_directory());
        FUZZ_CHECK(!mkdir(state, 0700));
        write_image(reference);
        index_reference(state);
    }
    FUZZ_CHECK(!mkdir(disks, 0700));
    if (how & HOW_EARLIER)
        write_image(earlier);
    *conf = (struct configuration){
        .references = references, .n_references = with_reference,
        .state_dir = state, .timeout_limit = WIRE_TIMEOUT_DEFAULT,
    };
}

static int take_memory_end(void *opaque, uint64_t bytes,
                           const uint8_t digest[HASH_BYTES])
{
    (void)opaque;
    (void)bytes;
    FUZZ_CHECK(digest);
    return 0;
}

static void run(const struct configuration *conf)
{
    static const struct receiver_events events = {
        .memory_end = take_memory_end,
    };
    struct budget *budget;
    struct receiver *r;
    struct inbox *inbox;
    struct wire *w = session_begin(next, &inbox);
    char path[200];
    unsigned i;

    FUZZ_CHECK(!budget_new(&budget, BUDGET) &&
               !receiver_new(&r, w, inbox, conf, budget, &events));
    for (i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/disks/%u", session_directory(), i);
        FUZZ_CHECK(!receiver_set_path(r, i ? "xvdb" : "xvda", path));
    }
    receiver_run(r);
    receiver_free(r);
    budget_free(budget);
    session_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct configuration conf;

    fuzz_quiet();
    in = (struct fuzz_input){ data, size };
    how = fuzz_u8(&in);
    with_reference = fuzz_u8(&in) & 1;
    steps = 0;
    n_objects = 0;
    answering = false;
    make_script();
    begin_host(&conf);
    run(&conf);
    session_clean("state");
    return 0;
}
