/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The front: a program named xl that is found before the distribution's.
 *
 * Promise: whatever is not "migrate" with an option --dedup goes to the real
 * xl unread, with the same arguments, environment, descriptors and process,
 * hence with the same output and exit status.  Of "create" and "restore" it is
 * asked before whether the guest has moved away from this host (start.h), and
 * if so, nothing is run.
 *
 * xl migrate --dedup becomes
 *
 *   xl [global options] migrate -s '' [options] DOMAIN RUNE
 *
 * with libxlhooks.so preloaded.  -s '' is xl's documented way to run another
 * transport than ssh: RUNE is run by sh in its place.  Ours starts the
 * helper, which runs ssh and carries xl's stream and the disks over it.  The
 * hooks and the helper talk through a socket pair made here, because here is
 * the common ancestor; its ends are named in the environment and in the rune.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "libxlhooks/helper.h"
#include "libxlhooks/options.h"
#include "libxlhooks/rune.h"
#include "libxlhooks/start.h"
#include "plugin/base/escape.h"
#include "plugin/xl/control.h"

#define FIRST_FREE_FD 3         /* the rune's shell gets 0 and 1 from xl */

static const char usage[] =
"Usage: xl [-vtT] migrate --dedup [options] DOMAIN HOST\n"
"\n"
"Moves a running guest together with its local disks.  Of the disks, only\n"
"what HOST cannot find in the images it holds already crosses the network.\n"
"\n"
"  --dedup            bring the disks along, and the memory in few bytes\n"
"  --dedup=disk       bring the disks along, the memory as it is\n"
"  --dedup=memory     the memory in few bytes; HOST has the disks\n"
"  --dedup-level=N    zstd level for what is sent, 1 to 19\n"
"  --dedup-bwlimit=RATE  send at most RATE KiB a second (K, M, G: KiB, ...)\n"
"  --dedup-memory-cache=SIZE  MiB (or with K, M, G) of pages that were sent\n"
"                     to be kept at each side (64)\n"
"  --dedup-timeout=N  give up when the line is silent for N seconds (60)\n"
"  --dedup-remove-source  remove the image files here when the guest has\n"
"                     moved; never done otherwise\n"
"  --dedup-wipe-source  overwrite them with zeros before; block devices, too\n"
"  --dedup-keep-config  leave the guest's configuration and its images here as\n"
"                     they are; else HOST gets its file, the one here is set\n"
"                     aside, and xl create refuses the images here\n"
"  --dry-run          migrate nothing: say what HOST holds of the disks, what\n"
"                     would be sent, and how long that takes at RATE, or at a\n"
"                     rate that is measured; the guest does not notice\n"
"  --dedup-NAME[=V]   any other option of 'xl-dedup send-xl', as --NAME[=V]\n"
"  -h, --help         print this and exit\n"
"\n"
"and xl migrate's own, with their usual meaning:\n"
"  -C CONFIG          send CONFIG instead of the guest's configuration\n"
"  -s SSHCOMMAND      use this instead of ssh; it is passed to sh.  If it is\n"
"                     empty, HOST is a command for sh that ends up running\n"
"                     'xl-dedup receive-xl -- migrate-receive [-d -e -p]'\n"
"                     (with --dry-run: 'xl-dedup receive')\n"
"  -e, -F             do not wait on HOST for the death of the domain\n"
"  -p                 do not unpause the domain after migrating it\n"
"  -D                 preserve the domain id\n"
"  --debug            print very much during the migration\n"
"  --live             accepted and ignored\n"
"\n"
"Both hosts need xl-dedup.  What is in the images here is never changed before\n"
"the guest runs on HOST, and not after that either, unless it is to be removed\n"
"or wiped.  If the migration fails, the guest runs on here, and what HOST has\n"
"received is used by the next try.  Ctrl-C is such a failure, until HOST is\n"
"allowed to start the guest.\n"
"\n"
"Exit status: 0 the guest runs on HOST (--dry-run: it was estimated), 2 wrong\n"
"use (--dry-run: or it would fail), 64 HOST is none (it begins with \"-\"),\n"
"other values as xl migrate.  Without --dedup, this is the distribution's xl.\n";

static const char *path_of(const char *variable, const char *installed)
{
    const char *value = getenv(variable);

    return value && *value ? value : installed;
}

static int missing(const char *what, const char *path)
{
    int error = errno;
    char shown[4096];

    fprintf(stderr, "xl: %s, %s: %s\n", what,
            text_escape_line(path, shown, sizeof(shown)), strerror(error));
    return 1;
}

/* If the real xl were this program, it would exec itself for ever. */
static int is_myself(const char *path)
{
    struct stat theirs, mine;

    return !stat(path, &theirs) && !stat("/proc/self/exe", &mine) &&
           theirs.st_dev == mine.st_dev && theirs.st_ino == mine.st_ino;
}

static int run_real(const char *real_xl, char **argv)
{
    char name[] = "xl";

    if (is_myself(real_xl))
        errno = ELOOP;
    else {
        argv[0] = name;
        execv(real_xl, argv);
    }
    return missing("cannot run the distribution's xl", real_xl);
}

static int move_up(int fd)
{
    int up;

    if (fd >= FIRST_FREE_FD)
        return fd;
    up = fcntl(fd, F_DUPFD, FIRST_FREE_FD);
    close(fd);
    return up;
}

/* Both ends stay inheritable: one is for xl, one for xl's grandchild. */
static int make_channel(int fds[2])
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
        return -errno;
    fds[0] = move_up(fds[0]);
    fds[1] = move_up(fds[1]);
    return fds[0] < 0 || fds[1] < 0 ? -errno : 0;
}

static void set_number(const char *variable, int number)
{
    char text[16];

    snprintf(text, sizeof(text), "%d", number);
    setenv(variable, text, 1);
}

static void set_preload(const char *hooks)
{
    const char *old = getenv("LD_PRELOAD");
    struct text t = TEXT_INIT;

    text_add(&t, hooks);
    if (old && *old) {
        text_add(&t, ":");
        text_add(&t, old);
    }
    setenv("LD_PRELOAD", t.data, 1);
    free(t.data);
}

/* xl's arguments; the longest possible is the size of the array. */
static void build_argv(const struct options *o, char **argv, char *rune,
                       const char **out)
{
    int i;

    *out++ = "xl";
    for (i = 1; i <= o->num_global; i++)
        *out++ = argv[i];
    *out++ = "migrate";
    *out++ = "-s";
    *out++ = "";
    if (o->config) {
        *out++ = "-C";
        *out++ = o->config;
    }
    if (o->foreground)
        *out++ = "-F";
    if (o->no_monitor_given)
        *out++ = "-e";
    if (o->paused)
        *out++ = "-p";
    if (o->preserve_domid)
        *out++ = "-D";
    if (o->debug)
        *out++ = "--debug";
    if (o->live)
        *out++ = "--live";
    if (o->domain[0] == '-')
        *out++ = "--";
    *out++ = o->domain;
    *out++ = rune;
    *out = NULL;
}

static int check_pieces(const char *real_xl, const char *hooks,
                        const char *helper)
{
    if (access(real_xl, X_OK))
        return missing("cannot run the distribution's xl", real_xl);
    if (access(hooks, R_OK))
        return missing("cannot read the hooks library", hooks);
    if (access(helper, X_OK))
        return missing("cannot run xl-dedup", helper);
    if (hooks[strcspn(hooks, ": ")]) {
        /* the dynamic linker splits LD_PRELOAD there, and cannot be told */
        errno = EINVAL;
        return missing("cannot preload the hooks library", hooks);
    }
    return 0;
}

static int migrate(const struct options *o, char **argv, const char *real_xl)
{
    const char *hooks = path_of("XL_DEDUP_HOOKS", PKGLIBDIR "/libxlhooks.so");
    const char *helper = path_of("XL_DEDUP", SBINDIR "/xl-dedup");
    const char **xl_argv;
    int fds[2], rc;

    if (check_pieces(real_xl, hooks, helper))
        return 1;
    rc = make_channel(fds);
    if (rc) {
        fprintf(stderr, "xl: cannot make a socket pair: %s\n", strerror(-rc));
        return 1;
    }
    xl_argv = calloc(o->num_global + 20, sizeof(*xl_argv));
    if (!xl_argv)
        return missing("out of memory", "giving up");
    build_argv(o, argv, rune_build(o, helper, fds[1], isatty(2) > 0),
               xl_argv);
    set_preload(hooks);
    set_number(CONTROL_FD_ENV, fds[0]);
    set_number(PEER_FD_ENV, fds[1]);
    return run_real(real_xl, (char **)xl_argv);
}

/* No xl is run in our name: the helper asks it what it needs to know. */
static int dry_run(const struct options *o, const char *real_xl)
{
    const char *helper = path_of("XL_DEDUP", SBINDIR "/xl-dedup");

    if (access(real_xl, X_OK))
        return missing("cannot run the distribution's xl", real_xl);
    if (access(helper, X_OK))
        return missing("cannot run xl-dedup", helper);
    execl("/bin/sh", "sh", "-c", rune_build_dry(o, helper), (char *)NULL);
    return missing("cannot run", "/bin/sh");
}

int main(int argc, char **argv)
{
    const char *real_xl = path_of("XL_DEDUP_XL", REAL_XL);
    struct options o;
    int status;

    if (!options_wanted(argc, argv))
        return start_is_refused(argc, argv,
                                path_of("XL_DEDUP", SBINDIR "/xl-dedup")) ?
            1 : run_real(real_xl, argv);
    status = options_parse(&o, argc, argv);
    if (status)
        status = status == -EDESTADDRREQ ? EX_USAGE : 2;
    else if (o.help)
        status = fputs(usage, stdout) < 0 || fflush(stdout) ? 1 : 0;
    else if (o.dry_run)
        status = dry_run(&o, real_xl);
    else
        status = migrate(&o, argv, real_xl);
    options_release(&o);
    return status;
}
