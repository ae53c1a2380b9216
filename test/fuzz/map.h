/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a parser's answer into a map, without a process: this stands in
 * for fsparse/process.c, and checks what fsparse.h promises of every map.
 */
#ifndef TEST_FUZZ_MAP_H
#define TEST_FUZZ_MAP_H

#include <stdint.h>

#include "fsparse/fsparse.h"
#include "plugin/base/buf.h"

/* What a parser answers, as if it had been started by process_start(): the
 * bytes of record.h, put into answer. */
typedef void map_parser(const char *task, int image_fd, int request_fd,
                        struct buf *answer);

/* Has a map of the image made, checks it, has what compressed files hold read,
 * and checks that. */
void map_check(int image_fd, uint64_t image_size, map_parser *parser);

/* For others: what answers from now on; and an answer: two files that lie in an
 * image of this size, /file1 and /file2, and what is in neither. */
void map_parse_with(map_parser *parser);
void map_put_files(struct buf *answer, uint64_t image_size);

#endif
