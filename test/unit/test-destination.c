/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Unit test of destination*.c: where a disk may go and where not, what happens
 * when something else comes there meanwhile, and what is left when the disk does
 * not get there.  The parts about devices need root and a loop device; without
 * them this is said, and the rest is tested.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "test/unit/loop.h"
#include "test/unit/unit.h"

#include "plugin/base/paths.h"
#include "plugin/image/blockdev.h"
#include "plugin/target/destination.h"
#include "plugin/target/destination_begin.h"
#include "plugin/target/destination_check.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_path.h"
#include "plugin/target/destination_place.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/destination_write.h"

#define SIZE 3000000

static char *directory, *state, *path, *staging;
static char why[4096];
static const uint8_t root[HASH_BYTES];

/* What stands in for the kernel, in our program too. */

static int failing_syncs;       /* how many of the directory's are to fail */
static bool no_exchange;        /* as on NFS */
static void (*at_exchange)(void);
static long seconds_later;

int fsync(int fd)
{
    struct stat st, own;

    if (failing_syncs > 0 && !fstat(fd, &st) && !stat(directory, &own) &&
        st.st_ino == own.st_ino) {
        failing_syncs--;
        errno = EIO;
        return -1;
    }
    return syscall(SYS_fsync, fd);
}

int renameat2(int from, const char *old, int to, const char *new,
              unsigned flags)
{
    void (*first)(void) = at_exchange;

    at_exchange = NULL;
    if (first)
        first();
    if (no_exchange) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_renameat2, from, old, to, new, flags);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = syscall(SYS_clock_gettime, id, t);

    t->tv_sec += seconds_later;
    return rc;
}

/* What the source has been told, and shows. */
static struct proofs shown = { .about = { .uuid = "uuid", .vdev = "xvda",
                                          .path = "/source" } };
static struct claim claim;

static void learn(const struct secret *s)
{
    if (shown.n == PROTO_PROOFS_MAX)
        memmove(shown.list, shown.list + 1, --shown.n * sizeof(*shown.list));
    secret_prove(s, &shown.about, &shown.list[shown.n++]);
}

static struct destination disk(void)
{
    struct destination d = DESTINATION_INIT;

    d.path = path;
    d.uuid = "uuid";
    d.vdev = "xvda";
    d.size = SIZE;
    d.used = SIZE;
    d.state_dir = state;
    d.shown = &shown;
    return d;
}

static bool exists(const char *p)
{
    return !access(p, F_OK);
}

/* As of a path that root of this host has named. */
static int check(struct destination *d, char *reason, size_t size)
{
    const char *named = d->path;
    char *resolved;
    int rc = destination_enter(d, NULL, &resolved, reason, size);

    if (!rc)
        rc = destination_check(d, reason, size);
    if (resolved && !strcmp(named, resolved)) {
        d->path = named;
        free(resolved);
    }
    return rc;
}

/* Why a disk is refused must say this, on one line. */
static void refused(struct destination *d, int rc, const char *text)
{
    int is;

    why[0] = '\0';
    is = check(d, why, sizeof(why));
    if (is != rc)
        fprintf(stderr, "%s: %d, not %d: %s\n", d->path, is, rc, why);
    assert(is == rc);
    if (!strstr(why, text))
        fprintf(stderr, "said: %s\nnot: %s\n", why, text);
    assert(strstr(why, text));
    assert(!strchr(why, '\n'));
    destination_release(d);
}

static void opened(struct destination *d)
{
    int rc = check(d, why, sizeof(why));

    if (rc)
        fprintf(stderr, "refused: %s\n", why);
    assert(!rc);
    rc = destination_open(d, why, sizeof(why));
    if (rc)
        fprintf(stderr, "not opened: %s\n", why);
    assert(!rc);
    if (d->shown)
        learn(&d->claim.own);
}

/* As well, and seen not to be the source's own storage. */
static void accepted(struct destination *d)
{
    opened(d);
    assert(!destination_begin(d));
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
    below = path_in(directory, "below");
    assert(!mkdir(below, 0700));
    d = disk();
    d.path = below;
    refused(&d, -EINVAL, "is neither a file nor a block device there");
    rmdir(below);
    free(below);
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
    learn(&claim.own);
    assert(!record_write(state, &key, "received", &img, root, &claim));
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
    struct used_path absent = { (char *)"/nonexistent", (char *)"domain a",
                                NULL };
    struct used_path busy = { link, (char *)"domain other", &absent };
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
    assert(!check(&again, why, sizeof(why)));
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

/* What is coalesced is written when it is asked for, or at the end. */
static void gathers(void)
{
    static uint8_t content[SIZE], back[SIZE];
    struct destination d = disk();
    struct image img = IMAGE_INIT;
    size_t at, n;

    noise(content, SIZE, 5);
    memset(content + 100000, 0, 300000);
    accepted(&d);
    fprintf(stderr, "%s\n", d.coalesce ? "past the cache" : "cached");
    for (at = 0; at < 2000000; at += n) {
        n = 5000 + at % 7919;
        assert(!destination_coalesce(&d, content + at, n, at));
    }
    assert(!destination_flush(&d, 0, 1 << 20));
    assert(!image_read(&d.storage, back, 1 << 20, 0));
    assert(!memcmp(back, content, 1 << 20));
    assert(!destination_read(&d, back, 12345, 678));
    assert(!memcmp(back, content + 678, 12345));
    /* also beside what came otherwise, and after what was written */
    assert(!destination_fill(&d, content + 2600001, 1000, 2600001));
    assert(!destination_write(&d, "xyz", 3, 1500000));
    assert(!destination_coalesce(&d, content + 1500000, 3, 1500000));
    assert(!destination_coalesce(&d, content + at, SIZE - at, at));
    assert(!destination_sync(&d) && !d.coalesce);
    assert(!image_read(&d.storage, back, SIZE, 0));
    assert(!memcmp(back, content, SIZE));
    assert(!destination_coalesce(&d, "new", 3, SIZE - 3));
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
    assert(!destination_coalesce(&d, "part", 4, 100000));
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
    assert(!check(&d, why, sizeof(why)));
    assert(destination_open(&d, why, sizeof(why)) == -ELOOP);
    destination_release(&d);
    holds(precious, "precious", 0, 8);
    unlink(staging);
    assert(!mkdir(staging, 0700));
    d = disk();
    assert(!check(&d, why, sizeof(why)));
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

    assert(!check(&d, why, sizeof(why)));
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
    destination_release(&d);
    d = disk();
    d.path = "/dev/null";
    assert(check(&d, why, sizeof(why)) == -EINVAL);
    assert(!destination_probe(&d, &name) && !name);
    destination_release(&d);
}

/* Identity */

static void keep_times(const char *file, const struct stat *then)
{
    struct timespec times[2] = { then->st_atim, then->st_mtim };

    assert(!utimensat(AT_FDCWD, file, times, 0));
}

/* A complete disk that is about to be placed. */
static void arrived(struct destination *d)
{
    accepted(d);
    assert(!destination_write(d, "end", 3, SIZE - 3));
}

static void not_placed(struct destination *d, const char *text)
{
    int rc = destination_place(d, root);

    fprintf(stderr, "  %s\n", d->reason ? d->reason : "no reason");
    assert(rc < 0 && !d->placed);
    assert(d->reason && strstr(d->reason, text));
    assert(!strchr(d->reason, '\n'));
    destination_release(d);
    /* for the next try */
    holds(staging, "end", SIZE - 3, SIZE);
}

static void come(void)
{
    write_file(path, "foreign", 7);
}

/* Something else at a path where nothing was. */
static void came(void)
{
    struct destination d = disk();

    arrived(&d);
    come();
    not_placed(&d, "has come there while the disk was on its way");
    holds(path, "foreign", 0, 7);
    unlink(path);
    /* the guest still runs when a file is to stand for the disk */
    d = disk();
    arrived(&d);
    come();
    assert(destination_placeholder(&d) == -EBUSY && !d.placeholder);
    assert(strstr(d.reason, "has come there"));
    destination_release(&d);
    holds(path, "foreign", 0, 7);
    unlink(path);
    /* at the last moment */
    d = disk();
    arrived(&d);
    at_exchange = come;
    not_placed(&d, "has come there");
    holds(path, "foreign", 0, 7);
    forget();
}

static void put_another(void)
{
    char *other = path_in(directory, "other");

    write_file(other, "another image", 13);
    assert(!rename(other, path));
    free(other);
}

/* In the place of the empty file that stands for the disk, or in this. */
static void came_over_placeholder(void)
{
    struct destination d = disk();

    arrived(&d);
    assert(!destination_placeholder(&d) && d.placeholder);
    put_another();
    not_placed(&d, "changed or replaced there while the disk was");
    holds(path, "another image", 0, 13);
    unlink(path);
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    come();
    not_placed(&d, "changed or replaced there");
    holds(path, "foreign", 0, 7);
    unlink(path);
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    unlink(path);
    not_placed(&d, "was removed there");
    assert(!exists(path));
    /* a try that fails before that, also at the last moment */
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    put_another();
    destination_release(&d);
    holds(path, "another image", 0, 13);
    unlink(path);
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    at_exchange = put_another;
    destination_release(&d);
    holds(path, "another image", 0, 13);
    unlink(path);
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    at_exchange = put_another;
    not_placed(&d, "at the last moment");
    holds(path, "another image", 0, 13);
    forget();
}

static void make_copy(void)
{
    struct destination d = disk();

    arrived(&d);
    assert(!destination_place(&d, root));
    destination_release(&d);
}

static struct timespec noted;

static void is_touched(void)
{
    struct stat st;

    assert(!stat(staging, &st));
    assert(st.st_ctim.tv_sec > noted.tv_sec ||
           (st.st_ctim.tv_sec == noted.tv_sec &&
            st.st_ctim.tv_nsec > noted.tv_nsec));
}

/* However long ago the disk was written to, what will know it until its record
 * is written (record_intend()) is of the time of the renaming. */
static void placed_late(void)
{
    struct destination d = disk();
    struct stat st;

    arrived(&d);
    assert(!destination_sync(&d) && !stat(staging, &st));
    noted = st.st_ctim;
    usleep(20000);
    at_exchange = is_touched;
    assert(!destination_place(&d, root) && !at_exchange);
    destination_release(&d);
    forget();
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert(!getrlimit(RLIMIT_FSIZE, &limit));
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    assert(!setrlimit(RLIMIT_FSIZE, &limit));
}

/* A staging file that cannot be begun with the earlier copy, or of which no
 * record can be written, does not stay: nobody would ever know it. */
static void nobody_knows_it(void)
{
    struct destination d = disk();
    int rc;

    make_copy();
    signal(SIGXFSZ, SIG_IGN);
    assert(!check(&d, why, sizeof(why)) && d.exists);
    limit_files(1 << 20);
    rc = destination_open(&d, why, sizeof(why));
    limit_files(RLIM_INFINITY);
    destination_release(&d);
    if (rc)
        assert(rc == -EFBIG && !exists(staging));
    else
        fprintf(stderr, "  the file system clones: skipped\n");
    holds(path, "end", SIZE - 3, SIZE);
    forget();

    write_file(state, "no directory", 12);
    d = disk();
    arrived(&d);
    destination_release(&d);
    assert(!exists(staging));
    forget();
    /* what has one stays */
    d = disk();
    arrived(&d);
    destination_release(&d);
    holds(staging, "end", SIZE - 3, SIZE);
    forget();
}

static void write_on(void)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert(fd >= 0 && pwrite(fd, "guest", 5, 4096) == 5);
    close(fd);
}

/* An earlier copy that is used meanwhile. */
static void copy_changes(void)
{
    struct destination d = disk();
    struct stat st;

    make_copy();
    assert(!stat(path, &st));
    arrived(&d);
    assert(d.exists);
    write_on();
    not_placed(&d, "was written to, changed or replaced there");
    holds(path, "guest", 4096, SIZE);
    forget();
    /* although the time says nothing */
    make_copy();
    assert(!stat(path, &st));
    d = disk();
    arrived(&d);
    write_on();
    keep_times(path, &st);
    not_placed(&d, "was written to, changed or replaced there");
    holds(path, "guest", 4096, SIZE);
    forget();
    make_copy();
    d = disk();
    arrived(&d);
    at_exchange = write_on;
    not_placed(&d, "at the last moment");
    holds(path, "guest", 4096, SIZE);
    forget();
    make_copy();
    d = disk();
    arrived(&d);
    at_exchange = put_another;
    not_placed(&d, "at the last moment");
    holds(path, "another image", 0, 13);
    forget();
    /* and then it is free again */
    make_copy();
    d = disk();
    arrived(&d);
    assert(!destination_place(&d, root));
    destination_release(&d);
    forget();
}

static void hold_open(int flags, int fd)
{
    pid_t own = getpid();

    if (open(path, flags) >= 0 && write(fd, &own, sizeof(own)) == sizeof(own))
        pause();
    _exit(1);
}

/* A process that has the path open, and is no child of ours: those do not
 * count. */
static pid_t opener(int flags)
{
    int fds[2];
    pid_t pid, child;

    assert(!pipe(fds));
    child = fork();
    assert(child >= 0);
    if (child == 0) {
        if (fork() == 0)
            hold_open(flags, fds[1]);
        _exit(0);
    }
    assert(waitpid(child, NULL, 0) == child);
    assert(read(fds[0], &pid, sizeof(pid)) == sizeof(pid));
    close(fds[0]);
    close(fds[1]);
    return pid;
}

/* Until nothing of it is left: its descriptors are gone from /proc before what
 * they were of is closed, and its first thread before the others. */
static void end(pid_t pid)
{
    struct pollfd p = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
                        .events = POLLIN };

    assert(p.fd >= 0 && !kill(pid, SIGKILL));
    assert(poll(&p, 1, -1) == 1);
    close(p.fd);
}

/* Somebody who only looks at loop devices may delay it. */
static void detach_from(char *upper, const char *name)
{
    char device[64];
    struct stat st;

    loop_detach(upper);
    assert(!stat(name, &st));
    while (loopdev_of(&st, device, sizeof(device)))
        usleep(1000);
}

static void copy_in_use(void)
{
    struct destination d = disk();
    char *loop;
    pid_t pid;

    make_copy();
    pid = opener(O_RDWR);
    refused(&d, -EBUSY, "is in use by process");
    end(pid);
    d = disk();
    arrived(&d);
    pid = opener(O_RDWR);
    not_placed(&d, "is in use by process");
    end(pid);
    d = disk();
    arrived(&d);
    loop = loop_attach(path);
    if (loop) {
        not_placed(&d, loop);
        detach_from(loop, path);
    } else {
        fprintf(stderr, "a loop device on it: skipped\n");
        destination_release(&d);
    }
    holds(path, "end", SIZE - 3, SIZE);
    /* A reader keeps what it has. */
    d = disk();
    arrived(&d);
    pid = opener(O_RDONLY);
    assert(!destination_place(&d, root));
    destination_release(&d);
    end(pid);
    forget();
}

static void directory_changes(void)
{
    struct destination d = disk();
    char *inner = path_in(directory, "inner"), *moved = path_in(directory,
                                                               "moved");
    char *there = path_in(inner, "disk"), *left = path_in(moved,
                                                          ".disk.xl-dedup");

    assert(!mkdir(inner, 0700));
    d.path = there;
    arrived(&d);
    assert(!rename(inner, moved) && !mkdir(inner, 0700));
    assert(destination_place(&d, root) == -EBUSY);
    assert(strstr(d.reason, "the directory of"));
    destination_release(&d);
    assert(!exists(there));
    holds(left, "end", SIZE - 3, SIZE);
    unlink(left);
    assert(!rmdir(moved) && !rmdir(inner));
    free(left);
    free(there);
    free(moved);
    free(inner);
    forget();
}

/* The directory is renamed in, but cannot be brought to its storage. */
static void directory_does_not_sync(void)
{
    struct destination d = disk();

    failing_syncs = 1;
    refused(&d, -EIO, "use another directory");
    d = disk();
    arrived(&d);
    failing_syncs = 1;
    not_placed(&d, "cannot be brought to its storage");
    assert(!exists(path));
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    failing_syncs = 1;
    not_placed(&d, "cannot be brought to its storage");
    assert(!exists(path));
    /* what was there is there again, and known */
    d = disk();
    arrived(&d);
    assert(!destination_place(&d, root));
    destination_release(&d);
    d = disk();
    accepted(&d);
    assert(d.exists);
    failing_syncs = 1;
    not_placed(&d, "cannot be brought to its storage");
    holds(path, "end", SIZE - 3, SIZE);
    d = disk();
    arrived(&d);
    assert(d.exists && d.resumed);
    destination_release(&d);
    forget();
    /* where there is no way back, the disk stays */
    no_exchange = true;
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    failing_syncs = 1;
    assert(destination_place(&d, root) == -EIO && d.placed);
    assert(strstr(d.reason, "the complete disk is left there"));
    destination_release(&d);
    no_exchange = false;
    holds(path, "end", SIZE - 3, SIZE);
    assert(!exists(staging));
    d = disk();
    accepted(&d);
    assert(d.exists);
    destination_release(&d);
    forget();
}

static void file_system_knows_no_exchange(void)
{
    struct destination d = disk();

    no_exchange = true;
    make_copy();
    holds(path, "end", SIZE - 3, SIZE);
    assert(!exists(staging));
    make_copy();
    holds(path, "end", SIZE - 3, SIZE);
    unlink(path);
    arrived(&d);
    at_exchange = come;
    not_placed(&d, "has come there");
    holds(path, "foreign", 0, 7);
    unlink(path);
    d = disk();
    arrived(&d);
    assert(!destination_placeholder(&d));
    destination_release(&d);
    assert(!exists(path));
    no_exchange = false;
    forget();
}

/* Symbolic links */

static void links(void)
{
    char *pool = path_in(directory, "pool"), *file, *left, *resolved;
    struct destination d = disk();
    struct record_key key = { "uuid", "xvda", path };
    struct image img = IMAGE_INIT;
    struct stat st;

    assert(!mkdir(pool, 0700));
    file = path_in(pool, "real.img");
    left = path_in(pool, ".real.img.xl-dedup");
    assert(!symlink("pool/real.img", path));
    assert(destination_resolve(path, &resolved, why, sizeof(why)) ==
           -ENOENT && !resolved);
    assert(strstr(why, "is a symbolic link there to pool/real.img, which does "
                  "not exist"));
    /* a record of before has the link's name */
    write_file(file, "\0\0\0", 4);
    assert(!image_open(&img, path));
    learn(&claim.own);
    assert(!record_write(state, &key, "received", &img, root, &claim));
    image_release(&img);
    assert(!destination_resolve(path, &resolved, why, sizeof(why)));
    assert(!strcmp(path_basename(resolved), "real.img"));
    d.path = resolved;
    refused(&d, -EEXIST, "is not a known copy");
    d = disk();
    d.named = path;
    d.path = resolved;
    arrived(&d);
    assert(d.exists && exists(left) && !exists(staging));
    assert(!destination_place(&d, root));
    destination_release(&d);
    assert(!lstat(path, &st) && S_ISLNK(st.st_mode) && !exists(left));
    holds(file, "end", SIZE - 3, SIZE);
    /* and now it has the file's */
    d = disk();
    d.path = resolved;
    accepted(&d);
    assert(d.exists);
    destination_release(&d);
    free(resolved);
    /* what is no link, or none to a file, stays as it is named */
    assert(!destination_resolve("/dev/stdin", &resolved, why, sizeof(why)));
    free(resolved);
    assert(!destination_resolve(pool, &resolved, why, sizeof(why)));
    assert(!strcmp(resolved, pool));
    free(resolved);
    unlink(left);
    unlink(file);
    unlink(path);
    assert(!rmdir(pool));
    free(left);
    free(file);
    free(pool);
    forget();
}

/* What can only fail at the end */

static bool set_flags(const char *file, int on, int off)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC), flags;
    bool set = fd >= 0 && !ioctl(fd, FS_IOC_GETFLAGS, &flags);

    flags = set ? (flags | on) & ~off : 0;
    set = set && !ioctl(fd, FS_IOC_SETFLAGS, &flags);
    close(fd);
    return set;
}

static void attribute(const char *file, int flag, const char *text)
{
    struct destination d = disk();

    if (!set_flags(file, flag, 0)) {
        fprintf(stderr, "%s: skipped\n", text);
        return;
    }
    d.path = path;
    why[0] = '\0';
    assert(check(&d, why, sizeof(why)) == -EPERM);
    assert(set_flags(file, 0, flag));
    fprintf(stderr, "  %s\n", why);
    assert(strstr(why, text));
    destination_release(&d);
}

static void attributes(void)
{
    attribute(directory, FS_IMMUTABLE_FL, "run 'chattr -i ");
    attribute(directory, FS_APPEND_FL, "run 'chattr -a ");
    write_file(path, "", 0);
    attribute(path, FS_IMMUTABLE_FL, "is immutable there");
    attribute(path, FS_APPEND_FL, "can only be appended to there");
    forget();
}

/* Owner */

static void owners(void)
{
    static const struct owner other = { true, 4321, 5432, 0644 };
    struct destination d = disk();
    struct stat st;

    if (geteuid()) {
        fprintf(stderr, "skipped: not root\n");
        return;
    }
    /* a prepared file, which is empty, as that of an earlier copy */
    write_file(path, "", 0);
    assert(!chmod(path, 0640) && !chown(path, 1234, 2345));
    d.owner = other;
    arrived(&d);
    assert(!fstat(d.fd, &st) && (st.st_mode & 07777) == 0600);
    assert(!destination_place(&d, root));
    destination_release(&d);
    assert(!stat(path, &st) && st.st_uid == 1234 && st.st_gid == 2345 &&
           (st.st_mode & 07777) == 0640);
    d = disk();
    d.owner = other;
    arrived(&d);
    assert(!destination_place(&d, root));
    destination_release(&d);
    assert(!stat(path, &st) && st.st_uid == 1234 && st.st_gid == 2345 &&
           (st.st_mode & 07777) == 0640);
    forget();
    /* a new one, for which a file of ours may have stood */
    d = disk();
    d.owner = other;
    arrived(&d);
    assert(!destination_placeholder(&d));
    assert(!stat(path, &st) && (st.st_mode & 07777) == 0600);
    assert(!destination_place(&d, root));
    destination_release(&d);
    assert(!stat(path, &st) && st.st_uid == 4321 && st.st_gid == 5432 &&
           (st.st_mode & 07777) == 0644);
    forget();
    make_copy();
    assert(!stat(path, &st) && st.st_uid == 0 && st.st_gid == 0 &&
           (st.st_mode & 07777) == 0600);
    forget();
    /* what comes back from its place is a staging file of ours again */
    d = disk();
    d.owner = other;
    arrived(&d);
    failing_syncs = 1;
    not_placed(&d, "cannot be brought to its storage");
    assert(!stat(staging, &st) && st.st_uid == 0 && st.st_gid == 0 &&
           (st.st_mode & 07777) == 0600);
    d = disk();
    accepted(&d);
    assert(d.resumed);
    destination_release(&d);
    forget();
}

static struct owner offered(const char *user, const char *group,
                            const char *mode)
{
    struct buf b = BUF_INIT;
    struct owner o;

    if (user)
        buf_put_text(&b, "owner", user);
    if (group)
        buf_put_text(&b, "group", group);
    if (mode)
        buf_put_text(&b, "mode", mode);
    owner_take(b.data, b.length, &o);
    buf_release(&b);
    return o;
}

static void owner_names(void)
{
    static const char *const users[] = {
        "", "0", "42", "-root", "no-such-user-here", "root root", "../root",
        "r\303\266\303\266t", NULL
    };
    static const char *const modes[] = {
        "", "4755", "7777", "1", "-77", "0x7", "888", "06440", NULL
    };
    char longer[300];
    struct owner o = offered("root", "root", "640");
    size_t i;

    assert(o.known && o.uid == 0 && o.gid == 0 && o.mode == 0640);
    for (i = 0; users[i]; i++) {
        assert(!offered(users[i], "root", "640").known);
        assert(!offered("root", users[i], "640").known);
    }
    for (i = 0; modes[i]; i++)
        assert(!offered("root", "root", modes[i]).known);
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    assert(!offered(longer, "root", "640").known);
    assert(!offered(NULL, "root", "640").known);
    assert(!offered("root", NULL, "640").known);
    assert(!offered("root", "root", NULL).known);
}

/* Devices */

static struct destination device_disk(const char *name)
{
    struct destination d = disk();

    d.path = name;
    d.size = 4 << 20;
    return d;
}

static void write_device(const char *name)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC);

    assert(fd >= 0 && pwrite(fd, "guest", 5, 4096) == 5 && !fdatasync(fd));
    close(fd);
}

static void device_in_use(void)
{
    char *file = path_in(directory, "backing"), *name, *upper, *saved = path;
    struct destination d;
    pid_t pid;

    write_file(file, "", 0);
    assert(!truncate(file, 4 << 20));
    name = loop_attach(file);
    if (!name) {
        fprintf(stderr, "skipped, no loop device\n");
        free(file);
        return;
    }
    /* between the check and the first write */
    d = device_disk(name);
    assert(!check(&d, why, sizeof(why)));
    write_device(name);
    assert(destination_open(&d, why, sizeof(why)) == -EBUSY);
    assert(strstr(why, "was written to or exchanged there while it was being "
                  "checked"));
    destination_release(&d);
    unlink(file);
    loop_detach(name);
    write_file(file, "", 0);
    assert(!truncate(file, 4 << 20));
    name = loop_attach(file);
    assert(name);
    /* a loop device on it holds it, and nothing shows that but the kernel */
    upper = loop_attach(name);
    assert(upper);
    d = device_disk(name);
    refused(&d, -EBUSY, upper);
    detach_from(upper, name);
    /* somebody writes to it after a while */
    d = device_disk(name);
    accepted(&d);
    path = name;
    pid = opener(O_RDWR);
    path = saved;
    assert(!destination_write(&d, "ours", 4, 0));
    seconds_later += 2 * LOOK_SECONDS;
    assert(destination_write(&d, "ours", 4, 8192) == -EBUSY);
    assert(strstr(d.reason, "is in use by process"));
    assert(destination_zero(&d, 0, 4096) == -EBUSY);
    end(pid);
    destination_release(&d);
    /* or is there at the end */
    d = device_disk(name);
    accepted(&d);
    seconds_later += 2 * LOOK_SECONDS;
    assert(!destination_write(&d, "ours", 4, 0));
    upper = loop_attach(name);
    assert(destination_placeholder(&d) == -EBUSY && strstr(d.reason, upper));
    free(d.reason);
    d.reason = NULL;
    assert(destination_place(&d, root) == -EBUSY && strstr(d.reason, upper));
    detach_from(upper, name);
    destination_release(&d);
    loop_detach(name);
    unlink(file);
    free(file);
    forget();
}

static void device_is_read_only(void)
{
    char *file = path_in(directory, "backing"), *name, *command;
    struct destination d;

    write_file(file, "", 0);
    assert(!truncate(file, 4 << 20));
    name = loop_attach(file);
    if (!name) {
        fprintf(stderr, "skipped, no loop device\n");
        free(file);
        return;
    }
    assert(asprintf(&command, "blockdev --setro '%s'", name) > 0);
    assert(!system(command));
    d = device_disk(name);
    refused(&d, -EROFS, "is read-only there; make it writable");
    free(command);
    assert(asprintf(&command, "blockdev --setrw '%s'", name) > 0);
    assert(!system(command));
    free(command);
    loop_detach(name);
    unlink(file);
    free(file);
}

static void device_is_written_in_place(struct destination *d)
{
    static uint8_t content[200000], back[200000], zeros[512];
    struct destination other = disk();
    struct destination same;

    other.path = d->path;
    other.size = d->size;
    same = other;
    /* as it is blank, content may be coalesced for it */
    noise(content, sizeof(content), 6);
    assert(d->coalesce);
    assert(!destination_coalesce(d, content, sizeof(content), 3000001));
    assert(!destination_flush(d, 3000001, sizeof(content)));
    assert(!image_read(&d->storage, back, sizeof(back), 3000001));
    assert(!memcmp(back, content, sizeof(back)));
    assert(!destination_write(d, "half", 4, 1 << 20));
    assert(!destination_zero(d, 0, 1 << 20));
    assert(!destination_zero(d, (2 << 20) + 1, 1000));
    /* no two at once */
    why[0] = '\0';
    assert(check(&other, why, sizeof(why)) == -EBUSY);
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
    assert(!check(&d, why, sizeof(why)) && !d.own.logical);
    destination_release(&d);
    d = disk();
    d.served = true;
    assert(!check(&d, why, sizeof(why)) && d.own.logical == 512);
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
    assert(!check(&d, why, sizeof(why)));
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

static enum record_match known(const char *name)
{
    struct record_key key = { disk().uuid, disk().vdev, name };
    struct image img = IMAGE_INIT;
    enum record_match m;
    struct claim theirs;

    assert(!image_open(&img, name));
    m = record_check(state, &key, &img, NULL, &theirs);
    if (m == RECORD_UNPROVEN)
        m = record_compare(state, &key, &img);
    image_release(&img);
    return m;
}

/* As long as nothing is written to it, nothing is noted of it, and what was
 * allowed is allowed the next time. */
static void device_is_left_alone(const char *name)
{
    struct destination d = device_disk(name);

    assert(known(name) == RECORD_NONE);
    allow(name);
    opened(&d);
    destination_release(&d);
    assert(known(name) == RECORD_ALLOWED);
    d = device_disk(name);
    accepted(&d);
    destination_release(&d);
    assert(known(name) == RECORD_SAME);
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
    opened(&d);
    assert(d.block && d.blank && !d.exists);
    destination_release(&d);
    device_is_left_alone(name);
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
    secret_make(&claim.own);
    learn(&claim.own);
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
    RUN(came);
    RUN(came_over_placeholder);
    RUN(placed_late);
    RUN(nobody_knows_it);
    RUN(copy_changes);
    RUN(copy_in_use);
    RUN(directory_changes);
    RUN(directory_does_not_sync);
    RUN(file_system_knows_no_exchange);
    RUN(links);
    RUN(attributes);
    RUN(owners);
    RUN(owner_names);
    RUN(device_in_use);
    RUN(device_is_read_only);
    RUN(device);
    free(staging);
    free(path);
    free(state);
    remove_directory(directory);
    return 0;
}
