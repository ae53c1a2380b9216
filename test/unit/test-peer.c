/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of peer.c: the command has its pipes as standard input and output,
 * whichever standard files whoever started us had closed. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/unit/unit.h"

#include "plugin/wire/peer.h"

/* What the child's assertions would say could go to a pipe: its status tells
 * where it came to. */
static void say_and_hear(const int *closed, size_t n)
{
    static const char *const argv[] = { "cat", NULL };
    struct peer p = PEER_INIT;
    char text[4];
    size_t i;

    alarm(20);
    for (i = 0; i < n; i++)
        close(closed[i]);
    if (peer_start(&p, "host", argv))
        _exit(10);
    if (write(p.out_fd, "word", 4) != 4)
        _exit(11);
    if (read(p.in_fd, text, 4) != 4)
        _exit(12);
    if (memcmp(text, "word", 4))
        _exit(13);
    _exit(peer_wait(&p) ? 14 : 0);
}

static void echoes(const int *closed, size_t n)
{
    pid_t child = fork();
    int status;

    assert(child >= 0);
    if (child == 0)
        say_and_hear(closed, n);
    assert(waitpid(child, &status, 0) == child);
    if (status)
        fprintf(stderr, "first closed %d of %zu: status %d\n",
                n ? closed[0] : -1, n, status);
    assert(status == 0);
}

static void open_files(void)
{
    echoes(NULL, 0);
}

static void closed_files(void)
{
    static const int all[] = { 0, 1, 2 };

    echoes(all, 1);
    echoes(all, 2);
    echoes(all, 3);
    echoes(all + 1, 1);
    echoes(all + 1, 2);
    echoes(all + 2, 1);
}

static void no_command(void)
{
    static const char *const argv[] = { "/none/such", NULL };
    struct peer p;

    assert(peer_start(&p, "host", argv) == -ENOENT);
}

int main(void)
{
    RUN(open_files);
    RUN(closed_files);
    RUN(no_command);
    return 0;
}
