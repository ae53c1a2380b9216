/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Libxl's structs in JSON; see as_json.h. */
#include "config.h"

#include <stdlib.h>

#include "libxlhooks/as_json.h"

#define MEMORY_BYTES (64 << 10) /* a configuration of 4.20 has 1368 */

void *as_json_memory(void)
{
    return calloc(1, MEMORY_BYTES);
}

/* Takes the text. */
static json_object *parse(char *text)
{
    json_object *o = text ? json_tokener_parse(text) : NULL;

    free(text);
    return o;
}

json_object *as_json_config(libxl_ctx *ctx, libxl_domain_config *config)
{
    return parse(real.libxl_domain_config_to_json(ctx, config));
}

json_object *as_json_dominfo(libxl_ctx *ctx, libxl_dominfo *info)
{
    return parse(real.libxl_dominfo_to_json(ctx, info));
}

json_object *as_json_object(json_object *o, const char *key)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) &&
        json_object_is_type(value, json_type_object) ? value : NULL;
}

const char *as_json_text(json_object *o, const char *key)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) &&
        json_object_is_type(value, json_type_string) ?
        json_object_get_string(value) : NULL;
}

bool as_json_is_set(json_object *o, const char *key)
{
    json_object *value;

    return json_object_object_get_ex(o, key, &value) &&
        json_object_get_int64(value) != 0;
}
