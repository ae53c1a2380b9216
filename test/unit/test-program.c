/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin/xl/program.h: programs that answer, fail, hang and never end. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "plugin/base/clock.h"
#include "plugin/xl/program.h"
#include "test/unit/unit.h"

/* Runs a command of the shell; returns what program_run() does. */
static int run(struct program *p, const char *command, unsigned seconds)
{
    const char *const argv[] = { "sh", "-c", command, NULL };

    *p = (struct program)PROGRAM_INIT;
    return program_run(p, argv, seconds);
}

static void answers(void)
{
    struct program p;

    assert(!run(&p, "echo out; echo err >&2; cat", 20));
    assert(!strcmp((char *)p.out.data, "out\n"));
    assert(!strcmp((char *)p.err.data, "err\n"));
    program_release(&p);
    assert(!run(&p, ":", 20) && !*p.out.data && !*p.err.data);
    program_release(&p);
}

static void fails(void)
{
    const char *const argv[] = { "/nowhere/program", NULL };
    struct program p = PROGRAM_INIT;

    assert(program_run(&p, argv, 20) == -ESRCH);
    assert(WEXITSTATUS(p.status) == 127);
    program_release(&p);
    assert(run(&p, "echo why >&2; exit 3", 20) == -ESRCH);
    assert(WEXITSTATUS(p.status) == 3);
    assert(!strcmp((char *)p.err.data, "why\n"));
    program_release(&p);
    assert(run(&p, "kill -9 $$", 20) == -ESRCH);
    program_release(&p);
}

/* Neither a child that holds the pipes nor one that has closed them is waited
 * for, and both are gone then. */
static void hangs(void)
{
    double start = monotonic_seconds();
    struct program p;
    pid_t child;
    int i;

    assert(run(&p, "sleep 60 & echo $!; wait", 1) == -ETIMEDOUT);
    child = atoi((char *)p.out.data);
    assert(child > 0);
    /* init may take its time */
    for (i = 0; i < 100 && !kill(child, 0); i++) {
        char path[64], state[512] = "";
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
        f = fopen(path, "re");
        if (f && !fgets(state, sizeof(state), f))
            state[0] = '\0';
        if (f)
            fclose(f);
        if (strstr(state, ") Z "))
            break;
        usleep(50000);
    }
    assert(i < 100);
    program_release(&p);
    assert(run(&p, "exec sleep 60 >/dev/null 2>&1", 1) == -ETIMEDOUT);
    program_release(&p);
    assert(monotonic_seconds() - start < 20);
}

static void never_ends(void)
{
    struct program p;

    assert(run(&p, "cat /dev/zero", 60) == -EFBIG);
    program_release(&p);
    assert(run(&p, "cat /dev/zero >&2", 60) == -EFBIG);
    program_release(&p);
}

int main(void)
{
    RUN(answers);
    RUN(fails);
    RUN(hangs);
    RUN(never_ends);
    return 0;
}
