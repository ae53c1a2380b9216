/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The conversation of "xl-dedup doctor HOST" with "xl-dedup doctor --report" at
 * HOST, by which one learns the facts of the other.
 *
 * Each says lines of JSON, an object each:
 *
 *   there: {"xl-dedup doctor": 1, "version": "...", "terminal": false}
 *   here:  {"questions": [...]}              (facts_host.h)
 *   there: {"time": MICROSECONDS}            since 1970, at once
 *   there: the facts
 *
 * The second and the third are what the clocks are compared by: the answer was
 * written between them.  A later version may add values, and whoever does not
 * know them passes them over; what cannot be understood by an older one gets
 * another number.
 *
 * What the other host says is bounded in length, depth and time, and believed
 * in nothing but what it says of itself.
 */
#ifndef PLUGIN_CMD_DOCTOR_ASK_H
#define PLUGIN_CMD_DOCTOR_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/xl/diagnosis.h"
#include "plugin/xl/facts.h"

struct doctor_ask {
    const char *host;           /* for messages */
    const char *const *command; /* that leads to the other end */
    unsigned seconds;           /* for all of it */
};

/* Asks, and adds what it has found of the line and the clocks.  The facts, for
 * json_object_put(), or NULL: then an error is among the findings. */
json_object *doctor_ask(const struct doctor_ask *a, json_object *questions,
                        struct diagnosis *f);

/* The other end, on standard input and output, which lasts no longer than
 * DOCTOR_REPORT_SECONDS.  guests: as facts_of_host() has it.  0 or a negative
 * errno, logged. */
#define DOCTOR_REPORT_SECONDS 300
int doctor_report(bool guests);

#endif
