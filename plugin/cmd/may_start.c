/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xl-dedup may-start -- ARGUMENT...: whether a guest that xl is to start has
 * moved away from this host.  The front of xl asks before "create" and
 * "restore"; the arguments are those of xl.
 *
 * Which disks the guest would have the unmodified xl tells, which is given the
 * same arguments and told to start nothing; those of a saved guest are in its
 * file.  Only a disk that is found marked (state/moved.h) is an answer;
 * whatever cannot be found out is xl's to say.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/cmd/commands.h"
#include "plugin/state/configuration.h"
#include "plugin/state/moved.h"
#include "plugin/xl/domains.h"

#define SAVED_CONFIG_MAX (16u << 20)    /* bytes */

/* --- the command line ----------------------------------------------------- */

static bool is_regular(const char *path)
{
    struct stat st;

    return !stat(path, &st) && S_ISREG(st.st_mode);
}

/* The file that "xl create" would read, as xl finds it among its arguments, or
 * NULL.  *starts_r: it would start the guest. */
static const char *create_file(char *const *words, bool *starts_r)
{
    const char *file = NULL, *w;
    bool ended = false;

    *starts_r = true;
    for (; (w = *words); words++) {
        size_t n = strlen(w);

        if (!ended && !strcmp(w, "--")) {
            ended = true;
        } else if (!ended && !strncmp(w, "--defconfig=", 12)) {
            file = w + 12;
        } else if (!ended && w[0] == '-' && w[1] == 'f' && w[2]) {
            file = w + 2;
        } else if (!ended && w[0] == '-' &&
                   (!strcmp(w, "--defconfig") ||
                    (w[1] != '-' && w[n - 1] == 'f'))) {
            if (!(file = words[1]))
                return NULL;
            words++;
        } else if (!ended && w[0] == '-') {
            if (!strcmp(w, "--dryrun") || !strcmp(w, "--help") ||
                (w[1] != '-' && strpbrk(w, "nh")))
                *starts_r = false;
        } else if (!file && !strchr(w, '=')) {
            file = w;
        }
    }
    return file;
}

/* xl create -q -n with the arguments that it was given. */
static int ask_create(struct domains *d, char *const *before, size_t n_before,
                      char *const *words)
{
    size_t n = 0, i;
    const char **argv;
    int rc;

    while (words[n])
        n++;
    argv = calloc(n_before + n + 5, sizeof(*argv));
    if (!argv)
        return -ENOMEM;
    argv[0] = "xl";
    for (i = 0; i < n_before; i++)
        argv[1 + i] = before[i];
    argv[1 + i] = "create";
    argv[2 + i] = "-q";
    argv[3 + i] = "-n";
    memcpy(argv + 4 + i, words, n * sizeof(*argv));
    rc = domains_ask(d, argv);
    free(argv);
    return rc;
}

/* --- a saved guest -------------------------------------------------------- */

/* Source: tools/xl/xl.h and xl_saverestore.c of Xen 4.17.  The numbers are of
 * the host that saved it; others are not restored here. */
struct save_header {
    char magic[32];
    uint32_t byteorder;
    uint32_t mandatory_flags;
    uint32_t optional_flags;
    uint32_t optional_length;
    uint32_t config_length;     /* the first of what is optional */
};

static const char save_magic[32] = "Xen saved domain, xl format\n \0 \r";
#define SAVE_BYTEORDER UINT32_C(0x01020304)
#define SAVE_JSON 1u            /* of the mandatory flags */

static int read_saved(struct domains *d, int fd)
{
    struct save_header h;
    char *text;
    int rc;

    if (pread(fd, &h, sizeof(h), 0) != sizeof(h) ||
        memcmp(h.magic, save_magic, sizeof(h.magic)) ||
        h.byteorder != SAVE_BYTEORDER || !(h.mandatory_flags & SAVE_JSON) ||
        h.config_length > SAVED_CONFIG_MAX ||
        h.optional_length < sizeof(h.config_length) ||
        h.config_length > h.optional_length - sizeof(h.config_length))
        return -EPROTO;
    text = calloc(1, (size_t)h.config_length + 1);
    if (!text)
        return -ENOMEM;
    rc = pread(fd, text, h.config_length, sizeof(h)) ==
        (ssize_t)h.config_length ? domains_of_text(d, text) : -EPROTO;
    free(text);
    return rc;
}

static int ask_saved(struct domains *d, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return -errno;
    rc = read_saved(d, fd);
    close(fd);
    return rc;
}

/* xl restore [CONFIG] FILE; none of its options has a value. */
static int ask_restore(struct domains *d, char *const *words)
{
    const char *operand[2] = { NULL, NULL };
    bool ended = false;
    size_t n = 0;

    for (; *words; words++)
        if (!ended && !strcmp(*words, "--"))
            ended = true;
        else if (!ended && (*words)[0] == '-')
            continue;
        else if (n++ < 2)
            operand[n - 1] = *words;
    if (n < 1 || n > 2 || !is_regular(operand[0]))
        return -ENOENT;
    return n == 1 ? ask_saved(d, operand[0]) : domains_read(d, operand[0]);
}

/* --- the answer ----------------------------------------------------------- */

static int refuse(const struct domain_disk *disk, const struct moved_sign *s)
{
    char when[32] = "";
    time_t t = s->time;
    struct tm tm;

    if (t && localtime_r(&t, &tm))
        strftime(when, sizeof(when), " on %Y-%m-%d", &tm);
    if (s->unsure) {
        log_error("disk %s: %s is of %s, which was about to start at %s%s, and "
                  "nothing was heard of it after that; if it does not run "
                  "there, 'xl-dedup reclaim %s' lets it start here",
                  disk->vdev, disk->path, s->name, s->host, when, disk->path);
        return XD_EXIT_DIFFERENT;
    }
    log_error("disk %s: %s is what %s has left here when it moved to %s%s; if "
              "it does not run there any more, and what was written since may "
              "be lost, 'xl-dedup reclaim %s' lets it start here", disk->vdev,
              disk->path, *s->name ? s->name : "a guest",
              *s->host ? s->host : "another host", when, disk->path);
    return XD_EXIT_DIFFERENT;
}

static int judge(const struct domains *d)
{
    struct configuration conf;
    const struct domain_disk *disk;
    struct moved_sign sign;
    int status = XD_EXIT_OK;
    size_t i;

    if (d->n != 1 || configuration_load(&conf))
        return XD_EXIT_FAILED;
    for (i = 0; i < d->list[0].n_disks && !status; i++) {
        disk = &d->list[0].disks[i];
        /* An old disk may be read; it is the guest itself that must not be
         * there twice. */
        if (disk->writable && !disk->cdrom && !disk->elsewhere &&
            disk->path[0] == '/' &&
            moved_is_marked(conf.state_dir, disk->path, &sign))
            status = refuse(disk, &sign);
    }
    configuration_release(&conf);
    return status;
}

/* What xl says of arguments that it cannot use it will say once more. */
static int ask_silently(struct domains *d, char *const *arguments,
                        size_t command)
{
    char *const *words = arguments + command + 1;
    int terminal = dup(STDERR_FILENO), nothing, rc;

    nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (terminal < 0 || nothing < 0)
        return -EMFILE;
    dup2(nothing, STDERR_FILENO);
    rc = arguments[command][0] == 'r' ? ask_restore(d, words) :
        ask_create(d, arguments, command, words);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    close(nothing);
    return rc;
}

int cmd_may_start(int argc, char **argv)
{
    struct domains d = { NULL, 0 };
    char *const *arguments = argv + 2;
    size_t command = 0;
    bool starts = true;
    const char *file;
    int status;

    if (argc < 3 || strcmp(argv[1], "--")) {
        log_error("may-start is run by xl");
        return XD_EXIT_USAGE;
    }
    while (arguments[command] && arguments[command][0] == '-')
        command++;
    if (!arguments[command])
        return XD_EXIT_USAGE;
    if (arguments[command][0] != 'r') {
        /* One that is no file, as a pipe, can be read once only. */
        file = create_file(arguments + command + 1, &starts);
        if (!starts || !file || !is_regular(file))
            return XD_EXIT_OK;
    }
    if (ask_silently(&d, arguments, command))
        return XD_EXIT_FAILED;
    status = judge(&d);
    domains_release(&d);
    return status;
}
