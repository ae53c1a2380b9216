/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libxl's structs hold, as the library itself says it in JSON.
 *
 * A field that has its default is not in there, so that one that is missing is
 * none, 0 or "unknown"; the names are those of libxl_types.idl, which only
 * grows.
 */
#ifndef LIBXLHOOKS_AS_JSON_H
#define LIBXLHOOKS_AS_JSON_H

#include <json-c/json.h>
#include <stdbool.h>

#include "libxlhooks/libxl_calls.h"

/* Zeroed memory in which libxl makes a struct of its own, for free() after
 * libxl has disposed of the struct; NULL if there is none.  It has fifty times
 * the size of the largest one in the releases that are known, and others never
 * get here (libxl_calls_resolve()). */
void *as_json_memory(void);

/* The whole, for json_object_put(); NULL if the library does not say it, or
 * not in JSON. */
json_object *as_json_config(libxl_ctx *ctx, libxl_domain_config *config);
json_object *as_json_dominfo(libxl_ctx *ctx, libxl_dominfo *info);

/* The object below key, NULL if there is none; borrowed. */
json_object *as_json_object(json_object *o, const char *key);
/* The same of the text below key. */
const char *as_json_text(json_object *o, const char *key);
/* A number other than 0, or true. */
bool as_json_is_set(json_object *o, const char *key);

#endif
