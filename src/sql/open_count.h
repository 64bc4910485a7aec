// How many of something a database has open: it cannot be closed under them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace pyralog::sql {

// Counts as one while it is held.
using OpenLease = std::shared_ptr<void>;

// Thread-safe. Leases may outlive it.
class OpenCount {
 public:
  int64_t count() const { return *count_; }

  OpenLease Open() {
    ++*count_;
    return {nullptr, [count = count_](void*) { --*count; }};
  }

 private:
  std::shared_ptr<std::atomic<int64_t>> count_ = std::make_shared<std::atomic<int64_t>>(0);
};

}  // namespace pyralog::sql
