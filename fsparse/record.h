/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Record: what the parser process tells the library, through a pipe.
 *
 * The stream is RECORD_MAGIC and then records: a struct record_header and
 * `length` bytes of payload.  Numbers are in host order (both ends are one
 * build on one machine); a string is a u16 length and its bytes.
 *
 *   PARTITION  u32 number, u64 start, u64 length,
 *              scheme, type, fstype, label
 *   FILE       u32 partition, u32 flags, u64 inode, u64 size, u64 changed,
 *              path, stream; with FSPARSE_INLINE then exactly `size` bytes of
 *              content
 *   EXTENTS    {u64 logical, u64 physical, u64 length}..., of the last file
 *   FLAGS      u32 flags that are added to the last file's
 *   NOTE       u32 partition, text
 *   PARSED     u32 partition, whose file system could be opened
 *   FREE       u32 partition, u64 start, u64 length of bytes that nobody has,
 *              ascending, from the partition's start on
 *   DOUBT      u32 partition, text: why it is not certain what nobody has
 *   REFUSED    text: why nothing is parsed; the only record then
 *   END        nothing; without it the result is incomplete
 *
 * FREE and DOUBT come only if the parser was started with the argument "free".
 *
 * Asked for plain content, the parser is started with the argument "plain"
 * and a file of RECORD_WANT_MAGIC and then wants on stdin:
 *
 *   u32 number, ascending; u64 start, u64 length of the partition;
 *   u64 inode, u64 most, stream
 *
 * It answers with RECORD_MAGIC and for each of them that it can read
 *
 *   PLAIN      u32 number, u64 size, which is no more than `most`
 *   DATA       the content, in its order and in pieces of any length; that of
 *              one that turns out not to be readable ends before its size
 *
 * and with END.
 *
 * With the argument "check", or one of the attempts, it answers in lines
 * (sandbox_probe.h).
 *
 * The reader believes none of it: lengths first, then every value.
 */
#ifndef FSPARSE_RECORD_H
#define FSPARSE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MAGIC "xdfsp\0\0\2"
#define RECORD_WANT_MAGIC "xdfsw\0\0\1"
#define RECORD_MAGIC_BYTES 8            /* of both */

enum record_type {
    RECORD_PARTITION = 1,
    RECORD_FILE,
    RECORD_EXTENTS,
    RECORD_FLAGS,
    RECORD_NOTE,
    RECORD_END,
    RECORD_PARSED,
    RECORD_PLAIN,
    RECORD_DATA,
    RECORD_FREE,
    RECORD_DOUBT,
    RECORD_REFUSED,
};

struct record_header {
    uint32_t type;
    uint32_t length;
};

/* Bounds that both ends know. */
#define RECORD_MAX (128u << 10)         /* bytes of payload */
#define RECORD_PATH_MAX 4095u
#define RECORD_STRING_MAX 1024u         /* any other string */
#define RECORD_INLINE_MAX (64u << 10)
#define RECORD_EXTENTS_MAX 4096u        /* in one record */
#define RECORD_PARTITIONS_MAX 256u

/* What is left of a payload.  A read past its end sets bad and yields zero,
 * so that a caller checks once, after the last read. */
struct record_cursor {
    const uint8_t *next;
    size_t left;
    bool bad;
};

const void *record_bytes(struct record_cursor *c, size_t length);
uint32_t record_u32(struct record_cursor *c);
uint64_t record_u64(struct record_cursor *c);

/* A string of at most max bytes without NUL bytes; not terminated. */
const char *record_string(struct record_cursor *c, size_t max,
                          size_t *length_r);

#endif
