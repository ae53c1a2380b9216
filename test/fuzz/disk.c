/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images of disks and their parsing; see disk.h. */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsparse/parse_plain.h"
#include "plugin/base/buf.h"
#include "test/fuzz/disk.h"
#include "test/fuzz/map.h"

#define SECTOR 512u

static void write_at(const struct disk *d, const void *data, size_t length,
                     uint64_t at)
{
    if (at >= d->size)
        return;
    if (length > d->size - at)
        length = d->size - at;
    FUZZ_CHECK(pwrite(d->fd, data, length, (off_t)at) == (ssize_t)length);
}

static void fill(const struct disk *d, uint8_t byte, size_t length, uint64_t at)
{
    uint8_t sectors[8 * SECTOR];
    size_t n;

    memset(sectors, byte, sizeof(sectors));
    for (; length; length -= n, at += n) {
        n = length < sizeof(sectors) ? length : sizeof(sectors);
        write_at(d, sectors, n, at);
    }
}

static void put_sector(const struct disk *d, struct fuzz_input *in, uint64_t at)
{
    uint8_t sector[SECTOR] = { 0 };
    size_t length = fuzz_u8(in) % (SECTOR / 4) * 4;
    const uint8_t *data = fuzz_bytes(in, &length);

    memcpy(sector, data, length);
    sector[SECTOR - 2] = fuzz_u8(in);
    sector[SECTOR - 1] = fuzz_u8(in);
    write_at(d, sector, sizeof(sector), at);
}

static void put_piece(const struct disk *d, struct fuzz_input *in,
                      const void *table, size_t table_length)
{
    uint8_t kind = fuzz_u8(in) & 3;
    uint64_t at = (uint64_t)fuzz_u16(in) * SECTOR;
    size_t count = fuzz_u8(in), length = (count ? count : 1) * SECTOR;
    const uint8_t *data;

    if (kind == 0) {
        data = fuzz_bytes(in, &length);
        write_at(d, data, length, at);
    } else if (kind == 1) {
        fill(d, fuzz_u8(in), length, at);
    } else if (kind == 2 && table) {
        write_at(d, table, table_length, at);
    } else if (kind == 3) {
        put_sector(d, in, at);
    }
}

void disk_make(struct disk *d, struct fuzz_input *in, const void *table,
               size_t length)
{
    unsigned pieces;

    d->fd = fuzz_file("", 0);
    d->flags = fuzz_u8(in);
    d->size = (uint64_t)fuzz_u16(in) * 1024;
    FUZZ_CHECK(!ftruncate(d->fd, (off_t)d->size));
    for (pieces = 0; in->left && pieces < 1024; pieces++)
        put_piece(d, in, table, length);
}

/* Parsing */

static struct disk *current;
static disk_parser *current_parse;

static void answer_plain(int image_fd, int request_fd, struct emit *e)
{
    struct record_cursor request;
    size_t length;

    /* It is mapped from its beginning, for a process that ends. */
    FUZZ_CHECK(!plain_request(request_fd, &request));
    length = request.left + RECORD_MAGIC_BYTES;
    plain_answer(&request, image_fd, e);
    munmap((void *)(uintptr_t)(request.next + request.left - length), length);
}

static void answer_disk(const char *task, int image_fd, int request_fd,
                        struct buf *answer)
{
    int fd = fuzz_file("", 0);
    struct emit *e = emit_new(fd);
    struct stat st;
    uint8_t *p;

    FUZZ_CHECK(e);
    if (task && !strcmp(task, "plain"))
        answer_plain(image_fd, request_fd, e);
    else
        current_parse(image_fd, current->size, current->flags & DISK_FREE, e);
    emit_end(e);
    FUZZ_CHECK(!fstat(fd, &st));
    p = buf_reserve(answer, (size_t)st.st_size);
    FUZZ_CHECK(p && pread(fd, p, (size_t)st.st_size, 0) == st.st_size);
    answer->length += (size_t)st.st_size;
    close(fd);
}

void disk_check(struct disk *d, disk_parser *parse)
{
    current = d;
    current_parse = parse;
    map_check(d->fd, d->size, answer_disk);
    close(d->fd);
}

void disk_announce(struct emit *e, uint64_t size, const char *fstype)
{
    struct fsparse_partition p = {
        .length = size, .scheme = "none", .type = "", .fstype = fstype,
        .label = "",
    };

    emit_partition(e, &p);
}
