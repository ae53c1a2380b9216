/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configuration file; see configuration.h. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/log.h"
#include "plugin/state/configuration.h"

#define DEFAULT_PATH SYSCONFDIR "/xl-dedup/xl-dedup.conf"
#define BUFFER_MAX (1u << 30)
#define DEFAULT_REMIND 14
#define REMIND_MAX 36500
#define INDEX_WAIT 60u              /* seconds */
#define INDEX_WAIT_MAX 86400u
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

static int add_reference(struct configuration *c, const char *value)
{
    char **list = realloc(c->references,
                          (c->n_references + 1) * sizeof(*list));

    if (!list)
        return -ENOMEM;
    c->references = list;
    list[c->n_references] = strdup(value);
    return list[c->n_references++] ? 0 : -ENOMEM;
}

static int set_number(size_t *n, const char *value, size_t most)
{
    char *end;

    if (!isdigit((unsigned char)*value))
        return -EINVAL;
    errno = 0;
    *n = strtoul(value, &end, 10);
    return errno || *end || *n > most ? -EINVAL : 0;
}

static int set_remind(struct configuration *c, const char *value)
{
    char *end;
    unsigned long days = strtoul(value, &end, 10);

    if (!isdigit((unsigned char)*value) || *end || days > REMIND_MAX)
        return -EINVAL;
    c->remind_days = days;
    return 0;
}

static int set(struct configuration *c, const char *key, const char *value)
{
    if (!strcmp(key, "trace-buffer"))
        return set_number(&c->trace_buffer, value, BUFFER_MAX);
    if (!strcmp(key, "remind"))
        return set_remind(c, value);
    if (!strcmp(key, "index-wait"))
        return set_number(&c->index_wait, value, INDEX_WAIT_MAX);
    if (value[0] != '/')
        return -EINVAL;
    if (!strcmp(key, "reference"))
        return add_reference(c, value);
    if (strcmp(key, "state"))
        return -EINVAL;
    free(c->state_dir);
    c->state_dir = strdup(value);
    return c->state_dir ? 0 : -ENOMEM;
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
                  "'state = /DIRECTORY', 'trace-buffer = BYTES', "
                  "'remind = DAYS', 'index-wait = SECONDS'", path, number);
    free(line);
    return rc;
}

int configuration_load(struct configuration *c)
{
    const char *path = getenv("XL_DEDUP_CONFIG");
    FILE *f;
    int rc = 0;

    memset(c, 0, sizeof(*c));
    c->remind_days = DEFAULT_REMIND;
    c->index_wait = INDEX_WAIT;
    if (!path)
        path = DEFAULT_PATH;
    f = fopen(path, "re");
    if (f) {
        rc = parse_file(c, f, path);
        fclose(f);
    } else if (errno != ENOENT) {
        rc = -errno;
        log_errno(rc, "%s", path);
    }
    if (!rc && !c->state_dir) {
        c->state_dir = strdup(DEFAULT_STATE);
        rc = c->state_dir ? 0 : -ENOMEM;
    }
    if (rc)
        configuration_release(c);
    return rc;
}

void configuration_release(struct configuration *c)
{
    size_t i;

    for (i = 0; i < c->n_references; i++)
        free(c->references[i]);
    free(c->references);
    free(c->state_dir);
    memset(c, 0, sizeof(*c));
}
