/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sandbox: what the parser gives up before it reads the first byte of a
 * guest's image.
 *
 * It promises that code of the guest's choice in this process can read the
 * image, write to the pipe and use a limited amount of memory and time, and
 * nothing else; or that the process knows that it has no such sandbox, and
 * reads nothing.  Each layer alone is meant to be enough; the filter of system
 * calls (sandbox_filter.h) is the last one and cannot be left out.
 *
 * It trusts the kernel and the C library, and that everything which the
 * process still needs is open and loaded.
 */
#ifndef FSPARSE_SANDBOX_H
#define FSPARSE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The shadow memory and the threads of a sanitizer need far more than the
 * limits and the filter grant. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_INSTRUMENTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANDBOX_INSTRUMENTED 1
#endif
#endif
#ifndef SANDBOX_INSTRUMENTED
#define SANDBOX_INSTRUMENTED 0
#endif

#define SANDBOX_LAYERS_MAX 20

/* What became of one layer. */
struct sandbox_layer {
    const char *name;
    bool required;              /* without it nothing is parsed */
    bool holds;
    int error;                  /* positive errno; 0: see holds */
};

struct sandbox {
    struct sandbox_layer layers[SANDBOX_LAYERS_MAX];
    size_t n;                   /* how many were tried */
};

/*
 * Locks the process down for good, in the order of the table in sandbox.c.
 * image_fd stays readable and out_fd writable; stderr takes what the C library
 * says of a damaged heap.  Stops at the first required layer that does not
 * hold.  Returns 0 or its negative errno; the last of the layers is that one.
 * The process must have one thread.  filtered is true but for the check, which
 * also shows what the other layers are worth without the filter.
 */
int sandbox_enter(struct sandbox *s, int image_fd, int out_fd, bool filtered);

#endif
