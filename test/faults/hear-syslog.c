/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded: what a program tells syslog goes to the file SYSLOG_FILE. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

void __vsyslog_chk(int priority, int flag, const char *format, va_list ap);
void __syslog_chk(int priority, int flag, const char *format, ...);

void vsyslog(int priority, const char *format, va_list ap)
{
    const char *path = getenv("SYSLOG_FILE");
    FILE *f = path ? fopen(path, "a") : NULL;

    if (!f)
        return;
    fprintf(f, "%d ", priority);
    vfprintf(f, format, ap);
    fputc('\n', f);
    fclose(f);
}

/* In parentheses: clang's _FORTIFY_SOURCE has a macro of the name. */
void (syslog)(int priority, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vsyslog(priority, format, ap);
    va_end(ap);
}

/* What they are called as with _FORTIFY_SOURCE. */
void __vsyslog_chk(int priority, int flag, const char *format, va_list ap)
{
    (void)flag;
    vsyslog(priority, format, ap);
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list ap;

    (void)flag;
    va_start(ap, format);
    vsyslog(priority, format, ap);
    va_end(ap);
}
