/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files in which this host keeps what it knows of a disk, below the state
 * directory: JSON, one file per disk and path, replaced atomically.  What a
 * record says is record.h's matter; keyring.h has a directory of its own.
 *
 * What is read is this host's own word, but may be damaged or cut short: a
 * file that is not JSON is as good as none.
 */
#ifndef PLUGIN_STATE_RECORD_FILE_H
#define PLUGIN_STATE_RECORD_FILE_H

struct json_object;

/* Below the state directory: where records lie. */
#define RECORD_DIRECTORY "records"

struct record_key {
    const char *uuid;       /* of the guest, or of a pushed image */
    const char *vdev;
    const char *path;       /* on this host, absolute */
};

/* The path of a file of the disk in a directory of the state directory, for
 * free(); NULL: out of memory. */
char *record_file(const char *state_dir, const char *directory,
                  const struct record_key *key);

/* Adds a member to what will be such a file.  Takes v over, which may be NULL.
 * 0 or -ENOMEM. */
int record_file_add(struct json_object *o, const char *key,
                    struct json_object *v);
int record_file_add_string(struct json_object *o, const char *key,
                           const char *v);

/* The string of a member; NULL: o is no object, has none of the name, or that
 * is no string. */
const char *record_file_string(struct json_object *o, const char *key);

/* Makes a directory of the state directory, and that one.  0 or a negative
 * errno. */
int record_file_make_directory(const char *state_dir, const char *directory);

/* Writes such a file in place of one that was there.  0 or a negative errno:
 * then that one still is. */
int record_file_replace(const char *file, struct json_object *o);

/* Writes the record of a key, and makes its directory.  Takes o over, or (rc
 * not 0) the reason why there is none, which it logs and returns.  0 or a
 * negative errno, logged: then what was there still is. */
int record_file_write(const char *state_dir, const struct record_key *key,
                      struct json_object *o, int rc);

/* Reads a file of at most 64 KiB.  0 and an object, for json_object_put(), or
 * NULL if there is no such file or it is damaged; or a negative errno and
 * NULL: -ENOMEM, or it cannot be read. */
int record_file_read(const char *file, struct json_object **o_r);

/* The same for the record of a key.  Logs failure. */
int record_file_load(const char *state_dir, const struct record_key *key,
                     struct json_object **o_r);

#endif
