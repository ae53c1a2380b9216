/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unfinished copies that failed tries left; see unfinished.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "plugin/base/log.h"
#include "plugin/state/unfinished.h"

#define DAY 86400

bool unfinished_is_staging(const struct record *r)
{
    return !strcmp(r->role, RECORD_UNFINISHED);
}

bool unfinished_is_begun(const struct record *r)
{
    return unfinished_is_staging(r) || !strcmp(r->role, RECORD_RECEIVING);
}

int64_t unfinished_age(const struct record *r)
{
    int64_t when = r->time;
    struct stat st;

    /* The record is of the beginning; the try may have taken days. */
    if (unfinished_is_staging(r) && !stat(r->path, &st) && st.st_mtime > when)
        when = st.st_mtime;
    return time(NULL) - when;
}

uint64_t unfinished_bytes(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

struct count {
    int64_t seconds;
    const char *but;
    struct unfinished *sum;
};

static int count_one(void *opaque, const struct record *r)
{
    struct count *c = opaque;
    struct stat st;

    if (!unfinished_is_staging(r) || (c->but && !strcmp(r->uuid, c->but)) ||
        unfinished_age(r) < c->seconds || stat(r->path, &st))
        return 0;
    c->sum->count++;
    c->sum->bytes += unfinished_bytes(r->path);
    return 0;
}

void unfinished_count(const char *state_dir, unsigned days, const char *uuid,
                      struct unfinished *u_r)
{
    struct count c = { (int64_t)days * DAY, uuid, u_r };

    memset(u_r, 0, sizeof(*u_r));
    if (days > 0)
        record_list(state_dir, count_one, &c);
}

void unfinished_remind(const char *host, const struct unfinished *u,
                       unsigned days)
{
    char size[32];

    if (!u->count)
        return;
    if (u->bytes >= 1000000000)
        snprintf(size, sizeof(size), "%.1f GB", u->bytes / 1e9);
    else
        snprintf(size, sizeof(size), "%.1f MB", u->bytes / 1e6);
    log_info("%s: %u unfinished %s of other disks, %s, %s older than %u "
             "days; 'xl-dedup status' there lists and 'xl-dedup clean' "
             "removes %s", host, u->count, u->count == 1 ? "copy" : "copies",
             size, u->count == 1 ? "is" : "are", days,
             u->count == 1 ? "it" : "them");
}
