/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file (plugin/state/configuration.h), as root may have it
 * written by a program. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugin/state/configuration.h"
#include "test/fuzz/fuzz.h"

static void check(const struct configuration *c)
{
    size_t i;

    FUZZ_CHECK(c->state_dir && c->state_dir[0] == '/');
    for (i = 0; i < c->n_references; i++)
        FUZZ_CHECK(c->references[i] && c->references[i][0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = fuzz_file(data, size);
    struct configuration c;
    char path[40];

    fuzz_quiet();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    setenv("XL_DEDUP_CONFIG", path, 1);
    if (!configuration_load(&c)) {
        check(&c);
        configuration_release(&c);
    }
    FUZZ_CHECK(!c.references && !c.state_dir);
    close(fd);
    return 0;
}
