/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of readback.c, with a sync_file_range() that tells and fails. */
#include "config.h"

#include <fcntl.h>
#include <stdatomic.h>

#include "test/unit/unit.h"

#include "plugin/target/digest_table.h"
#include "plugin/target/readback.h"

#define MiB PROTO_SEGMENT
#define SEGMENTS 5u

static char *directory;
static uint8_t content[SEGMENTS * MiB];

static atomic_uint flushed[SEGMENTS];       /* how often, by segment, */
static atomic_uint inside[SEGMENTS];        /* and by how many just now */
static void (*meanwhile)(void);             /* between flush and reading */
static int failure;

int sync_file_range(int fd, off_t offset, off_t length, unsigned flags)
{
    off_t n;

    assert(fd >= 0);
    if (flags == SYNC_FILE_RANGE_WRITE)
        return 0;                           /* only begun */
    assert(flags == (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                     SYNC_FILE_RANGE_WAIT_AFTER));
    assert(offset % MiB == 0 && length > 0 && length % MiB == 0);
    for (n = offset / MiB; n < (offset + length) / (off_t)MiB; n++)
        assert(atomic_fetch_add(&inside[n], 1) == 0);
    if (meanwhile)
        meanwhile();
    for (n = offset / MiB; n < (offset + length) / (off_t)MiB; n++) {
        atomic_fetch_sub(&inside[n], 1);
        atomic_fetch_add(&flushed[n], 1);
    }
    errno = failure;
    return failure ? -1 : 0;
}

/* Objects: one in segments 0 and 1, one in 1, one in 3. */
static struct fsparse_extent extents[] = {
    { 0, 100, MiB }, { 0, MiB + 5000, 10 }, { 0, 3 * MiB, MiB },
};
static struct wire_object objects[3];
static struct target_disk disk;
static struct batch batch;

static void begin(void)
{
    char *path = path_in(directory, "disk");
    unsigned i;

    memset(&disk, 0, sizeof(disk));
    memset(flushed, 0, sizeof(flushed));
    memset(objects, 0, sizeof(objects));
    for (i = 0; i < 3; i++) {
        objects[i].first_extent = i;
        objects[i].n_extents = 1;
    }
    batch = (struct batch){ .disk = &disk, .count = 3, .objects = objects,
                            .extents = extents };
    noise(content, sizeof(content), 4);
    write_file(path, content, sizeof(content));
    disk.vdev = (char *)(uintptr_t)"xvda";
    disk.size = sizeof(content);
    disk.n_segments = SEGMENTS;
    disk.dest = (struct destination)DESTINATION_INIT;
    disk.dest.vdev = disk.vdev;
    disk.dest.staging_path = path;
    disk.dest.size = disk.size;
    disk.dest.fd = open(path, O_RDWR | O_CLOEXEC);
    assert(disk.dest.fd >= 0 && !image_open(&disk.dest.storage, path));
    disk.touched = calloc(SEGMENTS, sizeof(*disk.touched));
    assert(disk.touched && !digest_table_new(&disk.own, SEGMENTS, NULL));
}

static void end(void)
{
    readback_free(&disk);
    assert(!disk.readback);
    image_release(&disk.dest.storage);
    close(disk.dest.fd);
    free(disk.dest.staging_path);
    free(disk.touched);
    digest_table_free(disk.own);
    meanwhile = NULL;
    failure = 0;
}

static void wait_for(unsigned segment)
{
    while (!flushed[segment])
        usleep(1000);
}

static bool is_right(unsigned segment)
{
    struct segment_digest want, own;

    segment_digest_of(content + segment * MiB, MiB, &want);
    digest_table_get(disk.own, segment, 1, &own);
    return own.known && segment_equal(&own, &want);
}

static void wait_until_known(unsigned segment)
{
    while (!digest_table_knows(disk.own, segment))
        usleep(1000);
}

static void what_is_complete(void)
{
    begin();
    assert(!readback_expect(&disk, &batch) && disk.readback);
    readback_begin(&disk);
    disk.touched[0] = disk.touched[1] = disk.touched[3] = 1;
    readback_settle(&batch, &objects[0]);
    readback_settle(&batch, &objects[0]);
    wait_until_known(0);
    readback_settle(&batch, &objects[2]);
    wait_for(3);
    assert(!readback_end(&disk));
    assert(!disk.touched[0] && is_right(0));
    /* the second object is still to come there */
    assert(disk.touched[1] && !digest_table_knows(disk.own, 1) && !flushed[1]);
    assert(!digest_table_knows(disk.own, 2) && !flushed[2] && !flushed[4]);
    assert(disk.touched[3] || is_right(3));
    end();
}

static void write_there(void)
{
    disk.touched[0] = 1;
    content[7] ^= 1;
    assert(pwrite(disk.dest.fd, content + 7, 1, 7) == 1);
    disk.touched[0] = 1;
    meanwhile = NULL;
}

/* What is written while it is read back is read again. */
static void reads_again(void (*writes)(void))
{
    begin();
    meanwhile = writes;
    assert(!readback_expect(&disk, &batch));
    readback_begin(&disk);
    disk.touched[0] = 1;
    readback_settle(&batch, &objects[0]);
    while (flushed[0] < 2)
        usleep(1000);
    wait_until_known(0);
    assert(!readback_end(&disk));
    assert(!disk.touched[0] && is_right(0));
    end();
}

static void written_meanwhile(void)
{
    reads_again(write_there);
}

/* Until then it is left to its reader, however long that takes. */
static void write_and_wait(void)
{
    disk.touched[0] = 1;
    usleep(500000);
    meanwhile = NULL;
}

static void read_by_one(void)
{
    reads_again(write_and_wait);
}

static void write_always(void)
{
    disk.touched[0] = 1;
}

/* And is not known until then. */
static void written_last(void)
{
    begin();
    meanwhile = write_always;
    assert(!readback_expect(&disk, &batch));
    readback_begin(&disk);
    disk.touched[0] = 1;
    readback_settle(&batch, &objects[0]);
    wait_for(0);
    assert(!readback_end(&disk) && disk.touched[0]);
    end();
}

static void fails(int error, int rc)
{
    begin();
    failure = error;
    assert(!readback_expect(&disk, &batch));
    readback_begin(&disk);
    disk.touched[0] = 1;
    readback_settle(&batch, &objects[0]);
    wait_for(0);
    assert(readback_end(&disk) == rc && disk.touched[0]);
    end();
}

/* What cannot be read fails as well. */
static void storage_that_shrinks(void)
{
    begin();
    assert(!readback_expect(&disk, &batch));
    assert(!ftruncate(disk.dest.fd, 10));
    readback_begin(&disk);
    disk.touched[0] = 1;
    readback_settle(&batch, &objects[0]);
    wait_for(0);
    while (!disk.touched[0])
        usleep(1000);
    assert(readback_end(&disk) == -EIO);
    end();
}

/* Digests of what was there before are in use. */
static void only_if_empty(void)
{
    begin();
    disk.dest.resumed = true;
    assert(!readback_expect(&disk, &batch) && !disk.readback);
    readback_begin(&disk);
    readback_settle(&batch, &objects[0]);
    assert(!readback_end(&disk));
    disk.dest.resumed = false;
    disk.dest.block = true;
    assert(!readback_expect(&disk, &batch) && !disk.readback);
    disk.dest.block = false;
    disk.dry = true;
    assert(!readback_expect(&disk, &batch) && !disk.readback);
    end();
}

/* A list that covers the disk over and over is not counted to its end. */
static void hostile_list(void)
{
    static struct fsparse_extent many[1000];
    unsigned i;

    begin();
    for (i = 0; i < 1000; i++)
        many[i] = (struct fsparse_extent){ 0, 0, SEGMENTS * MiB };
    objects[0].n_extents = 1000;
    batch.count = 1;
    batch.extents = many;
    assert(!readback_expect(&disk, &batch));
    readback_begin(&disk);
    readback_settle(&batch, &objects[0]);
    disk.touched[0] = 1;
    usleep(300000);
    assert(!readback_end(&disk) && !flushed[0]);
    end();
}

static void storage_that_is_full(void)
{
    fails(ENOSPC, -ENOSPC);
}

static void storage_that_fails(void)
{
    fails(EIO, -EIO);
}

static void storage_that_cannot(void)
{
    fails(EINVAL, 0);
}

int main(void)
{
    directory = make_directory_for_test();
    RUN(what_is_complete);
    RUN(written_meanwhile);
    RUN(read_by_one);
    RUN(written_last);
    RUN(storage_that_is_full);
    RUN(storage_that_fails);
    RUN(storage_that_cannot);
    RUN(storage_that_shrinks);
    RUN(only_if_empty);
    RUN(hostile_list);
    remove_directory(directory);
    return 0;
}
