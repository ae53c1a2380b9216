/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the fuzz targets share.
 *
 * A target is one file that defines LLVMFuzzerTestOneInput(), as libFuzzer and
 * OSS-Fuzz have it.  Linked with libFuzzer (run.sh) it is a fuzzer; linked with
 * replay.c it takes the files that it is given, one after the other, and this
 * is what `make check` does with those in corpus/.
 *
 * A target takes the fuzzer's bytes from the front, and what is not there is
 * zero.  It ends by abort() if something does not hold that the code under it
 * promises.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_input {
    const uint8_t *next;
    size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);       /* little-endian, as all */
uint32_t fuzz_u32(struct fuzz_input *in);
uint64_t fuzz_u64(struct fuzz_input *in);
/* At most *length bytes, and *length becomes how many there are. */
const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *length);

/* What must hold. */
#define FUZZ_CHECK(condition) \
    ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))
void fuzz_failed(const char *file, int line, const char *condition)
    __attribute__((noreturn));

/* Messages of the code under test are not shown.  For the first input. */
void fuzz_quiet(void);

/* A file in memory with this content; -1 is never returned. */
int fuzz_file(const void *data, size_t length);

#endif
