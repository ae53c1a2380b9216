/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real libxl, libxentoollog and libxenstore, by pointers that are looked up
 * at run time (symbols.h says why), and their headers.
 */
#ifndef LIBXLHOOKS_LIBXL_CALLS_H
#define LIBXLHOOKS_LIBXL_CALLS_H

/* The newest interface, as xl 4.17 is compiled: with an older one libxl.h
 * replaces functions by inline shims and we would hook a shim. */
#ifdef LIBXL_API_VERSION
# error "libxlhooks needs libxl.h without LIBXL_API_VERSION"
#endif
#include <libxl.h>
#include <libxl_event.h>
#include <libxl_utils.h>
#include <xenstore.h>
#include <xentoollog.h>

#if !defined(LIBXL_HAVE_DOMAIN_CREATE_RESTORE_SEND_BACK_FD) || \
    !defined(LIBXL_HAVE_FN_USING_QMP_ASYNC)
# error "this libxl.h is older than Xen 4.13; libxlhooks needs 4.17's"
#endif

/* A pointer for each name in symbols.h. */
struct libxl_calls {
#define SYMBOL(name) __typeof__(name) *name;
#include "libxlhooks/symbols.h"
};

/* Unset before libxl_calls_resolve(). */
extern struct libxl_calls real;

/* Looks all functions up, once.  Returns the name of one that is missing, or
 * NULL.  The two hooked ones are found if anything is. */
const char *libxl_calls_resolve(void);

#endif
