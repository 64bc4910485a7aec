// The sessions of one database, for the system table of that name.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pyralog::sql {

// What one session does. Written by its thread, read by any. Thread-safe.
class SessionRecord {
 public:
  struct Facts {
    uint64_t id = 0;
    std::chrono::system_clock::time_point started;
    bool is_running = false;
    bool in_transaction = false;       // opened by BEGIN
    std::optional<uint64_t> snapshot;  // the commit that its open transaction sees
    std::string statement;             // that runs, or ran last
    uint64_t statements = 0;           // begun
  };

  explicit SessionRecord(uint64_t id);

  void BeginStatement(std::string_view text);
  void EndStatement(bool in_transaction);
  // While a statement runs.
  void NoteSnapshot(uint64_t commit);
  Facts facts() const;

 private:
  mutable std::mutex mutex_;
  Facts facts_;  // guarded by mutex_
};

// Thread-safe.
class SessionList {
 public:
  std::shared_ptr<SessionRecord> Add();
  // Of the sessions that are open, oldest first.
  std::vector<SessionRecord::Facts> All() const;

 private:
  mutable std::mutex mutex_;
  uint64_t next_id_ = 1;                            // guarded by mutex_
  std::vector<std::weak_ptr<SessionRecord>> open_;  // guarded by mutex_
};

}  // namespace pyralog::sql
