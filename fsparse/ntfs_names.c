/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ntfs_names: see ntfs_names.h.
 */
#include "config.h"

#include <stdlib.h>

#include "fsparse/arena.h"
#include "fsparse/ntfs_names.h"

#define DEPTH_MAX 1024          /* a path has two bytes a level at least */
#define NAME_BYTES (255 * 3 + 1)

struct dir {
    const char *name;           /* NULL: not usable */
    uint64_t parent;            /* reference with sequence number */
    uint16_t sequence;
};

struct ntfs_names {
    ntfs_volume *vol;
    struct arena arena;
    struct dir *dirs;
    size_t n, cap;
    uint32_t *by_record;        /* index + 1, 0: not looked up yet */
    uint64_t n_records;
};

static size_t encode(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

bool ntfs_names_utf8(const void *utf16, size_t length, char *buf,
                     size_t size)
{
    const ntfschar *name = utf16;
    size_t at = 0, i;

    for (i = 0; i < length; i++) {
        uint32_t c = le16_to_cpu(name[i]);

        if (c >= 0xd800 && c < 0xdc00 && i + 1 < length) {
            uint32_t low = le16_to_cpu(name[i + 1]);

            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                i++;
            }
        }
        if (!c || c == '/' || at + 4 >= size)
            return false;
        at += encode(c, buf + at);
    }
    buf[at] = '\0';
    return true;
}

/* The attribute's value if it lies inside the record and holds a name. */
static const FILE_NAME_ATTR *name_value(const ntfs_attr_search_ctx *ctx)
{
    const ATTR_RECORD *a = ctx->attr;
    const FILE_NAME_ATTR *fn;
    uint32_t offset, length;

    if (a->non_resident)
        return NULL;
    offset = le16_to_cpu(a->value_offset);
    length = le32_to_cpu(a->value_length);
    if (length < sizeof(*fn) || offset > le32_to_cpu(a->length) ||
        length > le32_to_cpu(a->length) - offset)
        return NULL;
    fn = (const FILE_NAME_ATTR *)((const char *)a + offset);
    if (length - sizeof(*fn) < fn->file_name_length * sizeof(ntfschar))
        return NULL;
    return fn;
}

/* Finds the first name that is not only DOS', or any if there is no other. */
static bool first_name(ntfs_inode *ni, char *name, uint64_t *parent_r)
{
    ntfs_attr_search_ctx *ctx = ntfs_attr_get_search_ctx(ni, NULL);
    const FILE_NAME_ATTR *fn;
    bool found = false, dos = true;

    if (!ctx)
        return false;
    while (dos && !ntfs_attr_lookup(AT_FILE_NAME, NULL, 0, CASE_SENSITIVE, 0,
                                    NULL, 0, ctx)) {
        fn = name_value(ctx);
        if (!fn || (found && fn->file_name_type == FILE_NAME_DOS) ||
            !ntfs_names_utf8((const char *)fn + sizeof(*fn),
                             fn->file_name_length, name, NAME_BYTES))
            continue;
        *parent_r = le64_to_cpu(fn->parent_directory);
        dos = fn->file_name_type == FILE_NAME_DOS;
        found = true;
    }
    ntfs_attr_put_search_ctx(ctx);
    return found;
}

static void read_dir(struct ntfs_names *names, uint64_t record,
                     struct dir *dir)
{
    char name[NAME_BYTES];
    ntfs_inode *ni = ntfs_inode_open(names->vol, record);

    if (!ni)
        return;
    dir->sequence = le16_to_cpu(ni->mrec->sequence_number);
    if (ni->mrec->flags & MFT_RECORD_IS_DIRECTORY &&
        first_name(ni, name, &dir->parent))
        dir->name = arena_copy(&names->arena, name, strlen(name));
    ntfs_inode_close(ni);
}

/* The directory that a reference names, or NULL. */
static const struct dir *find_dir(struct ntfs_names *names, uint64_t ref)
{
    uint64_t record = MREF(ref);
    struct dir dir = { .name = NULL };
    const struct dir *found;

    if (record >= names->n_records)
        return NULL;
    if (!names->by_record[record]) {
        if (names->n == UINT32_MAX - 1 ||
            array_grow((void **)&names->dirs, names->n, &names->cap,
                       sizeof(dir)))
            return NULL;
        read_dir(names, record, &dir);
        names->dirs[names->n++] = dir;
        names->by_record[record] = (uint32_t)names->n;
    }
    found = &names->dirs[names->by_record[record] - 1];
    return found->name && found->sequence == MSEQNO(ref) ? found : NULL;
}

static bool prepend(char *buf, size_t *at, const char *name)
{
    size_t length = strlen(name);

    if (length + 1 > *at)
        return false;
    *at -= length + 1;
    buf[*at] = '/';
    /* It goes before what is a string. */
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(buf + *at + 1, name, length);
    return true;
}

bool ntfs_names_path(struct ntfs_names *names, ntfs_inode *ni, char *buf,
                     size_t size)
{
    char name[NAME_BYTES];
    uint64_t parent;
    size_t at = size - 1;
    int depth;

    buf[at] = '\0';
    if (!first_name(ni, name, &parent) || !prepend(buf, &at, name))
        goto nameless;
    for (depth = 0; MREF(parent) != FILE_root; depth++) {
        const struct dir *dir = find_dir(names, parent);

        if (!dir || depth == DEPTH_MAX || !prepend(buf, &at, dir->name))
            goto nameless;
        parent = dir->parent;
    }
    memmove(buf, buf + at, size - at);
    return true;
nameless:
    snprintf(buf, size, "<%llu>", (unsigned long long)ni->mft_no);
    return false;
}

struct ntfs_names *ntfs_names_new(ntfs_volume *vol, uint64_t n_records)
{
    struct ntfs_names *names = calloc(1, sizeof(*names));

    if (!names)
        return NULL;
    names->vol = vol;
    names->n_records = n_records;
    names->by_record = calloc(n_records + 1, sizeof(*names->by_record));
    if (!names->by_record) {
        free(names);
        return NULL;
    }
    return names;
}

void ntfs_names_free(struct ntfs_names *names)
{
    if (!names)
        return;
    free(names->by_record);
    free(names->dirs);
    arena_release(&names->arena);
    free(names);
}
