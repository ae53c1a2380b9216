/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who uses a file or block device; see users.h.  Sources: proc(5), the
 * kernel's Documentation/ABI/stable/sysfs-block, and for blkback's entries
 * drivers/block/xen-blkback/xenbus.c. */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/image/blockdev.h"
#include "plugin/image/users.h"

#define BACKENDS "/sys/bus/xen-backend/devices"

static bool read_line(const char *path, char *text, size_t size)
{
    FILE *f = fopen(path, "re");
    bool got = f && fgets(text, size, f);

    if (f)
        fclose(f);
    if (got)
        text[strcspn(text, "\n")] = '\0';
    return got;
}

/* blkback opens a device for itself, so that no process shows it: entries
 * are called "vbd-DOMAIN-NUMBER". */
static bool find_domain(const struct stat *st, char *name, size_t size)
{
    unsigned major_number, minor_number, domid;
    DIR *dir = opendir(BACKENDS);
    char path[512], text[64];
    bool found = false;
    struct dirent *e;

    while (dir && !found && (e = readdir(dir))) {
        snprintf(path, sizeof(path), BACKENDS "/%s/physical_device",
                 e->d_name);
        found = sscanf(e->d_name, "vbd-%u-", &domid) == 1 &&
            read_line(path, text, sizeof(text)) &&
            sscanf(text, "%x:%x", &major_number, &minor_number) == 2 &&
            makedev(major_number, minor_number) == st->st_rdev;
    }
    if (found)
        snprintf(name, size, "domain %u", domid);
    if (dir)
        closedir(dir);
    return found;
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

static bool same_node(const struct stat *a, const struct stat *b)
{
    if (S_ISBLK(a->st_mode))
        return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
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

static bool has_open(const char *pid, const struct stat *st, bool writing)
{
    char path[300];
    struct stat other;
    bool found = false;
    struct dirent *e;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    dir = opendir(path);
    while (dir && !found && (e = readdir(dir)))
        found = e->d_name[0] != '.' &&
            !fstatat(dirfd(dir), e->d_name, &other, 0) &&
            same_node(st, &other) && (!writing || may_write(pid, e->d_name));
    if (dir)
        closedir(dir);
    return found;
}

/* This process, or one that it has started. */
static bool is_ours(const char *pid)
{
    char path[300], text[512], *p = NULL;
    long parent;

    if (atol(pid) == (long)getpid())
        return true;
    snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    if (read_line(path, text, sizeof(text)))
        p = strrchr(text, ')');
    return p && sscanf(p, ") %*c %ld", &parent) == 1 &&
        parent == (long)getpid();
}

static bool find_process(const struct stat *st, bool writing, char *name,
                         size_t size)
{
    char path[300], command[64] = "?";
    DIR *dir = opendir("/proc");
    bool found = false;
    struct dirent *e;

    while (dir && !found && (e = readdir(dir)))
        found = e->d_name[0] >= '1' && e->d_name[0] <= '9' &&
            has_open(e->d_name, st, writing) && !is_ours(e->d_name);
    if (found) {
        snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
        read_line(path, command, sizeof(command));
        snprintf(name, size, "process %s (%s)", e->d_name, command);
    }
    if (dir)
        closedir(dir);
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
