/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An xl that migrates with a real libxl, on a machine without Xen:
 *
 *   real-libxl suspend|restore
 *
 * with libxlhooks.so, libreallibxl.so and a libxenlight preloaded, in this
 * order.  The domain is number 7, its configuration the JSON in $REAL_JSON.
 * Prints what the hooked function returns.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libxlhooks/libxl_calls.h"

#define MEMORY_BYTES (1 << 20)

#define CALL(name) ((__typeof__(name) *)find(#name))

static void *find(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);

    if (!function) {
        fprintf(stderr, "real-libxl: no %s\n", name);
        exit(2);
    }
    return function;
}

static int restore(libxl_ctx *ctx)
{
    libxl_domain_config *config = calloc(1, MEMORY_BYTES);
    uint32_t domid;

    if (!config)
        return RC_FAIL;
    CALL(libxl_domain_config_init)(config);
    if (CALL(libxl_retrieve_domain_configuration)(ctx, 7, config, NULL))
        return RC_FAIL;
    return CALL(libxl_domain_create_restore)(ctx, config, &domid, 0, 1, NULL,
                                             NULL, NULL);
}

int main(int argc, char **argv)
{
    xentoollog_logger *logger = (xentoollog_logger *)
        CALL(xtl_createlogger_stdiostream)(stderr, XTL_ERROR, 0);
    libxl_ctx *ctx;
    int rc;

    if (argc != 2 || !logger ||
        CALL(libxl_ctx_alloc)(&ctx, CALLS_VERSION, 0, logger))
        return 2;
    rc = strcmp(argv[1], "restore") ?
        CALL(libxl_domain_suspend)(ctx, 7, 1, 0, NULL) : restore(ctx);
    printf("%d\n", rc);
    return 0;
}
