/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has something open for writing; see writers.h.  Source: proc(5). */
#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/image/writers.h"

static bool add(struct writers *w, struct node node)
{
    if (w->n == WRITERS_MAX)
        return false;
    w->what[w->n++] = node;
    return true;
}

bool writers_add_file(struct writers *w, dev_t dev, ino_t ino)
{
    return add(w, (struct node){ false, dev, ino });
}

bool writers_add_device(struct writers *w, unsigned ma, unsigned mi)
{
    return add(w, (struct node){ true, makedev(ma, mi), 0 });
}

static bool wanted(const struct writers *w, const struct statx *st)
{
    struct node n;
    size_t i;

    if (!node_of_statx(st, &n))
        return false;
    for (i = 0; i < w->n; i++)
        if (node_equal(w->what[i], n))
            return true;
    return false;
}

static bool read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd >= 0) {
        n = read(fd, text, size - 1);
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return n >= 0;
}

/* Whether it writes through this descriptor, past what can be ordered.  What
 * cannot be told is taken for yes, a descriptor that has gone for no. */
static bool writes(const char *pid, const char *fd, bool block)
{
    char path[64], text[256], *flags;
    unsigned value;

    snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", pid, fd);
    if (!read_text(path, text, sizeof(text)))
        return false;
    flags = strstr(text, "flags:");
    if (!flags || sscanf(flags, "flags: %o", &value) != 1)
        return true;
    return (value & O_ACCMODE) != O_RDONLY && !(block && value & O_DIRECT);
}

/*
 * AT_STATX_DONT_SYNC: someone else's file on a dead server should not keep
 * us (not every file system heeds it).
 */
static bool look_at(const struct writers *w, const char *pid, bool *block_r)
{
    struct dirent *e;
    bool found = false;
    struct statx st;
    char path[64];
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%.16s/fd", pid);
    dir = opendir(path);
    while (dir && !found && (e = readdir(dir))) {
        if (!isdigit((unsigned char)e->d_name[0]) ||
            statx(dirfd(dir), e->d_name, AT_STATX_DONT_SYNC,
                  STATX_TYPE | STATX_INO, &st) ||
            !wanted(w, &st))
            continue;
        *block_r = S_ISBLK(st.stx_mode);
        found = writes(pid, e->d_name, *block_r);
    }
    if (dir)
        closedir(dir);
    return found;
}

static void name_it(const char *pid, bool block, char *who, size_t size)
{
    char path[64], comm[32];

    snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
    if (!read_text(path, comm, sizeof(comm)))
        strcpy(comm, "?");
    comm[strcspn(comm, "\n")] = '\0';
    snprintf(who, size, "process %.16s (%s) has the %s open for writing, %s",
             pid, comm, block ? "device" : "file", block ?
             "through the page cache" : "past the block device");
}

int writers_find(const struct writers *w, bool *found_r, char *who,
                 size_t size)
{
    DIR *dir = opendir("/proc");
    struct dirent *e;
    bool block;

    *found_r = false;
    if (!dir)
        return -errno;
    while (!*found_r && (e = readdir(dir))) {
        if (!isdigit((unsigned char)e->d_name[0]) ||
            !look_at(w, e->d_name, &block))
            continue;
        name_it(e->d_name, block, who, size);
        *found_r = true;
    }
    closedir(dir);
    return 0;
}
