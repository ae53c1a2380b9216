/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listings of disks that both hosts know; see listing.h. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "plugin/base/budget.h"
#include "plugin/base/digest.h"
#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/proto.h"
#include "plugin/wire/listing.h"

#define DIRECTORY "listings"
#define MAGIC "xl-dedup listing 1\n"
#define HEADER (2 + 4)              /* of a frame in a listing: type, length */
#define PIECE (256u << 10)          /* payload of a LISTING frame, at most */
#define OUT_BYTES (128u << 10)
#define WINDOW_LOG_MIN 20
#define LEVEL 9                     /* of tens of bytes for each file */
#define NAME_BYTES 16

struct listing {
    struct budget *budget;
    uint64_t taken_old, taken_now;  /* bytes of it */
    char *directory;
    char *file;                     /* in it */
    char *path;                     /* of the disk */
    struct buf old;                 /* empty: none is kept */
    struct buf now;
    bool too_long;                  /* now is not all */
    bool ended;                     /* the first pass has */
    bool agreed;

    ZSTD_CCtx *pack;
    ZSTD_DCtx *unpack;
    bool unpacked;                  /* all of it */
    struct buf partial;             /* a frame that has not come out whole */
};

/* The file: MAGIC, the path and NUL, the listing. */

static char *file_name(const char *directory, const char *path)
{
    uint8_t name[NAME_BYTES];
    char hex[2 * NAME_BYTES + 1], *file;

    crypto_generichash(name, sizeof(name), (const uint8_t *)path,
                       strlen(path), NULL, 0);
    sodium_bin2hex(hex, sizeof(hex), name, sizeof(name));
    return asprintf(&file, "%s/%s", directory, hex) < 0 ? NULL : file;
}

/* Reads at most limit bytes.  A file that is longer is none of ours. */
static bool read_file(const char *file, struct buf *b, size_t limit)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    uint8_t *p;
    bool ok;

    if (fd < 0)
        return false;
    ok = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uint64_t)st.st_size <= limit;
    p = ok ? buf_reserve(b, st.st_size) : NULL;
    ok = p && read(fd, p, st.st_size) == st.st_size;
    if (ok)
        b->length = st.st_size;
    close(fd);
    return ok;
}

/* What stands in front of the listing for this disk; for free(). */
static char *header_of(const char *path, size_t *length_r)
{
    char *header;
    int n = asprintf(&header, "%s%s", MAGIC, path);

    *length_r = n + 1;
    return n < 0 ? NULL : header;
}

/* What is read takes up to twice its length. */
static bool may_keep_old(struct listing *l)
{
    struct stat st;

    if (stat(l->file, &st) || st.st_size <= 0 ||
        !budget_take_spare(l->budget, 2 * (uint64_t)st.st_size))
        return false;
    l->taken_old = 2 * (uint64_t)st.st_size;
    return true;
}

static void read_old(struct listing *l)
{
    size_t n;
    char *header = header_of(l->path, &n);

    if (header && may_keep_old(l) &&
        read_file(l->file, &l->old, LISTING_MAX + n) &&
        l->old.length > n && !memcmp(l->old.data, header, n)) {
        l->old.length -= n;
        memmove(l->old.data, l->old.data + n, l->old.length);
    } else {
        buf_reset(&l->old);
    }
    free(header);
}

/* The path as both sessions will have it: without symbolic links, whether the
 * disk is there yet or not. */
static char *resolve(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *all = realpath(path, NULL), *directory, *parent;

    if (all || !slash)
        return all ? all : strdup(path);
    directory = strndup(path, slash > path ? slash - path : 1);
    parent = directory ? realpath(directory, NULL) : NULL;
    free(directory);
    if (!parent || asprintf(&all, "%s%s", parent, slash) < 0)
        all = parent ? NULL : strdup(path);
    free(parent);
    return all;
}

struct listing *listing_open(const char *state_dir, const char *path,
                             struct budget *budget)
{
    struct listing *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->budget = budget;
    l->path = resolve(path);
    if (asprintf(&l->directory, "%s/" DIRECTORY, state_dir) < 0)
        l->directory = NULL;
    l->file = l->directory ? file_name(l->directory, path) : NULL;
    if (!l->path || !l->file) {
        listing_free(l);
        return NULL;
    }
    read_old(l);
    return l;
}

/* Far enough back for the old listing, and the new one as well. */
static int window_log(size_t bytes)
{
    int log = WINDOW_LOG_MIN;

    while (log < PROTO_WINDOW_LOG_MAX && (size_t)1 << log < bytes)
        log++;
    return log;
}

/* What unpacking takes: the window, and a frame that has not come whole. */
static uint64_t unpack_bytes(const struct listing *l)
{
    return (UINT64_C(1) << window_log(2 * l->old.length)) +
        2 * PROTO_RAW_MAX;
}

void listing_free(struct listing *l)
{
    if (!l)
        return;
    budget_give(l->budget, l->taken_old + l->taken_now +
                (l->agreed ? unpack_bytes(l) : 0));
    ZSTD_freeCCtx(l->pack);
    ZSTD_freeDCtx(l->unpack);
    buf_release(&l->old);
    buf_release(&l->now);
    buf_release(&l->partial);
    free(l->directory);
    free(l->file);
    free(l->path);
    free(l);
}

bool listing_digest(const struct listing *l, uint8_t digest[HASH_BYTES])
{
    if (l->old.length == 0)
        return false;
    digest_of(l->old.data, l->old.length, digest);
    return true;
}

bool listing_agree(struct listing *l)
{
    l->agreed = l->old.length > 0 &&
        budget_take_spare(l->budget, unpack_bytes(l));
    return l->agreed;
}

static bool belongs(uint16_t type)
{
    return type == FRAME_MANIFEST || type == FRAME_SEGMENTS;
}

static void put_frame(struct buf *b, uint16_t type, const void *data,
                      size_t length)
{
    buf_put_u16(b, type);
    buf_put_u32(b, length);
    buf_put(b, data, length);
}

/* As it grows by doubling, it takes up to twice its length. */
static bool may_note(struct listing *l, size_t length)
{
    if (l->now.length + length > LISTING_MAX ||
        !budget_take_spare(l->budget, 2 * length))
        return false;
    l->taken_now += 2 * length;
    return true;
}

static void note(struct listing *l, uint16_t type, const void *data,
                 size_t length)
{
    if (l->ended || l->too_long)
        return;
    if (may_note(l, HEADER + length))
        put_frame(&l->now, type, data, length);
    else
        l->too_long = true;
    l->too_long = l->too_long || l->now.failed;
    if (!l->too_long)
        return;
    buf_release(&l->now);
    budget_give(l->budget, l->taken_now);
    l->taken_now = 0;
}

/* Packing */

static int pack_begin(struct listing *l)
{
    if (l->pack)
        return 0;
    l->pack = ZSTD_createCCtx();
    if (!l->pack)
        return -ENOMEM;
    ZSTD_CCtx_setParameter(l->pack, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(l->pack, ZSTD_c_windowLog,
                           window_log(2 * l->old.length));
    ZSTD_CCtx_setParameter(l->pack, ZSTD_c_enableLongDistanceMatching, 1);
    if (ZSTD_isError(ZSTD_CCtx_refPrefix(l->pack, l->old.data,
                                         l->old.length)))
        return -EIO;
    return 0;
}

static int pack(struct listing *l, struct wire *w, uint16_t disk,
                const struct buf *content, ZSTD_EndDirective end)
{
    ZSTD_inBuffer in = { content->data, content->length, 0 };
    ZSTD_outBuffer out;
    struct buf b = BUF_INIT;
    size_t left = 1;
    int rc = pack_begin(l);

    while (!rc && (left > 0 || in.pos < in.size)) {
        buf_reset(&b);
        out = (ZSTD_outBuffer){ buf_reserve(&b, PIECE), PIECE, 0 };
        if (!out.dst) {
            rc = -ENOMEM;
            break;
        }
        left = ZSTD_compressStream2(l->pack, &out, &in, end);
        if (ZSTD_isError(left)) {
            log_error("compression: %s", ZSTD_getErrorName(left));
            rc = -EIO;
            break;
        }
        b.length = out.pos;
        if (out.pos > 0)
            rc = wire_send_plain(w, FRAME_LISTING, disk, &b);
    }
    buf_release(&b);
    return rc;
}

int listing_send(struct listing *l, struct wire *w, uint16_t type,
                 uint16_t disk, const struct buf *payload)
{
    struct buf content = BUF_INIT;
    int rc;

    if (payload->failed)
        return -ENOMEM;
    if (!l || l->ended)
        return wire_send_buf(w, type, disk, payload);
    note(l, type, payload->data, payload->length);
    if (!l->agreed)
        return wire_send_buf(w, type, disk, payload);
    put_frame(&content, type, payload->data, payload->length);
    rc = content.failed ? -ENOMEM :
        pack(l, w, disk, &content, ZSTD_e_flush);
    buf_release(&content);
    return rc;
}

int listing_send_end(struct listing *l, struct wire *w, uint16_t disk)
{
    static const struct buf nothing = BUF_INIT;

    if (!l || l->ended)
        return 0;
    l->ended = true;
    return l->agreed ? pack(l, w, disk, &nothing, ZSTD_e_end) : 0;
}

/* Unpacking */

static int unpack_begin(struct listing *l)
{
    if (l->unpack)
        return 0;
    l->unpack = ZSTD_createDCtx();
    if (!l->unpack)
        return -ENOMEM;
    ZSTD_DCtx_setParameter(l->unpack, ZSTD_d_windowLogMax,
                           window_log(2 * l->old.length));
    if (ZSTD_isError(ZSTD_DCtx_refPrefix(l->unpack, l->old.data,
                                         l->old.length)))
        return -EIO;
    return 0;
}

/* Hands on the frames that have come out whole. */
static int hand_on(struct listing *l, uint16_t disk,
                   int (*each)(void *opaque, const struct frame *f),
                   void *opaque)
{
    struct frame f = { .disk = disk };
    size_t done = 0, left;
    int rc = 0;

    while (!rc && (left = l->partial.length - done) >= HEADER) {
        struct cursor c = CURSOR_INIT(l->partial.data + done, HEADER);

        f.type = cursor_u16(&c);
        f.length = cursor_u32(&c);
        if (!belongs(f.type) || f.length > PROTO_RAW_MAX)
            return -EPROTO;
        if (left - HEADER < f.length)
            break;
        f.data = l->partial.data + done + HEADER;
        done += HEADER + f.length;
        rc = each(opaque, &f);
    }
    l->partial.length -= done;
    if (done > 0 && l->partial.length > 0)
        memmove(l->partial.data, l->partial.data + done, l->partial.length);
    return rc;
}

int listing_take(struct listing *l, const struct frame *f,
                 int (*each)(void *opaque, const struct frame *f),
                 void *opaque)
{
    ZSTD_inBuffer in = { f->data, f->length, 0 };
    ZSTD_outBuffer out = { NULL, 0, 0 };
    size_t left = 1;
    int rc = l && l->agreed && !l->ended ? unpack_begin(l) : -EPROTO;

    /* a full buffer may not have been all */
    while (!rc && (in.pos < in.size || out.pos == out.size)) {
        if (l->unpacked)
            return in.pos < in.size ? -EPROTO : 0;
        out = (ZSTD_outBuffer){ buf_reserve(&l->partial, OUT_BYTES),
                                OUT_BYTES, 0 };
        if (!out.dst)
            return -ENOMEM;
        left = ZSTD_decompressStream(l->unpack, &out, &in);
        if (ZSTD_isError(left))
            return -EPROTO;
        l->partial.length += out.pos;
        l->unpacked = left == 0;
        rc = hand_on(l, f->disk, each, opaque);
    }
    return rc;
}

void listing_note(struct listing *l, const struct frame *f)
{
    if (l && belongs(f->type))
        note(l, f->type, f->data, f->length);
}

void listing_note_end(struct listing *l)
{
    if (l)
        l->ended = true;
}

/* Keeping */

/* Removes a listing whose disk is not there any more. */
static void prune_one(const char *directory, const char *name)
{
    char head[sizeof(MAGIC) + 4096], *file;
    const char *path = head + strlen(MAGIC);
    ssize_t n;
    int fd;

    if (asprintf(&file, "%s/%s", directory, name) < 0)
        return;
    fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    n = fd >= 0 ? read(fd, head, sizeof(head) - 1) : -1;
    head[n < 0 ? 0 : n] = '\0';
    if (n > 0 && !strncmp(head, MAGIC, strlen(MAGIC)) &&
        access(path, F_OK) && errno == ENOENT)
        unlink(file);
    if (fd >= 0)
        close(fd);
    free(file);
}

static void prune(const char *directory)
{
    DIR *dir = opendir(directory);
    struct dirent *e;

    while (dir && (e = readdir(dir)))
        if (e->d_name[0] != '.')
            prune_one(directory, e->d_name);
    if (dir)
        closedir(dir);
}

/* The file that the listing is written to first, for free(). */
static char *temporary_name(const struct listing *l)
{
    char *name;

    return asprintf(&name, "%s/.%d", l->directory, (int)getpid()) < 0 ?
        NULL : name;
}

int listing_keep_begin(const struct listing *l)
{
    char *temporary = temporary_name(l);
    int fd;

    if (!temporary)
        return -ENOMEM;
    fd = mkdir(l->directory, 0700) && errno != EEXIST ? -1 :
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
             0600);
    if (fd < 0)
        fd = -errno;
    free(temporary);
    return fd;
}

bool listing_write(const struct listing *l, int fd)
{
    size_t n;
    char *header;
    int rc;

    if (l->too_long || !l->ended || l->now.length == 0)
        return false;
    header = header_of(l->path, &n);
    rc = !header ? -ENOMEM : fd_write_all(fd, header, n);
    if (!rc)
        rc = fd_write_all(fd, l->now.data, l->now.length);
    if (rc)
        log_info("the listing of %s is not kept: %s", l->path, strerror(-rc));
    free(header);
    return !rc;
}

void listing_keep_end(const struct listing *l, bool written)
{
    char *temporary = temporary_name(l);

    if (temporary && written && rename(temporary, l->file))
        written = false;
    if (temporary && !written)
        unlink(temporary);
    if (!written)
        unlink(l->file);
    free(temporary);
    prune(l->directory);
}

void listing_keep(const struct listing *l)
{
    bool written;
    int fd;

    if (!l)
        return;
    fd = listing_keep_begin(l);
    written = fd >= 0 && listing_write(l, fd);
    if (fd >= 0 && close(fd))
        written = false;
    listing_keep_end(l, written);
}
