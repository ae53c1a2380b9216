/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the commands that look at images have in common; see util.h. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/base/escape.h"
#include "plugin/base/exit.h"
#include "plugin/base/log.h"
#include "plugin/base/paths.h"
#include "plugin/cmd/commands.h"
#include "plugin/cmd/util.h"
#include "plugin/content/manifest_hash.h"

static int usage(const char *command, const char *what, const char *word)
{
    log_error("%s: %s%s; see 'xl-dedup %s --help'", command, what, word,
              command);
    return XD_EXIT_USAGE;
}

int cmd_parse(int argc, char **argv, const char *help, int least, int most,
              struct cmd_options *opt)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "json", no_argument, NULL, 'J' },
        { "threads", required_argument, NULL, 'j' },
        { NULL, 0, NULL, 0 },
    };
    char *end;
    long n;
    int c;

    *opt = (struct cmd_options){ .json = false };
    opterr = 0;
    while ((c = getopt_long(argc, argv, ":hj:", options, NULL)) != -1) {
        switch (c) {
        case 'h':
            fputs(help, stdout);
            return cmd_finish(XD_EXIT_OK);
        case 'J':
            opt->json = true;
            break;
        case 'j':
            n = strtol(optarg, &end, 10);
            if (end == optarg || *end || n < 1 || n > 64)
                return usage(argv[0], "threads must be 1 to 64, not ",
                             optarg);
            opt->threads = n;
            break;
        case ':':
            return usage(argv[0], "no value for ", argv[optind - 1]);
        default:
            return usage(argv[0], "no option like ", argv[optind - 1]);
        }
    }
    if (argc - optind < least)
        return usage(argv[0], "an image is missing", "");
    if (argc - optind > most)
        return usage(argv[0], "nothing to be done with ",
                     argv[optind + most]);
    return CMD_GO_ON;
}

void cmd_progress(void *opaque, uint64_t done, uint64_t total)
{
    const struct image *img = opaque;

    log_progress("%s: %" PRIu64 " of %" PRIu64 " MB read",
                 path_basename(img->path), done / 1000000, total / 1000000);
}

int cmd_manifest(struct image *img, const char *path, bool files_only,
                 const struct cmd_options *opt, struct manifest **m_r)
{
    struct manifest_options options = {
        .files_only = files_only, .threads = opt->threads,
        .progress = cmd_progress, .opaque = img,
    };
    int rc;

    rc = image_open(img, path);
    if (rc)
        return rc;
    rc = manifest_build(img, &options, m_r);
    log_progress_end();
    if (rc)
        image_release(img);
    return rc;
}

int cmd_finish(int status)
{
    if (!fflush(stdout) && !ferror(stdout))
        return status;
    log_msg(XTL_ERROR, errno, "cannot write the result to stdout");
    return XD_EXIT_FAILED;
}

int cmd_print_json(struct json_object *json, const char *tail)
{
    const char *text = NULL;

    if (json)
        text = json_object_to_json_string_ext(
            json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text)
        printf("%s%s\n", text, tail);
    else
        log_error("no memory for the JSON output");
    json_object_put(json);
    return text ? 0 : -ENOMEM;
}

struct json_object *cmd_json_text(const char *text)
{
    size_t size = 4 * strlen(text) + 1;
    struct json_object *json = NULL;
    char *buf = malloc(size);

    if (buf)
        json = json_object_new_string(text_escape(text, buf, size));
    free(buf);
    return json;
}

char *cmd_hex(const uint8_t *hash, char buf[2 * HASH_BYTES + 1])
{
    size_t i;

    for (i = 0; i < HASH_BYTES; i++)
        sprintf(buf + 2 * i, "%02x", hash[i]);
    return buf;
}
