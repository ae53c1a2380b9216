/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found; see diagnosis.h. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/xl/diagnosis.h"

#define TEXT_MAX 4096               /* bytes of one */

static char *printable(const char *text)
{
    char line[TEXT_MAX];

    return strdup(text_escape_line(text, line, sizeof(line)));
}

void diagnosis_add(struct diagnosis *f, enum finding_level level,
                   const char *check, const char *where, const char *why,
                   const char *way, const char *fmt, ...)
{
    struct finding *longer, *o;
    char text[TEXT_MAX];
    va_list arguments;

    va_start(arguments, fmt);
    vsnprintf(text, sizeof(text), fmt, arguments);
    va_end(arguments);
    longer = realloc(f->list, (f->n + 1) * sizeof(*longer));
    if (!longer) {
        f->failed = true;
        return;
    }
    f->list = longer;
    o = &longer[f->n];
    *o = (struct finding){ level, check, printable(where), printable(text),
                           why, way };
    if (o->where && o->what) {
        f->n++;
        return;
    }
    free(o->where);
    free(o->what);
    f->failed = true;
}

size_t diagnosis_count(const struct diagnosis *f, enum finding_level level)
{
    size_t i, n = 0;

    for (i = 0; i < f->n; i++)
        n += f->list[i].level == level;
    return n;
}

const char *finding_level_name(enum finding_level level)
{
    return level == FINDING_ERROR ? "error" :
        level == FINDING_WARNING ? "warning" : "ok";
}

void diagnosis_release(struct diagnosis *f)
{
    size_t i;

    for (i = 0; i < f->n; i++) {
        free(f->list[i].where);
        free(f->list[i].what);
    }
    free(f->list);
    *f = (struct diagnosis)DIAGNOSIS_INIT;
}
