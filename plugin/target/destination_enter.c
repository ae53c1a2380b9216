/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A path becomes a directory and a name; see destination_enter.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/base/safe_path.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_path.h"

static int check_text(const char *path, const struct destination_list *list,
                      char *why, size_t size)
{
    if (path[0] != '/')
        return explain(why, size, -EINVAL, "'%s' is not an absolute path",
                       path);
    if (!path_is_plain(path))
        return explain(why, size, -EINVAL, "'%s' has '.' or '..' in it; name "
                       "the directory itself", path);
    if (!*path_basename(path))
        return explain(why, size, -EINVAL, "'%s' is not the name of a file",
                       path);
    /* Those are of programs, which read them unasked, and of our own. */
    if (list && *path_basename(path) == '.')
        return explain(why, size, -EINVAL, "%s is hidden: the name of a disk "
                       "that is sent here must not begin with a dot", path);
    return 0;
}

static int open_directory(const char *path, size_t linked, uint64_t bytes,
                          char *why, size_t size)
{
    char *directory = path_dirname(path);
    int fd;

    if (!directory)
        return explain(why, size, -ENOMEM, "out of memory");
    fd = safe_path_open(directory, linked, why, size);
    if (fd == -ENOENT && destination_is_device_name(path))
        destination_explain_no_device(path, bytes, why, size);
    else if (fd == -ENOENT)
        explain(why, size, fd, "the directory %s does not exist there; create "
                "it", directory);
    free(directory);
    return fd;
}

static int enter(struct destination *d, const struct destination_list *list,
                 char *why, size_t size)
{
    size_t linked = strlen(d->path);
    int rc = check_text(d->path, list, why, size);

    if (!rc && list)
        rc = destination_list_find(list, d->path, &linked, why, size);
    if (rc)
        return rc;
    if (d->directory_fd >= 0)
        close(d->directory_fd);
    d->directory_fd = open_directory(d->path, linked, d->size, why, size);
    return d->directory_fd < 0 ? d->directory_fd : 0;
}

/* A device keeps the name that it has, but where a link outside of /dev leads
 * to it, the list must have the device, too.  What else a link may lead to the
 * check will refuse. */
static int check_link(const struct destination *d,
                      const struct destination_list *list, char *why,
                      size_t size)
{
    struct stat st;
    size_t linked;
    char *real;
    int rc;

    if (fstatat(d->directory_fd, path_basename(d->path), &st,
                AT_SYMLINK_NOFOLLOW) || !S_ISLNK(st.st_mode) ||
        destination_is_device_name(d->path) || destination_stat(d, &st) ||
        !S_ISBLK(st.st_mode))
        return 0;
    real = realpath(d->path, NULL);
    rc = real ? destination_list_find(list, real, &linked, why, size) :
        explain(why, size, -errno, "%s: %s", d->path, strerror(errno));
    free(real);
    return rc;
}

int destination_enter(struct destination *d,
                      const struct destination_list *list, char **resolved_r,
                      char *why, size_t size)
{
    const char *named = d->path;
    int rc = enter(d, list, why, size);

    *resolved_r = NULL;
    if (!rc && list)
        rc = check_link(d, list, why, size);
    if (!rc)
        rc = destination_resolve(named, resolved_r, why, size);
    if (rc)
        return rc;
    d->path = *resolved_r;
    if (!strcmp(named, d->path))
        return 0;
    d->named = named;
    return enter(d, list, why, size);
}

int destination_stat(const struct destination *d, struct stat *st_r)
{
    return fstatat(d->directory_fd, path_basename(d->path), st_r, 0) ?
        -errno : 0;
}

int destination_image(const struct destination *d, const char *path,
                      struct image *img)
{
    return image_open_at(img, d->directory_fd, path_basename(path),
                         d->block ? 0 : O_NOFOLLOW, path);
}
