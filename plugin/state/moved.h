/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that have moved away from this host: where they are, which images of
 * theirs stayed here, and what became of their configuration file.
 *
 * What stayed is old from the moment at which the guest runs elsewhere, and
 * must not be started by mistake, as by the next boot.  So it is marked, in two
 * places, each of which is enough:
 *  - a note of this host, DIRECTORY/moved/UUID.json, one for each guest.  It
 *    knows an image file again by its inode, size and time of birth, so that
 *    another file at the same path is not meant; a block device by its number
 *    now of that of its path, until a later record (record.h) says that a disk
 *    was received on it;
 *  - an extended attribute of an image file, which goes with the file wherever
 *    it goes, where the file system has such a thing: "trusted.xl-dedup.moved",
 *    else "user.xl-dedup.moved".  Its content is not touched.
 *
 * Notes are this host's own word.  Who owns an image file can give it the
 * attribute of users; all that this does is that the image is not started.
 *
 * All functions return 0 or a negative errno, unless they say otherwise, and
 * log nothing.
 */
#ifndef PLUGIN_STATE_MOVED_H
#define PLUGIN_STATE_MOVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct moved_image {
    char *vdev;
    char *path;
    char *file;                 /* stamp_text() of a file; NULL: a device */
};

/* A link that has the guest started at boot. */
struct moved_link {
    char *path;
    char *target;
};

struct moved_links {
    struct moved_link *list;
    size_t n;
};

struct moved {
    char *uuid;
    char *name;
    char *host;                 /* where it went, as it was typed */
    int64_t time;               /* seconds since 1970 */
    bool unsure;                /* it was about to start there, no more is
                                   known */
    char *config;               /* where its configuration file was, or NULL */
    char *aside;                /* where it is now; set with config only */
    struct moved_image *images;
    size_t n_images;
    struct moved_links links;
};

/* Whether a text is a UUID as libxl prints it, and so the name of a note. */
bool moved_uuid_is_one(const char *uuid);

/* Begins a note of a guest that moves now.  0 and what moved_release() takes;
 * -EINVAL: uuid is none; -ENOMEM. */
int moved_begin(struct moved *m_r, const char *uuid, const char *name,
                const char *host);
void moved_release(struct moved *m);

/* Adds what is at path now, and, if attribute is set, gives a file the
 * attribute.  That it could not be given is no error: the note is enough. */
int moved_add_image(struct moved *m, const char *vdev, const char *path,
                    bool attribute);

/* Adds a link, or all of another list; -ENOMEM: then not all. */
int moved_links_add(struct moved_links *l, const char *path,
                    const char *target);
int moved_links_add_all(struct moved_links *l, const struct moved_links *from);
void moved_links_release(struct moved_links *l);

/* Writes the note, durably, in place of one of this guest that was there. */
int moved_write(const char *state_dir, const struct moved *m);

/* Reads the note of a guest.  -ENOENT: there is none; -EUCLEAN: it cannot be
 * understood. */
int moved_read(const char *state_dir, const char *uuid, struct moved *m_r);

/* Calls each() for every note until it returns non-zero, and returns that.
 * What cannot be read is passed over.  each() may remove it. */
int moved_list(const char *state_dir,
               int (*each)(void *opaque, const struct moved *m), void *opaque);

/* Takes the attribute off the images of a note that still are what it means,
 * then removes the note. */
int moved_forget(const char *state_dir, const struct moved *m);

/* Takes the attribute off a file.  -ENODATA: it has none. */
int moved_unmark(const char *path);

/* Whether what is at path, whatever that is called, is this image of the note,
 * as the guest left it. */
bool moved_image_is(const char *state_dir, const struct moved *m,
                    const struct moved_image *i, const char *path);

/* What a marked image tells of its guest. */
struct moved_sign {
    char uuid[64];
    char name[256];
    char host[256];
    int64_t time;
    bool unsure;                /* whether it went there */
};

/* Whether the image at path is marked, and what it tells then. */
bool moved_is_marked(const char *state_dir, const char *path,
                     struct moved_sign *s_r);

#endif
