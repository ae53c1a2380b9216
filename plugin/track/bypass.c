/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other ways to the data; see bypass.h.  Sources: inotify(7),
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
/* Devices upon devices. */
#define STACK_MAX 8

/* --- what lies on a device --------------------------------------------- */

static bool add_tree(struct writers *o, unsigned ma, unsigned mi,
                     unsigned depth);

/* Adds what is in the directory of sysfs: holders, or partitions. */
static bool add_below(struct writers *o, const char *path, bool partitions,
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
            room = add_tree(o, ma, mi, depth + 1);
        if (f)
            fclose(f);
    }
    if (dir)
        closedir(dir);
    return room;
}

static bool add_tree(struct writers *o, unsigned ma, unsigned mi,
                     unsigned depth)
{
    char path[64], holders[80];

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", ma, mi);
    snprintf(holders, sizeof(holders), "%s/holders", path);
    return depth < STACK_MAX && writers_add_device(o, ma, mi) &&
        add_below(o, path, true, depth) &&
        add_below(o, holders, false, depth);
}

/* Whatever may be open for writing and must not. */
static bool list_all(struct writers *o, const struct bypass *w,
                     const struct trackdevs *devs)
{
    bool room = true;
    size_t i;

    o->n = 0;
    if (w->file)
        room = writers_add_file(o, w->dev, w->ino);
    for (i = 0; i < devs->n && room; i++) {
        const struct trackdev *d = &devs->dev[i];

        room = add_tree(o, d->dev >> 20, d->dev & 0xfffff, 0);
        if (room && d->dev != d->disk_dev)
            room = writers_add_device(o, d->disk_dev >> 20,
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

static int count_loops(const struct bypass *w,
                       const struct trackdevs *devs, char *why, size_t size)
{
    struct stat st = { .st_dev = w->dev, .st_ino = w->ino };
    unsigned n = 0;

    loopdev_each(&st, count_loop, &n);
    return n == devs->n ? 0 : explain(why, size, -EIO, "%u loop devices "
                                      "serve the file, not %zu", n, devs->n);
}

static int look(const struct writers *o, char *why, size_t size)
{
    int rc = writers_find(o, why, size);

    if (rc < 0)
        explain(why, size, 0, "/proc: %s", strerror(-rc));
    return rc ? -EIO : 0;
}

/* --- the kernel's word ------------------------------------------------- */

static void start_watch(struct bypass *w, const struct trackdevs *devs)
{
    char path[64];
    bool sure;
    size_t i;

    w->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->watch < 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", devs->img->fd);
    w->watch_file = inotify_add_watch(w->watch, path,
                                      IN_OPEN | IN_CLOSE_WRITE);
    sure = w->watch_file >= 0;
    for (i = 0; i < devs->n && sure; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", devs->dev[i].fd);
        sure = inotify_add_watch(w->watch, path, IN_OPEN) >= 0;
    }
    if (!sure) {
        close(w->watch);
        w->watch = -1;
    }
}

/* Takes in what has happened.  counted: we have opened the devices ourselves,
 * and will look anyway.  -EIO: somebody has had the file open for writing,
 * and has closed it. */
static int take_events(struct bypass *w, bool counted, char *why,
                       size_t size)
{
    char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    const struct inotify_event *e;
    bool written = false;
    ssize_t n, i;

    while (w->watch >= 0 && (n = read(w->watch, buf, sizeof(buf))) > 0)
        for (i = 0; i < n; i += sizeof(*e) + e->len) {
            e = (const struct inotify_event *)(buf + i);
            if (e->mask & IN_Q_OVERFLOW || e->wd == w->watch_file)
                w->count_until = w->look_until = monotonic_ms() + LOOK_MS;
            else if (!counted)
                w->look_until = monotonic_ms() + LOOK_MS;
            /* Where events were dropped, that may have been among them. */
            written |= e->mask & IN_Q_OVERFLOW ||
                (e->wd == w->watch_file && e->mask & IN_CLOSE_WRITE);
        }
    return !written ? 0 : explain(why, size, -EIO, "somebody has had the "
                                  "file open for writing, past the block "
                                  "device");
}

/* --- the interface ----------------------------------------------------- */

/* The file below a loop device that is the image, or its disk. */
static bool file_below(struct bypass *w, const struct trackdev *d)
{
    struct loop_info64 info;

    if (d->disk_dev >> 20 != 7 ||                   /* LOOP_MAJOR */
        ioctl(d->fd, LOOP_GET_STATUS64, &info))
        return false;
    w->dev = info.lo_device;
    w->ino = info.lo_inode;
    return true;
}

int bypass_open(struct bypass *w, const struct trackdevs *devs,
                   char *why, size_t why_size)
{
    *w = (struct bypass){ .file = !devs->img->block, .dev = devs->img->dev,
        .ino = devs->img->ino, .watch = -1 };
    if (devs->img->block)
        w->file = file_below(w, &devs->dev[0]);
    else
        start_watch(w, devs);
    w->look_until = w->count_until = UINT64_MAX;
    if (bypass_check(w, devs, why, why_size)) {
        bypass_close(w);
        return -ENOTSUP;
    }
    if (w->watch >= 0)
        w->look_until = w->count_until = monotonic_ms() + LOOK_MS;
    return 0;
}

void bypass_close(struct bypass *w)
{
    if (w->watch >= 0)
        close(w->watch);
    w->watch = -1;
}

int bypass_check(struct bypass *w, const struct trackdevs *devs,
                    char *why, size_t why_size)
{
    struct writers o;
    int rc = take_events(w, false, why, why_size);

    if (!rc && !list_all(&o, w, devs))
        rc = explain(why, why_size, -EIO, "too many devices lie on it");
    if (!rc && w->file && monotonic_ms() <= w->count_until) {
        rc = count_loops(w, devs, why, why_size);
        if (!rc)
            rc = take_events(w, true, why, why_size);
    }
    /* Of partitions and what else lies on it, no event tells. */
    if (!rc && (o.n > devs->n + 1 || monotonic_ms() <= w->look_until))
        rc = look(&o, why, why_size);
    return rc;
}
