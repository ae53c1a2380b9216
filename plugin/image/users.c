/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Users of files and block devices; see users.h.  Sources: proc(5), and the
 * kernel's Documentation/ABI/stable/sysfs-block. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/timed_call.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/node.h"
#include "plugin/image/users.h"
#include "plugin/image/vbd.h"

/* All descriptors of a busy host are looked at in a fraction of a second. */
#define SEARCH_MS 10000

struct served {
    dev_t device;
    unsigned domid;             /* the domain that was found */
};

static bool is_served(void *opaque, const struct vbd *v)
{
    struct served *s = opaque;

    s->domid = v->domid;
    return v->device == s->device;
}

/* blkback opens a device for itself, so that no process shows it. */
static bool find_domain(const struct stat *st, char *name, size_t size)
{
    struct served s = { st->st_rdev, 0 };

    if (!vbd_each(is_served, &s))
        return false;
    snprintf(name, size, "domain %u", s.domid);
    return true;
}

/* A device-mapper device or an array made of it. */
static bool find_holder(const struct stat *st, char *name, size_t size)
{
    char path[64];
    bool found = false;
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/holders",
             major(st->st_rdev), minor(st->st_rdev));
    dir = opendir(path);
    while (dir && !found && (e = readdir(dir)))
        found = e->d_name[0] != '.';
    if (found)
        snprintf(name, size, "/dev/%s", e->d_name);
    if (dir)
        closedir(dir);
    return found;
}

/* Whether a descriptor of a process was opened for writing. */
static bool may_write(const char *pid, const char *number)
{
    char path[600], line[64];
    unsigned flags = O_RDONLY;  /* closed again meanwhile */
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, number);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f) &&
           sscanf(line, "flags: %o", &flags) != 1)
        ;
    if (f)
        fclose(f);
    return (flags & O_ACCMODE) != O_RDONLY;
}

/* AT_STATX_DONT_SYNC: which file it is need not be asked of a server, which may
 * be dead (not every file system heeds it). */
static bool is_on(int directory, const char *number, const struct node *wanted)
{
    struct statx st;
    struct node n;

    return !statx(directory, number, AT_STATX_DONT_SYNC,
                  STATX_TYPE | STATX_INO, &st) &&
        node_of_statx(&st, &n) && node_equal(n, *wanted);
}

static bool has_open(const char *pid, const struct node *wanted, bool writing)
{
    char path[300];
    bool found = false;
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    dir = opendir(path);
    while (dir && !found && (e = readdir(dir)))
        found = e->d_name[0] != '.' && is_on(dirfd(dir), e->d_name, wanted) &&
            (!writing || may_write(pid, e->d_name));
    if (dir)
        closedir(dir);
    return found;
}

static _Atomic pid_t companion;

void users_belong_together(pid_t pid)
{
    companion = pid;
}

/* This process, or one that it has started. */
static bool is_ours(const char *pid)
{
    char path[300], text[512], *p = NULL;
    long parent;

    if (atol(pid) == (long)getpid() || atol(pid) == (long)companion)
        return true;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (file_read_line(path, text, sizeof(text)))
        p = strrchr(text, ')');
    return p && sscanf(p, ") %*c %ld", &parent) == 1 &&
        parent == (long)getpid();
}

/* The search among processes, which a dead file server may hold up. */
struct search {
    struct node wanted;
    bool writing;
    bool found;
    char name[128];
};

static void search_run(void *opaque)
{
    char path[300], command[64] = "?";
    struct search *s = opaque;
    DIR *dir = opendir("/proc");
    struct dirent *e = NULL;

    while (dir && !s->found && (e = readdir(dir)))
        s->found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
            has_open(e->d_name, &s->wanted, s->writing) && !is_ours(e->d_name);
    if (s->found) {
        snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
        file_read_line(path, command, sizeof(command));
        snprintf(s->name, sizeof(s->name), "process %.16s (%s)", e->d_name,
                 command);
    }
    if (dir)
        closedir(dir);
}

/* What cannot be known counts as in use: to refuse does no harm. */
static bool find_process(const struct stat *st, bool writing, char *name,
                         size_t size)
{
    struct search *s = calloc(1, sizeof(*s));
    bool found;
    int rc = s ? 0 : -ENOMEM;

    if (s) {
        s->writing = writing;
        node_of_stat(st, &s->wanted);
        rc = timed_call(search_run, free, s, SEARCH_MS);
    }
    found = rc || s->found;
    if (rc)
        snprintf(name, size, "an unknown process (not all of them could be "
                 "looked at: %s)", strerror(-rc));
    else if (found)
        snprintf(name, size, "%s", s->name);
    if (rc != -ETIMEDOUT)
        free(s);
    return found;
}

static bool find_user(int fd, bool writing, char *name, size_t size)
{
    struct stat st;

    if (fstat(fd, &st))
        return false;
    if (loopdev_of(&st, name, size))
        return true;
    if (S_ISBLK(st.st_mode) && (find_domain(&st, name, size) ||
                                find_holder(&st, name, size)))
        return true;
    return find_process(&st, writing, name, size);
}

bool users_find(int fd, char *name, size_t size)
{
    return find_user(fd, false, name, size);
}

bool users_find_writing(int fd, char *name, size_t size)
{
    return find_user(fd, true, name, size);
}

int used_path_add(struct used_path **list, const char *path,
                  const char *domain)
{
    struct used_path *u;

    if (!path || !*path)
        return 0;
    u = calloc(1, sizeof(*u));
    if (!u)
        return -ENOMEM;
    u->next = *list;
    *list = u;
    u->path = strdup(path);
    if (asprintf(&u->user, "domain %s", domain ? domain : "?") < 0)
        u->user = NULL;
    return u->path && u->user ? 0 : -ENOMEM;
}

void used_paths_release(struct used_path *list)
{
    struct used_path *next;

    for (; list; list = next) {
        next = list->next;
        free(list->path);
        free(list->user);
        free(list);
    }
}
