/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * All that a host tells of itself before a migration: the report of
 * "xl-dedup doctor", of this host and, over the line, of the other one.
 *
 * Nothing is changed, and nothing is asked that could hang for ever but a file
 * system whose server is gone.  What is asked of the file system and of the
 * domains is for whoever may migrate a guest to this host.
 */
#ifndef PLUGIN_XL_FACTS_HOST_H
#define PLUGIN_XL_FACTS_HOST_H

#include "plugin/xl/facts.h"

/* As many questions are answered. */
#define FACTS_QUESTIONS_MAX 512

/* Kinds of questions: an object of "kind" and "path". */
#define FACTS_FILE "file"           /* what is at an absolute path */
#define FACTS_PROGRAM "program"     /* one that libxl would run */
#define FACTS_PLACE "place"         /* where a disk is to go: besides, whether
                                       its directory is there, what is free */

/*
 * The report.  questions: an array of them, or NULL; answered in the same
 * order in "answers" (is: "file", "directory", "device", "none", "other",
 * "unknown"; directory; free, in bytes).  guests: with what xl tells, network
 * interfaces and answers, else without.  A new object, or NULL: no memory.
 */
json_object *facts_of_host(json_object *questions, bool guests);

#endif
