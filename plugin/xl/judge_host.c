/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a host's facts mean; see judge_host.h. */
#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plugin/xl/facts_xl.h"
#include "plugin/xl/judge_host.h"

#define DAY 86400
#define STATE_LEAST (1000 * INT64_C(1000000))   /* bytes: of an index */

static const char *text_or(json_object *o, const char *key, const char *none)
{
    const char *text = facts_text(o, key);

    return text && *text ? text : none;
}

static void judge_program(struct diagnosis *f, const char *where,
                          json_object *facts)
{
    const char *version = text_or(facts, "version", "of an unknown version");

    if (facts_true(facts, "root"))
        finding_ok(f, "version", where, "xl-dedup %s", version);
    else
        diagnosis_add(f, FINDING_ERROR, "root", where,
                      "xl, the disks and the records are root's",
                      "run it as root, and let ssh log in as root",
                      "xl-dedup %s does not run as root", version);
}

/* --- xl ------------------------------------------------------------------- */

static void judge_hooks(struct diagnosis *f, const char *where,
                        json_object *xl)
{
    const char *hooks = text_or(xl, "hooks", "unknown");
    const char *path = text_or(xl, "hooks_path", "libxlhooks.so");

    if (!strcmp(hooks, "loaded"))
        finding_ok(f, "hooks", where, "%s is loaded into xl", path);
    else if (!strcmp(hooks, "refused"))
        diagnosis_add(f, FINDING_ERROR, "hooks", where,
                      "without its hooks xl cannot take the disks along",
                      "install xl-dedup anew, built for this release and this "
                      "architecture",
                      "%s is not loaded into xl: %s", path,
                      text_or(xl, "hooks_message", "no reason was given"));
    else
        diagnosis_add(f, FINDING_WARNING, "hooks", where,
                      "without its hooks xl cannot take the disks along",
                      "look whether xl is linked with libxenlight.so, "
                      "and not statically",
                      "whether %s is loaded into xl could not be seen", path);
}

static void judge_xl(struct diagnosis *f, const char *where, json_object *facts)
{
    json_object *xl = facts_object(facts, "xl");
    json_object *xen = facts_object(facts, "xen");
    const char *path = text_or(xl, "path", "xl");

    if (!xl)
        return;
    if (facts_true(xl, "runs"))
        finding_ok(f, "xl", where, "%s works: Xen %s, %s", path,
                   text_or(xen, "xen_version", "of an unknown version"),
                   text_or(xl, "library", "with a libxl that was not seen"));
    else
        diagnosis_add(f, FINDING_ERROR, "xl", where,
                      "a guest is moved by xl, which needs Xen, xenstored and "
                      "the services of the toolstack",
                      "boot Xen, and start the services of the toolstack (of "
                      "Debian: 'service xen start'); 'xl info' is to work",
                      "'%s info' fails: %s", path,
                      text_or(xl, "message", "it says nothing"));
    judge_hooks(f, where, xl);
}

static void judge_front(struct diagnosis *f, const char *where)
{
    if (facts_has_front())
        finding_ok(f, "front", where, "the xl of PATH knows --dedup");
    else
        diagnosis_add(f, FINDING_WARNING, "front", where,
                      "'xl migrate --dedup' is understood by the xl of "
                      "xl-dedup only",
                      "put the directory of that xl first in PATH, or type its "
                      "whole path",
                      "the xl of PATH does not know --dedup");
}

/* --- what makes it good --------------------------------------------------- */

static void judge_tracer(struct diagnosis *f, const char *where, bool here,
                         json_object *facts)
{
    json_object *o = facts_object(facts, "tracer");

    if (facts_true(o, "works"))
        finding_ok(f, "tracer", where, "the kernel traces writes to disks");
    else if (o)
        diagnosis_add(f, FINDING_WARNING, "tracer", where, here ?
                      "the disks are compared once more while the guest stands "
                      "still, which takes as long as reading them" :
                      "guests that leave that host stand still while their "
                      "disks are compared; coming there is not affected",
                      "see to it that the kernel has its block tracepoints "
                      "(CONFIG_BLK_DEV_IO_TRACE, tracefs) and that root may "
                      "use perf_event_open",
                      "the kernel does not trace writes: %s",
                      text_or(o, "message", "no reason was given"));
}

static void judge_sandbox(struct diagnosis *f, const char *where,
                          json_object *facts)
{
    json_object *o = facts_object(facts, "sandbox");

    if (facts_true(o, "works"))
        finding_ok(f, "sandbox", where, "the parser's sandbox is sound");
    else if (o)
        diagnosis_add(f, FINDING_WARNING, "sandbox", where,
                      "without it no file system is parsed, and disks are "
                      "compared by blocks, which finds less",
                      "run 'xl-dedup sandbox-check', which tells what is "
                      "missing",
                      "the parser's sandbox is not sound: %s",
                      text_or(o, "message", "something could be done in it"));
}

static void judge_configuration(struct diagnosis *f, const char *where,
                                json_object *facts)
{
    json_object *o = facts_object(facts, "configuration");
    json_object *state = facts_object(facts, "state");
    const char *path = text_or(state, "path", "the state directory");
    int64_t bytes;

    if (o && !facts_true(o, "works"))
        diagnosis_add(f, FINDING_ERROR, "configuration", where,
                      "no command of xl-dedup works without it",
                      "mend it as the message on standard error says",
                      "%s cannot be used: %s",
                      text_or(o, "path", "the configuration"),
                      text_or(o, "message", "see the message"));
    if (state && !facts_true(state, "works"))
        diagnosis_add(f, FINDING_ERROR, "state", where,
                      "what is moved is noted there, so that it is known again",
                      "make it a directory that root can write to, or name "
                      "another one ('state' of xl-dedup.conf)",
                      "%s cannot be written to", path);
    else if (state && facts_number(state, "free", &bytes) &&
             bytes < STATE_LEAST)
        diagnosis_add(f, FINDING_WARNING, "state", where,
                      "the records and the index have their place there",
                      "free some space",
                      "%s has only %" PRId64 " MB free", path,
                      bytes / 1000000);
    else if (state)
        finding_ok(f, "state", where, "%s can be used", path);
}

static const char no_references[] =
    "what is not found at the receiver crosses the network";

#define COUNT_MAX INT64_C(1000000000)

/* A number of images. */
static int64_t count_of(json_object *o, const char *key)
{
    int64_t n = 0;

    facts_number(o, key, &n);
    return n < 0 ? 0 : n < COUNT_MAX ? n : COUNT_MAX;
}

static void judge_index(struct diagnosis *f, const char *where,
                        json_object *o, int64_t images)
{
    int64_t current = count_of(o, "current");
    int64_t changed = count_of(o, "changed"), oldest = 0, days;

    facts_number(o, "oldest", &oldest);
    days = oldest > 0 && oldest <= time(NULL) ? (time(NULL) - oldest) / DAY : 0;
    if (current >= images)
        finding_ok(f, "index", where, "%" PRId64 " reference images, all "
                   "indexed, the first %" PRId64 " days ago", images, days);
    else
        diagnosis_add(f, FINDING_WARNING, "index", where,
                      "a migration waits until they are read, or does without",
                      "run 'xl-dedup index', or enable "
                      "xl-dedup-index.timer",
                      "of %" PRId64 " reference images %" PRId64 " are not in "
                      "the index and %" PRId64 " have changed since; the "
                      "oldest entry is %" PRId64 " days old", images,
                      images > current + changed ? images - current - changed :
                      0, changed, days);
}

static void judge_references(struct diagnosis *f, const char *where, bool here,
                             json_object *facts)
{
    json_object *o = facts_object(facts, "references");
    const char *message = text_or(o, "message", NULL);
    int64_t configured = count_of(o, "configured");
    int64_t images = count_of(o, "images");

    /* Here they are for what comes, not for what goes. */
    if (!o || (here && !configured))
        return;
    if (message)
        diagnosis_add(f, FINDING_WARNING, "index", where, no_references,
                      "run 'xl-dedup index', which begins a damaged one "
                      "anew",
                      "the index cannot be read: %s", message);
    else if (!configured)
        diagnosis_add(f, FINDING_WARNING, "references", where, no_references,
                      "name images of that host by 'reference' in its "
                      "xl-dedup.conf",
                      "no references are configured");
    else if (!images)
        diagnosis_add(f, FINDING_WARNING, "references", where, no_references,
                      "mend 'reference' in xl-dedup.conf",
                      "'reference' names no image that is there");
    else
        judge_index(f, where, o, images);
}

void judge_host(struct diagnosis *f, const char *where, bool here,
                json_object *facts)
{
    judge_program(f, where, facts);
    judge_configuration(f, where, facts);
    judge_xl(f, where, facts);
    if (here)
        judge_front(f, where);
    judge_tracer(f, where, here, facts);
    judge_sandbox(f, where, facts);
    judge_references(f, where, here, facts);
}

/* --- both ----------------------------------------------------------------- */

static void judge_versions(struct diagnosis *f, const char *where,
                           json_object *here, json_object *there)
{
    const char *ours = text_or(here, "version", "?");
    const char *theirs = text_or(there, "version", "?");
    int64_t own = 0, other = 0;

    facts_number(here, "protocol", &own);
    facts_number(there, "protocol", &other);
    if (own != other)
        diagnosis_add(f, FINDING_ERROR, "protocol", where,
                      "the two ends would not understand each other", own >
                      other ? "install this host's version of xl-dedup there" :
                      "install that host's version of xl-dedup here",
                      "xl-dedup %s speaks version %" PRId64 " of the protocol, "
                      "xl-dedup %s here version %" PRId64, theirs, other, ours,
                      own);
    else if (strcmp(ours, theirs))
        diagnosis_add(f, FINDING_WARNING, "version", where,
                      "the two speak the same protocol, but were not tested "
                      "together",
                      "install the same version on both hosts",
                      "xl-dedup is %s there and %s here", theirs, ours);
}

/* "4.17.5-..." as 417 would compare wrongly with 4.2. */
static bool read_release(const char *text, int release[2])
{
    return text && sscanf(text, "%d.%d", &release[0], &release[1]) == 2;
}

static void judge_xen(struct diagnosis *f, const char *where,
                      json_object *here, json_object *there)
{
    const char *ours = facts_text(facts_object(here, "xen"), "xen_version");
    const char *theirs = facts_text(facts_object(there, "xen"),
                                    "xen_version");
    int own[2], other[2];

    if (!read_release(ours, own) || !read_release(theirs, other))
        return;
    if (own[0] > other[0] || (own[0] == other[0] && own[1] > other[1]))
        diagnosis_add(f, FINDING_WARNING, "xen", where,
                      "Xen promises migration to the same or a newer release "
                      "only; to an older one xl may refuse the guest, which "
                      "then runs on here",
                      "upgrade that host first",
                      "Xen there is %s, older than %s here", theirs, ours);
    else
        finding_ok(f, "xen", where, "Xen %s there is not older than %s here",
                   theirs, ours);
}

/* --- processors ----------------------------------------------------------- */

/* Of the words that xl info prints as hw_caps, in their order, what programs
 * ask for most (xen/include/public/arch-x86/cpufeatureset.h). */
static const struct feature {
    unsigned char word, bit;
    const char *name;
} features[] = {
    { 1, 0, "sse3" }, { 1, 1, "pclmulqdq" }, { 1, 9, "ssse3" },
    { 1, 12, "fma" }, { 1, 13, "cx16" }, { 1, 19, "sse4.1" },
    { 1, 20, "sse4.2" }, { 1, 22, "movbe" }, { 1, 23, "popcnt" },
    { 1, 25, "aes" }, { 1, 26, "xsave" }, { 1, 28, "avx" },
    { 1, 29, "f16c" }, { 1, 30, "rdrand" }, { 3, 0, "lahf" },
    { 3, 5, "abm" }, { 3, 6, "sse4a" }, { 3, 11, "xop" },
    { 3, 16, "fma4" }, { 4, 0, "xsaveopt" }, { 4, 1, "xsavec" },
    { 4, 3, "xsaves" }, { 5, 0, "fsgsbase" }, { 5, 3, "bmi1" },
    { 5, 5, "avx2" }, { 5, 8, "bmi2" }, { 5, 9, "erms" },
    { 5, 10, "invpcid" }, { 5, 11, "rtm" }, { 5, 16, "avx512f" },
    { 5, 17, "avx512dq" }, { 5, 18, "rdseed" }, { 5, 19, "adx" },
    { 5, 20, "smap" }, { 5, 23, "clflushopt" }, { 5, 24, "clwb" },
    { 5, 28, "avx512cd" }, { 5, 29, "sha" }, { 5, 30, "avx512bw" },
    { 5, 31, "avx512vl" }, { 6, 2, "umip" }, { 6, 3, "pku" },
    { 6, 8, "gfni" }, { 6, 9, "vaes" }, { 6, 10, "vpclmulqdq" },
};

#define WORDS 8

static size_t read_words(const char *text, unsigned long words[WORDS])
{
    char *end;
    size_t n;

    for (n = 0; n < WORDS && text && *text; n++) {
        words[n] = strtoul(text, &end, 16);
        if (end == text)
            return n;
        text = *end == ':' ? end + 1 : "";
    }
    return n;
}

static void judge_processors(struct diagnosis *f, const char *where,
                             json_object *here, json_object *there)
{
    unsigned long own[WORDS], other[WORDS];
    size_t n = read_words(facts_text(facts_object(here, "xen"), "hw_caps"),
                          own);
    size_t m = read_words(facts_text(facts_object(there, "xen"), "hw_caps"),
                          other), i, length = 0;
    char missing[512] = "";

    if (n < WORDS || m < WORDS)
        return;
    for (i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        const struct feature *o = &features[i];

        if ((own[o->word] & ~other[o->word]) >> o->bit & 1)
            length += snprintf(missing + length, sizeof(missing) - length,
                               " %s", o->name);
    }
    if (*missing)
        diagnosis_add(f, FINDING_WARNING, "cpu", where,
                      "a guest that was started with them cannot go on "
                      "without: xl refuses it, or a program in it fails",
                      "start guests that are to go there with a 'cpuid' in "
                      "their configuration that takes these away",
                      "its processors lack what those here have:%s", missing);
    else
        finding_ok(f, "cpu", where, "its processors have what those here "
                   "have");
}

void judge_hosts(struct diagnosis *f, const char *where, json_object *here,
                 json_object *there)
{
    judge_versions(f, where, here, there);
    if (!facts_true(there, "guests")) {
        diagnosis_add(f, FINDING_WARNING, "key", where,
                      "nothing is known of Xen there, and no guest can be "
                      "moved there with that key",
                      "use a key that may migrate (xl-dedup serve migrate)",
                      "the key that ssh used there may only push");
        return;
    }
    judge_xen(f, where, here, there);
    judge_processors(f, where, here, there);
}
