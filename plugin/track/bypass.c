/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways that bypass what is traced; see bypass.h.  Sources: inotify(7),
 * Documentation/ABI/stable/sysfs-block. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/base/clock.h"
#include "plugin/base/log.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/writers.h"
#include "plugin/track/bypass.h"

/* How long a descriptor may take from one process to another. */
#define LOOK_MS 2000

/* losetup that looks for a free device holds one that has just been taken for
 * 200 ms.  To wait for such an opener costs less than not to trace. */
#define PASSING_MS 1000

/* How many devices may be stacked upon each other. */
#define STACK_MAX 8

/* --- what lies on a device --------------------------------------------- */

static bool add_tree(struct writers *list, unsigned ma, unsigned mi,
                     unsigned depth);

/* Adds the devices in a directory of sysfs: holders, or partitions. */
static bool add_below(struct writers *list, const char *path, bool partitions,
                      unsigned depth)
{
    DIR *dir = opendir(path);
    char name[256], text[32];
    bool room = true;
    unsigned ma, mi;
    struct dirent *e;
    FILE *f;

    while (dir && room && (e = readdir(dir))) {
        if (e->d_name[0] == '.' || (partitions && e->d_type != DT_DIR))
            continue;
        snprintf(name, sizeof(name), "%.100s/%.100s/partition", path,
                 e->d_name);
        if (partitions && access(name, F_OK))
            continue;
        snprintf(name, sizeof(name), "%.100s/%.100s/dev", path, e->d_name);
        f = fopen(name, "re");
        if (f && fgets(text, sizeof(text), f) &&
            sscanf(text, "%u:%u", &ma, &mi) == 2)
            room = add_tree(list, ma, mi, depth + 1);
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return room;
}

static bool add_tree(struct writers *list, unsigned ma, unsigned mi,
                     unsigned depth)
{
    char path[64], holders[80];

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", ma, mi);
    snprintf(holders, sizeof(holders), "%s/holders", path);
    return depth < STACK_MAX && writers_add_device(list, ma, mi) &&
        add_below(list, path, true, depth) &&
        add_below(list, holders, false, depth);
}

/* Lists what must not be open for writing. */
static bool list_all(struct writers *list, const struct bypass *b,
                     const struct track_devices *devs)
{
    bool room = true;
    size_t i;

    list->n = 0;
    if (b->file)
        room = writers_add_file(list, b->dev, b->ino);
    for (i = 0; i < devs->n && room; i++) {
        const struct track_device *d = &devs->dev[i];

        room = add_tree(list, d->dev >> 20, d->dev & 0xfffff, 0);
        if (room && d->dev != d->disk_dev)
            room = writers_add_device(list, d->disk_dev >> 20,
                                      d->disk_dev & 0xfffff);
    }
    return room;
}

/* --- looking ----------------------------------------------------------- */

static bool count_loop(void *opaque, const char *kernel_name)
{
    unsigned *n = opaque;

    (void)kernel_name;
    ++*n;
    return false;
}

static int count_loops(const struct bypass *b,
                       const struct track_devices *devs, char *why, size_t size)
{
    struct stat st = { .st_dev = b->dev, .st_ino = b->ino };
    unsigned n = 0;

    loopdev_each(&st, count_loop, &n);
    return n == devs->n ? 0 : explain(why, size, -EIO, "%u loop devices "
                                      "serve the file, not %zu", n, devs->n);
}

static int look(const struct writers *list, char *why, size_t size)
{
    bool found;
    int rc = writers_find(list, &found, why, size);

    if (rc)
        explain(why, size, 0, "/proc: %s", strerror(-rc));
    return rc || found ? -EIO : 0;
}

/* --- the kernel's word ------------------------------------------------- */

static void start_inotify(struct bypass *b, const struct track_devices *devs)
{
    char path[64];
    bool sure;
    size_t i;

    b->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (b->inotify < 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", devs->img->fd);
    b->watched_file = inotify_add_watch(b->inotify, path,
                                        IN_OPEN | IN_CLOSE_WRITE);
    sure = b->watched_file >= 0;
    for (i = 0; i < devs->n && sure; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", devs->dev[i].fd);
        sure = inotify_add_watch(b->inotify, path, IN_OPEN) >= 0;
    }
    if (!sure) {
        close(b->inotify);
        b->inotify = -1;
    }
}

/* Takes in what has happened.  counted: we have opened the devices ourselves,
 * and will look anyway.  -EIO: somebody has had the file open for writing,
 * and has closed it. */
static int take_events(struct bypass *b, bool counted, char *why,
                       size_t size)
{
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    const struct inotify_event *e;
    bool written = false;
    ssize_t n, i;

    while (b->inotify >= 0 && (n = read(b->inotify, buf, sizeof(buf))) > 0)
        for (i = 0; i < n; i += sizeof(*e) + e->len) {
            e = (const struct inotify_event *)(buf + i);
            if (e->mask & IN_Q_OVERFLOW || e->wd == b->watched_file)
                b->count_until = b->look_until = monotonic_ms() + LOOK_MS;
            else if (!counted)
                b->look_until = monotonic_ms() + LOOK_MS;
            /* Where events were dropped, that may have been among them. */
            written |= e->mask & IN_Q_OVERFLOW ||
                (e->wd == b->watched_file && e->mask & IN_CLOSE_WRITE);
        }
    return !written ? 0 : explain(why, size, -EIO, "somebody has had the "
                                  "file open for writing, past the block "
                                  "device");
}

/* --- the interface ----------------------------------------------------- */

/* The file below a loop device that is the image, or its disk. */
static bool file_below(struct bypass *b, const struct track_device *d)
{
    struct loop_info64 info;

    if (d->disk_dev >> 20 != 7 ||                   /* LOOP_MAJOR */
        ioctl(d->fd, LOOP_GET_STATUS64, &info))
        return false;
    b->dev = info.lo_device;
    b->ino = info.lo_inode;
    return true;
}

/* Before the watch begins nothing has been read, so what was seen then does not
 * count; afterwards it does. */
static int begin(struct bypass *b, const struct track_devices *devs,
                 char *why, size_t why_size)
{
    int rc;

    if (!devs->img->block)
        start_inotify(b, devs);
    b->look_until = b->count_until = UINT64_MAX;
    rc = bypass_check(b, devs, why, why_size);
    if (rc)
        bypass_close(b);
    return rc;
}

int bypass_open(struct bypass *b, const struct track_devices *devs,
                char *why, size_t why_size)
{
    uint64_t until = monotonic_ms() + PASSING_MS;

    *b = (struct bypass){ .file = !devs->img->block, .dev = devs->img->dev,
        .ino = devs->img->ino, .inotify = -1 };
    if (devs->img->block)
        b->file = file_below(b, &devs->dev[0]);
    while (begin(b, devs, why, why_size)) {
        if (monotonic_ms() >= until)
            return -ENOTSUP;
        usleep(50000);
    }
    if (b->inotify >= 0)
        b->look_until = b->count_until = monotonic_ms() + LOOK_MS;
    return 0;
}

void bypass_close(struct bypass *b)
{
    if (b->inotify >= 0)
        close(b->inotify);
    b->inotify = -1;
}

int bypass_check(struct bypass *b, const struct track_devices *devs,
                 char *why, size_t why_size)
{
    struct writers list;
    int rc = take_events(b, false, why, why_size);

    if (!rc && !list_all(&list, b, devs))
        rc = explain(why, why_size, -EIO, "too many devices lie on it");
    if (!rc && b->file && monotonic_ms() <= b->count_until) {
        rc = count_loops(b, devs, why, why_size);
        if (!rc)
            rc = take_events(b, true, why, why_size);
    }
    /* No event tells of partitions and of what else lies on the device. */
    if (!rc && (list.n > devs->n + 1 || monotonic_ms() <= b->look_until))
        rc = look(&list, why, why_size);
    return rc;
}
