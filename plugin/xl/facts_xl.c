/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What xl tells of this host; see facts_xl.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/base/json_text.h"
#include "plugin/base/paths.h"
#include "plugin/xl/domains.h"
#include "plugin/xl/facts_xl.h"

#define LIBRARY "libxenlight.so"
#define HOOKS "libxlhooks.so"

/* Of what ld.so says of the process that became xl. */
struct loaded {
    char library[256];          /* "": no libxenlight was seen */
    bool hooks;                 /* loaded beside it */
};

/* Splits off the line at *text; NULL: there is none. */
static char *next_line(char **text)
{
    char *line = *text, *end;

    if (!line || !*line)
        return NULL;
    end = strchr(line, '\n');
    if (end)
        *end++ = '\0';
    *text = end;
    return line;
}

/* What LD_DEBUG says after "  PID:\t", or NULL: it is another's line. */
static const char *debug_words(const char *line, long *pid_r)
{
    char *end;

    *pid_r = strtol(line, &end, 10);
    return end != line && end[0] == ':' && end[1] == '\t' ? end + 2 : NULL;
}

static bool take_word(const char **words, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*words, word, n))
        return false;
    *words += n;
    return true;
}

/* A shell script may become xl, and begin other programs before: each says what
 * it has loaded until "transferring control". */
static void read_loaded(char *text, struct loaded *l)
{
    struct loaded now = { "", false };
    long pid, last = 0;
    const char *words;
    char *line;

    *l = now;
    while ((line = next_line(&text))) {
        words = debug_words(line, &pid);
        if (!words)
            continue;
        if (pid != last)
            now = (struct loaded){ "", false };
        last = pid;
        if (take_word(&words, "calling init: ")) {
            const char *name = path_basename(words);

            if (!strncmp(name, LIBRARY, strlen(LIBRARY)))
                snprintf(now.library, sizeof(now.library), "%s", name);
            now.hooks |= !strcmp(name, HOOKS);
        } else if (take_word(&words, "transferring control: ")) {
            if (*now.library)
                *l = now;
            now = (struct loaded){ "", false };
        }
    }
}

void facts_words_of(const struct program *p, char *line, size_t size)
{
    char *text = p->err.data && !p->err.failed ?
        strdup((const char *)p->err.data) : NULL, *rest = text, *one;
    bool told = false;
    long pid;

    *line = '\0';
    while ((one = next_line(&rest)) && !told) {
        if (debug_words(one, &pid) || !one[strspn(one, " \t\r")])
            continue;
        snprintf(line, size, "%s", one);
        told = strstr(one, "error");
    }
    free(text);
}

/* "ERROR: ld.so: object '...' from LD_PRELOAD cannot be preloaded (...)". */
static void preload_error(const struct program *p, char *line, size_t size)
{
    char *text = p->err.data ? strdup((const char *)p->err.data) : NULL;
    char *rest = text, *one;

    *line = '\0';
    while ((one = next_line(&rest)))
        if (strstr(one, "LD_PRELOAD") && strstr(one, HOOKS))
            snprintf(line, size, "%s", one);
    free(text);
}

/* The lines "name : value" of xl info. */
static void put_info(json_object *xen, char *text, bool *failed)
{
    char *line, *value, *end;

    while ((line = next_line(&text))) {
        value = strchr(line, ':');
        if (!value || value == line)
            continue;
        end = value++;
        while (end > line && isspace((unsigned char)end[-1]))
            end--;
        *end = '\0';
        value += strspn(value, " \t");
        facts_put_text(xen, line, value, failed);
    }
}

static const char *why_it_failed(const struct program *p, int rc,
                                 char *text, size_t size)
{
    if (rc == -ETIMEDOUT)
        snprintf(text, size, "it did not end for %u seconds",
                 FACTS_XL_SECONDS);
    else if (rc == -ESRCH)
        facts_words_of(p, text, size);
    else
        snprintf(text, size, "%s", strerror(-rc));
    return text;
}

static const char *hooks_path(void)
{
    const char *path = getenv("XL_DEDUP_HOOKS");

    return path && *path ? path : PKGLIBDIR "/" HOOKS;
}

/* What became of the preloaded library. */
static void put_hooks(json_object *xl, const struct program *p,
                      const struct loaded *l, bool *failed)
{
    char message[512] = "";

    facts_put_text(xl, "hooks_path", hooks_path(), failed);
    if (access(hooks_path(), R_OK))
        snprintf(message, sizeof(message), "%s", strerror(errno));
    else
        preload_error(p, message, sizeof(message));
    facts_put_text(xl, "hooks_message", message, failed);
    facts_put_text(xl, "hooks", *message || (*l->library && !l->hooks) ?
                   "refused" : l->hooks ? "loaded" : "unknown", failed);
}

void facts_put_xl(json_object *facts, bool *failed)
{
    char preload[4096], message[512] = "";
    const char *const argv[] = { "env", preload, "LD_DEBUG=libs",
                                 domains_xl(), "info", NULL };
    json_object *xl = json_object_new_object();
    json_object *xen = json_object_new_object();
    struct program p = PROGRAM_INIT;
    struct loaded loaded;
    int rc;

    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", hooks_path());
    rc = program_run(&p, argv, FACTS_XL_SECONDS);
    if (rc)
        why_it_failed(&p, rc, message, sizeof(message));
    facts_put_text(xl, "path", domains_xl(), failed);
    facts_put(xl, "runs", json_object_new_boolean(!rc), failed);
    facts_put_text(xl, "message", message, failed);
    if (!rc)
        put_info(xen, (char *)p.out.data, failed);
    else if (rc == -ENOMEM)
        *failed = true;
    loaded = (struct loaded){ "", false };
    if (p.err.data && !p.err.failed) {
        char *copy = strdup((const char *)p.err.data);

        if (copy)
            read_loaded(copy, &loaded);
        free(copy);
    }
    facts_put_text(xl, "library", loaded.library, failed);
    put_hooks(xl, &p, &loaded, failed);
    facts_put(facts, "xl", xl, failed);
    facts_put(facts, "xen", xen, failed);
    program_release(&p);
}

static void put_domain(json_object *list, json_object *o, bool *failed)
{
    json_object *info = facts_object(facts_object(o, "config"), "c_info");
    json_object *d = json_object_new_object();
    const char *name = facts_text(info, "name"), *uuid =
        facts_text(info, "uuid");

    facts_put_text(d, "name", name ? name : "", failed);
    facts_put_text(d, "uuid", uuid ? uuid : "", failed);
    facts_append(list, d, failed);
}

void facts_put_domains(json_object *facts, bool *failed)
{
    const char *const argv[] = { domains_xl(), "list", "-l", NULL };
    struct program p = PROGRAM_INIT;
    json_object *all = NULL, *list;
    size_t i, n;

    if (!program_run(&p, argv, FACTS_XL_SECONDS) &&
        json_text_read((const char *)p.out.data, &all) == -ENOMEM)
        *failed = true;
    program_release(&p);
    if (!json_object_is_type(all, json_type_array)) {
        json_object_put(all);
        return;
    }
    list = json_object_new_array();
    n = json_object_array_length(all);
    for (i = 0; i < n; i++)
        put_domain(list, json_object_array_get_idx(all, i), failed);
    facts_put(facts, "domains", list, failed);
    json_object_put(all);
}

bool facts_has_front(void)
{
    const char *const argv[] = { "xl", "migrate", "--dedup", "--help", NULL };
    struct program p = PROGRAM_INIT;
    bool has = !program_run(&p, argv, FACTS_XL_SECONDS) &&
        strstr((const char *)p.out.data, "--dedup-level");

    program_release(&p);
    return has;
}
