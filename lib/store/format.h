// What the log's files look like: log.c writes them, recover.c reads them. All numbers are little endian. A varint is its bits by sevens, the lowest
// first, a byte each, with the highest bit set where another follows.
//
// A record is one effect.
//
//     offset  bytes
//      0      4     length of the record, header included, not padded
//      4      4     CRC32C of the record from offset 8 to its end
//      8      8     position: bytes that the stripe had staged before it, since its staging file was made (multiples of 8)
//     16      8     epoch
//     24      4     call: number of the call that it is part of, unique in its epoch, if there are several parts; else 0
//     28      4     parts: how many records the call has, over all stripes
//     32      ...   varint database, varint argc, then for each argument varint length and its bytes
//
// In a ring records begin at multiples of 8 and never wrap round: what is left at the end is skipped when fewer than 32 bytes are left, or by a record of length RECORD_SKIP
// (its header only, of which the CRC is). What a call does to a stripe and is too large for the ring is in a file of its own (dir/staging-<number>): all of
// the call's records about that stripe, from the file's start, each padded with zeros to a multiple of 8 and with the position of the one record that is in the
// ring for them. That has the length RECORD_APART, a header as any other (parts: those of the call), and the body u64 number of the file, u64 bytes of the records
// in it (padded ones), u32 CRC32C of these bytes; 52 bytes, which its own CRC covers, and 4 of padding. It is written when the file is complete.
//
// The staging file: a header page (STAGING_PAGE bytes), then for each stripe a header of 64 bytes and its ring.
//
//     magic "KORASTG1", u32 version 1, u32 stripes, u64 ring bytes, u64 first epoch, boot id [40], database id [16], u32 CRC32C of all that;
//     and, at offset 256, u32 state: in use, or closed: empty; at offset 264, the last round that has taken anything. It was written before; if the
//     log does not have it, what is staged follows a gap; at offset 272, the last round of the log that has been synced. It is stored after the sync, so it is true
//     also after a power cut: the log's last blocks, which nothing in the log itself says it of, are known to have been on the disk. Each of the two is a
//     u64, which is stored at once: 48 bits of the number, above them the low 16 bits of the CRC32C of these six bytes. The rest of the page is zeros
//     stripe header, but for that zeros: u64 taken: position up to which rounds have taken its records, and they are durable by policy. There the reader begins; the record at
//     position p is at p modulo the ring's size, and the first one that does not bear its position, or whose CRC is wrong, is where the stripe ends
//
// A segment (dir/log/<first round, 16 hex digits>.wal): a header of 64 bytes, then blocks without gaps.
//
//     magic "KORALOG1", u32 version 1, u32 stripes, u64 first round, u64 synced_upto, database id [16], 12 bytes zero, u32 CRC32C of the 60 bytes before
//
// A block is a round: what was staged with the epochs up to its number.
//
//     offset  bytes
//      0      4     magic "KRND"
//      4      4     CRC32C of the block from offset 8 to its end
//      8      8     round; each is the one before plus 1 or more
//     16      8     round before: the last block's number, in this segment or the one before; 0: none
//     24      8     synced_upto: the block of this number, and all before it, were synced before this block was written; 0: none. (In a segment's
//                   header: before that was written)
//     32      8     bytes of the block, header included (a multiple of 8)
//     40      4     stripes in it
//     44      4     zero
//     48      ...   for each: u32 stripe, u32 zero, u64 bytes of its records (padded ones)
//             ...   their records, in the same order, each padded with zeros to a multiple of 8
//
// Bytes of a segment behind its last block, up to its end, are zeros (room that was allocated ahead).
#ifndef KORA_STORE_FORMAT_H
#define KORA_STORE_FORMAT_H

#include "base/base.h"

enum {
    STORE_VERSION = 1,
    STORE_ID_BYTES = 16,
    RECORD_HEADER = 32,
    RECORD_ALIGN = 8,
    STAGING_PAGE = 4096,
    STAGING_STRIPE_HEADER = 64,
    STAGING_STATE_AT = 256,
    STAGING_ROUND_AT = 264,
    STAGING_SYNCED_AT = 272,
    SEGMENT_HEADER = 64,
    BLOCK_HEADER = 48,
    BLOCK_PART = 16,
    APART_BODY = 20,     // of a record of length RECORD_APART
    STAGING_HEADER = 92, // with its CRC
};
#define RECORD_SKIP UINT32_C(0xffffffff)
#define RECORD_APART UINT32_C(0xfffffffe)
// Far from each other, so that no few bits make one of the other.
enum staging_state { STAGING_IN_USE = 0x45535549, STAGING_CLOSED = 0x534f4c43 };

#define STAGING_MAGIC "KORASTG1"
#define SEGMENT_MAGIC "KORALOG1"
#define BLOCK_MAGIC "KRND"

#endif
