/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the way to another host is written: HOST:PATH as scp has it, and the
 * command to be used instead of ssh as rsync's -e has it. */
#ifndef PLUGIN_CMD_RSH_H
#define PLUGIN_CMD_RSH_H

#include <stddef.h>

struct rsh_place {
    char *host;                 /* for ssh: without brackets; NULL: this one */
    char *shown;                /* as it was written, for messages */
    char *path;
};

/*
 * Takes [HOST:]PATH apart.  HOST ends at the first colon, unless a slash comes
 * before it: then there is none.  One in brackets, for an IPv6 address, may
 * hold colons, and USER@ may stand before it.  -EINVAL: why says what is
 * wrong.  What is in p is for rsh_place_release(), also after an error.
 */
int rsh_place_parse(struct rsh_place *p, const char *text, char *why,
                    size_t why_size);
void rsh_place_release(struct rsh_place *p);

/*
 * Splits a command at spaces, and only there; what stands in single or double
 * quotes is not split.  A quote within its own kind is written twice; there is
 * no backslash.  *argv_r: ended by NULL, with room for `more` words after it;
 * for free(), which frees the words as well.  -EINVAL: why says what is wrong.
 */
int rsh_split(const char *command, size_t more, const char ***argv_r,
              char *why, size_t why_size);

#endif
