/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parse_plain: see parse_plain.h.  The request comes from the library, so its
 * form is checked and its values are not: the worst that they can do is to
 * name something that cannot be read.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fsparse/ntfs_device.h"
#include "fsparse/ntfs_plain.h"
#include "fsparse/parse_plain.h"

struct volume {
    struct window w;
    ntfs_volume *vol;           /* NULL: none, or it could not be opened */
};

int plain_request(int fd, struct record_cursor *c)
{
    const void *magic;
    struct stat st;
    void *p;

    if (fstat(fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_size < RECORD_MAGIC_BYTES)
        return -EINVAL;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *c = (struct record_cursor){ .next = p, .left = (size_t)st.st_size };
    magic = record_bytes(c, RECORD_MAGIC_BYTES);
    return memcmp(magic, RECORD_WANT_MAGIC, RECORD_MAGIC_BYTES) ? -EINVAL : 0;
}

static void volume_close(struct volume *v)
{
    if (v->vol)
        ntfs_umount(v->vol, TRUE);
    v->vol = NULL;
}

/* Wants come partition by partition, so that one volume is open at a time. */
static void volume_change(struct volume *v, uint64_t start, uint64_t length)
{
    if (v->w.offset == start && v->w.length == length)
        return;
    volume_close(v);
    v->w.offset = start;
    v->w.length = length;
    ntfs_device_open(&v->w, &v->vol);
}

void plain_answer(struct record_cursor *c, int image_fd, struct emit *e)
{
    struct volume v = { .w = { .fd = image_fd } };
    struct ntfs_want want;
    uint64_t start, window;
    const char *name;
    size_t length;

    while (c->left && !c->bad) {
        want.number = record_u32(c);
        start = record_u64(c);
        window = record_u64(c);
        want.record = record_u64(c);
        want.most = record_u64(c);
        name = record_string(c, RECORD_STRING_MAX, &length);
        if (c->bad)
            break;
        memcpy(want.stream, name, length);
        want.stream[length] = '\0';
        volume_change(&v, start, window);
        if (v.vol)
            ntfs_plain(v.vol, &v.w, e, &want);
    }
    volume_close(&v);
}
