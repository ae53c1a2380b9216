/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox_filter: see sandbox_filter.h.
 *
 * The list is what the parsers' tests make, with glibc 2.36 and 2.41, and
 * what the paths of malloc and abort can make besides.  A call that is here
 * for no reason that is said here does not belong here.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/blkzoned.h>
#include <linux/cdrom.h>
#include <linux/fd.h>
#include <linux/fs.h>
#include <linux/sed-opal.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsparse/sandbox_filter.h"

#define ADD(f, action, rules) \
    filter_add(f, action, rules, sizeof(rules) / sizeof((rules)[0]))

static int allow_files(scmp_filter_ctx f, int image_fd, int out_fd)
{
    const struct filter_rule rules[] = {
        /* Windows (window.c); libblkid reads after it has sought. */
        { SCMP_SYS(pread64), 1, { EQUAL(0, image_fd) } },
        { SCMP_SYS(read), 1, { EQUAL(0, image_fd) } },
        { SCMP_SYS(lseek), 1, { EQUAL(0, image_fd) } },
        /* fstat() by libblkid, libntfs-3g and us: glibc 2.36 makes the second,
         * later ones the first.  A path that is not empty cannot be seen here;
         * the root directory is empty, and nothing of stat() is content. */
        { SCMP_SYS(fstat), 1, { EQUAL(0, image_fd) } },
        { SCMP_SYS(newfstatat), 2,
          { EQUAL(0, image_fd), EQUAL(3, AT_EMPTY_PATH) } },
        /* libblkid says that it will read here and there. */
        { SCMP_SYS(fadvise64), 1, { EQUAL(0, image_fd) } },
        /* The answer (emit.c). */
        { SCMP_SYS(write), 1, { EQUAL(0, out_fd) } },
    };

    return ADD(f, SCMP_ACT_ALLOW, rules);
}

/* Nothing that is or was writable becomes code, and no file is mapped. */
static int allow_memory(scmp_filter_ctx f)
{
    const struct filter_rule rules[] = {
        /* malloc(), and libblkid's buffers */
        { SCMP_SYS(brk), 0, { { 0 } } },
        { SCMP_SYS(mmap), 2, { BITS(2, PROT_EXEC, 0),
                               BITS(3, MAP_ANONYMOUS, MAP_ANONYMOUS) } },
        { SCMP_SYS(munmap), 0, { { 0 } } },
        /* realloc() of what is large */
        { SCMP_SYS(mremap), 0, { { 0 } } },
        /* malloc() where brk() is in the way of something */
        { SCMP_SYS(mprotect), 1, { BITS(2, PROT_EXEC, 0) } },
        /* malloc() gives back pages within its heap. */
        { SCMP_SYS(madvise), 1, { EQUAL(2, MADV_DONTNEED) } },
    };

    return ADD(f, SCMP_ACT_ALLOW, rules);
}

static int allow_the_rest(scmp_filter_ctx f)
{
    const struct filter_rule rules[] = {
        /* The libraries compare times with now; where the clock of the machine
         * cannot be read without the kernel (Xen's), it is asked. */
        { SCMP_SYS(clock_gettime), 0, { { 0 } } },
        { SCMP_SYS(gettimeofday), 0, { { 0 } } },
        { SCMP_SYS(time), 0, { { 0 } } },
        /* Debian 13's libext2fs (1.47.2) asks whether the environment can be
         * believed, when it opens a file system; it cannot, since the process
         * is not dumpable. */
        { SCMP_SYS(getuid), 0, { { 0 } } },
        { SCMP_SYS(geteuid), 0, { { 0 } } },
        { SCMP_SYS(getgid), 0, { { 0 } } },
        { SCMP_SYS(getegid), 0, { { 0 } } },
        { SCMP_SYS(prctl), 1, { EQUAL(0, PR_GET_DUMPABLE) } },
        { SCMP_SYS(exit_group), 0, { { 0 } } },
        /* abort(): a heap that is found damaged shall end the process as what
         * it is, SIGABRT, and not as a breach of this list. */
        { SCMP_SYS(write), 1, { EQUAL(0, STDERR_FILENO) } },
        { SCMP_SYS(writev), 1, { EQUAL(0, STDERR_FILENO) } },
        { SCMP_SYS(getpid), 0, { { 0 } } },
        { SCMP_SYS(gettid), 0, { { 0 } } },
        { SCMP_SYS(rt_sigprocmask), 0, { { 0 } } },
        { SCMP_SYS(tgkill), 2, { EQUAL(0, getpid()), EQUAL(2, SIGABRT) } },
    };

    return ADD(f, SCMP_ACT_ALLOW, rules);
}

static int add_requests(scmp_filter_ctx f, uint32_t action, int image_fd,
                        const unsigned long *requests, size_t n)
{
    size_t i;
    int rc = 0;

    for (i = 0; i < n && !rc; i++) {
        const struct filter_rule rule = {
            SCMP_SYS(ioctl), 2, { EQUAL(0, image_fd), EQUAL(1, requests[i]) },
        };

        rc = filter_add(f, action, &rule, 1);
    }
    return rc;
}

/* libblkid asks a device for its sizes and zones, and whether it is a floppy,
 * a CD or locked, which it is told it is not.  It looks in /sys whether the
 * device is a part of another one: it is told that there is no such file.  So
 * it does not look for what some RAID controllers leave at the end of a whole
 * disk; a file system that it finds instead is a hint like every other. */
static int answer_for_device(scmp_filter_ctx f, int image_fd)
{
    static const unsigned long allowed[] = {
        BLKGETSIZE64, BLKSSZGET, BLKGETZONESZ,
        BLKIOOPT, BLKIOMIN,     /* since 2.41 */
    };
    static const unsigned long refused[] = {
        FDGETFDCSTAT, CDROM_GET_CAPABILITY, CDROM_LAST_WRITTEN,
#ifdef IOC_OPAL_GET_STATUS
        IOC_OPAL_GET_STATUS,
#endif
    };
    const struct filter_rule sys[] = {
        { SCMP_SYS(openat), 2,
          { EQUAL(0, AT_FDCWD), EQUAL(2, O_RDONLY | O_CLOEXEC) } },
    };
    int rc;

    rc = ADD(f, SCMP_ACT_ERRNO(ENOENT), sys);
    if (!rc)
        rc = add_requests(f, SCMP_ACT_ALLOW, image_fd, allowed,
                          sizeof(allowed) / sizeof(allowed[0]));
    if (!rc)
        rc = add_requests(f, SCMP_ACT_ERRNO(ENOTTY), image_fd, refused,
                          sizeof(refused) / sizeof(refused[0]));
    return rc;
}

/* Where a checksum is wrong, libblkid 2.41 wants to read once more past the
 * page cache, and turns O_DIRECT on for that.  It would be on for all readers of
 * the image: it is told that it may not. */
static int refuse_direct(scmp_filter_ctx f, int image_fd)
{
    const struct filter_rule rules[] = {
        { SCMP_SYS(fcntl), 2, { EQUAL(0, image_fd), EQUAL(1, F_GETFL) } },
        { SCMP_SYS(fcntl), 2, { EQUAL(0, image_fd), EQUAL(1, F_SETFL) } },
    };

    return ADD(f, SCMP_ACT_ERRNO(EPERM), rules);
}

struct descriptors {
    int image_fd, out_fd;
    bool device;                /* the image is one */
};

static int fill(scmp_filter_ctx f, void *opaque)
{
    const struct descriptors *d = opaque;
    int rc = allow_files(f, d->image_fd, d->out_fd);

    if (!rc)
        rc = allow_memory(f);
    if (!rc)
        rc = allow_the_rest(f);
    if (!rc)
        rc = refuse_direct(f, d->image_fd);
    if (!rc && d->device)
        rc = answer_for_device(f, d->image_fd);
    return rc;
}

int sandbox_filter_make(struct filter_program *p, int image_fd, int out_fd)
{
    struct descriptors d = { .image_fd = image_fd, .out_fd = out_fd };
    struct stat st;

    if (fstat(image_fd, &st))
        return -errno;
    d.device = S_ISBLK(st.st_mode);
    return filter_make(p, SCMP_ACT_KILL_PROCESS, fill, &d);
}
