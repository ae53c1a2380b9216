/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands that look at images have in common. */
#ifndef PLUGIN_CMD_UTIL_H
#define PLUGIN_CMD_UTIL_H

#include <stdbool.h>

#include "plugin/content/manifest.h"

#define CMD_GO_ON (-1)          /* no exit status: the command goes on */

struct cmd_options {
    bool json;
    unsigned threads;
};

/* Parses --json, --threads and --help, and wants between least and most
 * arguments after them (from argv[optind]).  Returns CMD_GO_ON, or the exit
 * status of a command that has nothing more to do. */
int cmd_parse(int argc, char **argv, const char *help, int least, int most,
              struct cmd_options *opt);

/* Opens the image and builds its manifest, with progress lines.  Returns 0
 * and what manifest_free() and image_release() take, or a negative errno,
 * logged, and img released. */
int cmd_manifest(struct image *img, const char *path, bool files_only,
                 const struct cmd_options *opt, struct manifest **m_r);

/* A manifest_progress; opaque is the struct image. */
void cmd_progress(void *opaque, uint64_t done, uint64_t total);

/* Writes out stdout.  Returns status, or XD_EXIT_FAILED if that failed. */
int cmd_finish(int status);

/* Prints a JSON object on a line, followed by tail, and frees it.  It may be
 * NULL, for a caller that had no memory to make it.  0, or -ENOMEM, logged. */
struct json_object;
int cmd_print_json(struct json_object *json, const char *tail);

/* A JSON string of any bytes, escaped by text_escape(); NULL: no memory. */
struct json_object *cmd_json_text(const char *text);

/* Writes the hash into buf in hexadecimal.  Returns buf. */
char *cmd_hex(const uint8_t *hash, char buf[2 * HASH_BYTES + 1]);

#endif
