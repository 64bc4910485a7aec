// A log of checksummed records in one preallocated file: the write-ahead log and the manifest are
// both one.
//
// All integers little-endian. The file is a sequence of 512-byte sectors (the unit that disks write
// atomically):
//
//   sector 0      file header; where its parts stand is the same in every version
//      0  8  magic "PYRALOG1"
//      8  4  format version (1)          12  4  kind (1 write-ahead log, 2 manifest)
//     16 16  database id                 32  4  log number
//     36     zeros                      504  8  XXH3 of bytes 0..503
//   sector i>=1   16 bytes of header, 488 of payload, 8 of trailer:
//      0  4  log number                   4  4  sector index i
//      8  4  durable_below: every sector with a smaller index was durable before this was written
//     12  2  payload bytes used (1..488) 14  2  flags: 1 in the last sector of a group, else 0
//     16 488 payload, zeros after the used part (only the last sector of a group is not full)
//    504  7  check: the low 7 bytes of the XXH3 of bytes 0..15, seeded with the low 8 bytes of the
//            database id
//    511  1  0xA5: the sector was written to its end
//
// The payloads of a group, in order, are one stream of whole records:
//      0  4  body length n                4  4  record type (0 closing: its body is empty or, when
//                                               another log goes on, that log's number, this one's
//                                               + 1; others belong to the user of the log)
//      8  n  body                       8+n  8  XXH3 of the body, seeded with the XXH3 of bytes
//                                               0..7, seeded with the record's index in the log
//
// A group begins at a sector of its own, so that bytes that were acknowledged are never written
// again, and is read whole or not at all. The file is zeros until a sector is written. A sector
// that ends with a zero byte was therefore never written, or not to its end (a write that failed
// half-way: check and mark come last, so that this can be told from damage; no flip of one bit
// makes the mark zero). A sector that is right but carries an older log number counts as not
// written, too. Reading stops where the log ends:
//   - at a closing record, the last of its group: the log was closed cleanly and whole;
//   - at a sector that was not written to its end. What follows the last whole group is the tail of
//     groups that were not synced. It is cut, and reported with offset and bytes - unless a later
//     written sector's durable_below is above the first one missing: then bytes that had been
//     durable are gone, which is damage;
//   - anything else (a check that is wrong, an index, length or flag that does not fit, a record
//     whose checksum is wrong although its sectors are there, padding that is not zero, a written
//     sector behind a closing record): damage, an error naming file and offset.
// So one flipped bit in what was written is always damage. One in what was not written loses
// nothing: in the last byte of a sector it reads as damage, elsewhere as a torn tail. What no log
// can know: when the last synced groups are lost with every later sector (the file was cut from
// outside), they read as never written.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "arrow/result.h"
#include "io/env.h"

namespace pyralog::lsm {

using DatabaseId = std::array<uint8_t, 16>;

constexpr uint32_t kRecordLogVersion = 1;
constexpr uint64_t kSectorSize = 512;
constexpr uint64_t kSectorHeaderSize = 16;
constexpr uint64_t kSectorTrailerSize = 8;
constexpr uint64_t kSectorPayload = kSectorSize - kSectorHeaderSize - kSectorTrailerSize;

enum class LogKind : uint32_t { kWriteAhead = 1, kManifest = 2 };
constexpr uint32_t kClosingRecord = 0;

struct LogRecord {
  uint32_t type = 0;
  std::string_view body;
};

// Writes one log. Not thread-safe: one caller at a time, but Sync may run in one thread while no
// other writes.
class RecordLogWriter {
 public:
  // Creates the file (kAlreadyExists if there is one, or `replace`: in its place), zero-fills its
  // first `preallocate` bytes and syncs it (not the folder: the caller does). Zero-filling goes on
  // in steps of `preallocate` as the log grows, and ends when the disk has no room for a step, the
  // first one included; 0 turns it off. The file is made as `path`.tmp and renamed: under its name it always has its
  // header. A `path`.tmp that a crash left is replaced.
  static arrow::Result<std::unique_ptr<RecordLogWriter>> Create(io::Env* env, std::string path,
                                                                LogKind kind, DatabaseId database,
                                                                uint32_t log_number,
                                                                uint64_t preallocate,
                                                                bool replace = false);
  virtual ~RecordLogWriter() = default;
  // Appends one group with one write; nothing for no records. Not durable before Sync. A record of
  // type 0 or with a body of 4 GiB or more is refused (kInvalidArgument) and changes nothing. After
  // a failed write or sync the writer is dead: every later call fails with the same error.
  virtual arrow::Status AppendGroup(std::span<const LogRecord> records) = 0;
  virtual arrow::Status Sync() = 0;
  // Makes sure that one more group of `bytes` of records (bodies and 16 bytes each) needs no space
  // from the file system: zero-fills ahead when needed, by a step where there is room for one. On
  // kNoSpace the writer is not dead, and what was reserved before is still there.
  virtual arrow::Status Reserve(uint64_t bytes) = 0;
  // How many bytes of records one group may have to fit into the zero-filled part, with a closing
  // record behind it.
  virtual uint64_t reserved() const = 0;
  // Appends the closing record, cuts the file to its content, syncs. Later calls fail (kReadOnly).
  // `goes_on`: the next log exists already, and this one says so.
  virtual arrow::Status CloseCleanly(bool goes_on = false) = 0;
  // Bytes from the start of the file to the end of the last group.
  virtual uint64_t size() const = 0;
};

struct LogEnd {
  // kOpen: after the last whole group there are only zeros, or nothing.
  enum class Kind { kClosed, kTorn, kOpen };
  Kind kind = Kind::kOpen;
  uint64_t offset = 0;      // end of the last whole group, a multiple of kSectorSize (kClosed: of
                            // the closing record's)
  uint64_t torn_bytes = 0;  // size of the sectors behind `offset` that are not all zeros, which are
                            // dropped (kTorn)
  bool goes_on = false;     // the closing record says that the log with the next number exists
  uint64_t durable_offset = kSectorSize;  // what stands below was durable when the last whole group
                                          // was written
};

// Reads the whole log, calling `visit` for each record in order (not for the closing one); `body`
// is valid during the call. A group's records are visited when all of it was read, so memory for
// the largest group is needed. Damage and a visitor's error end it. Logs of another database, kind
// or number, and files without a log's header, are kDamaged; a newer version is kFormatVersion;
// both name the file. `verify_checksums=false` is the known-bad control of tests.
arrow::Result<LogEnd> ReadRecordLog(io::Env* env, const std::string& path, LogKind kind,
                                    DatabaseId database, uint32_t log_number,
                                    const std::function<arrow::Status(const LogRecord&)>& visit,
                                    bool verify_checksums = true);

// Makes an end permanent: cuts the file behind its records and appends the closing record (of a
// closed log writes that anew, with `goes_on` as in CloseCleanly), syncs. After this the log reads
// as kClosed with the same records, all of them durable: what may have been read from the system's
// cache only, after a sync that failed, is written again. `end` and `records_kept` (how many were
// visited) are what ReadRecordLog gave. A crash in between leaves a log that can be sealed again.
arrow::Status SealRecordLog(io::Env* env, const std::string& path, LogKind kind,
                            DatabaseId database, uint32_t log_number, const LogEnd& end,
                            uint64_t records_kept, bool goes_on = false);

}  // namespace pyralog::lsm
