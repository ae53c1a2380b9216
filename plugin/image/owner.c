/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Owner and mode of image files; see owner.h. */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/image/owner.h"

#define NAME_BYTES 64           /* of a user or a group, with its NUL */
#define ENTRY_BYTES 65536       /* of a line of passwd or group */

static bool user_name(uid_t uid, char name[NAME_BYTES])
{
    char *buffer = malloc(ENTRY_BYTES);
    struct passwd entry, *found = NULL;
    bool fits;

    if (buffer)
        getpwuid_r(uid, &entry, buffer, ENTRY_BYTES, &found);
    fits = found && snprintf(name, NAME_BYTES, "%s", found->pw_name) <
        NAME_BYTES;
    free(buffer);
    return fits;
}

static bool group_name(gid_t gid, char name[NAME_BYTES])
{
    char *buffer = malloc(ENTRY_BYTES);
    struct group entry, *found = NULL;
    bool fits;

    if (buffer)
        getgrgid_r(gid, &entry, buffer, ENTRY_BYTES, &found);
    fits = found && snprintf(name, NAME_BYTES, "%s", found->gr_name) <
        NAME_BYTES;
    free(buffer);
    return fits;
}

void owner_offer(int fd, struct buf *text)
{
    char user[NAME_BYTES], group[NAME_BYTES], mode[8];
    struct stat st;

    if (fstat(fd, &st) || !S_ISREG(st.st_mode) ||
        !user_name(st.st_uid, user) || !group_name(st.st_gid, group))
        return;
    snprintf(mode, sizeof(mode), "%03o", (unsigned)st.st_mode & 0777);
    buf_put_text(text, "owner", user);
    buf_put_text(text, "group", group);
    buf_put_text(text, "mode", mode);
}

/* A name, and nothing else that a directory service might make something of:
 * numbers mean somebody else on every host. */
static bool is_name(const char *s)
{
    size_t length = s ? strlen(s) : 0;

    return length > 0 && length < NAME_BYTES && *s != '-' &&
        strspn(s, "0123456789") < length &&
        strspn(s, "abcdefghijklmnopqrstuvwxyz"
                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == length;
}

static bool find_user(const char *name, uid_t *uid_r)
{
    char *buffer = malloc(ENTRY_BYTES);
    struct passwd entry, *found = NULL;

    if (buffer && is_name(name))
        getpwnam_r(name, &entry, buffer, ENTRY_BYTES, &found);
    if (found)
        *uid_r = found->pw_uid;
    free(buffer);
    return found != NULL;
}

static bool find_group(const char *name, gid_t *gid_r)
{
    char *buffer = malloc(ENTRY_BYTES);
    struct group entry, *found = NULL;

    if (buffer && is_name(name))
        getgrnam_r(name, &entry, buffer, ENTRY_BYTES, &found);
    if (found)
        *gid_r = found->gr_gid;
    free(buffer);
    return found != NULL;
}

/* Three octal digits. */
static bool find_mode(const char *text, mode_t *mode_r)
{
    if (!text || strlen(text) != 3 || strspn(text, "01234567") != 3)
        return false;
    *mode_r = strtoul(text, NULL, 8);
    return true;
}

void owner_take(const void *text, size_t length, struct owner *o_r)
{
    *o_r = (struct owner){ .known = false };
    o_r->known =
        find_mode(text_get(text, length, "mode", 0), &o_r->mode) &&
        find_user(text_get(text, length, "owner", 0), &o_r->uid) &&
        find_group(text_get(text, length, "group", 0), &o_r->gid);
}

static void give(int fd, const char *path, uid_t uid, gid_t gid, mode_t mode)
{
    if (fchown(fd, uid, gid))
        log_errno(-errno, "%s: its owner and group are not those they should "
                  "be", path);
    /* After the owner, whose change takes bits off. */
    if (fchmod(fd, mode))
        log_errno(-errno, "%s: its mode is not what it should be", path);
}

void owner_give(int fd, const char *path, const struct owner *o)
{
    if (o->known)
        give(fd, path, o->uid, o->gid, o->mode & 0777);
}

/* An access list that only the new file has (from its directory) goes. */
static void copy_attribute(int from, int to, const char *name)
{
    char value[4096];
    ssize_t n = fgetxattr(from, name, value, sizeof(value));

    if (n >= 0)
        n = fsetxattr(to, name, value, n, 0);
    else if (errno == ENODATA)
        n = fremovexattr(to, name);
    if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        log_errno(-errno, "%s of the file that is replaced is not kept",
                  name);
}

void owner_copy(int from, int to, const char *path)
{
    struct stat st;

    if (fstat(from, &st)) {
        log_errno(-errno, "%s: its owner is not kept", path);
        return;
    }
    copy_attribute(from, to, "security.selinux");
    copy_attribute(from, to, "security.SMACK64");
    copy_attribute(from, to, "system.posix_acl_access");
    give(to, path, st.st_uid, st.st_gid, st.st_mode & 07777);
}

void owner_copy_nocow(int from, int to)
{
    int theirs, ours;

    if (ioctl(from, FS_IOC_GETFLAGS, &theirs) ||
        ioctl(to, FS_IOC_GETFLAGS, &ours) || !(theirs & FS_NOCOW_FL))
        return;
    ours |= FS_NOCOW_FL;
    if (ioctl(to, FS_IOC_SETFLAGS, &ours))
        log_errno(-errno, "attribute C of the file that is replaced is not "
                  "kept");
}
