/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests that must not be started; see start.h. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libxlhooks/options.h"
#include "libxlhooks/start.h"
#include "plugin/base/exit.h"

/* xl knows a command by its beginning, if no other has it: the least of the two
 * is "cr" and "rest".  What is less xl will refuse. */
static bool starts_a_guest(const char *word)
{
    size_t n = strlen(word);

    return (n >= 2 && !strncmp(word, "create", n)) ||
        (n >= 4 && !strncmp(word, "restore", n));
}

/* In the child.  xl's input is not the question's. */
static void ask(char **words, const char *helper)
{
    int nothing = open("/dev/null", O_RDONLY);

    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0)
        execv(helper, words);
    _exit(XD_EXIT_FAILED);
}

bool start_is_refused(int argc, char **argv, const char *helper)
{
    int command = options_command(argc, argv), status = 0;
    static char name[] = "xl-dedup", verb[] = "may-start", end[] = "--";
    char **words;
    pid_t pid;

    if (command >= argc || !starts_a_guest(argv[command]) ||
        access(helper, X_OK))
        return false;
    words = calloc(argc + 3, sizeof(*words));
    if (!words)
        return false;
    words[0] = name;
    words[1] = verb;
    words[2] = end;
    memcpy(words + 3, argv + 1, (argc - 1) * sizeof(*words));
    pid = fork();
    if (pid == 0)
        ask(words, helper);
    free(words);
    if (pid < 0)
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == XD_EXIT_DIFFERENT;
}
