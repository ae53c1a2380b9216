/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The conversation of two doctors; see doctor_ask.h. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugin/base/buf.h"
#include "plugin/base/clock.h"
#include "plugin/base/fdio.h"
#include "plugin/base/log.h"
#include "plugin/cmd/doctor_ask.h"
#include "plugin/wire/peer.h"
#include "plugin/xl/facts_host.h"

#define GREETING "xl-dedup doctor"
#define FORM 1
#define LINE_MAX_BYTES (4u << 20)
#define QUESTIONS_BYTES 60000u      /* what a pipe takes without a reader */
#define DEPTH 16
#define PIECE 4096u
#define CLOCK_SECONDS 5.0           /* a difference that matters */
#define SLOW_MS 200.0               /* a round trip that does */

/* Exit statuses of ssh and of a shell, and ours. */
#define STATUS_USAGE 64
#define STATUS_NOT_FOUND 127
#define STATUS_SSH_FAILED 255

static int64_t wall_microseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* --- lines ---------------------------------------------------------------- */

struct reader {
    int fd;
    uint64_t end;               /* monotonic_ms() */
    struct buf b;               /* what came after the last line */
};

/* Waits until something can be read. */
static int wait_for_more(const struct reader *r)
{
    struct pollfd p = { .fd = r->fd, .events = POLLIN };
    uint64_t now = monotonic_ms();
    int n;

    if (now >= r->end)
        return -ETIMEDOUT;
    n = poll(&p, 1, (int)(r->end - now));
    return n > 0 || (n < 0 && errno == EINTR) ? 0 : n < 0 ? -errno :
        -ETIMEDOUT;
}

/* Reads up to the next newline, whose place in r->b is *length_r. */
static int read_line(struct reader *r, size_t *length_r)
{
    uint8_t *found = NULL, *p;
    ssize_t n;
    int rc;

    while (!(found = r->b.length ? memchr(r->b.data, '\n', r->b.length) :
             NULL)) {
        if (r->b.length >= LINE_MAX_BYTES)
            return -EFBIG;
        rc = wait_for_more(r);
        if (rc)
            return rc;
        p = buf_reserve(&r->b, PIECE);
        if (!p)
            return -ENOMEM;
        n = read(r->fd, p, PIECE);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EPIPE;
        r->b.length += n > 0 ? n : 0;
    }
    *length_r = found - r->b.data;
    return 0;
}

/* The object of the next line.  -EPROTO: it has none, and garbage (size bytes)
 * is how it begins. */
static int read_object(struct reader *r, json_object **o_r, char *garbage,
                       size_t size)
{
    json_tokener *t;
    size_t length = 0;
    int rc = read_line(r, &length);

    if (rc)
        return rc;
    t = json_tokener_new_ex(DEPTH);
    if (!t)
        return -ENOMEM;
    *o_r = json_tokener_parse_ex(t, (const char *)r->b.data, (int)length + 1);
    json_tokener_free(t);
    if (!json_object_is_type(*o_r, json_type_object)) {
        json_object_put(*o_r);
        *o_r = NULL;
        snprintf(garbage, size, "%.*s", (int)(length < size ? length : size),
                 (const char *)r->b.data);
        rc = -EPROTO;
    }
    memmove(r->b.data, r->b.data + length + 1, r->b.length - length - 1);
    r->b.length -= length + 1;
    return rc;
}

/* Writes a line, and frees the object. */
static int write_object(int fd, json_object *o, size_t most)
{
    const char *text = o ? json_object_to_json_string_ext(
        o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;
    struct buf b = BUF_INIT;
    int rc = text ? 0 : -ENOMEM;

    if (!rc && strlen(text) >= most)
        rc = -EFBIG;
    if (!rc) {
        buf_put(&b, text, strlen(text));
        buf_put_u8(&b, '\n');
        rc = b.failed ? -ENOMEM : fd_write_all(fd, b.data, b.length);
    }
    buf_release(&b);
    json_object_put(o);
    return rc;
}

/* --- asking --------------------------------------------------------------- */

static const char no_line[] =
    "nothing can be moved to a host that cannot be asked";

static void blame_end(const struct doctor_ask *a, struct peer *p,
                      struct diagnosis *f)
{
    int status = peer_wait(p), code = status >= 0 && WIFEXITED(status) ?
        WEXITSTATUS(status) : 0;

    if (code == STATUS_SSH_FAILED)
        diagnosis_add(f, FINDING_ERROR, "ssh", a->host, no_line,
                      "see the message of ssh, and let 'ssh HOST true' work "
                      "without a question",
                      "no connection");
    else if (code == STATUS_NOT_FOUND)
        diagnosis_add(f, FINDING_ERROR, "xl-dedup", a->host, no_line,
                      "install xl-dedup there",
                      "xl-dedup is not installed, or not in the PATH of ssh's "
                      "commands");
    else if (code == STATUS_USAGE)
        diagnosis_add(f, FINDING_ERROR, "xl-dedup", a->host, no_line,
                      "install the same version there; a key of 'xl-dedup "
                      "serve' must be one that may push or migrate",
                      "xl-dedup does not answer: its version has no doctor, or "
                      "the key may not ask");
    else
        diagnosis_add(f, FINDING_ERROR, "xl-dedup", a->host, no_line,
                      "see the messages on standard error",
                      "the connection was closed before the report came");
}

static void blame(const struct doctor_ask *a, struct peer *p, int rc,
                  const char *garbage, struct diagnosis *f)
{
    switch (rc) {
    case -EPIPE:
        blame_end(a, p, f);
        break;
    case -EPROTO:
        diagnosis_add(f, FINDING_ERROR, "ssh", a->host,
                      "what a login script prints would get between the two "
                      "ends",
                      "let nothing print for a command of ssh (.bashrc, "
                      ".profile)",
                      "it answered '%s'", garbage);
        break;
    case -ENOTTY:
        diagnosis_add(f, FINDING_ERROR, "terminal", a->host,
                      "a terminal changes the bytes that pass",
                      "connect without one: ssh without -t, RequestTTY no",
                      "there is a terminal on the way");
        break;
    case -EPROTONOSUPPORT:
        diagnosis_add(f, FINDING_ERROR, "xl-dedup", a->host, no_line,
                      "install the same version on both hosts",
                      "its version of xl-dedup answers in another form");
        break;
    case -ETIMEDOUT:
        diagnosis_add(f, FINDING_ERROR, "ssh", a->host, no_line,
                      "look whether the host hangs; --timeout=SECONDS waits "
                      "longer",
                      "it has not answered for %u seconds", a->seconds);
        break;
    default:
        diagnosis_add(f, FINDING_ERROR, "ssh", a->host, no_line,
                      "try again", "the report cannot be read: %s",
                      strerror(-rc));
    }
}

static int greet(struct reader *r, char *garbage, size_t size)
{
    json_object *o = NULL;
    int64_t version;
    int rc = read_object(r, &o, garbage, size);

    if (!rc && !facts_number(o, GREETING, &version)) {
        snprintf(garbage, size, "%.*s", (int)size - 1,
                 json_object_to_json_string(o));
        rc = -EPROTO;
    }
    if (!rc && facts_true(o, "terminal"))
        rc = -ENOTTY;
    if (!rc && version != FORM)
        rc = -EPROTONOSUPPORT;
    json_object_put(o);
    return rc;
}

static void judge_clock(const struct doctor_ask *a, int64_t before,
                        int64_t after, int64_t theirs, struct diagnosis *f)
{
    double difference = ((double)theirs - (before + (after - before) / 2)) /
        1e6;
    double trip = (after - before) / 1e3;
    /* The answer may have been written at either end of that time. */
    double least = (difference < 0 ? -difference : difference) - trip / 2e3;

    finding_ok(f, "ssh", a->host, "it answers within %.1f ms", trip);
    if (trip > SLOW_MS)
        diagnosis_add(f, FINDING_WARNING, "ssh", a->host,
                      "each of the last steps, while the guest stands still, "
                      "waits for an answer",
                      "look whether the line is busy; expect a longer stop",
                      "a question and its answer take %.0f ms", trip);
    if (least > CLOCK_SECONDS)
        diagnosis_add(f, FINDING_WARNING, "clock", a->host,
                      "the guest's clock jumps, and the ages of copies are "
                      "wrong",
                      "let both hosts have their time by NTP",
                      "its clock is %.1f seconds %s", difference < 0 ?
                      -difference : difference, difference < 0 ? "late" :
                      "early");
    else
        finding_ok(f, "clock", a->host, "its clock differs by %.1f seconds",
                   difference);
}

static int converse(const struct doctor_ask *a, struct reader *r, int out_fd,
                    json_object *questions, json_object **facts_r,
                    char *garbage, size_t size, struct diagnosis *f)
{
    json_object *o = json_object_new_object(), *clock = NULL;
    int64_t before, after, theirs = 0;
    bool failed = false;
    int rc = greet(r, garbage, size);

    facts_put(o, "questions", questions ? json_object_get(questions) :
              json_object_new_array(), &failed);
    if (rc || failed) {
        json_object_put(o);
        return rc ? rc : -ENOMEM;
    }
    before = wall_microseconds();
    rc = write_object(out_fd, o, QUESTIONS_BYTES);
    if (!rc)
        rc = read_object(r, &clock, garbage, size);
    after = wall_microseconds();
    if (!rc && facts_number(clock, "time", &theirs))
        judge_clock(a, before, after, theirs, f);
    json_object_put(clock);
    return rc ? rc : read_object(r, facts_r, garbage, size);
}

json_object *doctor_ask(const struct doctor_ask *a, json_object *questions,
                        struct diagnosis *f)
{
    uint64_t end = monotonic_ms() + a->seconds * UINT64_C(1000);
    struct peer p = PEER_INIT;
    struct reader r = { -1, end, BUF_INIT };
    char garbage[256] = "";
    json_object *facts = NULL;
    int rc = peer_start(&p, a->host, a->command);

    if (rc) {
        blame(a, &p, rc, "", f);
        return NULL;
    }
    r.fd = p.in_fd;
    rc = converse(a, &r, p.out_fd, questions, &facts, garbage,
                  sizeof(garbage), f);
    if (rc)
        blame(a, &p, rc, garbage, f);
    peer_end(&p);
    buf_release(&r.b);
    return facts;
}

/* --- answering ------------------------------------------------------------ */

static int say_greeting(void)
{
    json_object *o = json_object_new_object();
    bool failed = false;

    facts_put(o, GREETING, json_object_new_int(FORM), &failed);
    facts_put_text(o, "version", PACKAGE_VERSION, &failed);
    facts_put(o, "terminal", json_object_new_boolean(
                  isatty(STDIN_FILENO) || isatty(STDOUT_FILENO)), &failed);
    if (!failed)
        return write_object(STDOUT_FILENO, o, LINE_MAX_BYTES);
    json_object_put(o);
    return -ENOMEM;
}

static int say_time(void)
{
    json_object *o = json_object_new_object();
    bool failed = false;

    facts_put(o, "time", json_object_new_int64(wall_microseconds()), &failed);
    if (!failed)
        return write_object(STDOUT_FILENO, o, LINE_MAX_BYTES);
    json_object_put(o);
    return -ENOMEM;
}

/* Nobody asks at a terminal, or has closed it. */
static int hear_questions(json_object **o_r)
{
    struct reader r = {
        STDIN_FILENO, monotonic_ms() + DOCTOR_REPORT_SECONDS * UINT64_C(1000),
        BUF_INIT,
    };
    char garbage[256];
    int rc;

    *o_r = NULL;
    if (isatty(STDIN_FILENO))
        return 0;
    rc = read_object(&r, o_r, garbage, sizeof(garbage));
    buf_release(&r.b);
    if (rc == -EPROTO)
        log_error("these are no questions: '%s'", garbage);
    return rc == -EPIPE ? 0 : rc;
}

int doctor_report(bool guests)
{
    json_object *o, *facts;
    int rc = say_greeting();

    if (rc)
        return rc;
    rc = hear_questions(&o);
    if (!rc)
        rc = say_time();
    if (!rc) {
        facts = facts_of_host(facts_array(o, "questions"), guests);
        rc = write_object(STDOUT_FILENO, facts, LINE_MAX_BYTES);
    }
    json_object_put(o);
    if (rc && rc != -EPROTO)
        log_errno(rc, "the report cannot be given");
    return rc;
}
