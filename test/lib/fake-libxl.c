/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stands in for libxenlight, as far as xl's migration and our hooks go, so
 * that the hooks are tested without Xen.  What it is asked to do is written
 * to $FAKE_LOG, a line per call.  How it behaves:
 *
 *   FAKE_SUSPEND_RC    what libxl_domain_suspend() returns
 *   FAKE_SUSPEND_MS    how long it takes; the guest is suspended for the
 *                      second half
 *   FAKE_STREAM        whether it writes (1) to the stream's end to find out
 *                      that the reader is gone, as libxl would (rc -3)
 *   FAKE_RESTORE_RC    what libxl_domain_create_restore() returns
 *   FAKE_CONFIG_RC     what libxl_retrieve_domain_configuration() returns
 *   FAKE_JSON          what libxl_domain_config_to_json() says
 *   FAKE_CTX_RC        what libxl_ctx_alloc() returns
 *   FAKE_NO_DOMAINS    if set, xenstore does not list the host's domains
 *   FAKE_NO_STORE      if set, xenstore does not answer
 *   FAKE_CD_CHANGES    the N-th time that the disks of domain 7 are listed,
 *                      and later, another CD-ROM is in
 *   FAKE_HOTPLUG       program that libxl_domain_create_restore() runs as the
 *                      hotplug script of a device of the kind...
 *   FAKE_HOTPLUG_KIND  ...this
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>
#include <xenstore.h>

#include "test/lib/fake-libxl.h"

/* the part of libxl's private type that is of use here: nothing */
struct libxl__ctx {
    int unused;
};

static atomic_bool suspended;

static int number(const char *variable)
{
    const char *value = getenv(variable);

    return value ? atoi(value) : 0;
}

__attribute__((format(printf, 1, 2)))
static void note(const char *format, ...)
{
    const char *path = getenv("FAKE_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    va_list ap;

    if (!f)
        return;
    va_start(ap, format);
    vfprintf(f, format, ap);
    va_end(ap);
    fputc('\n', f);
    fclose(f);
}

static void sleep_ms(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

    while (nanosleep(&t, &t))
        ;
}

static void set_disk(libxl_device_disk *disk, const char *vdev,
                     const char *path, bool readwrite)
{
    memset(disk, 0, sizeof(*disk));
    disk->vdev = strdup(vdev);
    disk->pdev_path = path ? strdup(path) : NULL;
    disk->format = LIBXL_DISK_FORMAT_RAW;
    disk->readwrite = readwrite;
}

static void dispose_disk(libxl_device_disk *disk)
{
    free(disk->vdev);
    free(disk->pdev_path);
    free(disk->script);
    free(disk->backend_domname);
}

int libxl_ctx_alloc(libxl_ctx **pctx, int version, unsigned flags,
                    xentoollog_logger *lg)
{
    (void)flags;
    if (version != LIBXL_VERSION || !lg)
        return ERROR_VERSION;
    if (number("FAKE_CTX_RC"))
        return number("FAKE_CTX_RC");
    *pctx = calloc(1, sizeof(**pctx));
    return *pctx ? 0 : ERROR_NOMEM;
}

int libxl_ctx_free(libxl_ctx *ctx)
{
    free(ctx);
    return 0;
}

void libxl_domain_config_init(libxl_domain_config *p)
{
    memset(p, 0, sizeof(struct fake_config));
}

void libxl_domain_config_dispose(libxl_domain_config *p)
{
    libxl_domain_config *c = FAKE_CONFIG(p);
    int i;

    for (i = 0; i < c->num_disks; i++)
        dispose_disk(&c->disks[i]);
    free(c->disks);
    free(c->c_info.name);
    libxl_domain_config_init(p);
}

/* Three disks: one plain, one with everything set, one empty drive. */
int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *d_config,
                                        const libxl_asyncop_how *ao_how)
{
    libxl_domain_config *c = FAKE_CONFIG(d_config);
    libxl_device_disk *disk;
    size_t i;

    (void)ctx;
    if (ao_how || domid != 7)
        abort();
    if (number("FAKE_CONFIG_RC"))
        return number("FAKE_CONFIG_RC");
    for (i = 0; i < 16; i++)
        c->c_info.uuid.uuid[i] = 0xa0 + i;
    c->c_info.name = strdup("g1");
    c->disks = disk = calloc(3, sizeof(*disk));
    c->num_disks = 3;
    set_disk(&disk[0], "xvda", "/img/g1 root.img", true);
    set_disk(&disk[1], "xvdb", "target=iqn:x", false);
    disk[1].format = LIBXL_DISK_FORMAT_QCOW2;
    disk[1].backend = LIBXL_DISK_BACKEND_QDISK;
    disk[1].script = strdup("block-iscsi");
    disk[1].backend_domname = strdup("storage");
    set_disk(&disk[2], "hdc", NULL, false);
    disk[2].format = LIBXL_DISK_FORMAT_EMPTY;
    disk[2].is_cdrom = 1;
    return 0;
}

static void put_text(FILE *f, const char *key, const char *value)
{
    if (value)
        fprintf(f, "\"%s\":\"%s\",", key, value);
}

/* As libxl, leaves out what has its default. */
static void put_disk(FILE *f, const libxl_device_disk *disk)
{
    static const char *const formats[] = {
        [LIBXL_DISK_FORMAT_RAW] = "raw", [LIBXL_DISK_FORMAT_QCOW2] = "qcow2",
        [LIBXL_DISK_FORMAT_EMPTY] = "empty",
    };

    fputs("{", f);
    put_text(f, "backend_domname", disk->backend_domname);
    put_text(f, "pdev_path", disk->pdev_path);
    put_text(f, "vdev", disk->vdev);
    if (disk->backend == LIBXL_DISK_BACKEND_QDISK)
        put_text(f, "backend", "qdisk");
    put_text(f, "format", formats[disk->format]);
    put_text(f, "script", disk->script);
    if (disk->readwrite)
        fputs("\"readwrite\":1,", f);
    if (disk->is_cdrom)
        fputs("\"is_cdrom\":1,", f);
    fputs("\"discard_enable\":\"True\"}", f);
}

char *libxl_domain_config_to_json(libxl_ctx *ctx, libxl_domain_config *p)
{
    const libxl_domain_config *c = FAKE_CONFIG(p);
    char *text = NULL;
    size_t length;
    FILE *f;
    int i;

    (void)ctx;
    if (getenv("FAKE_JSON"))
        return *getenv("FAKE_JSON") ? strdup(getenv("FAKE_JSON")) : NULL;
    f = open_memstream(&text, &length);
    fputs("{\"c_info\":{\"type\":\"pvh\",", f);
    put_text(f, "name", c->c_info.name);
    fprintf(f, "\"uuid\":\"" LIBXL_UUID_FMT "\"},\"disks\":[",
            LIBXL_UUID_BYTES(c->c_info.uuid));
    for (i = 0; i < c->num_disks; i++) {
        fputs(i ? "," : "", f);
        put_disk(f, &c->disks[i]);
    }
    fputs("],\"on_reboot\":\"restart\"}", f);
    fclose(f);
    return text;
}

struct xs_handle {
    int unused;
};

struct xs_handle *xs_open(unsigned long flags)
{
    if (!getenv("FAKE_NO_STORE"))
        return calloc(1, sizeof(struct xs_handle) + flags);
    errno = ECONNREFUSED;
    return NULL;
}

void xs_close(struct xs_handle *xs)
{
    free(xs);
}

#define DISK(domid, number, node) \
    "/libxl/" #domid "/device/vbd/" #number "/" node
#define ROOT_DISK(domid, path) \
    { DISK(domid, 51712, "backend"), "/local/domain/0/backend/" #domid "/1" }, \
    { DISK(domid, 51712, "params"), path }, \
    { DISK(domid, 51712, "type"), "phy" }, \
    { DISK(domid, 51712, "dev"), "xvda" }, \
    { DISK(domid, 51712, "mode"), "w" }, \
    { DISK(domid, 51712, "device-type"), "disk" }
#define CD(domid) \
    { DISK(domid, 5632, "backend"), "/local/domain/0/backend/" #domid "/2" }, \
    { DISK(domid, 5632, "type"), "qdisk" }, \
    { DISK(domid, 5632, "dev"), "hdc" }, \
    { DISK(domid, 5632, "mode"), "r" }, \
    { DISK(domid, 5632, "device-type"), "cdrom" }
#define CD_PATH "/libxl/7/device/vbd/5632/params"

/* How often the disks of domain 7 have been listed. */
static int times;

/* 5 has gone, but for this. */
void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned *len)
{
    static const char *const nodes[][2] = {
        ROOT_DISK(4, "/dev/vg/o:1"), CD(4), ROOT_DISK(5, "/img/gone.img"),
        ROOT_DISK(7, "/img/g1 root.img"), CD(7),
        ROOT_DISK(8, "/img/g1 root.img"), CD(8),
        { "/libxl/4/device/virtio_disk/51728/backend",
          "/local/domain/0/backend/4/3" },
        { "/libxl/4/device/virtio_disk/51728/params", "raw:/img/v" },
        { "/libxl/4/device/virtio_disk/51728/dev", "xvdb" },
        { "/libxl/4/device/virtio_disk/51728/type", "standalone" },
        { "/libxl/4/device/virtio_disk/51728/mode", "r" },
        { "/local/domain/0/backend/7/1/physical-device", "7:1f" },
        { "/local/domain/0/backend/7/1/params", "/img/g1 root.img" },
        { "/local/domain/0/backend/4/1/physical-device", "fe:2" },
        { "/local/domain/7/image/device-model-pid", "815" },
    };
    const char *value = NULL;
    size_t i;

    (void)xs;
    (void)t;
    for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (!strcmp(nodes[i][0], path))
            value = nodes[i][1];
    if (!strcmp(path, CD_PATH))
        value = number("FAKE_CD_CHANGES") &&
            times >= number("FAKE_CD_CHANGES") ? "raw:/iso" : "raw:";
    if (!value) {
        errno = ENOENT;
        return NULL;
    }
    *len = strlen(value);
    return strdup(value);
}

/* In one piece of memory, as the real one. */
static char **names(const char *list, unsigned *num)
{
    size_t n = 1;
    const char *p;
    char **all, *text;

    for (p = list; *p; p++)
        n += *p == ' ';
    all = malloc(n * sizeof(*all) + strlen(list) + 1);
    text = strcpy((char *)(all + n), list);
    for (*num = 0; *num < n; (*num)++)
        all[*num] = strsep(&text, " ");
    return all;
}

char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path,
                    unsigned *num)
{
    static const char *const nodes[][2] = {
        { "/libxl/4/device/vbd", "51712 5632" },
        { "/libxl/4/device/virtio_disk", "51728" },
        { "/libxl/5/device/vbd", "51712" },
        { "/libxl/7/device/vbd", "51712 5632" },
        { "/libxl/8/device/vbd", "51712 5632" },
        { "/libxl", "0 4 5 7 8 version" },
    };
    size_t i;

    (void)xs;
    (void)t;
    times += !strcmp(path, "/libxl/7/device/vbd");
    errno = ENOENT;
    if (getenv("FAKE_NO_DOMAINS") && !strcmp(path, "/libxl")) {
        errno = EIO;
        return NULL;
    }
    for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (!strcmp(nodes[i][0], path))
            return names(nodes[i][1], num);
    return NULL;
}

/* 8 is the device model of 7. */
int libxl_is_stubdom(libxl_ctx *ctx, uint32_t domid, uint32_t *target)
{
    (void)ctx;
    if (domid != 8)
        return 0;
    *target = 7;
    return 1;
}

int libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *name,
                                    uint32_t *domid)
{
    (void)ctx;
    if (strcmp(name, "storage"))
        return ERROR_INVAL;
    *domid = 3;
    return 0;
}

#ifndef FAKE_OLD    /* a libxl that lacks something the hooks need */
char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid)
{
    (void)ctx;
    return domid == 4 ? strdup("other") : NULL;     /* 7 is just going away */
}
#endif

void libxl_dominfo_init(libxl_dominfo *p)
{
    memset(p, 0, sizeof(*p));
}

void libxl_dominfo_dispose(libxl_dominfo *p)
{
    (void)p;
}

int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info, uint32_t domid)
{
    (void)ctx;
    if (domid == 5)
        return ERROR_DOMAIN_NOTFOUND;
    if (!info)
        return 0;
    if (domid != 7)
        abort();
    info->shutdown = atomic_load(&suspended);
    info->shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    return 0;
}

char *libxl_dominfo_to_json(libxl_ctx *ctx, libxl_dominfo *p)
{
    (void)ctx;
    return strdup(p->shutdown ?
                  "{\"shutdown\":true,\"shutdown_reason\":\"suspend\"}" :
                  "{\"running\":true,\"shutdown_reason\":\"suspend\"}");
}

int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how)
{
    int rc = number("FAKE_SUSPEND_RC"), ms = number("FAKE_SUSPEND_MS"), i;

    (void)ctx;
    note("suspend domid=%u flags=%d%s", domid, flags,
         ao_how ? " async" : "");
    sleep_ms(ms / 2);
    atomic_store(&suspended, true);
    for (i = 0; i < ms / 2; i += 10) {
        sleep_ms(10);
        if (number("FAKE_STREAM") && write(fd, "memory", 6) != 6)
            return ERROR_FAIL;
    }
    return rc;
}

int libxl_domain_resume(libxl_ctx *ctx, uint32_t domid, int cancel,
                        const libxl_asyncop_how *ao_how)
{
    (void)ctx;
    (void)cancel;
    (void)ao_how;
    note("resume domid=%u", domid);
    return 0;
}

/* As libxl__exec() does: variables set in the child, then execvp(). */
static int hotplug(const char *script, const char *kind)
{
    char name[256];
    char *args[] = { name, (char []){ "add" }, NULL };
    int status;
    pid_t pid = fork();

    if (pid < 0)
        return ERROR_FAIL;
    if (!pid) {
        snprintf(name, sizeof(name), "%s", script);
        setenv("XENBUS_TYPE", kind, 1);
        execvp(name, args);
        _exit(255);
    }
    return waitpid(pid, &status, 0) == pid && !status ? 0 : ERROR_FAIL;
}

int libxl_domain_create_restore(libxl_ctx *ctx, libxl_domain_config *d_config,
                                uint32_t *domid, int restore_fd,
                                int send_back_fd,
                                const libxl_domain_restore_params *params,
                                const libxl_asyncop_how *ao_how,
                                const libxl_asyncprogress_how *aop_console_how)
{
    (void)ctx;
    (void)params;
    (void)aop_console_how;
    note("restore name=%s fds=%d,%d%s", FAKE_CONFIG(d_config)->c_info.name,
         restore_fd, send_back_fd, ao_how ? " async" : "");
    *domid = 9;
    if (getenv("FAKE_HOTPLUG") &&
        hotplug(getenv("FAKE_HOTPLUG"), getenv("FAKE_HOTPLUG_KIND")))
        return ERROR_FAIL;
    return number("FAKE_RESTORE_RC");
}
