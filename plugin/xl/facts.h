/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts: what a host tells of itself, as a JSON object of sections, each an
 * object of values.  Those of another host are that host's word: whoever reads
 * them finds a value of the type that it asks for, or none; texts are as they
 * came, and are to be escaped where they are shown.
 */
#ifndef PLUGIN_XL_FACTS_H
#define PLUGIN_XL_FACTS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Of an object o, which may be NULL.  The text stays o's; NULL: there is
 * none. */
const char *facts_text(json_object *o, const char *key);
/* Whether there is one that is true. */
bool facts_true(json_object *o, const char *key);
/* Whether there is a number. */
bool facts_number(json_object *o, const char *key, int64_t *number_r);
/* The object or array, or NULL. */
json_object *facts_object(json_object *o, const char *key);
json_object *facts_array(json_object *o, const char *key);
/* The nth of an array that may be NULL, or NULL. */
json_object *facts_nth(json_object *array, size_t n);

/* Each puts a value into o, which becomes its owner, or sets *failed: no
 * memory.  o and value may be NULL then. */
void facts_put(json_object *o, const char *key, json_object *value,
               bool *failed);
void facts_put_text(json_object *o, const char *key, const char *text,
                    bool *failed);
void facts_append(json_object *array, json_object *value, bool *failed);

#endif
