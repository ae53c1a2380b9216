/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What serves a guest's disks; see backend.h.  Sources: Xen's
 * docs/misc/xenstore-paths.pandoc and io/blkif.h, loop(4), proc(5). */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "plugin/base/log.h"
#include "plugin/image/blockdev.h"
#include "plugin/image/node.h"
#include "plugin/image/vbd.h"
#include "plugin/xl/backend.h"

#define LINK_BYTES 4128         /* of a path, and what the kernel adds */
#define DELETED " (deleted)"    /* that is, if the file has no name any more */
#define SECTOR 512u             /* what Linux counts a device's size in */

/* As messages have them, and as people call them. */
static const struct {
    const char *key, *name;
} fields[BACKEND_FIELDS] = {
    [BACKEND_VDEV] = { "vdev", "name" },
    [BACKEND_PATH] = { "path", "path" },
    [BACKEND_PARAMS] = { "params", "path" },
    [BACKEND_KIND] = { "backend", "backend" },
    [BACKEND_DOMAIN] = { "backend_domid", "backend's domain" },
    [BACKEND_DEVICE] = { "device", "device" },
    [BACKEND_MODE] = { "mode", "mode" },
    [BACKEND_CDROM] = { "cdrom", "kind" },
};

/* --- lists --------------------------------------------------------------- */

static void backend_free(struct backend *b)
{
    int i;

    for (i = 0; i < BACKEND_FIELDS; i++)
        free(b->field[i]);
    free(b);
}

int backends_add(struct backend **list, const struct control_msg *msg)
{
    struct backend *b = calloc(1, sizeof(*b));
    const char *text = control_get(msg, "pid");
    int i;

    if (!b)
        return -ENOMEM;
    b->pid = text ? atol(text) : 0;
    for (i = 0; i < BACKEND_FIELDS; i++) {
        text = control_get(msg, fields[i].key);
        b->field[i] = strdup(text ? text : "");
        if (b->field[i])
            continue;
        backend_free(b);
        return -ENOMEM;
    }
    if (!*b->field[BACKEND_VDEV]) {
        backend_free(b);
        return -EPROTO;
    }
    b->next = *list;
    *list = b;
    return 0;
}

const struct backend *backends_find(const struct backend *list,
                                    const char *vdev)
{
    while (list && strcmp(list->field[BACKEND_VDEV], vdev))
        list = list->next;
    return list;
}

void backends_release(struct backend **list)
{
    struct backend *b;

    while ((b = *list)) {
        *list = b->next;
        backend_free(b);
    }
}

bool backend_is_cdrom(const struct backend *b)
{
    return !strcmp(b->field[BACKEND_CDROM], "1");
}

bool backend_is_writable(const struct backend *b)
{
    return !strcmp(b->field[BACKEND_MODE], "w");
}

static int compare(const struct backend *before, const struct backend *now)
{
    int i;

    for (i = 0; i < BACKEND_FIELDS; i++) {
        if (!strcmp(before->field[i], now->field[i]))
            continue;
        log_error("disk %s: it was changed since the migration began, its %s "
                  "was \"%s\" and is \"%s\"; try again",
                  before->field[BACKEND_VDEV], fields[i].name,
                  before->field[i], now->field[i]);
        return -ESTALE;
    }
    return 0;
}

int backends_compare(const struct backend *before, const struct backend *now)
{
    const struct backend *b, *other;
    int rc = 0;

    for (b = before; b && !rc; b = b->next) {
        other = backends_find(now, b->field[BACKEND_VDEV]);
        if (other) {
            rc = compare(b, other);
            continue;
        }
        log_error("disk %s: it was detached from the guest since the "
                  "migration began; try again", b->field[BACKEND_VDEV]);
        rc = -ESTALE;
    }
    for (b = now; b && !rc; b = b->next) {
        if (backends_find(before, b->field[BACKEND_VDEV]))
            continue;
        log_error("disk %s: it was attached to the guest since the migration "
                  "began; try again, so that it comes along",
                  b->field[BACKEND_VDEV]);
        rc = -ESTALE;
    }
    return rc;
}

/* --- what storage is meant ------------------------------------------------ */

static struct node node_of_image(const struct image *img)
{
    return (struct node){ img->block, img->dev, img->ino };
}

/* The file, if it is a loop device; else itself. */
static struct node node_below(struct node n)
{
    struct loop_backing loop;

    if (!n.block || loopdev_backing(n.dev, &loop))
        return n;
    return (struct node){ false, loop.dev, loop.ino };
}

static bool parse_device(const char *text, dev_t *device_r)
{
    unsigned ma, mi;
    int n = 0;

    if (sscanf(text, "%x:%x%n", &ma, &mi, &n) != 2 || text[n])
        return false;
    *device_r = makedev(ma, mi);
    return true;
}

bool backend_shares(const struct image *img, const char *device,
                    const char *path)
{
    struct node other = { .block = true };
    struct stat st;

    if (!parse_device(device, &other.dev) &&
        (path[0] != '/' || stat(path, &st) || !node_of_stat(&st, &other)))
        return false;
    return node_equal(node_below(node_of_image(img)), node_below(other));
}

void backend_say_shared(const char *vdev, const char *path,
                        const char *domain)
{
    log_error("disk %s: domain %s has %s, too, and both may write to it; "
              "detach it from that one, or let one of them only read",
              vdev, domain, path);
}

/* --- whether an image is what is served ----------------------------------- */

__attribute__((format(printf, 2, 3)))
static int refuse(const char *vdev, const char *format, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    log_error("disk %s: %s", vdev, text);
    return -ESTALE;
}

static bool has_no_name(const char *link)
{
    size_t n = strlen(link), m = strlen(DELETED);

    return n >= m && !strcmp(link + n - m, DELETED);
}

/* Whether a link is to a file that was at path. */
static bool was_at(const char *path, const char *link)
{
    size_t n = strlen(path);

    return !strncmp(path, link, n) && !strcmp(link + n, DELETED);
}

/* Whether what is open is what it was, and still at its path, where the copy
 * that stays behind will be looked for. */
static int check_image(const char *vdev, const struct image *img)
{
    struct node named;
    struct stat st;
    uint64_t size;

    if (fstat(img->fd, &st))
        return refuse(vdev, "%s: %s", img->path, strerror(errno));
    size = st.st_size;
    if (img->block && ioctl(img->fd, BLKGETSIZE64, &size))
        return refuse(vdev, "the size of %s: %s", img->path, strerror(errno));
    if (size != img->size)
        return refuse(vdev, "%s was resized since the migration began, from %"
                      PRIu64 " to %" PRIu64 " bytes; try again", img->path,
                      img->size, size);
    if (stat(img->path, &st))
        return refuse(vdev, "%s, which the guest has, is not at this path any "
                      "more: %s; move it back", img->path, strerror(errno));
    if (!node_of_stat(&st, &named) || !node_equal(named, node_of_image(img)))
        return refuse(vdev, "there is something else at %s now than what the "
                      "guest has; move that back", img->path);
    return 0;
}

static int other_file(const char *vdev, const struct image *img,
                      const struct loop_backing *loop)
{
    if (has_no_name(loop->file))
        return refuse(vdev, "the guest does not have %s but another file, "
                      "which has no name any more: %s, by %s; pause the guest "
                      "and copy %s before it ends, nothing else has its data",
                      img->path, loop->file, loop->name, loop->name);
    return refuse(vdev, "the guest does not have %s but %s, by %s; move that "
                  "back", img->path, loop->file, loop->name);
}

static int check_loop(const char *vdev, const struct image *img, dev_t device)
{
    struct loop_backing loop;
    int rc = loopdev_backing(device, &loop);

    if (rc == -ENXIO) {
        device_name(device, loop.name, sizeof(loop.name));
        return refuse(vdev, "the guest does not have %s but %s; have that at "
                      "this path again", img->path, loop.name);
    }
    if (rc)
        return refuse(vdev, "what %s is set up on, which the guest has, "
                      "cannot be told: %s", loop.name, strerror(-rc));
    if (loop.dev != img->dev || loop.ino != img->ino)
        return other_file(vdev, img, &loop);
    if (loop.offset || loop.limit)
        return refuse(vdev, "the guest has only a part of %s (%s: offset %"
                      PRIu64 ", size limit %" PRIu64 "); copy that to an "
                      "image of its own", img->path, loop.name, loop.offset,
                      loop.limit);
    if (loop.size != img->size - img->size % SECTOR)
        return refuse(vdev, "%s, which the guest has, is %" PRIu64 " bytes "
                      "long, but %s is %" PRIu64 "; make them equal, as by "
                      "'losetup -c %s'", loop.name, loop.size, img->path,
                      img->size, loop.name);
    return 0;
}

static int check_device(const char *vdev, const struct image *img,
                        dev_t device)
{
    char name[256];

    if (!img->block)
        return check_loop(vdev, img, device);
    if (img->dev == device)
        return 0;
    device_name(device, name, sizeof(name));
    return refuse(vdev, "the guest does not have what %s is now but %s; have "
                  "that at this path again", img->path, name);
}

/* Where a link in /proc leads, cut to size. */
static void read_link(int dir, const char *name, char *text, size_t size)
{
    ssize_t n = readlinkat(dir, name, text, size - 1);

    text[n > 0 ? n : 0] = '\0';
}

/* Whether a process has the image open; if not, what it may have instead: a
 * file that had the name before.  -errno if that cannot be told. */
static int process_has(long pid, const struct image *img,
                       char instead[LINK_BYTES])
{
    char path[64], link[LINK_BYTES], ours[LINK_BYTES];
    struct node n;
    struct dirent *e;
    struct stat st;
    int found = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", img->fd);
    read_link(AT_FDCWD, path, ours, sizeof(ours));
    strcpy(instead, "another file");
    snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
    dir = opendir(path);
    if (!dir)
        return -errno;
    while (!found && (e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        found = !fstatat(dirfd(dir), e->d_name, &st, 0) &&
            node_of_stat(&st, &n) && node_equal(n, node_of_image(img));
        read_link(dirfd(dir), e->d_name, link, sizeof(link));
        if (was_at(ours, link))
            strcpy(instead, link);
    }
    closedir(dir);
    return found;
}

static int check_process(const char *vdev, const struct image *img, long pid)
{
    char instead[LINK_BYTES];
    int rc;

    if (pid <= 0)
        return 0;
    rc = process_has(pid, img, instead);
    if (rc < 0)
        return refuse(vdev, "it is served by process %ld, which cannot be "
                      "looked at: %s", pid, strerror(-rc));
    if (rc)
        return 0;
    return refuse(vdev, "the guest does not have %s but %s, by QEMU (process "
                  "%ld); move that back, or restart the guest with the image "
                  "that it is to have", img->path, instead, pid);
}

int backend_check(const struct backend *b, const struct image *img)
{
    const char *vdev = b->field[BACKEND_VDEV], *kind = b->field[BACKEND_KIND];
    dev_t device;
    int rc = check_image(vdev, img);

    if (rc)
        return rc;
    if (parse_device(b->field[BACKEND_DEVICE], &device))
        return check_device(vdev, img, device);
    if (!strcmp(kind, "phy"))
        return refuse(vdev, "xenstore does not tell which device serves it "
                      "(\"%s\"), so it is not known whether that is %s; wait "
                      "until it is attached, or detach it",
                      b->field[BACKEND_DEVICE], img->path);
    return strcmp(kind, "qdisk") ? 0 : check_process(vdev, img, b->pid);
}

int backend_check_device(const char *vdev, const struct image *img,
                         const char *device)
{
    dev_t dev;

    return parse_device(device, &dev) ? check_device(vdev, img, dev) : 0;
}

static bool is_wanted(void *opaque, const struct vbd *v)
{
    struct vbd *wanted = opaque;

    if (v->domid != wanted->domid || v->number != wanted->number)
        return false;
    *wanted = *v;
    return true;
}

void backend_kernel_device(unsigned domid, const char *vdev,
                           char device[BACKEND_DEVICE_BYTES])
{
    struct vbd v = { .domid = domid };

    device[0] = '\0';
    if (!vbd_number(vdev, &v.number) && vbd_each(is_wanted, &v))
        snprintf(device, BACKEND_DEVICE_BYTES, "%x:%x", major(v.device),
                 minor(v.device));
}
