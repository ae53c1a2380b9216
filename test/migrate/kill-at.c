/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded for test-handover-killed.sh: kills the process before the N-th call
 * that gives or takes a name, or sets an attribute, of what has one of the texts
 * of KILL_PATH in its path; these are separated by colons.  KILL_AT is N, from
 * 1 on; KILL_LOG a file that gets a line for each such call.
 */
#define _GNU_SOURCE     /* config.h is left out: off_t stays what it is */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

static int is_wanted(const char *path)
{
    const char *wanted = getenv("KILL_PATH");
    char text[256];
    size_t n;

    for (; wanted && *wanted; wanted += n + (wanted[n] == ':')) {
        n = strcspn(wanted, ":");
        snprintf(text, sizeof(text), "%.*s", (int)n, wanted);
        if (strstr(path, text))
            return 1;
    }
    return 0;
}

/* path: of the name, or of the directory that it is in. */
static void step(const char *call, const char *path)
{
    static int calls;
    const char *at = getenv("KILL_AT"), *log = getenv("KILL_LOG");
    FILE *f;

    if (!at || !is_wanted(path))
        return;
    f = log ? fopen(log, "ae") : NULL;
    if (f) {
        fprintf(f, "%s %s\n", call, path);
        fclose(f);
    }
    if (++calls == atoi(at))
        raise(SIGKILL);
}

static void step_at(const char *call, int fd)
{
    char name[64], path[4096];
    ssize_t n;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    n = readlink(name, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    step(call, path);
}

#define REAL(function) ((__typeof__(&function))dlsym(RTLD_NEXT, #function))

int fsetxattr(int fd, const char *name, const void *value, size_t n, int flags)
{
    step_at("fsetxattr", fd);
    return REAL(fsetxattr)(fd, name, value, n, flags);
}

int rename(const char *from, const char *to)
{
    step("rename", to);
    return REAL(rename)(from, to);
}

int renameat2(int at, const char *from, int there, const char *to,
              unsigned flags)
{
    step_at("renameat2", there);
    return REAL(renameat2)(at, from, there, to, flags);
}

int unlink(const char *path)
{
    step("unlink", path);
    return REAL(unlink)(path);
}

int symlink(const char *target, const char *path)
{
    step("symlink", path);
    return REAL(symlink)(target, path);
}

int symlinkat(const char *target, int at, const char *path)
{
    step_at("symlinkat", at);
    return REAL(symlinkat)(target, at, path);
}
