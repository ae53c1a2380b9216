/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxlhooks.so is preloaded into xl and stands in front of two functions of
 * libxl, and of execvp() (hotplug.c).  It exports these three names and nothing
 * else (libxlhooks.map).
 *
 * Promises: without a control channel in the environment, and for calls that
 * are asynchronous, nothing is different from an xl without this library.
 * With a channel that is unusable, or a libxl that is not known, the call
 * fails instead of moving a guest without its disks.  No child of xl inherits
 * the preload, the variables or the hook's end of the channel.
 *
 * The constructor runs in every process that LD_PRELOAD reaches.  Debian's
 * /usr/sbin/xl is a shell script that execs the real one: in the shell there is
 * no libxenlight, and everything must be left as it is for the next exec.
 * Where libxl is present, this is xl: the variables go at once, because xl
 * starts children (ssh, hotplug scripts, qemu) before and after our calls.
 *
 * The helper's own end of the channel has to stay open and inheritable until
 * xl has started the helper, which is a child of the rune's shell.  It is
 * closed in the first hooked call, which comes after that; otherwise we would
 * hold it open ourselves and never see the helper's end of file.
 *
 * There are at most two threads: the one that xl runs in, and the watcher's.
 * They share the control socket and nothing else; each message is one packet,
 * so concurrent calls of control_send() need no lock.  Only xl's thread
 * receives.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libxlhooks/helper.h"
#include "libxlhooks/libxl_calls.h"
#include "libxlhooks/restore.h"
#include "libxlhooks/suspend.h"
#include "plugin/xl/control.h"

#define LIBRARY_NAME "libxlhooks.so"

static struct {
    bool asked;         /* the environment names a channel... */
    int control;        /* ...which is this, or -1 if it is none or used up */
    int peer;           /* the helper's end, or -1 */
} channel = { .control = -1, .peer = -1 };

/* The descriptor that an environment variable names, or -1. */
static int env_socket(const char *name)
{
    const char *value = getenv(name);
    int type;
    socklen_t length = sizeof(type);
    char *end;
    long fd;

    if (!value || !*value)
        return -1;
    errno = 0;
    fd = strtol(value, &end, 10);
    if (*end || errno || fd < 0 || fd > INT_MAX)
        return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) ||
        type != SOCK_SEQPACKET)
        return -1;
    return fd;
}

static bool is_this_library(const char *path, size_t length)
{
    size_t n = strlen(LIBRARY_NAME);

    return length >= n && !memcmp(path + length - n, LIBRARY_NAME, n) &&
           (length == n || path[length - n - 1] == '/');
}

/* Takes our own entry out of LD_PRELOAD; what else the user preloads stays. */
static void leave_preload(void)
{
    const char *old = getenv("LD_PRELOAD"), *p;
    char *left, *end;
    size_t n;

    if (!old)
        return;
    end = left = malloc(strlen(old) + 1);
    if (!left) {
        unsetenv("LD_PRELOAD");
        return;
    }
    for (p = old; *p; p += n + (p[n] != '\0')) {
        n = strcspn(p, ": ");
        if (!n || is_this_library(p, n))
            continue;
        if (end != left)
            *end++ = ':';
        memcpy(end, p, n);
        end += n;
    }
    *end = '\0';
    if (end == left)
        unsetenv("LD_PRELOAD");
    else
        setenv("LD_PRELOAD", left, 1);
    free(left);
}

__attribute__((constructor))
static void hooks_init(void)
{
    if (!dlsym(RTLD_NEXT, "libxl_domain_suspend"))
        return;
    channel.asked = getenv(CONTROL_FD_ENV) != NULL;
    channel.control = env_socket(CONTROL_FD_ENV);
    channel.peer = env_socket(PEER_FD_ENV);
    unsetenv(CONTROL_FD_ENV);
    unsetenv(PEER_FD_ENV);
    leave_preload();
    if (channel.control >= 0)
        fcntl(channel.control, F_SETFD, FD_CLOEXEC);
}

/*
 * Gives the channel away, to its one user: xl migrates or receives once per
 * process.  Returns 0 with the channel in *control_r, 0 with -1 if the call
 * is to go straight through, -EINVAL if there should be a channel and is not.
 */
static int channel_take(bool synchronous, int *control_r)
{
    const char *unfit = libxl_calls_resolve();

    *control_r = -1;
    if (!channel.asked || !synchronous)
        return 0;
    channel.asked = false;
    if (channel.peer >= 0)
        close(channel.peer);
    channel.peer = -1;
    if (channel.control < 0) {
        hook_log("%s names no open channel to a helper", CONTROL_FD_ENV);
        return -EINVAL;
    }
    if (unfit) {
        hook_log("nothing is moved: %s; install one that is made for this xl, "
                 "or migrate without --dedup", unfit);
        close(channel.control);
        return -EINVAL;
    }
    *control_r = channel.control;
    channel.control = -1;
    return 0;
}

int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how)
{
    int control, rc;

    /* the one error that makes xl leave the guest alone */
    if (channel_take(!ao_how, &control))
        return RC_GUEST_TIMEDOUT;
    if (control < 0)
        return real.libxl_domain_suspend(ctx, domid, fd, flags, ao_how);
    rc = suspend_dedup(control, ctx, domid, fd, flags);
    close(control);
    return rc;
}

int libxl_domain_create_restore(libxl_ctx *ctx, libxl_domain_config *d_config,
                                uint32_t *domid, int restore_fd,
                                int send_back_fd,
                                const libxl_domain_restore_params *params,
                                const libxl_asyncop_how *ao_how,
                                const libxl_asyncprogress_how *aop_console_how)
{
    int control, rc;

    if (channel_take(!ao_how, &control))
        return RC_FAIL;
    if (control < 0)
        return real.libxl_domain_create_restore(ctx, d_config, domid,
                                                restore_fd, send_back_fd,
                                                params, ao_how,
                                                aop_console_how);
    rc = restore_dedup(control, ctx, d_config, domid, restore_fd,
                       send_back_fd, params, aop_console_how);
    close(control);     /* xl goes on as a daemon */
    return rc;
}
