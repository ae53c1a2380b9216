/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The real libxl, libxentoollog and libxenstore, by pointers that are looked up
 * at run time (symbols.h says why).
 *
 * One binary serves the releases of Xen from 4.17 to 4.22.  The functions here
 * are the same in all of them; the structs are not, and libxl is asked for by
 * a name that says its release.  So the structs have no members here: what is
 * needed of them, the library says in JSON (as_json.h) or xenstore has
 * (attached.h).  libxl_calls.c makes the compiler compare these declarations
 * with those of the libxl.h that is there.
 */
#ifndef LIBXLHOOKS_LIBXL_CALLS_H
#define LIBXLHOOKS_LIBXL_CALLS_H

#include <stdint.h>
#include <xenstore.h>
#include <xentoollog.h>

#define NO_DOMID UINT32_MAX     /* of no domain; libxl's INVALID_DOMID */

/* libxl's LIBXL_VERSION, and what it returns. */
enum {
    RC_FAIL = -3,
    RC_GUEST_TIMEDOUT = -8,
    RC_DOMAIN_NOTFOUND = -21,
    CALLS_VERSION = 0,
};

typedef struct libxl__ctx libxl_ctx;
typedef struct libxl_domain_config libxl_domain_config;
typedef struct libxl_domain_restore_params libxl_domain_restore_params;
typedef struct libxl_dominfo libxl_dominfo;
#ifndef LIBXL_H                 /* where these have no tag */
typedef struct libxl_asyncop_how libxl_asyncop_how;
typedef struct libxl_asyncprogress_how libxl_asyncprogress_how;
#endif

int libxl_domain_suspend(libxl_ctx *ctx, uint32_t domid, int fd, int flags,
                         const libxl_asyncop_how *ao_how);
int libxl_domain_create_restore(libxl_ctx *ctx, libxl_domain_config *d_config,
                                uint32_t *domid, int restore_fd,
                                int send_back_fd,
                                const libxl_domain_restore_params *params,
                                const libxl_asyncop_how *ao_how,
                                const libxl_asyncprogress_how *aop_console_how);

void libxl_domain_config_init(libxl_domain_config *p);
void libxl_domain_config_dispose(libxl_domain_config *p);
char *libxl_domain_config_to_json(libxl_ctx *ctx, libxl_domain_config *p);
int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *d_config,
                                        const libxl_asyncop_how *ao_how);
int libxl_domain_qualifier_to_domid(libxl_ctx *ctx, const char *name,
                                    uint32_t *domid);
int libxl_is_stubdom(libxl_ctx *ctx, uint32_t domid, uint32_t *target_domid);
char *libxl_domid_to_name(libxl_ctx *ctx, uint32_t domid);

int libxl_ctx_alloc(libxl_ctx **pctx, int version, unsigned flags,
                    xentoollog_logger *lg);
int libxl_ctx_free(libxl_ctx *ctx);
void libxl_dominfo_init(libxl_dominfo *p);
void libxl_dominfo_dispose(libxl_dominfo *p);
char *libxl_dominfo_to_json(libxl_ctx *ctx, libxl_dominfo *p);
int libxl_domain_info(libxl_ctx *ctx, libxl_dominfo *info_r, uint32_t domid);

/* A pointer for each name in symbols.h. */
struct libxl_calls {
#define SYMBOL(name) __typeof__(name) *name;
#include "libxlhooks/symbols.h"
};

/* Unset before libxl_calls_resolve(). */
extern struct libxl_calls real;

/* Looks all functions up, once.  Returns NULL, or in words why they must not be
 * used: one is missing, or the library is of a release that is not known.  The
 * two hooked ones are found if anything is, and may be called all the same. */
const char *libxl_calls_resolve(void);

#endif
