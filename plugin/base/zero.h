/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The test for zeros, which are neither stored nor sent. */
#ifndef PLUGIN_BASE_ZERO_H
#define PLUGIN_BASE_ZERO_H

#include <stdbool.h>
#include <stddef.h>

/* Whether all length bytes are zero; true if there are none. */
bool data_is_zero(const void *data, size_t length);

#endif
