/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file; see configuration.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/base/number.h"
#include "plugin/base/paths.h"
#include "plugin/base/safe_path.h"
#include "plugin/state/configuration.h"
#include "plugin/wire/wire.h"

#define DEFAULT_PATH SYSCONFDIR "/xl-dedup/xl-dedup.conf"
#define BUFFER_MAX (1u << 30)
#define DEFAULT_REMIND 14
#define REMIND_MAX 36500
#define INDEX_WAIT 60u              /* seconds */
#define INDEX_WAIT_MAX 86400u
#define MEMORY_MIN ((size_t)16 << 20)       /* bytes: less is a mistake */
#define TIMEOUT_LIMIT 600u          /* seconds */
#define TIMEOUT_MAX 86400u
#define DEFAULT_GUESTS "/etc/xen"           /* whatever our own prefix is */
#define DEFAULT_STATE LOCALSTATEDIR "/lib/xl-dedup"

static char *trim(char *s)
{
    char *end;

    while (isspace((unsigned char)*s))
        s++;
    end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

static int add_text(char ***list, size_t *n, const char *value)
{
    char **longer = realloc(*list, (*n + 1) * sizeof(*longer));

    if (!longer)
        return -ENOMEM;
    *list = longer;
    longer[*n] = strdup(value);
    return longer[*n] ? (*n)++, 0 : -ENOMEM;
}

static void forget_texts(char ***list, size_t *n)
{
    while (*n > 0)
        free((*list)[--*n]);
    free(*list);
    *list = NULL;
}

int configuration_add_destination(struct configuration *c, const char *glob)
{
    return path_is_plain(glob) ?
        add_text(&c->destinations, &c->n_destinations, glob) : -EINVAL;
}

void configuration_forget_destinations(struct configuration *c)
{
    forget_texts(&c->destinations, &c->n_destinations);
}

static int set_number(size_t *n, const char *value, size_t least, size_t most)
{
    unsigned long number;
    int rc = number_parse(value, least, most, &number);

    if (!rc)
        *n = number;
    return rc;
}

static int set_remind(struct configuration *c, const char *value)
{
    unsigned long days;
    int rc = number_parse(value, 0, REMIND_MAX, &days);

    if (!rc)
        c->remind_days = days;
    return rc;
}

static int set_access(struct configuration *c, const char *value)
{
    c->proven = !strcmp(value, "proven");
    return c->proven || !strcmp(value, "open") ? 0 : -EINVAL;
}

static int set_path(char **path, const char *value)
{
    free(*path);
    *path = strdup(value);
    return *path ? 0 : -ENOMEM;
}

static int set(struct configuration *c, const char *key, const char *value)
{
    if (!strcmp(key, "trace-buffer"))
        return set_number(&c->trace_buffer, value, 0, BUFFER_MAX);
    if (!strcmp(key, "remind"))
        return set_remind(c, value);
    if (!strcmp(key, "index-wait"))
        return set_number(&c->index_wait, value, 0, INDEX_WAIT_MAX);
    if (!strcmp(key, "memory-limit"))
        return set_number(&c->memory_limit, value, MEMORY_MIN, SIZE_MAX);
    if (!strcmp(key, "timeout-limit"))
        return set_number(&c->timeout_limit, value, WIRE_TIMEOUT_MIN,
                          TIMEOUT_MAX);
    if (!strcmp(key, "reference-access"))
        return set_access(c, value);
    if (value[0] != '/')
        return -EINVAL;
    if (!strcmp(key, "reference"))
        return add_text(&c->references, &c->n_references, value);
    if (!strcmp(key, "destination"))
        return configuration_add_destination(c, value);
    if (!strcmp(key, "guests"))
        return set_path(&c->guests_dir, value);
    return strcmp(key, "state") ? -EINVAL : set_path(&c->state_dir, value);
}

static int parse_line(struct configuration *c, char *line)
{
    char *key, *equals;

    line[strcspn(line, "#")] = '\0';
    key = trim(line);
    if (!*key)
        return 0;
    equals = strchr(key, '=');
    if (!equals)
        return -EINVAL;
    *equals = '\0';
    return set(c, trim(key), trim(equals + 1));
}

static int parse_file(struct configuration *c, FILE *f, const char *path)
{
    char *line = NULL;
    size_t size = 0;
    unsigned number = 0;
    int rc = 0;

    while (!rc && getline(&line, &size, f) >= 0) {
        number++;
        rc = parse_line(c, line);
    }
    if (rc == -EINVAL)
        log_error("%s: line %u is none of 'reference = /GLOB', "
                  "'reference-access = open|proven', "
                  "'destination = /GLOB', 'state = /DIRECTORY', "
                  "'guests = /DIRECTORY', "
                  "'trace-buffer = BYTES', 'remind = DAYS', "
                  "'index-wait = SECONDS', 'memory-limit = BYTES', "
                  "'timeout-limit = SECONDS'", path, number);
    free(line);
    return rc;
}

const char *configuration_path(void)
{
    const char *path = getenv("XL_DEDUP_CONFIG");

    return path ? path : DEFAULT_PATH;
}

/* Whoever could write there could plant links, and records of his own. */
static int check_state(const char *directory)
{
    static const char *const below[] = {
        "", "/records", "/index", "/listings", "/moved"
    };
    char path[PATH_MAX], why[PATH_MAX + 512];
    size_t i;

    for (i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        if (snprintf(path, sizeof(path), "%s%s", directory, below[i]) >=
            (int)sizeof(path))
            return -ENAMETOOLONG;
        /* What is not there yet will be made; what else is wrong is told by
         * whoever needs it. */
        if (safe_path_check(path, why, sizeof(why)) == -EPERM) {
            log_error("state is kept in %s, but %s", directory, why);
            return -EPERM;
        }
    }
    return 0;
}

int configuration_load(struct configuration *c)
{
    const char *path = configuration_path();
    FILE *f;
    int rc = 0;

    memset(c, 0, sizeof(*c));
    c->remind_days = DEFAULT_REMIND;
    c->index_wait = INDEX_WAIT;
    c->timeout_limit = TIMEOUT_LIMIT;
    c->proven = true;
    f = fopen(path, "re");
    if (f) {
        rc = parse_file(c, f, path);
        fclose(f);
    } else if (errno != ENOENT) {
        rc = -errno;
        log_errno(rc, "%s", path);
    }
    if (!rc && !c->state_dir)
        rc = set_path(&c->state_dir, DEFAULT_STATE);
    if (!rc && !c->guests_dir)
        rc = set_path(&c->guests_dir, DEFAULT_GUESTS);
    if (!rc)
        rc = check_state(c->state_dir);
    if (rc)
        configuration_release(c);
    return rc;
}

void configuration_release(struct configuration *c)
{
    forget_texts(&c->references, &c->n_references);
    configuration_forget_destinations(c);
    free(c->state_dir);
    free(c->guests_dir);
    memset(c, 0, sizeof(*c));
}
