/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup-parse: tells which bytes of an image belong to which file, or,
 * asked for it, what compressed files hold.
 *
 * Started by the library (process.c) with the image on fd 3 and a pipe as
 * stdout; speaks record.h.  It never writes to the image, opens no file by
 * name, and what it prints to stderr is at most one line about its use.  What
 * it reads belongs to a guest: it locks itself into a sandbox before the first
 * byte (sandbox.h), reads nothing if that fails, and whoever reads its result
 * believes none of it.
 *
 * Everything is acquired first (prepare), then comes the sandbox, then parsing
 * starts.
 */
#include "config.h"

#include <blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsparse/emit.h"
#include "fsparse/ext.h"
#include "fsparse/ntfs.h"
#include "fsparse/opens.h"
#include "fsparse/parse_plain.h"
#include "fsparse/partition.h"
#include "fsparse/sandbox.h"
#include "fsparse/sandbox_probe.h"
#include "fsparse/tables.h"

#define IMAGE_FD 3
#define EXIT_REFUSED 3

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

/* What can be had only from outside of the sandbox. */
static int prepare(uint64_t *length_r, bool plain,
                   struct record_cursor *request)
{
    int rc = image_length(length_r);

    if (!rc && plain)
        rc = plain_request(STDIN_FILENO, request);
    close(STDIN_FILENO);
    /* Else it looks at the environment and our user id when it is first
     * called. */
    blkid_init_debug(0);
    return rc;
}

/* Returns an exit status; 0: locked in. */
static int lock_in(struct emit *e)
{
    struct sandbox s;
    char why[256];
    int rc = sandbox_enter(&s, IMAGE_FD, STDOUT_FILENO, true);

    if (!rc)
        return 0;
    snprintf(why, sizeof(why), "the parser's sandbox cannot be built: %s: %s",
             s.layers[s.n - 1].name, strerror(-rc));
    emit_refused(e, why);
    return EXIT_REFUSED;
}

/* task: NULL: a map.  known: false if there were more arguments. */
static int parse(bool known, const char *task)
{
    bool plain = task && strcmp(task, "plain") == 0;
    bool free_too = task && strcmp(task, "free") == 0;
    struct record_cursor request;
    struct emit *e;
    uint64_t length;
    int rc;

    rc = known && (plain || free_too || !task) ?
         prepare(&length, plain, &request) : -EINVAL;
    if (rc) {
        fprintf(stderr, "xl-dedup-parse: no image on fd 3 (%s);"
                " this is started by xl-dedup\n", strerror(-rc));
        return 2;
    }
    e = emit_new(STDOUT_FILENO);
    if (!e)
        return 1;
    rc = lock_in(e);
    if (rc)
        return rc;
    if (plain)
        plain_answer(&request, IMAGE_FD, e);
    else if (parse_image(e, length, free_too))
        return 1;
    emit_end(e);
    return 0;
}

int main(int argc, char **argv)
{
    const char *task = argc == 2 ? argv[1] : NULL;

    /* What libraries do at the end of a process, and a sanitizer that looks
     * for leaks in /proc, is of no use here. */
    if (task && probe_is_task(task))
        _exit(probe_answer(task, IMAGE_FD, STDOUT_FILENO));
    _exit(parse(argc <= 2, task));
}
