/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Constants of the wire protocol.  docs/protocol.md is the specification;
 * a change there comes first. */
#ifndef PLUGIN_PROTO_H
#define PLUGIN_PROTO_H

#define PROTO_MAGIC "XL-DEDUP"
#define PROTO_VERSION 3
#define PROTO_VERSION_MAX 255       /* what is more is no version */
#define PROTO_REVISION 0
#define PROTO_LINE_END "\r\n"       /* what a terminal changes */
#define PROTO_GREETING_BYTES 16
#define PROTO_HEADER_BYTES 12

#define PROTO_WIRE_MAX (2u << 20)                   /* payload on the wire */
#define PROTO_RAW_MAX ((1u << 20) + (64u << 10))    /* payload decompressed */
#define PROTO_WINDOW_LOG_MAX 27
#define PROTO_NO_DISK 0xffff
#define PROTO_OPTIONAL 0x8000

#define PROTO_DISKS_MAX 256
#define PROTO_VDEV_MAX 16384        /* bytes of what names a disk */
#define PROTO_DISK_BYTES_MAX (UINT64_C(1) << 56)
#define PROTO_OBJECTS_MAX (UINT64_C(1) << 24)
#define PROTO_EXTENTS_MAX (UINT64_C(1) << 26)
#define PROTO_SHORT_DIGEST 16
#define PROTO_DIGEST 32
#define PROTO_SEGMENT (1u << 20)                    /* bytes */
#define PROTO_BLOCK 4096u                           /* bytes */
#define PROTO_ZERO 0x80000000u                /* in a record's length */
#define PROTO_ROUND_BYTES (128u << 20)              /* of DELTAs, at most */
#define PROTO_ROUND_RECORDS 65536u
#define PROTO_PROBE ".xl-dedup-probe-"              /* then as many digits: */
#define PROTO_PROBE_DIGITS 16u                      /* hexadecimal, small */
#define PROTO_NAME_MAX 4000u                        /* bytes */
#define PROTO_NAMES_MAX 256u                        /* asked for at once */
#define PROTO_KEY 16
#define PROTO_SIGNATURE_KEY 8
#define PROTO_SHOWN_WINDOW 32u                      /* bytes */
#define PROTO_SHOWN_VALUES 8u                       /* u32, of an object */
#define PROTO_SHOWN_BYTES (4u * PROTO_SHOWN_VALUES)
#define PROTO_NONCE 32                              /* bytes of a CHALLENGE */
#define PROTO_SECRET 32                             /* of a copy */
#define PROTO_SECRET_NAME 8
#define PROTO_PROOF 32
#define PROTO_PROOFS_MAX 32u                        /* of a disk */
#define PROTO_SIGNATURE_BLOCKS (1u << 17)
#define PROTO_SIGNATURE_BLOCK_MIN 64u                  /* bytes */
#define PROTO_SIGNATURE_BLOCK_MAX (1u << 26)
#define PROTO_SIGNATURE_CODE 0x80u                  /* hashes of a skeleton */
#define PROTO_OPERANDS_AHEAD (2u << 20)             /* bytes, of a recipe */
#define PROTO_LIST_OBJECTS 64u                      /* in a LIST */
#define PROTO_LIST_HASH 6u                          /* bytes */
#define PROTO_LIST_OBJECT_MAX (1u << 20)            /* bytes */
#define PROTO_LIST_BLOCKS (PROTO_LIST_OBJECT_MAX / PROTO_BLOCK)
#define PROTO_WITNESSES 16u                         /* segments in a WITNESS */
#define PROTO_UNLIKE 16u                            /* and in an UNLIKE */
#define PROTO_MARK 16                               /* bytes, in WITNESSED */
#define PROTO_HOLD_BYTES 4096                       /* tail of the memory */
#define PROTO_MEMORY_SLOTS (UINT32_C(1) << 18)      /* pages kept */
#define PROTO_MEMORY_FRAME (16u << 20)              /* stream bytes in one */
#define PROTO_MEMORY_DISK 1024u                     /* pages on disk in one */
#define PROTO_MEMORY_WINDOW (8u << 20)              /* payload not yet taken */
#define PROTO_MEMORY_KEY 16
#define PROTO_MEMORY_WINDOW_LOG 24

enum proto_type {
    FRAME_HELLO = 1,
    FRAME_FAIL = 2,
    FRAME_XL = 3,
    FRAME_MEMORY = 4,
    FRAME_MEMORY_END = 5,
    FRAME_MEMORY_KEY = 6,
    FRAME_CODED = 7,
    FRAME_TAKEN = 8,
    FRAME_MISSED = 9,
    FRAME_PAGES = 10,
    FRAME_DISK = 16,
    FRAME_DISKS_END = 17,
    FRAME_PROBE = 18,
    FRAME_PROBED = 19,
    FRAME_DISK_OK = 20,
    FRAME_BALLAST = 21,
    FRAME_CHALLENGE = 22,
    FRAME_MANIFEST = 32,
    FRAME_MANIFEST_END = 33,
    FRAME_WANT = 34,
    FRAME_WANT_END = 35,
    FRAME_DATA = 36,
    FRAME_DATA_END = 37,
    FRAME_BULK_DONE = 38,
    FRAME_LEFT = 39,
    FRAME_FREIGHT = 40,
    FRAME_UNKNOWN = 41,
    FRAME_NAMES = 42,
    FRAME_SIGNATURE = 43,
    FRAME_RECIPE = 44,
    FRAME_LIST = 45,
    FRAME_BLOCKLIST = 46,
    FRAME_HELD = 47,
    FRAME_SEGMENTS = 48,
    FRAME_PASS_END = 49,
    FRAME_DIFFER = 50,
    FRAME_PASS_DONE = 51,
    FRAME_SEGMENT = 52,
    FRAME_BLOCKS = 53,
    FRAME_PATCH = 54,
    FRAME_COMPARED = 55,
    FRAME_DELTA = 56,
    FRAME_LISTING = 57,
    FRAME_WITNESS = 58,
    FRAME_WITNESSED = 59,
    FRAME_UNLIKE = 60,
    FRAME_APART = 61,
    FRAME_PLACE = 64,
    FRAME_PLACED = 65,
    FRAME_RESTORE = 66,
    FRAME_RESTORING = 67,
    FRAME_BYE = 68,
    FRAME_ALIVE = 0x8001,
};

/* What docs/protocol.md calls a frame, for messages. */
const char *proto_name(unsigned type);

/* Of the number of an object in DATA: its bytes are code, with places for
 * distances; in RECIPE: it is made as a skeleton. */
#define PROTO_CODE (UINT64_C(1) << 63)

/* What a MANIFEST says of an object: extents << PROTO_KIND_BITS | kind. */
#define PROTO_KIND_BITS 2
enum proto_kind {
    KIND_PLAIN = 0,
    KIND_NAMED = 1,             /* a file */
    KIND_UNPARSED = 2,          /* of what no parser understands */
};

/* Of the frames that the inbox gives to the memory's codec: 4, 6 to 15. */
#define PROTO_IS_MEMORY(type) \
    ((type) == FRAME_MEMORY || ((type) >= FRAME_MEMORY_KEY && (type) < 16))

/* Commands of a CODED frame: count << MEMORY_OP_BITS | op. */
#define MEMORY_OP_BITS 3
enum memory_op {
    MEMORY_RAW = 0,
    MEMORY_ENTRIES = 1,
    MEMORY_ZERO = 2,
    MEMORY_FILL = 3,
    MEMORY_REPEAT = 4,
    MEMORY_DISK = 5,
    MEMORY_DIFFERENCE = 6,
    MEMORY_LITERAL = 7,
};

/* How the content of a CODED frame is packed. */
enum memory_packing {
    MEMORY_STORED = 0,
    MEMORY_PACKED = 1,          /* the next piece of its zstd stream */
    MEMORY_FAST = 2,            /* the next piece of another one */
};

#endif
