/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxlhooks.so: preloaded into xl, stands in front of two libxl functions, and
 * of execvp() (hotplug.c).
 *
 * Promises: without a control channel in the environment, and for calls that
 * are asynchronous, nothing is different from an xl without this library.
 * With a channel that is unusable the call fails instead of moving a guest
 * without its disks.  No child of xl inherits the preload, the variables or
 * the hook's end of the channel.
 *
 * The constructor runs in every process that LD_PRELOAD reaches.  /usr/sbin/xl
 * of Debian is a shell script that execs the real one: in the shell there is
 * no libxenlight, and everything must be left as it is for the next exec.
 * Where libxl is present, this is xl: the variables go at once, because xl
 * starts children (ssh, hotplug scripts, qemu) before and after our calls.
 *
 * The helper's own end of the channel has to stay open and inheritable until
 * xl has started the helper, which is a child of the rune's shell.  It is
 * closed in the first hooked call, which comes after that; else we would hold
 * it open ourselves and never see the helper's end of file.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libxlhooks/hooks.h"
#include "plugin/xl/control.h"

#define LIBRARY_NAME "libxlhooks.so"

struct libxl_calls real;

static struct {
    bool asked;         /* the environment names a channel... */
    int control;        /* ...which is this, or -1 if it is none or used up */
    int peer;           /* the helper's end, or -1 */
} channel = { .control = -1, .peer = -1 };

void hook_log(const char *format, ...)
{
    int saved = errno;
    char line[1024];
    va_list ap;

    va_start(ap, format);
    vsnprintf(line, sizeof(line), format, ap);
    va_end(ap);
    /* in one piece: the helper writes to the same stderr */
    fprintf(stderr, "xl-dedup: %s\n", line);
    errno = saved;
}

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

/* Looks all functions up, once.  Returns the name of one that is missing, or
 * NULL.  The two hooked ones are found if anything is. */
static const char *hooks_resolve(void)
{
    static const char *missing;
    static bool done;

    if (done)
        return missing;
    done = true;
#define SYMBOL(name) \
    real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name); \
    if (!real.name) \
        missing = #name;
#include "libxlhooks/symbols.h"
    return missing;
}

/*
 * Gives the channel away, to its one user: xl migrates or receives once per
 * process.  Returns 0 with the channel in *control_r, 0 with -1 if the call
 * is to go straight through, -EINVAL if there should be a channel and is not.
 */
static int channel_take(bool synchronous, int *control_r)
{
    const char *missing = hooks_resolve();

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
    if (missing) {
        hook_log("this xl's libxl has no %s: cannot migrate with disks",
                 missing);
        close(channel.control);
        return -EINVAL;
    }
    *control_r = channel.control;
    channel.control = -1;
    return 0;
}

int hook_expect(int control, const char *verb)
{
    struct control_msg msg;
    int rc;

    rc = control_recv(control, &msg);
    if (rc == -EPIPE && interrupt_seen()) {
        hook_log("interrupted");
        return rc;
    }
    if (rc == -EPIPE) {
        hook_log("the helper has ended before its work was done");
        return rc;
    }
    if (rc) {
        hook_log("cannot hear from the helper: %s", strerror(-rc));
        return rc;
    }
    if (!strcmp(control_verb(&msg), verb))
        return 0;
    if (!strcmp(control_verb(&msg), "fail"))
        return -ECANCELED;
    hook_log("the helper said \"%s\" instead of \"%s\"", control_verb(&msg),
             verb);
    return -EPROTO;
}

int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how)
{
    int control, rc;

    /* the one error that makes xl leave the guest alone */
    if (channel_take(!ao_how, &control))
        return ERROR_GUEST_TIMEDOUT;
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
        return ERROR_FAIL;
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
