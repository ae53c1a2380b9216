/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing facts; see facts.h. */
#include "config.h"

#include "plugin/xl/facts.h"

static json_object *value_of(json_object *o, const char *key,
                             enum json_type type)
{
    json_object *value;

    return json_object_is_type(o, json_type_object) &&
        json_object_object_get_ex(o, key, &value) &&
        json_object_is_type(value, type) ? value : NULL;
}

const char *facts_text(json_object *o, const char *key)
{
    json_object *value = value_of(o, key, json_type_string);

    return value ? json_object_get_string(value) : NULL;
}

bool facts_true(json_object *o, const char *key)
{
    json_object *value = value_of(o, key, json_type_boolean);

    return value && json_object_get_boolean(value);
}

bool facts_number(json_object *o, const char *key, int64_t *number_r)
{
    json_object *value = value_of(o, key, json_type_int);

    if (!value)
        return false;
    *number_r = json_object_get_int64(value);
    return true;
}

json_object *facts_object(json_object *o, const char *key)
{
    return value_of(o, key, json_type_object);
}

json_object *facts_array(json_object *o, const char *key)
{
    return value_of(o, key, json_type_array);
}

json_object *facts_nth(json_object *array, size_t n)
{
    return json_object_is_type(array, json_type_array) &&
        n < json_object_array_length(array) ?
        json_object_array_get_idx(array, n) : NULL;
}

void facts_put(json_object *o, const char *key, json_object *value,
               bool *failed)
{
    if (o && value && !json_object_object_add(o, key, value))
        return;
    json_object_put(value);
    *failed = true;
}

void facts_put_text(json_object *o, const char *key, const char *text,
                    bool *failed)
{
    facts_put(o, key, json_object_new_string(text), failed);
}

void facts_append(json_object *array, json_object *value, bool *failed)
{
    if (array && value && !json_object_array_add(array, value))
        return;
    json_object_put(value);
    *failed = true;
}
