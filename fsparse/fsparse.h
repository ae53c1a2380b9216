/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fsparse: how a disk image is cut.
 *
 * An image (regular file or block device) is a sequence of bytes.  fsparse
 * looks for partitions and, inside them, for ext2/3/4 and NTFS, and says
 * which bytes belong to which file.  The result is a *hint* for whoever
 * compares content: the guest may be writing while we read, and its file
 * system may be torn or hostile.  What is promised in every case:
 *
 *  - the regions cover [0, image_size) exactly once, in ascending order;
 *  - every extent lies inside the image, belongs to exactly one file, and
 *    was claimed by the first file that named it;
 *  - the library prints nothing and never writes to the image.
 *
 * The file systems are parsed in a process of its own (xl-dedup-parse), so
 * that a guest that breaks a parser breaks a process without privileges and
 * not the engine.  If that process fails, what it had delivered so far is
 * used and the rest of the image is residual.
 *
 * Units are bytes unless a name says otherwise.  Functions return 0 or a
 * negative errno.
 */
#ifndef FSPARSE_FSPARSE_H
#define FSPARSE_FSPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A contiguous piece of a file.  logical: offset in the file's content;
 * physical: offset in the image. */
struct fsparse_extent {
    uint64_t logical;
    uint64_t physical;
    uint64_t length;
};

struct fsparse_partition {
    unsigned number;        /* as the table counts (sda1: 1); 0: whole image */
    uint64_t start;
    uint64_t length;
    const char *scheme;     /* "gpt", "dos", or "none" */
    const char *type;       /* GPT type GUID or "0x83"; "" if none */
    const char *fstype;     /* libblkid's name: "ext4", "ntfs", "xfs"; "" */
    const char *label;      /* of the file system; "" if none */
    const char *note;       /* why it was not (fully) parsed, or may be stale
                               ("journal needs recovery"); "" if all is well */
    const char *doubt;      /* why no space of it is free for certain; "": it
                               is, or nobody asked, or not parsed */
    bool parsed;            /* it has a file system that could be opened */
};

enum fsparse_flag {
    /* The content is stored inside metadata (NTFS resident, ext4 inline):
     * no extents, the bytes are in inline_data. */
    FSPARSE_INLINE = 1 << 0,
    /* NTFS-compressed: the content is the stream's allocated clusters as
     * they lie on the disk, one after the other; size counts those. */
    FSPARSE_COMPRESSED = 1 << 1,
    /* Encrypted by the guest: content is taken as it lies on the disk. */
    FSPARSE_ENCRYPTED = 1 << 2,
    /* A part of what the file claimed was out of range or already claimed
     * and was cut off; those bytes read as zero in the content. */
    FSPARSE_CUT = 1 << 3,
    /* In its file system everybody may read it: the mode of the file has r for
     * others, and that of every directory of its path x.  Of NTFS it is
     * what Windows lets any user read, by its path (ntfs_public.h). */
    FSPARSE_PUBLIC = 1 << 4,
};

/*
 * One stream of data.  Its content is exactly `size` bytes: the extents'
 * bytes, and zeros wherever no extent lies (holes, unwritten extents, the
 * part beyond NTFS' initialized size, and what lies on a hole of the image
 * file: nobody has to read that).  The image's bytes in an unwritten
 * extent or in the slack after the last byte are residual, not file.
 * Hard links are listed once, under the first name met.
 *
 * Zeros are free for the guest and not for us: all files together have at
 * most as many bytes that no extent covers as the image is long, those on
 * holes of the image not counted.  If they would have more, those with the
 * most (a 16 TiB hole) are not listed, their bytes are residual and the
 * partition's note says so.
 */
struct fsparse_file {
    unsigned partition;     /* index into the map's partitions */
    const char *path;       /* absolute inside the file system, raw bytes;
                               "<inode>" style if it has no name */
    const char *stream;     /* NTFS stream name in UTF-8; "" if unnamed */
    uint64_t inode;         /* inode or MFT record number */
    uint64_t size;
    int64_t changed;        /* seconds since 1970, as the guest counts them:
                               when anything of it was changed last */
    unsigned flags;         /* enum fsparse_flag */
    const struct fsparse_extent *extents;   /* ascending by logical */
    size_t n_extents;
    const uint8_t *inline_data;             /* size bytes if FSPARSE_INLINE */
};

enum fsparse_kind {
    FSPARSE_FILE,           /* bytes of files[file], from `logical` on */
    FSPARSE_RESIDUAL,       /* metadata, free space, slack, unknown */
    FSPARSE_HOLE,           /* a hole of the image file: reads as zeros */
};

struct fsparse_region {
    uint64_t offset;
    uint64_t length;
    enum fsparse_kind kind;
    uint32_t file;          /* valid for FSPARSE_FILE */
    uint64_t logical;       /* valid for FSPARSE_FILE */
};

/* Bytes of the image. */
struct fsparse_range {
    uint64_t offset;
    uint64_t length;
};

struct fsparse_map {
    uint64_t image_size;
    const struct fsparse_partition *partitions;
    size_t n_partitions;
    const struct fsparse_file *files;
    size_t n_files;
    const struct fsparse_region *regions;
    size_t n_regions;
    /* Of fsparse_map_cold_image(): what nobody has, ascending. */
    const struct fsparse_range *free;
    size_t n_free;
    /* What went wrong with the parser, for the log; "" if nothing did. */
    const char *note;
};

/*
 * Parses the image open for reading on fd (its offset is not used), which is
 * image_size bytes long, in a separate process.  Returns 0 and a map that the
 * caller frees with fsparse_map_free(); a parser that fails still yields a
 * map (with a note).  -ENOMEM and the like: no map.
 *
 * The parser is PKGLIBEXECDIR/xl-dedup-parse, or what the environment
 * variable XL_DEDUP_PARSER names (for the tests of an uninstalled build).  It
 * is ended after 300 seconds, or XL_DEDUP_PARSER_SECONDS.
 */
int fsparse_map_image(int fd, uint64_t image_size, struct fsparse_map **map_r);

/*
 * The same, and says what is free: what no file, no metadata of a file system,
 * no partition and no partition table claims, in file systems that were closed
 * cleanly and show no contradiction.  Of a partition with any doubt nothing is
 * free.  It costs one more walk over the metadata.  Of an image that somebody
 * writes to it means nothing.
 */
int fsparse_map_cold_image(int fd, uint64_t image_size,
                           struct fsparse_map **map_r);

void fsparse_map_free(struct fsparse_map *map);

/*
 * Who takes plain content.  begin() announces a stream and its size, data()
 * brings its bytes in order, end() is called when all `size` of them were
 * there.  A stream without an end() could not be read: what came of it is to
 * be forgotten.  Each returns 0 or a negative errno, which stops everything.
 */
struct fsparse_plain_sink {
    int (*begin)(void *opaque, uint32_t file, uint64_t size);
    int (*data)(void *opaque, const void *data, size_t length);
    int (*end)(void *opaque);
};

/* A unit of 16 clusters lies in one of them at best: the size of plain
 * content is at most that of what lies on the disk, times this. */
#define FSPARSE_PLAIN_MOST 16u

#define FSPARSE_NOTE_BYTES 120

/*
 * Decompresses, in a separate process as above, what FSPARSE_COMPRESSED files
 * hold for the guest.  files: n_files indices into map->files, ascending; map
 * is of the image on fd.  Others than compressed ones are passed over, and so
 * are those with a FSPARSE_CUT, and those whose gaps make them larger than
 * FSPARSE_PLAIN_MOST allows.
 *
 * Returns 0, also if the parser fails: then note says how, and the streams
 * that have come to their end are good.  Else a negative errno: the sink's,
 * or -ENOMEM and the like.
 */
int fsparse_read_plain(int fd, const struct fsparse_map *map,
                       const uint32_t *files, size_t n_files,
                       const struct fsparse_plain_sink *sink, void *opaque,
                       char note[FSPARSE_NOTE_BYTES]);

/*
 * Runs the parser in its sandbox without an image, once to see which layers
 * are in force and then, if nothing that is required is missing, twice for each
 * thing that it must not be able to do: as it is, and without the filter of
 * system calls.  line gets each result as a line
 * for people, which it copies.  *sound_r: every required layer holds, and
 * nothing could be done.  Returns 0 or a negative errno.
 */
int fsparse_check_sandbox(void (*line)(void *opaque, const char *text),
                          void *opaque, bool *sound_r);

#endif
