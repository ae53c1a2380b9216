/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sends a stream through the memory codec and back in one process, for tests
 * and for figures.
 *
 *   memory-tool [OPTION]... FILE
 *     -c MIB     page cache (default 64)
 *     -d IMAGE   a disk of the migration (any number)
 *     -s SEED    the stream is fed in pieces of random length, and flushed
 *                now and then; 0 (default): in pieces of 256 KiB
 *     -x N       of what is read from the disks, every Nth page is wrong
 *     -f N       every frame is also decoded N times with random damage,
 *                which must fail or not, but do nothing else
 *     -l LEVEL, -w LOG   of zstd, for the figures (default 3 and 22)
 *     -C         only zero and filled pages are looked for
 *
 * Prints what was found and how fast.  Fails if a byte came out different.
 */
#include "config.h"

#include <getopt.h>
#include <sodium.h>
#include <stdbool.h>
#include <time.h>
#include <zstd.h>

#include "test/unit/unit.h"

#include "plugin/image/image.h"
#include "plugin/match/blockindex.h"
#include "plugin/memory/memdecode.h"
#include "plugin/memory/memencode.h"
#include "plugin/memory/memstream.h"

#define DISKS 8

static struct image disk[DISKS];
static unsigned n_disks;
static unsigned wrong_every;
static unsigned damage;
static uint64_t asked, read_pages;
static FILE *stream;
static uint64_t compared;
static struct memdecoder *decoder, *damaged;
static struct memory_batch *current;
static uint64_t frames, payload, packed_bytes;
static ZSTD_CStream *zstd;
static double encode_time, decode_time, zstd_time;
static uint64_t random_state;

static double cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint64_t random_number(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + 1;
    return random_state >> 33;
}

static int compare(void *opaque, const void *data, size_t length)
{
    static uint8_t expected[1 << 20];

    (void)opaque;
    assert(length <= sizeof(expected));
    assert(fread(expected, 1, length, stream) == length);
    assert(!memcmp(expected, data, length));
    compared += length;
    return 0;
}

static int read_disk(void *opaque, uint64_t number, uint64_t offset,
                     void *data, size_t length)
{
    size_t i;

    (void)opaque;
    if (number >= n_disks || offset > disk[number].size ||
        length > disk[number].size - offset)
        return -ERANGE;
    for (i = 0; i < length && wrong_every; i += MEMSTREAM_PAGE)
        if (++read_pages % wrong_every == 0)
            return -EIO;
    return image_read(&disk[number], data, length, offset);
}

static int answer(void *opaque, const uint32_t *number, uint8_t *const *page,
                  size_t count)
{
    size_t i;

    (void)opaque;
    for (i = 0; i < count; i++) {
        assert((number[i] + 1) * MEMSTREAM_PAGE <= current->kept.length);
        memcpy(page[i], current->kept.data + number[i] * MEMSTREAM_PAGE,
               MEMSTREAM_PAGE);
    }
    asked += count;
    return 0;
}

/* What damaged frames give is of no interest. */
static int drop(void *opaque, const void *data, size_t length)
{
    (void)opaque;
    (void)data;
    (void)length;
    return 0;
}

static int refuse(void *opaque, const uint32_t *number, uint8_t *const *page,
                  size_t count)
{
    (void)opaque;
    (void)number;
    (void)page;
    return count % 2 ? 0 : -ECANCELED;
}

static void try_damage(const struct buf *b)
{
    uint8_t *copy = allocate(b->length);
    size_t length, n;
    unsigned i;

    for (i = 0; i < damage; i++) {
        /* a copy of its very length, so that a sanitizer sees the end */
        length = random_number() % 4 ? b->length :
            random_number() % (b->length + 1);
        copy = realloc(copy, length ? length : 1);
        assert(copy);
        memcpy(copy, b->data, length);
        for (n = random_number() % 4 + 1; n > 0 && length > 4; n--)
            /* mostly among the commands */
            copy[(random_number() % 8 ? 4 + random_number() % 64 :
                  random_number()) % length] = random_number();
        memdecoder_frame(damaged, copy, length);
    }
    free(copy);
}

static void pack(const struct buf *b)
{
    static uint8_t out[2 << 20];
    ZSTD_inBuffer source = { b->data, b->length, 0 };
    ZSTD_outBuffer to = { out, sizeof(out), 0 };

    assert(ZSTD_compressStream2(zstd, &to, &source, ZSTD_e_flush) == 0);
    packed_bytes += to.pos;
}

static int emit(void *opaque, struct memory_batch *batch)
{
    struct buf b = BUF_INIT;
    double start = cpu();

    (void)opaque;
    buf_put_u32(&b, batch->commands.length);
    buf_put(&b, batch->commands.data, batch->commands.length);
    buf_put(&b, batch->data.data, batch->data.length);
    assert(!b.failed && b.length <= PROTO_RAW_MAX);
    frames++;
    payload += b.length;
    current = batch;
    pack(&b);
    zstd_time += cpu() - start;
    start = cpu();
    assert(!memdecoder_frame(decoder, b.data, b.length));
    decode_time += cpu() - start;
    if (damage)
        try_damage(&b);
    encode_time -= cpu() - start;
    buf_release(&b);
    memory_batch_release(batch);
    return 0;
}

static void fill_index(struct blockindex *x)
{
    uint8_t *block = allocate(1 << 20);
    uint64_t at;
    size_t n;
    unsigned i;

    for (i = 0; i < n_disks; i++)
        for (at = 0; at < disk[i].size; at += n) {
            n = disk[i].size - at < 1 << 20 ? disk[i].size - at : 1 << 20;
            assert(!image_read(&disk[i], block, n, at));
            blockindex_put(x, i, at, block, n);
        }
    free(block);
}

static uint64_t disk_blocks(void)
{
    uint64_t blocks = 0;
    unsigned i;

    for (i = 0; i < n_disks; i++)
        blocks += disk[i].size / BLOCKINDEX_BLOCK;
    return blocks;
}

static void feed(struct memencoder *e, const char *path)
{
    static uint8_t data[256 << 10];
    FILE *f = fopen(path, "rb");
    size_t n;
    double start;

    assert(f);
    do {
        n = sizeof(data);
        if (random_state)
            n = random_number() % (random_number() % 4 ? 9000 : 40) + 1;
        n = fread(data, 1, n, f);
        start = cpu();
        assert(!memencoder_feed(e, data, n));
        if (random_state && random_number() % 50 == 0)
            assert(!memencoder_flush(e));
        encode_time += cpu() - start;
    } while (n > 0);
    start = cpu();
    assert(!memencoder_finish(e));
    encode_time += cpu() - start;
    fclose(f);
}

static void report(const struct memory_counts *c)
{
    double mb = c->bytes / 1e6;

    printf("pages %llu zero %llu filled %llu repeated %llu on-disk %llu "
           "difference %llu literal %llu\n",
           (unsigned long long)c->pages, (unsigned long long)c->zero,
           (unsigned long long)c->filled, (unsigned long long)c->repeated,
           (unsigned long long)c->on_disk, (unsigned long long)c->difference,
           (unsigned long long)c->literal);
    printf("bytes %llu frames %llu payload %llu packed %llu asked %llu\n",
           (unsigned long long)c->bytes, (unsigned long long)frames,
           (unsigned long long)payload, (unsigned long long)packed_bytes,
           (unsigned long long)asked);
    printf("MB/s of processor time: encode %.0f zstd %.0f decode %.0f\n",
           mb / (encode_time - zstd_time + 1e-9), mb / (zstd_time + 1e-9),
           mb / (decode_time + 1e-9));
}

/* Of the command line: of the encoder and of zstd. */
struct settings {
    struct memencoder_options encoder;
    int level, window;
    bool cheap;
};

static bool parse(struct settings *o, int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "c:d:s:x:f:l:w:C")) != -1)
        switch (c) {
        case 'c':
            o->encoder.cache_bytes = strtoull(optarg, NULL, 10) << 20;
            break;
        case 'd':
            assert(n_disks < DISKS && !image_open(&disk[n_disks++], optarg));
            break;
        case 's': random_state = strtoull(optarg, NULL, 10); break;
        case 'x': wrong_every = atoi(optarg); break;
        case 'f': damage = atoi(optarg); break;
        case 'l': o->level = atoi(optarg); break;
        case 'w': o->window = atoi(optarg); break;
        case 'C': o->cheap = true; break;
        default: return false;
        }
    return true;
}

/* Codes the stream, decodes it, and compares. */
static void run(struct settings *o, const char *path)
{
    struct memdecoder_options plain = {
        .out = compare, .read = read_disk, .ask = answer,
    };
    struct memdecoder_options hostile = {
        .out = drop, .read = read_disk, .ask = refuse,
    };
    struct memencoder *encoder;

    assert(!memencoder_new(&encoder, &o->encoder));
    assert(!memdecoder_new(&decoder, &plain));
    assert(!memdecoder_new(&damaged, &hostile));
    memdecoder_set_key(decoder, o->encoder.key);
    memdecoder_set_key(damaged, o->encoder.key);
    memencoder_set_cheap(encoder, o->cheap);
    feed(encoder, path);
    assert(compared == memencoder_counts(encoder)->bytes);
    assert(fgetc(stream) == EOF);
    report(memencoder_counts(encoder));
    memencoder_free(encoder);
    memdecoder_free(decoder);
    memdecoder_free(damaged);
}

int main(int argc, char **argv)
{
    struct settings o = {
        .encoder = { .cache_bytes = 64 << 20, .emit = emit },
        .level = 3, .window = 22,
    };
    struct blockindex *index = NULL;

    assert(sodium_init() >= 0);
    if (!parse(&o, argc, argv))
        return 2;
    assert(optind + 1 == argc && (stream = fopen(argv[optind], "rb")));
    zstd = ZSTD_createCStream();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, o.level);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, o.window);
    randombytes_buf(o.encoder.key, sizeof(o.encoder.key));
    if (n_disks) {
        assert(!blockindex_new(&index, disk_blocks(), 64 << 20,
                               o.encoder.key));
        fill_index(index);
        o.encoder.index = index;
    }
    run(&o, argv[optind]);
    blockindex_free(index);
    ZSTD_freeCStream(zstd);
    fclose(stream);
    while (n_disks)
        image_release(&disk[--n_disks]);
    return 0;
}
