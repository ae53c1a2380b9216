/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of safe_path.c: which ways to a directory are walked, and which are
 * refused.  What needs files of other users is root's alone, and says so. */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "test/unit/unit.h"

#include "plugin/base/paths.h"
#include "plugin/base/safe_path.h"

static char *directory, *inner, *last;
static char why[4096];

/* Opens it, and it is the one that it should be. */
static void opens(const char *path, size_t linked, const char *expected)
{
    struct stat is, should_be;
    int fd = safe_path_open(path, linked, why, sizeof(why));

    if (fd < 0)
        fprintf(stderr, "%s: %s\n", path, why);
    assert(fd >= 0 && !fstat(fd, &is) && !stat(expected, &should_be));
    assert(is.st_dev == should_be.st_dev && is.st_ino == should_be.st_ino);
    assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert(!fsync(fd));
    close(fd);
}

static void refused(const char *path, size_t linked, int rc, const char *text)
{
    int is = safe_path_open(path, linked, why, sizeof(why));

    if (is != rc || !strstr(why, text))
        fprintf(stderr, "%s: %d, %s\n", path, is, why);
    assert(is == rc && strstr(why, text) && !strchr(why, '\n'));
}

static void plain_paths(void)
{
    assert(path_is_plain("/") && path_is_plain("/a//b/...") &&
           path_is_plain("/.a/b../c"));
    assert(!path_is_plain("") && !path_is_plain("a") &&
           !path_is_plain("/..") && !path_is_plain("/a/../b") &&
           !path_is_plain("/a/.") && !path_is_plain("/./a"));
}

static void walks(void)
{
    char *slashes;

    opens("/", 0, "/");
    opens(last, 0, last);
    assert(asprintf(&slashes, "//%s//inner///last//", directory) > 0);
    opens(slashes, 0, last);
    free(slashes);
    refused("relative", 0, -EINVAL, "not an absolute path");
    refused("", 0, -EINVAL, "not an absolute path");
    slashes = path_in(inner, "../inner");
    refused(slashes, 4096, -EINVAL, "without '..'");
    free(slashes);
    refused("/nonexistent/below", 0, -ENOENT, "/nonexistent/below: No such");
    slashes = path_in(directory, "file");
    write_file(slashes, "", 0);
    refused(slashes, 0, -ENOTDIR, "Not a directory");
    unlink(slashes);
    free(slashes);
}

/* A link counts where it is expected, and nowhere else. */
static void links(void)
{
    char *link = path_in(directory, "link"), *below = path_in(link, "last");
    char *end = path_in(inner, "end"), *both = path_in(link, "end");

    assert(!symlink("inner", link) && !symlink("../inner/./last", end));
    opens(below, strlen(below), last);
    opens(below, strlen(link), last);
    refused(below, strlen(directory), -ELOOP, "/link is a symbolic link");
    refused(below, 0, -ELOOP, "is not followed");
    opens(both, strlen(both), last);
    refused(both, strlen(link), -ELOOP, "/inner/end is a symbolic link");
    unlink(end);
    /* absolute, and in a circle */
    assert(!symlink(inner, end));
    opens(both, strlen(both), inner);
    unlink(end);
    assert(!symlink(end, end));
    refused(end, strlen(end), -ELOOP, "Too many levels");
    unlink(end);
    unlink(link);
    free(both);
    free(end);
    free(below);
    free(link);
}

static void modes(void)
{
    assert(!chmod(inner, 0770));
    refused(last, 0, -EPERM, "others may write to the directory");
    assert(strstr(why, "(chmod go-w ") && strstr(why, inner));
    assert(!chmod(inner, 0702));
    refused(last, 0, -EPERM, "others may write to the directory");
    refused(inner, 0, -EPERM, "others may write to the directory");
    /* as /tmp is */
    assert(!chmod(inner, 01777));
    opens(last, 0, last);
    refused(inner, 0, -EPERM, "everybody may make files");
    assert(safe_path_check(inner, why, sizeof(why)) == -EPERM);
    assert(!safe_path_check(last, why, sizeof(why)));
    assert(!chmod(inner, 0700));
}

static void owners(void)
{
    char *link = path_in(directory, "link");

    if (geteuid()) {
        fprintf(stderr, "skipped: not root\n");
        free(link);
        return;
    }
    assert(!chown(inner, 1234, 0));
    refused(last, 0, -EPERM, "belongs to user 1234");
    assert(!chown(inner, 0, 1234));
    opens(last, 0, last);
    assert(!symlink("inner", link) && !lchown(link, 1234, 0));
    refused(link, strlen(link), -EPERM, "a symbolic link that user 1234");
    unlink(link);
    free(link);
}

int main(void)
{
    directory = make_directory_for_test();
    inner = path_in(directory, "inner");
    last = path_in(inner, "last");
    assert(!mkdir(inner, 0700) && !mkdir(last, 0700));
    RUN(plain_paths);
    RUN(walks);
    RUN(links);
    RUN(modes);
    RUN(owners);
    free(last);
    free(inner);
    remove_directory(directory);
    return 0;
}
