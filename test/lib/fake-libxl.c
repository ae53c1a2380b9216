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
 *   FAKE_CTX_RC        what libxl_ctx_alloc() returns
 *   FAKE_NO_DOMAINS    if set, the host's domains cannot be listed
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
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenstore.h>

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

void libxl_childproc_setmode(libxl_ctx *ctx, const libxl_childproc_hooks *hooks,
                             void *user)
{
    (void)ctx;
    (void)user;
    if (hooks->chldowner != libxl_sigchld_owner_mainloop)
        note("childproc_setmode touches SIGCHLD");
}

void libxl_domain_config_init(libxl_domain_config *p)
{
    memset(p, 0, sizeof(*p));
}

void libxl_domain_config_dispose(libxl_domain_config *p)
{
    int i;

    for (i = 0; i < p->num_disks; i++)
        dispose_disk(&p->disks[i]);
    free(p->disks);
    free(p->c_info.name);
    memset(p, 0, sizeof(*p));
}

/* Three disks: one plain, one with everything set, one empty drive. */
int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *d_config,
                                        const libxl_asyncop_how *ao_how)
{
    libxl_device_disk *disk;
    size_t i;

    (void)ctx;
    if (ao_how || domid != 7)
        abort();
    if (number("FAKE_CONFIG_RC"))
        return number("FAKE_CONFIG_RC");
    for (i = 0; i < 16; i++)
        d_config->c_info.uuid.uuid[i] = 0xa0 + i;
    d_config->c_info.name = strdup("g1");
    d_config->disks = disk = calloc(3, sizeof(*disk));
    d_config->num_disks = 3;
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

libxl_device_disk *libxl_device_disk_list(libxl_ctx *ctx, uint32_t domid,
                                          int *num)
{
    static int times;
    libxl_device_disk *list;

    (void)ctx;
    *num = 0;
    if (domid == 0)
        return NULL;
    list = calloc(2, sizeof(*list));
    *num = 2;
    set_disk(&list[0], "xvda", domid == 4 ? "/dev/vg/o" : "/img/g1 root.img",
             true);
    list[0].backend = LIBXL_DISK_BACKEND_PHY;
    times += domid == 7;
    set_disk(&list[1], "hdc", number("FAKE_CD_CHANGES") &&
             times >= number("FAKE_CD_CHANGES") ? "/iso" : "", false);
    list[1].backend = LIBXL_DISK_BACKEND_QDISK;
    list[1].is_cdrom = 1;
    return list;
}

void libxl_diskinfo_init(libxl_diskinfo *p)
{
    memset(p, 0, sizeof(*p));
}

void libxl_diskinfo_dispose(libxl_diskinfo *p)
{
    free(p->backend);
}

int libxl_device_disk_getinfo(libxl_ctx *ctx, uint32_t domid,
                              const libxl_device_disk *disk,
                              libxl_diskinfo *info)
{
    (void)ctx;
    return asprintf(&info->backend, "/backend/%u/%s", domid, disk->vdev) > 0 ?
        0 : ERROR_NOMEM;
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

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned *len)
{
    static const char *const nodes[][2] = {
        { "/backend/7/xvda/physical-device", "7:1f" },
        { "/backend/7/xvda/params", "/img/g1 root.img" },
        { "/backend/4/xvda/physical-device", "fe:2" },
        { "/local/domain/7/image/device-model-pid", "815" },
    };
    size_t i;

    (void)xs;
    (void)t;
    for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (!strcmp(nodes[i][0], path)) {
            *len = strlen(nodes[i][1]);
            return strdup(nodes[i][1]);
        }
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

void libxl_device_disk_list_free(libxl_device_disk *list, int num)
{
    int i;

    for (i = 0; i < num; i++)
        dispose_disk(&list[i]);
    free(list);
}

const char *libxl_disk_format_to_string(libxl_disk_format f)
{
    return f == LIBXL_DISK_FORMAT_RAW ? "raw" :
           f == LIBXL_DISK_FORMAT_QCOW2 ? "qcow2" : "empty";
}

const char *libxl_disk_backend_to_string(libxl_disk_backend b)
{
    return b == LIBXL_DISK_BACKEND_PHY ? "phy" :
           b == LIBXL_DISK_BACKEND_QDISK ? "qdisk" : "unknown";
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

libxl_dominfo *libxl_list_domain(libxl_ctx *ctx, int *num)
{
    libxl_dominfo *list;

    (void)ctx;
    if (getenv("FAKE_NO_DOMAINS"))
        return NULL;
    list = calloc(4, sizeof(*list));
    list[1].domid = 4;
    list[2].domid = 7;
    list[3].domid = 8;
    *num = 4;
    return list;
}

void libxl_dominfo_list_free(libxl_dominfo *list, int num)
{
    (void)num;
    free(list);
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
    if (domid != 7)
        abort();
    info->shutdown = atomic_load(&suspended);
    info->shutdown_reason = LIBXL_SHUTDOWN_REASON_SUSPEND;
    return 0;
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
    note("restore name=%s fds=%d,%d%s", d_config->c_info.name, restore_fd,
         send_back_fd, ao_how ? " async" : "");
    *domid = 9;
    if (getenv("FAKE_HOTPLUG") &&
        hotplug(getenv("FAKE_HOTPLUG"), getenv("FAKE_HOTPLUG_KIND")))
        return ERROR_FAIL;
    return number("FAKE_RESTORE_RC");
}
