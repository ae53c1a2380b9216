/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text of JSON (RFC 8259), in and out of json-c's objects.
 *
 * json-c 0.16, when it gets no memory, follows null pointers while it reads a
 * text, leaves members out, and ends a text that it writes in the middle, and
 * says that all is well.  Its objects can be trusted to say so; so this reads
 * and writes, and they only hold.
 */
#ifndef PLUGIN_BASE_JSON_TEXT_H
#define PLUGIN_BASE_JSON_TEXT_H

#include <json-c/json.h>

#include "plugin/base/buf.h"

/* Objects and lists that may be in each other; json-c's own bound. */
#define JSON_TEXT_DEPTH 32

/* Reads a whole text, which ends with a NUL, for json_object_put(): NULL is the
 * value null.  A number that is not whole, or that no int64_t holds, is a
 * double.  A string may have bytes that are no UTF-8, as names of files do.
 * 0, -EINVAL (no JSON, too deep, or a string with a NUL or with half of a
 * character of UTF-16) or -ENOMEM; then *o_r is NULL. */
int json_text_read(const char *text, struct json_object **o_r);

/* Appends the text of an object, a member a line.  b has failed if there is no
 * memory, or if there is more in it than objects, lists, strings, whole numbers
 * that an int64_t holds, booleans and null. */
void json_text_write(struct json_object *o, struct buf *b);

#endif
