/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the facts of a host (facts_host.h) mean for a migration.  Facts of the
 * other host are its word: all that a lie of it does is a wrong finding.
 */
#ifndef PLUGIN_XL_JUDGE_HOST_H
#define PLUGIN_XL_JUDGE_HOST_H

#include "plugin/xl/diagnosis.h"
#include "plugin/xl/facts.h"

/* Of one host.  where: its name for the admin; here: it is this one, whose PATH
 * is looked at, too. */
void judge_host(struct diagnosis *f, const char *where, bool here,
                json_object *facts);

/* Of both: whether a guest can go from here to there. */
void judge_hosts(struct diagnosis *f, const char *where, json_object *here,
                 json_object *there);

#endif
