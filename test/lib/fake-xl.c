/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of xl as the hooks meet, on top of fake-libxl: its calls in its
 * order, its reaction to results.
 *
 *   fake-xl [-vftTN] migrate -s '' [options] DOMAIN RUNE
 *   fake-xl [-vftTN] migrate-receive [options]
 *
 * FAKE_ASYNC=1 makes the hooked calls asynchronous ones.  FAKE_CHILD is a
 * command that is run before (and, by the "daemon", after) the hooked call, as
 * hotplug scripts are; its output goes to the fourth descriptor or stderr.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libxl.h>
#include <libxl_utils.h>

#include "test/lib/fake-libxl.h"

#define BANNER "xl migration receiver ready, send binary domain data.\n"

static libxl_ctx *ctx;
static const libxl_asyncop_how async;

static const libxl_asyncop_how *how(void)
{
    return getenv("FAKE_ASYNC") ? &async : NULL;
}

static void run_child(void)
{
    const char *command = getenv("FAKE_CHILD");

    if (command && system(command))
        fprintf(stderr, "fake-xl: %s failed\n", command);
}

static pid_t start_rune(const char *rune, int *send_fd, int *recv_fd)
{
    int there[2], back[2];
    pid_t child;

    if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
        abort();
    child = fork();
    if (!child) {
        dup2(there[0], 0);
        dup2(back[1], 1);
        execlp("sh", "sh", "-c", rune, (char *)NULL);
        _exit(127);
    }
    close(there[0]);
    close(back[1]);
    *send_fd = there[1];
    *recv_fd = back[0];
    signal(SIGPIPE, SIG_IGN);
    return child;
}

static int report(pid_t child)
{
    int status = 0;

    waitpid(child, &status, 0);
    return status;
}

static int migrate(const char *rune)
{
    char banner[sizeof(BANNER)];
    struct fake_config memory;
    libxl_domain_config *config = (libxl_domain_config *)&memory;
    int send_fd, recv_fd, rc;
    size_t n = 0;
    ssize_t r;
    pid_t child;

    libxl_domain_config_init(config);
    if (!getenv("FAKE_CONFIG_RC") &&
        libxl_retrieve_domain_configuration(ctx, 7, config, NULL))
        return 1;
    libxl_domain_config_dispose(config);
    child = start_rune(rune, &send_fd, &recv_fd);
    while (n < strlen(BANNER) &&
           (r = read(recv_fd, banner + n, strlen(BANNER) - n)) > 0)
        n += r;
    if (n != strlen(BANNER) || memcmp(banner, BANNER, n)) {
        fprintf(stderr, "fake-xl: no banner\n");
        close(send_fd);
        report(child);
        return 1;
    }
    run_child();
    rc = libxl_domain_suspend(ctx, 7, send_fd, LIBXL_SUSPEND_LIVE, how());
    close(send_fd);
    report(child);
    run_child();
    fprintf(stderr, "fake-xl: suspend rc=%d\n", rc);
    if (rc && rc != ERROR_GUEST_TIMEDOUT)
        libxl_domain_resume(ctx, 7, 1, 0);
    return rc != 0;
}

static int receive(void)
{
    libxl_domain_restore_params params;
    struct fake_config memory;
    libxl_domain_config *config = (libxl_domain_config *)&memory;
    uint32_t domid = INVALID_DOMID;
    int rc;

    libxl_domain_config_init(config);
    memset(&params, 0, sizeof(params));
    libxl_retrieve_domain_configuration(ctx, 7, config, NULL);
    free(memory.config.c_info.name);
    memory.config.c_info.name = strdup("g1--incoming");
    run_child();
    rc = libxl_domain_create_restore(ctx, config, &domid, 0, 1, &params,
                                     how(), NULL);
    run_child();
    libxl_domain_config_dispose(config);
    fprintf(stderr, "fake-xl: restore rc=%d\n", rc);
    return rc != 0;
}

int main(int argc, char **argv)
{
    xentoollog_logger *logger = (xentoollog_logger *)
        xtl_createlogger_stdiostream(stderr, XTL_ERROR, 0);
    const char *command;
    int status = 2;

    if (!logger || (!getenv("FAKE_CTX_RC") &&
                    libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger)))
        return 2;
    while (getopt(argc, argv, "+vftTN") >= 0)
        ;
    command = argv[optind];
    if (command && !strcmp(command, "migrate"))
        status = migrate(argv[argc - 1]);
    else if (command && !strcmp(command, "migrate-receive"))
        status = receive();
    libxl_ctx_free(ctx);
    xtl_logger_destroy(logger);
    return status;
}
