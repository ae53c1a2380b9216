/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup-attach SCRIPT add: connects the disk of an incoming guest with its
 * backend, as SCRIPT, the distribution's "block", does.
 *
 * libxl attaches disks after the end of the memory stream, so the guest stands
 * still for as long as this takes: the script needs some forty processes for
 * a disk, and disks wait for each other.
 *
 * Promise: what is left, a loop device and nodes in xenstore, is what
 * the script leaves, so that the script can detach it at the end.  Two guests
 * do not get the same disk: the script's lock is taken and its question asked
 * whether something else uses the disk.  In every case that is not plain (a
 * script that is not known, a disk in use, an error) nothing is left, and the
 * script is run, which then attaches the disk or says why not.
 * Trusts: root, and what libxl has written to this host's xenstore.
 * Sources: Xen's docs/misc/block-scripts.txt (what is read and written) and
 * the description of the lock in tools/hotplug/Linux/locking.sh; loop(4).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <syslog.h>
#include <unistd.h>
#include <xenstore.h>

#include "libxlhooks/blockscript.h"
#include "plugin/base/escape.h"
#include "plugin/image/blockdev.h"

#define LOCK_DIRECTORY "/var/run/xen-hotplug"
#define LOCK_FILE LOCK_DIRECTORY "/block"
#define LOOP_TRIES 10           /* others may take the free one first */
#define INIT_WAIT "2"           /* XenbusStateInitWait, io/xenbus.h */
#define NAME_BYTES 64
#define DEVICE_BYTES 32         /* "MAJOR:MINOR" */

struct disk {
    struct xs_handle *xs;
    const char *backend;        /* its directory in xenstore */
    char *path;                 /* of the file or device, canonical; owned */
    struct stat st;
    bool writable;
};

static void log_way(const char *what, const char *of, const char *why)
{
    char shown[4096];

    syslog(LOG_DEBUG, "%s %s%s%s", what,
           text_escape_line(of, shown, sizeof(shown)), why ? ": " : "",
           why ? why : "");
}

/* --- xenstore ------------------------------------------------------------- */

static bool node_path(const char *directory, const char *node, char *path,
                      size_t size)
{
    int n = snprintf(path, size, "%s/%s", directory, node);

    return n > 0 && (size_t)n < size;
}

/* For free(); NULL if it is not there or cannot be read. */
static char *node_read(struct xs_handle *xs, const char *directory,
                       const char *node)
{
    char path[XENSTORE_ABS_PATH_MAX];
    unsigned length;

    if (!node_path(directory, node, path, sizeof(path)))
        return NULL;
    return xs_read(xs, XBT_NULL, path, &length);
}

static bool node_is(const struct disk *d, const char *node, const char *value)
{
    char *text = node_read(d->xs, d->backend, node);
    bool is = text && !strcmp(text, value);

    free(text);
    return is;
}

static bool node_write(const struct disk *d, const char *node,
                       const char *value)
{
    char path[XENSTORE_ABS_PATH_MAX];

    return node_path(d->backend, node, path, sizeof(path)) &&
        xs_write(d->xs, XBT_NULL, path, value, strlen(value));
}

static void node_remove(const struct disk *d, const char *node)
{
    char path[XENSTORE_ABS_PATH_MAX];

    if (node_path(d->backend, node, path, sizeof(path)))
        xs_rm(d->xs, XBT_NULL, path);
}

/* --- the scripts' lock ---------------------------------------------------- */

/* Holds the lock while the descriptor is open and the name is its.  -1 if it
 * cannot be had.  Waits for others. */
static int lock_take(void)
{
    struct stat mine, named;
    int fd;

    if (mkdir(LOCK_DIRECTORY, 0755) && errno != EEXIST)
        return -1;
    for (;;) {
        fd = open(LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (fd < 0 || flock(fd, LOCK_EX) || fstat(fd, &mine))
            break;
        /* The one that gives the lock up removes its name. */
        if (!stat(LOCK_FILE, &named) && mine.st_dev == named.st_dev &&
            mine.st_ino == named.st_ino)
            return fd;
        close(fd);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static void lock_give(int fd)
{
    unlink(LOCK_FILE);
    close(fd);
}

/* --- who uses a block device ---------------------------------------------- */

static bool is_mounted(dev_t device)
{
    FILE *f = setmntent("/proc/mounts", "re");
    struct mntent *m;
    struct stat st;
    bool found = !f;            /* not to be known: the script may look */

    while (!found && (m = getmntent(f)))
        found = m->mnt_fsname[0] == '/' && !stat(m->mnt_fsname, &st) &&
            S_ISBLK(st.st_mode) && st.st_rdev == device;
    if (f)
        endmntent(f);
    return found;
}

/* Whether a disk below directory ("backend/vbd/DOMID") has this device. */
static bool domain_has(struct xs_handle *xs, const char *directory,
                       const char *device)
{
    char path[XENSTORE_ABS_PATH_MAX], **names, *text;
    bool found = false;
    unsigned i, n = 0;

    names = xs_directory(xs, XBT_NULL, directory, &n);
    for (i = 0; names && i < n && !found; i++) {
        text = node_path(directory, names[i], path, sizeof(path)) ?
            node_read(xs, path, "physical-device") : NULL;
        found = text && !strcmp(text, device);
        free(text);
    }
    free(names);
    return found;
}

static bool any_domain_has(struct xs_handle *xs, const char *device)
{
    static const char base[] = "backend/vbd";
    char path[XENSTORE_ABS_PATH_MAX], **names;
    bool found = false;
    unsigned i, n = 0;

    names = xs_directory(xs, XBT_NULL, base, &n);
    for (i = 0; names && i < n && !found; i++)
        found = node_path(base, names[i], path, sizeof(path)) &&
            domain_has(xs, path, device);
    free(names);
    return found || !n;         /* our own is there, or something is wrong */
}

/* --- attaching ------------------------------------------------------------ */

/* Tells blkback which device it is, and libxl that it is done. */
static bool announce(const struct disk *d, const char *name, dev_t device)
{
    char text[DEVICE_BYTES];

    snprintf(text, sizeof(text), "%x:%x", major(device), minor(device));
    return node_write(d, "physical-device", text) &&
        node_write(d, "physical-device-path", name) &&
        node_write(d, "hotplug-status", "connected");
}

/* Sets up a free loop device on fd, which stays.  Its descriptor, or -1. */
static int loop_make(int fd, const struct disk *d, char *name)
{
    struct loop_config config = { .fd = fd };
    int control, loop = -1, number, i;

    control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        return -1;
    if (!d->writable)
        config.info.lo_flags = LO_FLAGS_READ_ONLY;
    snprintf((char *)config.info.lo_file_name,
             sizeof(config.info.lo_file_name), "%s", d->path);
    for (i = 0; loop < 0 && i < LOOP_TRIES; i++) {
        number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            break;
        snprintf(name, NAME_BYTES, "/dev/loop%d", number);
        loop = open(name, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config)) {
            close(loop);
            loop = -1;
            if (errno != EBUSY)
                break;
        }
    }
    close(control);
    return loop;
}

/* Returns NULL, or why it was left as it was. */
static const char *attach_file(const struct disk *d)
{
    char name[NAME_BYTES];
    struct stat st;
    int fd, loop;

    if (d->writable && !(d->st.st_mode & 0222))
        return "the file is read-only";
    if (loopdev_of(&d->st, name, sizeof(name)))
        return "the file has a loop device";
    fd = open(d->path, (d->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0)
        return "the file cannot be opened";
    loop = loop_make(fd, d, name);
    close(fd);
    if (loop < 0)
        return "no loop device can be had";
    if (fstat(loop, &st) || !node_write(d, "node", name) ||
        !announce(d, name, st.st_rdev)) {
        node_remove(d, "physical-device");
        ioctl(loop, LOOP_CLR_FD);
        close(loop);
        return "xenstore cannot be written";
    }
    close(loop);
    return NULL;
}

static const char *attach_device(const struct disk *d)
{
    char device[DEVICE_BYTES];

    snprintf(device, sizeof(device), "%x:%x", major(d->st.st_rdev),
             minor(d->st.st_rdev));
    if (is_mounted(d->st.st_rdev))
        return "the device is mounted";
    if (any_domain_has(d->xs, device))
        return "a domain has the device";
    if (announce(d, d->path, d->st.st_rdev))
        return NULL;
    node_remove(d, "physical-device");
    return "xenstore cannot be written";
}

static const char *attach_locked(const struct disk *d)
{
    if (!node_is(d, "state", INIT_WAIT))
        return "the backend does not wait for it";
    return S_ISREG(d->st.st_mode) ? attach_file(d) : attach_device(d);
}

/* Finds out what the disk is. */
static const char *disk_read(struct disk *d)
{
    char *device, *mode, *path;
    bool known;

    device = node_read(d->xs, d->backend, "physical-device");
    free(device);
    if (device)
        return "it has been attached";
    mode = node_read(d->xs, d->backend, "mode");
    d->writable = mode && !strcmp(mode, "w");
    known = d->writable || (mode && !strcmp(mode, "r"));
    free(mode);
    if (!known)
        return "its mode is a special one";
    path = node_read(d->xs, d->backend, "params");
    if (path && path[0] == '/')
        d->path = realpath(path, NULL);
    free(path);
    if (!d->path || stat(d->path, &d->st))
        return "its path does not lead anywhere";
    if (!S_ISREG(d->st.st_mode) && !S_ISBLK(d->st.st_mode))
        return "it is neither a file nor a block device";
    return NULL;
}

static const char *attach(const char *script, const char *backend)
{
    struct disk d = { .backend = backend };
    const char *why;
    int lock;

    if (!backend)
        return "libxl did not say which disk";
    if (!blockscript_is_known(script))
        return "it is not a version that is known";
    d.xs = xs_open(0);
    if (!d.xs)
        return "xenstore does not answer";
    why = disk_read(&d);
    lock = why ? -1 : lock_take();
    if (lock >= 0) {
        why = attach_locked(&d);
        lock_give(lock);
    } else if (!why) {
        why = "the lock cannot be had";
    }
    free(d.path);
    xs_close(d.xs);
    return why;
}

int main(int argc, char **argv)
{
    const char *backend = getenv("XENBUS_PATH"), *why;

    if (argc != 3 || strcmp(argv[2], "add")) {
        fprintf(stderr, "xl-dedup-attach: libxl's hotplug calls this, "
                "as: xl-dedup-attach SCRIPT add\n");
        return 2;
    }
    openlog("xl-dedup-attach", LOG_PID, LOG_DAEMON);
    why = attach(argv[1], backend);
    if (!why) {
        log_way("attached", backend, NULL);
        return 0;
    }
    log_way("left to", argv[1], why);
    closelog();
    execl(argv[1], argv[1], argv[2], (char *)NULL);
    fprintf(stderr, "xl-dedup-attach: cannot run %s: %s\n", argv[1],
            strerror(errno));
    return 1;
}
