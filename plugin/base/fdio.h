/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes that are complete, names that outlast a crash, descriptors of a forked
 * process, and lines of small files. */
#ifndef PLUGIN_BASE_FDIO_H
#define PLUGIN_BASE_FDIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes all length bytes to a blocking descriptor.  0 or a negative errno:
 * then a part of them may be written. */
int fd_write_all(int fd, const void *data, size_t length);

/* ftruncate(), which a signal does not end.  0 or a negative errno. */
int fd_truncate(int fd, uint64_t length);

/* Brings the names in the directory of a path to the storage: a name that is
 * only in memory is lost when the host crashes.  0 or a negative errno. */
int fd_sync_directory_of(const char *path);

/* Writes a file of mode 0600 so that after a crash, or a failure, its path has
 * the old content or the new.  path + ".new" is used meanwhile.  0 or a
 * negative errno. */
int fd_replace_file(const char *path, const void *data, size_t length);

/* For a process that was forked, before it executes something: fd gets the
 * number, and is open there.  It may have it already, where whoever started us
 * had closed a standard file; dup2() would leave it to be closed.  Takes no
 * lock.  0 or a negative errno. */
int fd_become(int fd, int number);

/* Whoever started us may have closed some of the three, or we have.  What is
 * opened first would get their numbers: messages would be written into a disk,
 * and a command that is started would have no pipes.  So those that are closed
 * become /dev/null.  False: they cannot. */
bool fd_have_standard(void);

/* For a process that was forked and has no use for what its parent has open.
 * The first: 0 to last (0 to 2) become /dev/null.  The second: closes all above
 * 2 but those of the list, which it sorts; negative ones are none. */
void fd_null(int last);
void fd_close_others(int *keep, size_t n);

/* Reads the first line of a file, as those of /proc and /sys have it, without
 * its newline and cut to size bytes with the NUL.  False: it cannot be read, or
 * it is empty. */
bool file_read_line(const char *path, char *text, size_t size);

#endif
