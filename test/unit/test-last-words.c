/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unit test of last_words.c: a signal says the words that were set last, on one
 * line, and then ends the process as it would have done; one that is ignored
 * does neither. */
#include "config.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test/unit/unit.h"

#include "plugin/xl/last_words.h"

static char said[2048];         /* by the last child */

/* The child: sets words, or two, one after the other, and is sent a signal. */
static void speak(const char *first, const char *second, int sig, bool ignored)
{
    struct rlimit none = { 0, 0 };

    setrlimit(RLIMIT_CORE, &none);
    signal(sig, ignored ? SIG_IGN : SIG_DFL);
    last_words_set("%s", first);
    last_words_prepare();
    if (second)
        last_words_set("%s, %d", second, 7);
    raise(sig);
    _exit(0);
}

/* Returns what waitpid(2) tells of the child. */
static int listen_to(const char *first, const char *second, int sig,
                     bool ignored)
{
    size_t length = 0;
    int fds[2], status;
    ssize_t n;
    pid_t pid;

    assert(!pipe(fds));
    pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        assert(dup2(fds[1], STDERR_FILENO) == STDERR_FILENO);
        speak(first, second, sig, ignored);
    }
    close(fds[1]);
    while ((n = read(fds[0], said + length, sizeof(said) - 1 - length)) > 0)
        length += n;
    assert(n == 0);
    said[length] = '\0';
    close(fds[0]);
    assert(waitpid(pid, &status, 0) == pid);
    return status;
}

static void said_and_ended(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    int status;
    size_t i;

    for (i = 0; i < 3; i++) {
        status = listen_to("100% was lost", NULL, signals[i], false);
        assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
        assert(!strcmp(said, "xl-dedup: 100% was lost\n"));
    }
}

static void the_last_ones(void)
{
    int status = listen_to("nothing", "all", SIGINT, false);

    assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
    assert(!strcmp(said, "xl-dedup: all, 7\n"));
}

static void ignored(void)
{
    int status = listen_to("nothing", NULL, SIGHUP, true);

    assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert(!*said);
}

static void too_long(void)
{
    char text[1024];
    int status;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    status = listen_to(text, NULL, SIGTERM, false);
    assert(WIFSIGNALED(status));
    assert(strlen(said) == 511 && said[510] == '\n');
    assert(!strncmp(said, "xl-dedup: xxx", 13) && said[509] == 'x');
}

int main(void)
{
    RUN(said_and_ended);
    RUN(the_last_ones);
    RUN(ignored);
    RUN(too_long);
    return 0;
}
