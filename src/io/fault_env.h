// A model of a disk that loses power: files in memory, each with what is durable and what is not.
//
// The model. A write is pending until Sync of its file succeeds; creating, renaming and removing a
// name are pending until SyncDir of its folder succeeds (of both folders for a rename across two).
// Crash() forgets every handle and lets a seeded generator decide the fate of what was pending, as
// CrashMode says, sector (512 bytes) by sector:
//   kLoseAll   nothing pending survives
//   kKeepAll   everything survives (a process kill)
//   kPrefix    per file, a prefix of the writes in order survives, the last one torn at a sector;
//              of all pending name changes a prefix in order survives
//   kRandom    each pending sector and each pending name change survives or not, by itself
//              (reordered); a sector written twice may show either version
// A name whose creation survives but whose data were not synced shows the surviving sectors, zeros
// elsewhere.
//
// Faults. Each mutating operation (write, sync, truncate, create, rename, remove, sync-dir) that is
// not refused beforehand has a number, counted from 1 since construction. FailAt(n, kind,
// persistent) makes operation n fail, or with `persistent` each from n on:
//   kIoError     the operation fails, nothing of it happens
//   kShortWrite  a prefix is written, then kIo; other operations fail as with kIoError
//   kNoSpace     as kShortWrite, code kNoSpace
//   kSyncError   only syncs fail (EIO), other operations pass by. What was pending is then neither
//                durable nor lost: later syncs that "succeed" do not make it durable (as Linux
//                does)
//   kCrash       the operation does not happen, and it and everything later fails, reads too,
//                until Crash()
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/env.h"

namespace pyralog::io {

enum class FaultKind { kIoError, kShortWrite, kNoSpace, kSyncError, kCrash };
enum class CrashMode { kLoseAll, kKeepAll, kPrefix, kRandom };

struct FaultEnvOptions {
  // Writes past it fail with kNoSpace; removing files frees space.
  uint64_t capacity_bytes = UINT64_MAX;
  bool ignore_sync = false;  // known-bad control: Sync and SyncDir answer success and do nothing
};

class FaultEnv : public Env {
 public:
  static std::unique_ptr<FaultEnv> Make(FaultEnvOptions options = {});

  // Fails the operation with this number (see above); replaces an earlier plan. 0 clears the plan,
  // but only Crash() turns the power on again.
  virtual void FailAt(uint64_t operation, FaultKind kind, bool persistent) = 0;
  virtual uint64_t operations() const = 0;  // mutating operations so far
  virtual bool fault_fired() const = 0;     // whether the planned fault has happened
  virtual void SetCapacity(uint64_t bytes) = 0;

  // Power off and on: decides what was pending, clears the plan and every lock. Handles opened
  // before are dead (their operations fail); mappings made before stay readable (they hold their
  // own bytes).
  virtual void Crash(CrashMode mode, uint64_t seed) = 0;

  // Flips bit `bit` (0-7) of byte `offset` of a file's current and durable content.
  virtual arrow::Status FlipBit(const std::string& path, uint64_t offset, int bit) = 0;

  // A deep copy of the whole state, plan included, for trying several crashes from one point.
  // Handles and locks stay with the original. Costs lists of blocks, not bytes.
  virtual std::unique_ptr<FaultEnv> Clone() const = 0;
};

}  // namespace pyralog::io
