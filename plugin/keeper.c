/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done when receive-xl can do nothing any more; see keeper.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/keeper.h"

#define WORD_MAX 8192           /* a path, or empty: dismissed */

struct watched {
    char *path;
    struct watched *next;
};

/* Our copies of the wire, of xl's input and of the control channel would keep
 * their other ends waiting for a dead peer. */
static void close_all_but(int a, int b)
{
    int fd = open("/dev/null", O_RDWR), i;
    unsigned low = a < b ? a : b, high = a < b ? b : a;

    for (i = 0; fd >= 0 && i <= STDERR_FILENO; i++)
        dup2(fd, i);
    if (low > STDERR_FILENO + 1)
        close_range(STDERR_FILENO + 1, low - 1, 0);
    if (high > low + 1)
        close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0u, 0);
}

static void tidy_up(const struct watched *list, int xl_out)
{
    char buffer[4096];
    struct stat st;
    ssize_t n;

    for (; list; list = list->next)
        if (!lstat(list->path, &st) && S_ISREG(st.st_mode) && !st.st_size)
            unlink(list->path);
    do
        n = read(xl_out, buffer, sizeof(buffer));
    while (n > 0 || (n < 0 && errno == EINTR));
}

static void keep(int fd, int xl_out)
{
    struct watched *list = NULL, *w;
    char word[WORD_MAX];
    struct stat st;
    ssize_t n;

    for (;;) {
        n = recv(fd, word, sizeof(word) - 1, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        word[n] = '\0';
        if (!*word)
            return;
        /* What was there before is not ours. */
        w = lstat(word, &st) ? calloc(1, sizeof(*w)) : NULL;
        if (w && (w->path = strdup(word))) {
            w->next = list;
            list = w;
        }
        /* The file must not be made before we have looked. */
        send(fd, "", 1, MSG_NOSIGNAL);
    }
    tidy_up(list, xl_out);
}

int keeper_start(struct keeper *k, int xl_out)
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
        keep(fds[1], xl_out);
        _exit(0);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return -errno;
    }
    k->fd = fds[0];
    return 0;
}

void keeper_watch(struct keeper *k, const char *path)
{
    char answer;

    if (k->fd >= 0 && send(k->fd, path, strlen(path), MSG_NOSIGNAL) > 0)
        while (recv(k->fd, &answer, 1, 0) < 0 && errno == EINTR)
            ;
}

void keeper_dismiss(struct keeper *k)
{
    if (k->fd < 0)
        return;
    send(k->fd, "", 1, MSG_NOSIGNAL);
    close(k->fd);
    k->fd = -1;
}
