/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the members of a configuration lie.  FAKE_MORE moves them, as a later
 * release does: only the library, and the xl that was made with it, know that.
 */
#ifndef TEST_LIB_FAKE_LIBXL_H
#define TEST_LIB_FAKE_LIBXL_H

#include <libxl.h>

#ifndef FAKE_MORE
#define FAKE_MORE 0
#endif

struct fake_config {
    char more[FAKE_MORE];
    libxl_domain_config config;
};

#define FAKE_CONFIG(p) (&((struct fake_config *)(void *)(p))->config)

#endif
