/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loop devices for unit tests that are run by root where there are any. */
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The device's path, for loop_detach(), or NULL. */
static inline char *loop_attach_sectors(const char *file, unsigned bytes)
{
    char *command, line[64] = "", *name = NULL;
    FILE *f;

    if (geteuid() || access("/dev/loop-control", R_OK | W_OK) ||
        asprintf(&command, "losetup -f --show --sector-size %u '%s' "
                 "2>/dev/null", bytes, file) < 0)
        return NULL;
    f = popen(command, "r");
    free(command);
    if (f && fgets(line, sizeof(line), f))
        line[strcspn(line, "\n")] = '\0';
    if (f)
        pclose(f);
    if (line[0] == '/' && !access(line, W_OK))
        name = strdup(line);
    return name;
}

static inline char *loop_attach(const char *file)
{
    return loop_attach_sectors(file, 512);
}

static inline void loop_detach(char *name)
{
    char *command;

    if (asprintf(&command, "losetup -d '%s'", name) >= 0) {
        if (system(command))
            fprintf(stderr, "%s: not detached\n", name);
        free(command);
    }
    free(name);
}

#endif
