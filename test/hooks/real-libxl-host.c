/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host that a real libxl needs to say what a configuration holds: a
 * hypervisor and a xenstore that can be opened, the latter without a domain;
 * and a domain 7 whose configuration is the JSON in $REAL_JSON, as libxl
 * itself has read it.  No struct's layout is known here, either.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "libxlhooks/libxl_calls.h"

struct xs_handle {
    int unused;
};

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags);
int xc_interface_close(void *xch);
int libxl_domain_config_from_json(libxl_ctx *ctx, libxl_domain_config *p,
                                  const char *s);

void *xc_interface_open(void *logger, void *dombuild_logger, unsigned flags)
{
    (void)dombuild_logger;
    (void)flags;
    return logger;
}

int xc_interface_close(void *xch)
{
    (void)xch;
    return 0;
}

struct xs_handle *xs_open(unsigned long flags)
{
    return calloc(1, sizeof(struct xs_handle) + flags);
}

void xs_close(struct xs_handle *xs)
{
    free(xs);
}

void *xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path,
              unsigned *len)
{
    (void)xs;
    (void)t;
    (void)path;
    (void)len;
    errno = ENOENT;
    return NULL;
}

char **xs_directory(struct xs_handle *xs, xs_transaction_t t, const char *path,
                    unsigned *num)
{
    (void)xs;
    (void)t;
    (void)path;
    (void)num;
    errno = ENOENT;
    return NULL;
}

int libxl_retrieve_domain_configuration(libxl_ctx *ctx, uint32_t domid,
                                        libxl_domain_config *d_config,
                                        const libxl_asyncop_how *ao_how)
{
    static char text[1 << 16];
    __typeof__(libxl_domain_config_from_json) *from_json =
        (__typeof__(from_json))dlsym(RTLD_NEXT,
                                     "libxl_domain_config_from_json");
    const char *path = getenv("REAL_JSON");
    FILE *f = path ? fopen(path, "r") : NULL;

    if (!f || !from_json || ao_how || domid != 7)
        abort();
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return from_json(ctx, d_config, text);
}
