/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleaning up after a receive-xl that was killed; see cleanup.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/fdio.h"
#include "plugin/base/paths.h"
#include "plugin/target/placeholder.h"
#include "plugin/xl/cleanup.h"

/* What the process is told: one of these, or a single byte, which dismisses
 * it. */
struct watched {
    struct stat made;
    char path[PATH_MAX];
};

struct watch_list {
    struct watched file;
    struct watch_list *next;
};

/* Our copies of the wire, of xl's input and of the control channel would keep
 * their other ends waiting for a dead peer. */
static void close_all_but(int a, int b)
{
    int keep[] = { a, b };

    fd_null(STDERR_FILENO);
    fd_close_others(keep, 2);
}

static void remove_file(const struct watched *w)
{
    char *directory = path_dirname(w->path);
    int fd = directory ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) :
        -1;

    free(directory);
    if (fd < 0)
        return;
    placeholder_remove(fd, path_basename(w->path), &w->made);
    close(fd);
}

static void tidy_up(const struct watch_list *list, int xl_out)
{
    char buffer[4096];
    ssize_t n;

    for (; list; list = list->next)
        remove_file(&list->file);
    do
        n = read(xl_out, buffer, sizeof(buffer));
    while (n > 0 || (n < 0 && errno == EINTR));
}

static void stand_by(int fd, int xl_out)
{
    struct watch_list *list = NULL, *w;
    struct watched word;
    ssize_t n;

    for (;;) {
        n = recv(fd, &word, sizeof(word), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (n == 1)
            return;
        w = n == sizeof(word) ? calloc(1, sizeof(*w)) : NULL;
        if (!w)
            continue;
        w->file = word;
        w->next = list;
        list = w;
    }
    tidy_up(list, xl_out);
}

int cleanup_start(struct cleanup *c, int xl_out)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
        return -errno;
    pid = fork();
    if (pid == 0) {
        close_all_but(fds[1], xl_out);
        signal(SIGHUP, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        stand_by(fds[1], xl_out);
        _exit(0);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return -errno;
    }
    c->fd = fds[0];
    return 0;
}

void cleanup_watch(struct cleanup *c, const char *path,
                   const struct stat *made)
{
    struct watched w = { .made = *made };

    if (c->fd < 0 || strlen(path) >= sizeof(w.path))
        return;
    memcpy(w.path, path, strlen(path));
    send(c->fd, &w, sizeof(w), MSG_NOSIGNAL);
}

void cleanup_dismiss(struct cleanup *c)
{
    if (c->fd < 0)
        return;
    send(c->fd, "", 1, MSG_NOSIGNAL);
    close(c->fd);
    c->fd = -1;
}
