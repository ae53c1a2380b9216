/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration file of a guest: the text that "xl create" was given, among
 * the files of a directory (usually /etc/xen), and the links in "auto" below it
 * that have xendomains start the guest when the host boots.
 *
 * xl does not keep which file a guest was started from.  So it is looked for: a
 * file whose text has the guest's name is read by the unmodified xl ("xl create
 * --dryrun"), and is the guest's if xl finds that name there, the guest's UUID
 * if the text has one, and a disk that the guest has, by whatever path.
 *
 * A file is only ever renamed, in a directory that nobody but root can change
 * (base/safe_path.h), and never over another one.
 */
#ifndef PLUGIN_XL_GUEST_FILE_H
#define PLUGIN_XL_GUEST_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "plugin/base/buf.h"
#include "plugin/state/moved.h"
#include "plugin/xl/domains.h"

#define GUEST_FILE_MAX (1u << 20)   /* bytes; more than any configuration */

struct guest_file {
    char *path;                 /* without symbolic links; NULL: none */
    struct moved_links links;   /* in "auto", to that file */
    bool in_auto;               /* the file itself lies there */
};

/* Who is looked for.  paths: of its disks; none: these are not compared. */
struct guest_file_wanted {
    const char *name;
    const char *uuid;
    const char *const *paths;
    size_t n_paths;
};

/* Finds the file of a guest below a directory; of several the one that is
 * started at boot, else the one that is called as the guest is, else the first;
 * the others are named.  0 and what guest_file_release() takes, with path NULL
 * if there is none, or a negative errno, logged. */
int guest_file_find(struct guest_file *f_r, const char *directory,
                    const struct guest_file_wanted *wanted);
void guest_file_release(struct guest_file *f);

/* Reads a regular file of at most GUEST_FILE_MAX bytes into b, with a NUL
 * after it that is not counted.  0 or a negative errno: -EFBIG, -ENOTSUP: it
 * is no regular file. */
int guest_file_read(const char *path, struct buf *b);

/* Whether the file at path still has the guest's name, as one that was found
 * had.  What cannot be read has none. */
bool guest_file_has_name(const char *path, const char *name);

/* Whether a text may be the name of a file of a guest: one component of
 * letters, digits and "._+@:-", that begins with none of the signs, and is not
 * xl's own. */
bool guest_file_name_is_one(const char *name);

/* Whether xl finds the guest in a configuration that it has read: text is that
 * of the file. */
bool guest_file_is(const struct domain *d, const char *text, const char *name,
                   const char *uuid);

/*
 * Renames a file, and brings that to the storage.  The directories of both must
 * be root's alone.  0, or a negative errno, and why says it: -EEXIST: something
 * is called `to`.
 */
int guest_file_rename(const char *from, const char *to, char *why,
                      size_t size);

#endif
