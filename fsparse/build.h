/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Build: a map that is being made.  intake fills in partitions, files and
 * what the files claim; cover decides the claims and lays the regions.
 */
#ifndef FSPARSE_BUILD_H
#define FSPARSE_BUILD_H

#include <stdbool.h>

#include "fsparse/arena.h"
#include "fsparse/fsparse.h"
#include "fsparse/record.h"

struct build {
    struct fsparse_map map;     /* first: the caller's pointer is this */
    struct arena arena;         /* every string and all inline content */
    struct fsparse_partition *partitions;
    size_t n_partitions, cap_partitions;
    struct fsparse_file *files; /* n_extents valid, extents set at the end */
    size_t n_files, cap_files;
    struct fsparse_extent *extents; /* file after file, in claim order */
    size_t n_extents, cap_extents;
    struct fsparse_region *regions;
    size_t n_regions, cap_regions;

    struct fsparse_range *free;
    size_t n_free, cap_free;

    /* intake's state */
    uint64_t last_end;          /* logical end of the last file's extents */
    uint64_t received;          /* bytes of records */
    uint64_t memory;            /* bytes that what was taken needs */
    uint32_t left_out[RECORD_PARTITIONS_MAX];   /* files, per partition */
};

/*
 * Takes one record.  Returns 0, 1 for END, -EBADMSG if it is not what
 * record.h says (the build stays valid without it), -EFBIG if the whole is more
 * than an image of that size can have (the build is empty then), or -ENOMEM.
 */
int intake_record(struct build *b, uint32_t type, const void *payload,
                  size_t length);

/* Sorts what is free, and forgets it if the parser failed, if a file lies in
 * it or if two partitions have it: then something is wrong with the file
 * system or with the parser.  Returns 0 or -ENOMEM. */
int intake_check_free(struct build *b, bool complete);

/* Says in the partitions' notes which files were left out. */
int intake_note_left_out(struct build *b);

/* A text for people after what is in *note_r already. */
int build_note(struct build *b, const char **note_r, const char *text);

/* Puts a region after those that there are, as one with the last if it goes
 * on where that ends. */
int build_lay(struct build *b, const struct fsparse_region *r);

/* Makes the files' extents those of the regions.  cut: files that lose some
 * get FSPARSE_CUT. */
int build_follow(struct build *b, bool cut);

/* Gives each byte to the first file that claimed it, corrects the files'
 * extents and lays the regions.  fd is only asked for holes (its offset
 * moves); -1: there are none. */
int cover_image(struct build *b, int fd);

/* Leaves files out until the others together have no more zeros that no
 * extent covers than fsparse.h allows: those with the most zeros go. */
int gaps_limit(struct build *b);

/* Makes holes of the image of what files have on such.  fd as above. */
int trim_holes(struct build *b, int fd);

#endif
