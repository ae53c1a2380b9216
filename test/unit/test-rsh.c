/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plugin/cmd/rsh.h: HOST:PATH as scp reads it, and commands as rsync's -e. */
#include "config.h"

#include "plugin/cmd/rsh.h"
#include "test/unit/unit.h"

/* NULL for host: none.  shown NULL: the same. */
static const struct place {
    const char *text, *host, *shown, *path;
} places[] = {
    { "/p/x", NULL, NULL, "/p/x" },
    { "x", NULL, NULL, "x" },
    { "./a:b", NULL, NULL, "./a:b" },
    { "/a:b", NULL, NULL, "/a:b" },
    { "b:/p/x", "b", NULL, "/p/x" },
    { "b:x", "b", NULL, "x" },
    { "b:/p:x", "b", NULL, "/p:x" },
    { "u@b:/p", "u@b", NULL, "/p" },
    { "u@h@b:/p", "u@h@b", NULL, "/p" },
    { "[::1]:/p/x", "::1", "[::1]", "/p/x" },
    { "[fe80::1%eth0]:/p:x", "fe80::1%eth0", "[fe80::1%eth0]", "/p:x" },
    { "u@[::1]:/p/x", "u@::1", "u@[::1]", "/p/x" },
    { "[b]:/p", "b", "[b]", "/p" },
    { "[::1]", NULL, NULL, "[::1]" },
    { "[::1]/p", NULL, NULL, "[::1]/p" },
    { "[:x", NULL, NULL, "[:x" },
    { "a]:/p", "a]", NULL, "/p" },
};

static void good_places(void)
{
    struct rsh_place p;
    char why[256];
    size_t i;

    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const struct place *e = &places[i];
        const char *shown = e->shown ? e->shown : e->host;

        assert(!rsh_place_parse(&p, e->text, why, sizeof(why)));
        assert(!p.host == !e->host && !strcmp(p.path, e->path));
        assert(!p.host || !strcmp(p.host, e->host));
        assert(!p.shown == !shown && (!shown || !strcmp(p.shown, shown)));
        rsh_place_release(&p);
    }
}

static void bad_places(void)
{
    static const char *const texts[] = {
        "", ":", ":/p", "b:", "[]:/p", "u@:/p", "@b:/p", "u@[]:/p", "[::1]:",
        /* ssh would take them for options */
        "-oProxyCommand=x:/p", "-x:/p", "[-x]:/p", "u@-x:/p", "u@[-x]:/p",
        "-u@b:/p", "-l@[::1]:/p",
        /* without brackets */
        "::1:/p", "fe80::1:/p", "u@2001:db8::1:/p",
    };
    struct rsh_place p;
    char why[256];
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        why[0] = '\0';
        assert(rsh_place_parse(&p, texts[i], why, sizeof(why)) == -EINVAL);
        assert(*why);
        rsh_place_release(&p);
    }
    assert(rsh_place_parse(&p, "fe80::1:/p", why, sizeof(why)) == -EINVAL);
    assert(strstr(why, "[ADDRESS]:PATH"));
    rsh_place_release(&p);
}

/* The words that come of it, each after a "|". */
static const struct command {
    const char *text, *words;
} commands[] = {
    { "ssh", "|ssh" },
    { "  ssh   -p  9 ", "|ssh|-p|9" },
    { "ssh -i '/a b/id'", "|ssh|-i|/a b/id" },
    { "ssh -i \"/a b/id\"", "|ssh|-i|/a b/id" },
    { "ssh -o \"ProxyCommand nohup ssh firewall nc -w1 %h %p\"",
      "|ssh|-o|ProxyCommand nohup ssh firewall nc -w1 %h %p" },
    { "ssh -i/a' 'b\" \"c", "|ssh|-i/a b c" },
    { "ssh 'it''s'", "|ssh|it's" },
    { "ssh \"a\"\"b\" x", "|ssh|a\"b|x" },
    { "ssh 'a\"b' \"c'd\"", "|ssh|a\"b|c'd" },
    { "ssh '' x", "|ssh||x" },
    { "ssh a\\ b", "|ssh|a\\|b" },
    { "ssh a\tb\n$x *", "|ssh|a\tb\n$x|*" },
};

static void good_commands(void)
{
    char why[256], words[256];
    const char **argv;
    size_t i, n;

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        assert(!rsh_split(commands[i].text, 2, &argv, why, sizeof(why)));
        words[0] = '\0';
        for (n = 0; argv[n]; n++) {
            strcat(words, "|");
            strcat(words, argv[n]);
        }
        assert(!strcmp(words, commands[i].words));
        /* what was asked for beyond is there */
        argv[n++] = "more";
        argv[n++] = "words";
        assert(!argv[n]);
        free(argv);
    }
}

static void bad_commands(void)
{
    static const char *const texts[] = {
        "", "   ", "''", "'' x", "ssh '", "ssh -i '/a b", "ssh \"it's",
        "ssh 'a''", "ssh \"a' b",
    };
    char why[256];
    const char **argv;
    size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        why[0] = '\0';
        assert(rsh_split(texts[i], 0, &argv, why, sizeof(why)) == -EINVAL);
        assert(*why);
    }
}

int main(void)
{
    RUN(good_places);
    RUN(bad_places);
    RUN(good_commands);
    RUN(bad_commands);
    return 0;
}
