// Room on the disk that is kept for what frees room: on a disk that is full, deleting and dropping
// still work, because the log records, manifest edits and rewritten files that they need fit here.
#pragma once

#include <cstdint>
#include <string>

#include "arrow/status.h"
#include "base/thread_annotations.h"
#include "io/env.h"

namespace pyralog::lsm {

// A file of zeros at `path`, or none. It stays when the database is closed, so that others cannot
// take the room that opening needs. Its loss loses nothing.
class SpaceReserve {
 public:
  SpaceReserve(io::Env* env, std::string path) : env_(env), path_(std::move(path)) {}

  // Keeps at least `bytes`. kNoSpace when there is less; what was kept before is kept then.
  arrow::Status Keep(uint64_t bytes) EXCLUDES(mutex_);
  // Keeps `bytes`, or as much of that as there is, roughly.
  void KeepWhatThereIs(uint64_t bytes) EXCLUDES(mutex_);
  // Gives the room to others.
  void Release() EXCLUDES(mutex_);

 private:
  io::Env* const env_;
  const std::string path_;
  Mutex mutex_;
  uint64_t kept_ GUARDED_BY(mutex_) = 0;
};

}  // namespace pyralog::lsm
