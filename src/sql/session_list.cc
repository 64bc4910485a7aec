#include "sql/session_list.h"

#include <algorithm>

namespace pyralog::sql {

SessionRecord::SessionRecord(uint64_t id) {
  facts_.id = id;
  facts_.started = std::chrono::system_clock::now();
}

void SessionRecord::BeginStatement(std::string_view text) {
  const std::lock_guard lock(mutex_);
  facts_.is_running = true;
  facts_.statement = text;
  ++facts_.statements;
}

void SessionRecord::EndStatement(bool in_transaction) {
  const std::lock_guard lock(mutex_);
  facts_.is_running = false;
  facts_.in_transaction = in_transaction;
  if (!in_transaction) facts_.snapshot.reset();
}

void SessionRecord::NoteSnapshot(uint64_t commit) {
  const std::lock_guard lock(mutex_);
  facts_.snapshot = commit;
}

SessionRecord::Facts SessionRecord::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

std::shared_ptr<SessionRecord> SessionList::Add() {
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [](const auto& record) { return record.expired(); });
  auto added = std::make_shared<SessionRecord>(next_id_++);
  open_.push_back(added);
  return added;
}

std::vector<SessionRecord::Facts> SessionList::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<SessionRecord::Facts> all;
  for (const auto& weak : open_) {
    if (const auto record = weak.lock()) all.push_back(record->facts());
  }
  return all;
}

}  // namespace pyralog::sql
