/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A complete disk is put in its place; see destination_place.h.
 * Source: rename(2). */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/target/destination_enter.h"
#include "plugin/target/destination_lookout.h"
#include "plugin/target/destination_place.h"
#include "plugin/target/destination_storage.h"
#include "plugin/target/placeholder.h"

#define WHY_BYTES 4096

int destination_placeholder(struct destination *d)
{
    char why[WHY_BYTES];
    int rc = destination_look_again(d, why, sizeof(why));

    if (rc)
        return destination_give_up(d, rc, why);
    if (d->block || !d->nothing)
        return 0;
    rc = placeholder_make(d->directory_fd, path_basename(d->path),
                          &d->found);
    if (rc == -EEXIST)
        rc = destination_explain_came(d, why, sizeof(why));
    else if (rc)
        explain(why, sizeof(why), rc, "%s cannot be made there: %s", d->path,
                strerror(-rc));
    if (rc)
        return destination_give_up(d, rc, why);
    d->nothing = false;
    d->placeholder = true;
    return 0;
}

/* Gives the disk, which is in its place, the owner and mode that it is to have:
 * a staging file is never anybody's but ours, or it would not be known as ours.
 * A file that stood for the disk is no older one. */
static int dress(const struct destination *d, int old)
{
    if (old >= 0 && !d->placeholder)
        owner_copy(old, d->fd, d->path);
    else if (d->owner.known)
        owner_give(d->fd, d->path, &d->owner);
    else
        return 0;
    return fsync(d->fd) ? -errno : 0;
}

/* It becomes a staging file again. */
static void undress(const struct destination *d)
{
    if (fchown(d->fd, geteuid(), getegid()) || fchmod(d->fd, 0600))
        log_errno(-errno, "disk %s: %s cannot be given back to us", d->vdev,
                  d->staging_path);
}

/* A host that is reset between the renaming and the last record would have a
 * disk there that nobody knows, and refuse the next try.  By the time of its
 * last change that will be known, which may be an hour ago, and is made the one
 * of the renaming. */
static void record_early(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    struct image now = IMAGE_INIT;

    /* That fails only where little else would succeed. */
    fchmod(d->fd, 0600);
    if (!destination_image(d, d->staging_path, &now))
        record_intend(d->state_dir, &key, &now, &d->claim);
    image_release(&now);
}

/* How the staging file came to its place. */
enum passage {
    PASSAGE_ALONE,              /* nothing was there */
    PASSAGE_EXCHANGE,           /* the staging file's name has what was */
    PASSAGE_OVER,               /* that is gone: there is no way back */
};

/* Where the file system knows no exchange (NFS): a link does not replace
 * anything either.  Over an older copy, there is no more than the look right
 * before. */
static int move_simply(const struct destination *d, const char *staging,
                       const char *name, enum passage *how_r)
{
    *how_r = PASSAGE_OVER;
    if (d->nothing && !linkat(d->directory_fd, staging, d->directory_fd, name,
                              0))
        return unlinkat(d->directory_fd, staging, 0) ? -errno : 0;
    if (d->nothing && errno == EEXIST)
        return -errno;
    return renameat(d->directory_fd, staging, d->directory_fd, name) ?
        -errno : 0;
}

static int move(const struct destination *d, const char *staging,
                const char *name, enum passage *how_r)
{
    unsigned flags = d->nothing ? RENAME_NOREPLACE : RENAME_EXCHANGE;

    *how_r = d->nothing ? PASSAGE_ALONE : PASSAGE_EXCHANGE;
    if (!renameat2(d->directory_fd, staging, d->directory_fd, name, flags))
        return 0;
    return rename_flags_unknown(errno) ?
        move_simply(d, staging, name, how_r) : -errno;
}

/* Whether a name is the one of what we have written. */
static bool is_ours(const struct destination *d, const char *name)
{
    struct stat own, st;

    return !fstat(d->fd, &own) &&
        !fstatat(d->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) &&
        st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

static bool move_back(const struct destination *d, const char *staging,
                      const char *name, enum passage how)
{
    unsigned flags = how == PASSAGE_EXCHANGE ? RENAME_EXCHANGE :
        RENAME_NOREPLACE;

    return how != PASSAGE_OVER && is_ours(d, name) &&
        !renameat2(d->directory_fd, name, d->directory_fd, staging, flags);
}

/* What came off must be what was checked, and still nobody's. */
static int check_replaced(struct destination *d, const char *staging,
                          char *why, size_t size)
{
    int fd = destination_open_name(d, staging, true);

    if (fd < 0)
        return explain(why, size, -EBUSY, "%s was written to, changed or "
                       "replaced there at the last moment; it is left alone: "
                       "see what it is and try again", d->path);
    /* Its blocks are given back when it is closed: not while a guest waits. */
    d->replaced_fd = fd;
    return destination_find_user(d, fd, why, size);
}

/* old: what was there, open; or -1. */
static int settle(struct destination *d, const char *staging, int old,
                  enum passage how, char *why, size_t size)
{
    int rc = how == PASSAGE_EXCHANGE ?
        check_replaced(d, staging, why, size) : 0;

    if (!rc && (rc = dress(d, old)))
        explain(why, size, rc, "%s could not be brought to its storage: %s",
                d->path, strerror(-rc));
    if (!rc && fsync(d->directory_fd))
        rc = explain(why, size, -errno, "%s cannot be put in place: its "
                     "directory cannot be brought to its storage there: %s",
                     d->path, strerror(errno));
    return rc;
}

/* The disk is not there after all.  An older copy has been renamed twice, and
 * is known by the time of that. */
static void take_record_back(struct destination *d)
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    struct image now = IMAGE_INIT;
    struct stat st;

    if (!d->earlier.own.set)
        record_remove(d->state_dir, &key);
    if (d->exists && !destination_image(d, d->path, &now) &&
        !fstat(now.fd, &st) && destination_is_found(d, &st, true)) {
        if (d->earlier.own.set)
            record_write(d->state_dir, &key, RECORD_RECEIVED, &now, NULL,
                         &d->earlier);
        else
            record_allow(d->state_dir, d->path, &now);
    }
    image_release(&now);
}

/* Gives the names as they were before, if it can. */
static int undo(struct destination *d, const char *staging, const char *name,
                enum passage how, int rc, char *why)
{
    char more[WHY_BYTES + 128];

    if (move_back(d, staging, name, how)) {
        d->placed = false;
        undress(d);
        take_record_back(d);
        fsync(d->directory_fd);
        return destination_give_up(d, rc, why);
    }
    snprintf(more, sizeof(more), "%s; the complete disk is left there", why);
    return destination_give_up(d, rc, more);
}

static int exchange(struct destination *d, int old, char *why, size_t size)
{
    const char *staging = path_basename(d->staging_path);
    const char *name = path_basename(d->path);
    enum passage how;
    int rc;

    rc = is_ours(d, staging) ? destination_look_again(d, why, size) :
        explain(why, size, -EBUSY, "%s was replaced there while the disk was "
                "on its way; try again", d->staging_path);
    if (rc)
        return destination_give_up(d, rc, why);
    record_early(d);
    rc = move(d, staging, name, &how);
    if (rc == -EEXIST)
        destination_give_up(d, destination_explain_came(d, why, size), why);
    if (rc) {
        take_record_back(d);
        return rc;
    }
    d->placed = true;
    rc = settle(d, staging, old, how, why, size);
    if (rc)
        return undo(d, staging, name, how, rc, why);
    if (how == PASSAGE_EXCHANGE &&
        unlinkat(d->directory_fd, staging, 0))
        log_errno(-errno, "disk %s: the older copy cannot be removed: %s",
                  d->vdev, d->staging_path);
    return 0;
}

static int put_in_place(struct destination *d)
{
    char why[WHY_BYTES];
    int old = d->nothing ? -1 : destination_open_found(d);
    int rc = exchange(d, old, why, sizeof(why));

    if (old >= 0)
        close(old);
    if (rc && !d->reason)
        log_errno(rc, "disk %s: %s cannot be put in place", d->vdev, d->path);
    return rc;
}

static int place_device(struct destination *d)
{
    char why[WHY_BYTES];
    int rc = destination_look_again(d, why, sizeof(why));

    return rc ? destination_give_up(d, rc, why) : 0;
}

static int record_placed(struct destination *d, const uint8_t root[HASH_BYTES])
{
    struct record_key key = { d->uuid, d->vdev, d->path };
    struct record_key unfinished = { d->uuid, d->vdev, d->staging_path };
    struct record_key named = { d->uuid, d->vdev, d->named };
    struct image now = IMAGE_INIT;
    int rc;

    record_remove(d->state_dir, &unfinished);
    record_use_up(d->state_dir, d->path);
    if (d->named)
        record_remove(d->state_dir, &named);
    rc = destination_image(d, d->path, &now);
    /* Without its record the copy is as good; only its return trip is not. */
    if (!rc)
        record_write(d->state_dir, &key, RECORD_RECEIVED, &now, root,
                     &(struct claim){ .own = d->claim.own });
    image_release(&now);
    return rc;
}

/* Whoever has it open for writing keeps the guest's next migration from being
 * traced, and we still enter it into the index. */
static void end_writing(struct destination *d)
{
    if (d->direct_fd >= 0)
        close(d->direct_fd);
    close(d->fd);
    d->direct_fd = d->fd = -1;
}

void destination_was_placed(struct destination *d)
{
    d->placed = true;
    d->begun = false;
    end_writing(d);
}

int destination_make_durable(struct destination *d)
{
    int rc = destination_sync(d);

    if (!rc && !d->block && fsync(d->fd))
        rc = -errno;
    if (!rc && !d->block && d->is_wanted && !d->is_wanted(d->opaque))
        rc = -EPIPE;
    return rc;
}

int destination_place(struct destination *d, const uint8_t root[HASH_BYTES])
{
    int rc = destination_make_durable(d);

    return rc ? rc : destination_place_durable(d, root);
}

int destination_place_durable(struct destination *d,
                              const uint8_t root[HASH_BYTES])
{
    int rc = d->block ? place_device(d) : put_in_place(d), recorded;

    if (rc && !d->placed)
        return rc;
    d->begun = false;
    guard_dismiss(&d->guard);
    recorded = record_placed(d, root);
    end_writing(d);
    return rc ? rc : recorded;
}
