/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Directories on whose way nobody but us can put anything else.
 *
 * A path is walked one component at a time from the root, each opened relative
 * to the one before and looked at while it is open: every directory must belong
 * to root or to the user that we are, and neither its group nor others may
 * write to it.  (Whom an access list names may write only if the group's bits
 * say so, too.)  On the way, but not at the end, a directory may be written to
 * by others if it is sticky, as /tmp is: what stands in it is ours or root's,
 * and nobody else can rename that.  The same is what sshd asks of the
 * directories of authorized_keys (sshd_config(5), StrictModes).
 *
 * So what has been found on the way is still there when it is used, and a
 * symbolic link that is followed was made by root or by us.
 *
 * What is trusted: root, and a file system that tells the truth about owners.
 */
#ifndef PLUGIN_BASE_SAFE_PATH_H
#define PLUGIN_BASE_SAFE_PATH_H

#include <stddef.h>

/*
 * Opens a directory by its absolute path.  Symbolic links are followed where
 * they stand in the first `linked` bytes of the path, and refused in the rest;
 * ".." is understood only where a link has it.
 *
 * Returns a descriptor (O_RDONLY | O_DIRECTORY | O_CLOEXEC), or a negative
 * errno, and why (size bytes) says the cause in one line: -EPERM if others
 * could change what is there, -ELOOP for a link that is not followed, -EINVAL
 * for a path that is not absolute or has "..", else what the kernel said.
 */
int safe_path_open(const char *path, size_t linked, char *why, size_t size);

/* The same without opening the directory at the end, which need not be
 * readable.  Links are followed.  0 or a negative errno. */
int safe_path_check(const char *path, char *why, size_t size);

#endif
