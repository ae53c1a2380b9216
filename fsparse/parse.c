/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup-parse: tells which bytes of an image belong to which file, or,
 * asked for it, what compressed files hold.
 *
 * Started by the library (process.c) with the image on fd 3 and a pipe as
 * stdout; speaks record.h.  It never writes to the image, opens no file by
 * name, and what it prints to stderr is at most one line about its use.  What
 * it reads belongs to a guest: it limits itself before the first byte, and
 * whoever reads its result believes none of it.
 *
 * Everything is acquired first (lock_down's place), then parsing starts.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsparse/emit.h"
#include "fsparse/ext.h"
#include "fsparse/ntfs.h"
#include "fsparse/opens.h"
#include "fsparse/parse_plain.h"
#include "fsparse/partition.h"
#include "fsparse/tables.h"

#define IMAGE_FD 3
#define MEMORY_MAX ((rlim_t)4 << 30)    /* address space, bytes */
#define CPU_SECONDS_MAX 600

static void limit(int resource, rlim_t value)
{
    struct rlimit r = { .rlim_cur = value, .rlim_max = value };
    struct rlimit now;

    if (getrlimit(resource, &now) == 0 && now.rlim_max < value)
        r.rlim_cur = r.rlim_max = now.rlim_max;
    setrlimit(resource, &r);
}

static void lock_down(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
#ifndef __SANITIZE_ADDRESS__    /* its shadow memory is larger than that */
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    limit(RLIMIT_CPU, CPU_SECONDS_MAX);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);     /* of files; a pipe has no size */
}

static int image_length(uint64_t *length_r)
{
    struct stat st;

    if (fstat(IMAGE_FD, &st))
        return -errno;
    if (S_ISREG(st.st_mode)) {
        *length_r = (uint64_t)st.st_size;
        return 0;
    }
    if (!S_ISBLK(st.st_mode))
        return -EINVAL;
    if (ioctl(IMAGE_FD, BLKGETSIZE64, length_r))
        return -errno;
    /* The guest writes below the page cache: what was cached at the last
     * parse is stale by now. */
    posix_fadvise(IMAGE_FD, 0, 0, POSIX_FADV_DONTNEED);
    return 0;
}

static void announce(struct emit *e, const struct partition *p)
{
    struct fsparse_partition fp = {
        .number = p->number,
        .start = p->start,
        .length = p->length,
        .scheme = p->scheme,
        .type = p->type,
        .fstype = p->fstype,
        .label = p->label,
    };

    emit_partition(e, &fp);
}

static void parse_partition(struct emit *e, const struct partition *p,
                            unsigned index, bool free_too)
{
    struct window w = { .fd = IMAGE_FD, .offset = p->start,
                        .length = p->length };
    bool sure = free_too && !*p->doubt;

    if (*p->note)
        emit_note(e, index, p->note);
    else if (opens_is_ext(p->fstype))
        ext_parse(&w, e, index, sure);
    else if (opens_is_ntfs(p->fstype))
        ntfs_parse(&w, e, index, sure);
    else
        emit_note(e, index, "no parser for this file system");
    if (w.missing)
        emit_note(e, index, "parts could not be read");
    if (free_too && *p->doubt)
        emit_doubt(e, index, p->doubt);
}

static int parse_image(struct emit *e, uint64_t length, bool free_too)
{
    struct partition *list;
    size_t i, n;
    int rc;

    rc = partition_list(IMAGE_FD, length, &list, &n);
    if (rc)
        return rc;
    if (free_too)
        tables_examine(IMAGE_FD, length, list, n);
    for (i = 0; i < n; i++)
        announce(e, &list[i]);
    for (i = 0; i < n; i++)
        parse_partition(e, &list[i], (unsigned)i, free_too);
    free(list);
    return 0;
}

int main(int argc, char **argv)
{
    bool plain = argc == 2 && strcmp(argv[1], "plain") == 0;
    bool free_too = argc == 2 && strcmp(argv[1], "free") == 0;
    struct record_cursor request;
    struct emit *e;
    uint64_t length;
    int rc;

    rc = plain || free_too || argc == 1 ? image_length(&length) : -EINVAL;
    if (!rc && plain)
        rc = plain_request(STDIN_FILENO, &request);
    if (rc) {
        fprintf(stderr, "xl-dedup-parse: no image on fd 3 (%s);"
                " this is started by xl-dedup\n", strerror(-rc));
        return 2;
    }
    e = emit_new(STDOUT_FILENO);
    if (!e)
        return 1;
    lock_down();
    if (plain)
        plain_answer(&request, IMAGE_FD, e);
    else if (parse_image(e, length, free_too))
        return 1;
    emit_end(e);
    return 0;
}
