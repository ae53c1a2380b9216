/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of destination.c: where a disk may go and where not, and what is
 * left when it does not get there.  The parts about devices need root and a
 * loop device; without them this is said, and the rest is tested.
 */
#include "config.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "test/loop.h"
#include "test/unit.h"

#include "plugin/destination.h"

#define SIZE 3000000

static char *directory, *state, *path, *staging;
static char why[4096];
static const uint8_t root[HASH_BYTES];

static struct destination disk(void)
{
    struct destination d = DESTINATION_INIT;

    d.path = path;
    d.uuid = "uuid";
    d.vdev = "xvda";
    d.size = SIZE;
    d.used = SIZE;
    d.state_dir = state;
    return d;
}

static bool exists(const char *p)
{
    return !access(p, F_OK);
}

/* Why a disk is refused must say this, on one line. */
static void refused(struct destination *d, int rc, const char *text)
{
    why[0] = '\0';
    assert(destination_check(d, why, sizeof(why)) == rc);
    if (!strstr(why, text))
        fprintf(stderr, "said: %s\nnot: %s\n", why, text);
    assert(strstr(why, text));
    assert(!strchr(why, '\n'));
    destination_release(d);
}

static void accepted(struct destination *d)
{
    int rc = destination_check(d, why, sizeof(why));

    if (rc)
        fprintf(stderr, "refused: %s\n", why);
    assert(!rc);
    assert(!destination_open(d, why, sizeof(why)));
}

static void forget(void)
{
    char *command;

    assert(asprintf(&command, "rm -rf '%s' '%s' '%s'", state, path,
                    staging) > 0);
    assert(!system(command));
    free(command);
}

static void allow(const char *file)
{
    struct image img = IMAGE_INIT;

    assert(!image_open(&img, file));
    assert(!record_allow(state, file, &img));
    image_release(&img);
}

static void refusals(void)
{
    struct destination d = disk();
    char *file = path_in(directory, "file"), *below;

    d.path = "relative";
    refused(&d, -EINVAL, "'relative' is not an absolute path");
    d = disk();
    d.path = "/nonexistent/dir/disk";
    refused(&d, -ENOENT, "the directory /nonexistent/dir does not exist");
    d = disk();
    d.path = directory;
    refused(&d, -EINVAL, "is neither a file nor a block device there");
    d = disk();
    d.path = "/dev/null";
    refused(&d, -EINVAL, "is neither a file nor a block device there");
    write_file(file, "", 0);
    below = path_in(file, "disk");
    d = disk();
    d.path = below;
    refused(&d, -ENOTDIR, "Not a directory");
    free(below);
    below = path_in(directory, "new/");
    d = disk();
    d.path = below;
    refused(&d, -EINVAL, "is not the name of a file");
    /* a file there would fill the memory */
    d = disk();
    d.path = "/dev/xl-dedup-nonexistent/disk";
    refused(&d, -ENOENT, "does not exist there; create it with 3000000 "
            "bytes (for LVM: lvcreate -L 3000000b)");
    d = disk();
    d.used = UINT64_C(1) << 60;
    refused(&d, -ENOSPC, "free some space there");
    free(below);
    free(file);
    assert(!exists(path) && !exists(staging));
}

static void never_overwrites(void)
{
    struct destination d = disk();
    struct record_key key = { "uuid", "xvda", path };
    struct image img = IMAGE_INIT;

    write_file(path, "precious", 8);
    refused(&d, -EEXIST, "exists and is not a known copy of this disk");
    assert(strstr(why, "'xl-dedup allow "));
    assert(!image_open(&img, path));
    assert(!record_write(state, &key, "received", &img, root));
    image_release(&img);
    d = disk();
    accepted(&d);
    assert(d.exists && !d.block && d.resumed);
    destination_release(&d);
    write_file(path, "precious!", 9);
    d = disk();
    refused(&d, -EEXIST, "was written to since it was known");
    assert(strstr(why, "'xl-dedup allow "));
    allow(path);
    d = disk();
    accepted(&d);
    assert(d.exists);
    destination_release(&d);
    /* nothing can be lost with an empty file */
    forget();
    write_file(path, "", 0);
    d = disk();
    accepted(&d);
    assert(!d.exists);
    destination_release(&d);
    forget();
}

static void in_use(void)
{
    char *link = path_in(directory, "hard-link"), *loop;
    struct busy_path absent = { (char *)"/nonexistent", (char *)"domain a",
                                NULL };
    struct busy_path busy = { link, (char *)"domain other", &absent };
    struct destination d = disk();

    write_file(path, "", 0);
    assert(!symlink(path, link));
    d.busy = &busy;
    refused(&d, -EBUSY, "is in use by domain other there; shut that down");
    d = disk();
    d.busy = &absent;
    accepted(&d);
    destination_release(&d);
    assert(!truncate(path, 1 << 20));
    loop = loop_attach(path);
    if (loop) {
        d = disk();
        refused(&d, -EBUSY, loop);
        assert(strstr(why, "losetup -d"));
        loop_detach(loop);
    } else {
        fprintf(stderr, "a loop device on it: skipped\n");
    }
    unlink(link);
    free(link);
    forget();
}

/* Whether the file holds content at offset, and zeros before. */
static void holds(const char *file, const char *content, off_t offset,
                  off_t size)
{
    size_t length = strlen(content);
    char *data = allocate(offset + length);
    struct stat st;
    off_t i;
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    assert(fd >= 0 && !fstat(fd, &st) && st.st_size == size);
    assert(pread(fd, data, offset + length, 0) == (ssize_t)(offset + length));
    for (i = 0; i < offset; i++)
        assert(!data[i]);
    assert(!memcmp(data + offset, content, length));
    close(fd);
    free(data);
}

static void placed(void)
{
    struct destination d = disk(), again = disk();
    struct stat st;

    write_file(path, "", 0);
    assert(!chmod(path, 0644));
    accepted(&d);
    assert(!d.resumed && exists(staging));
    /* one at a time */
    assert(!destination_check(&again, why, sizeof(why)));
    assert(destination_open(&again, why, sizeof(why)) == -EBUSY);
    assert(strstr(why, "is being written by another migration"));
    destination_release(&again);

    assert(!destination_write(&d, "xyz", 3, 0));
    assert(!destination_write(&d, "end", 3, SIZE - 3));
    assert(!destination_zero(&d, 0, 1000000));
    assert(!destination_zero(&d, 5, 0));
    assert(!destination_sync(&d));
    assert(!stat(path, &st) && st.st_size == 0);
    assert(!destination_place(&d, root));
    destination_release(&d);
    holds(path, "end", SIZE - 3, SIZE);
    assert(!exists(staging));
    /* known from now on, until anything of it is changed; owner and mode are
     * those of what is replaced */
    d = disk();
    accepted(&d);
    assert(d.exists);
    destination_release(&d);
    assert(!chmod(path, 0640));
    d = disk();
    refused(&d, -EEXIST, "or its owner, mode or name was changed");
    allow(path);
    d = disk();
    accepted(&d);
    assert(d.exists);
    assert(!destination_write(&d, "new", 3, SIZE - 3));
    assert(!destination_place(&d, root));
    destination_release(&d);
    holds(path, "new", SIZE - 3, SIZE);
    assert(!stat(path, &st) && (st.st_mode & 07777) == 0640);
    forget();
}

/* What is gathered is written when it is asked for, or at the end. */
static void gathers(void)
{
    static uint8_t content[SIZE], back[SIZE];
    struct destination d = disk();
    struct image img = IMAGE_INIT;
    size_t at, n;

    noise(content, SIZE, 5);
    memset(content + 100000, 0, 300000);
    accepted(&d);
    fprintf(stderr, "%s\n", d.gather ? "past the cache" : "cached");
    for (at = 0; at < 2000000; at += n) {
        n = 5000 + at % 7919;
        assert(!destination_gather(&d, content + at, n, at));
    }
    assert(!destination_flush(&d, 0, 1 << 20));
    assert(!image_read(&d.storage, back, 1 << 20, 0));
    assert(!memcmp(back, content, 1 << 20));
    assert(!destination_read(&d, back, 12345, 678));
    assert(!memcmp(back, content + 678, 12345));
    /* also beside what came otherwise, and behind what was written */
    assert(!destination_fill(&d, content + 2600001, 1000, 2600001));
    assert(!destination_write(&d, "xyz", 3, 1500000));
    assert(!destination_gather(&d, content + 1500000, 3, 1500000));
    assert(!destination_gather(&d, content + at, SIZE - at, at));
    assert(!destination_sync(&d) && !d.gather);
    assert(!image_read(&d.storage, back, SIZE, 0));
    assert(!memcmp(back, content, SIZE));
    assert(!destination_gather(&d, "new", 3, SIZE - 3));
    assert(!destination_place(&d, root));
    destination_release(&d);
    memcpy(content + SIZE - 3, "new", 3);
    assert(!image_open(&img, path) && !image_read(&img, back, SIZE, 0));
    assert(!memcmp(back, content, SIZE));
    image_release(&img);
    forget();
    /* a try that fails leaves it */
    d = disk();
    accepted(&d);
    assert(!destination_gather(&d, "part", 4, 100000));
    destination_release(&d);
    holds(staging, "part", 100000, SIZE);
    forget();
}

static void resumed(void)
{
    struct destination d = disk();

    accepted(&d);
    assert(!destination_write(&d, "part", 4, 100000));
    destination_release(&d);
    assert(!exists(path));
    holds(staging, "part", 100000, SIZE);
    d = disk();
    d.size = SIZE - 7;
    accepted(&d);
    assert(d.resumed);
    destination_release(&d);
    holds(staging, "part", 100000, SIZE - 7);
    forget();
}

static void staging_is_no_file(void)
{
    struct destination d = disk();
    char *precious = path_in(directory, "precious");

    write_file(precious, "precious", 8);
    assert(!symlink(precious, staging));
    assert(!destination_check(&d, why, sizeof(why)));
    assert(destination_open(&d, why, sizeof(why)) == -ELOOP);
    destination_release(&d);
    holds(precious, "precious", 0, 8);
    unlink(staging);
    assert(!mkdir(staging, 0700));
    d = disk();
    assert(!destination_check(&d, why, sizeof(why)));
    assert(destination_open(&d, why, sizeof(why)) == -EISDIR);
    destination_release(&d);
    rmdir(staging);
    free(precious);
}

static void placeholder(void)
{
    struct destination d = disk();

    accepted(&d);
    assert(!destination_placeholder(&d) && exists(path));
    destination_release(&d);
    /* an empty staging file is no use to the next try */
    assert(!exists(path) && !exists(staging));
    /* what stood there before is not ours to remove */
    write_file(path, "", 0);
    d = disk();
    accepted(&d);
    assert(!destination_placeholder(&d) && !d.placeholder);
    destination_release(&d);
    assert(exists(path));
    unlink(path);
    /* and what was put in place stays */
    d = disk();
    accepted(&d);
    assert(!destination_placeholder(&d));
    assert(!destination_write(&d, "end", 3, SIZE - 3));
    assert(!destination_place(&d, root));
    destination_release(&d);
    holds(path, "end", SIZE - 3, SIZE);
    forget();
}

static void probes(void)
{
    struct destination d = disk();
    char *name, *other, *full;

    assert(!destination_probe(&d, &name) && name);
    assert(!destination_probe(&d, &other) && strcmp(name, other));
    full = path_in(directory, name);
    assert(exists(full) && !strchr(name, '/'));
    destination_unprobe(&d, name);
    assert(!exists(full));
    free(full);
    full = path_in(directory, other);
    assert(exists(full));
    destination_unprobe(&d, other);
    assert(!exists(full));
    free(full);
    destination_unprobe(&d, NULL);
    d.path = "/nonexistent/dir/disk";
    assert(destination_probe(&d, &name) == -ENOENT && !name);
    d.path = "/dev/null";
    assert(!destination_probe(&d, &name) && !name);
    /* where the path itself will be refused, nothing is made either */
    d.path = "relative";
    assert(!destination_probe(&d, &name) && !name);
    d.path = "/tmp/";
    assert(!destination_probe(&d, &name) && !name);
    d.path = "";
    assert(!destination_probe(&d, &name) && !name);
}

static void device_is_written_in_place(struct destination *d)
{
    static uint8_t content[200000], back[200000], zeros[512];
    struct destination other = disk();
    struct destination same;

    other.path = d->path;
    other.size = d->size;
    same = other;
    /* as it is blank, content may be gathered for it */
    noise(content, sizeof(content), 6);
    assert(d->gather);
    assert(!destination_gather(d, content, sizeof(content), 3000001));
    assert(!destination_flush(d, 3000001, sizeof(content)));
    assert(!image_read(&d->storage, back, sizeof(back), 3000001));
    assert(!memcmp(back, content, sizeof(back)));
    assert(!destination_write(d, "half", 4, 1 << 20));
    assert(!destination_zero(d, 0, 1 << 20));
    assert(!destination_zero(d, (2 << 20) + 1, 1000));
    /* no two at once */
    why[0] = '\0';
    assert(destination_check(&other, why, sizeof(why)) == -EBUSY);
    assert(strstr(why, "unmount or detach it there"));
    destination_release(&other);
    destination_release(d);
    /* half of a disk: only the same disk may go on, as long as nobody else has
     * written to it */
    other = same;
    other.uuid = "another";
    refused(&other, -EEXIST, "exists and is not a known copy");
    other = same;
    accepted(&other);
    destination_release(&other);
    write_file(same.path, zeros, sizeof(zeros));
    other = same;
    refused(&other, -EEXIST, "nothing proves that nobody has written to it");
    assert(strstr(why, "'xl-dedup allow "));
    allow(same.path);
    accepted(&same);
    assert(same.exists && same.block);
    assert(!destination_write(&same, "all", 3, 3 << 20));
    assert(!destination_placeholder(&same));
    *d = same;
}

/* A guest does not get sectors of another size. */
static void sectors(void)
{
    char *file = path_in(directory, "backing"), *name;
    struct destination d = disk();
    struct image img = IMAGE_INIT;

    d.served = true;
    d.sectors.logical = 4096;
    refused(&d, -EMEDIUMTYPE, "is a file, which the guest gets with sectors "
            "of 512 bytes there, but those of its disk have 4096 here");
    write_file(path, "", 0);
    d = disk();
    d.served = true;
    d.sectors.logical = 4096;
    refused(&d, -EMEDIUMTYPE, "have it go to a block device with such sectors");
    /* a file of its own has none, and those of an older source are unknown */
    d = disk();
    d.sectors.logical = 4096;
    assert(!destination_check(&d, why, sizeof(why)) && !d.own.logical);
    destination_release(&d);
    d = disk();
    d.served = true;
    assert(!destination_check(&d, why, sizeof(why)) && d.own.logical == 512);
    destination_release(&d);
    unlink(path);

    write_file(file, "", 0);
    assert(!truncate(file, 4 << 20));
    name = loop_attach_sectors(file, 4096);
    if (!name) {
        fprintf(stderr, "sectors: devices skipped, no such loop device\n");
        free(file);
        return;
    }
    d = disk();
    d.path = name;
    d.size = 4 << 20;
    d.sectors.logical = 512;
    refused(&d, -EMEDIUMTYPE, "has sectors of 4096 bytes there, but those of "
            "the disk have 512 here");
    d = disk();
    d.path = name;
    d.size = 4 << 20;
    d.sectors.logical = 4096;
    assert(!destination_check(&d, why, sizeof(why)));
    assert(d.own.logical == 4096 && d.own.physical == 4096);
    destination_release(&d);
    /* and the file is served with what its loop device has */
    assert(!image_open(&img, file));
    image_sectors(&img, &d.own);
    assert(d.own.logical == 4096);
    loop_detach(name);
    image_sectors(&img, &d.own);
    assert(d.own.logical == 512 && d.own.physical == 512);
    image_release(&img);
    free(file);
}

/* What the guest gave up goes back to what lies below a device. */
static void shrinks(bool thin)
{
    char *file = path_in(directory, "backing"), *name;
    static uint8_t content[4 << 20], back[4 << 20];
    struct destination d = disk();
    struct stat before, after;

    noise(content, sizeof(content), 9);
    write_file(file, content, sizeof(content));
    name = loop_attach(file);
    if (!name) {
        fprintf(stderr, "skipped, no loop device\n");
        free(file);
        return;
    }
    d.path = name;
    d.size = sizeof(content);
    allow(name);
    accepted(&d);
    assert(!d.thin);
    d.thin = thin;
    assert(!stat(file, &before));
    /* neither end is that of a sector */
    assert(!destination_zero(&d, (1 << 20) - 1000, (2 << 20) + 1001));
    assert(!destination_zero(&d, 7, 30));
    assert(!destination_sync(&d));
    memset(content + (1 << 20) - 1000, 0, (2 << 20) + 1001);
    memset(content + 7, 0, 30);
    assert(!image_read(&d.storage, back, sizeof(back), 0));
    assert(!memcmp(back, content, sizeof(back)));
    assert(!stat(file, &after));
    assert(after.st_blocks + (2 << 20) / 512 <= before.st_blocks + 16);
    destination_release(&d);
    loop_detach(name);
    free(file);
    forget();
}

static void device_shrinks(void)
{
    shrinks(false);
    /* as a thin volume: a loop device gives back what is discarded, too */
    shrinks(true);
}

static void device(void)
{
    char *file = path_in(directory, "backing"), *name;
    struct destination d = disk();

    write_file(file, "", 0);
    assert(!truncate(file, 4 << 20));
    name = loop_attach(file);
    if (!name) {
        fprintf(stderr, "device: skipped, no loop device\n");
        free(file);
        return;
    }
    d.path = name;
    d.size = 4 << 20;
    d.size += 512;
    refused(&d, -EFBIG, "make it the same size");
    d = disk();
    d.path = name;
    d.size = 4 << 20;
    accepted(&d);
    assert(d.block && d.blank && !d.exists);
    destination_release(&d);
    assert(!truncate(file, 4 << 20));
    forget();
    d = disk();
    d.path = name;
    d.size = 4 << 20;
    accepted(&d);
    assert(d.blank);
    device_is_written_in_place(&d);
    assert(!destination_sync(&d));
    assert(!destination_place(&d, root));
    destination_release(&d);
    /* the digest above was not its own: nobody's copy any more */
    d = disk();
    d.path = name;
    d.size = 4 << 20;
    refused(&d, -EEXIST, "was written to since");
    loop_detach(name);
    holds(file, "half", 1 << 20, 4 << 20);
    free(file);
    forget();
}

int main(void)
{
    assert(sodium_init() >= 0);
    directory = make_directory_for_test();
    state = path_in(directory, "state");
    path = path_in(directory, "disk.img");
    staging = path_in(directory, ".disk.img.xl-dedup");
    RUN(refusals);
    RUN(never_overwrites);
    RUN(in_use);
    RUN(placed);
    RUN(gathers);
    RUN(resumed);
    RUN(staging_is_no_file);
    RUN(placeholder);
    RUN(probes);
    RUN(sectors);
    RUN(device_shrinks);
    RUN(device);
    free(staging);
    free(path);
    free(state);
    remove_directory(directory);
    return 0;
}
