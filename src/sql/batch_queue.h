// Batches of a result on their way from the threads that make them to the one that reads them.
//
// Rows come in places (DuckDB's batch indexes): one thread works at a place, and the reader gets
// place after place. Until the reader wants all of them, no more bytes wait than a bound: a thread
// that would begin another batch is put to sleep, and called back when there is room. The thread at
// the first open place only waits for the reader, so that somebody can always go on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "arrow/record_batch.h"
#include "duckdb.hpp"
#include "duckdb/parallel/interrupt.hpp"

namespace pyralog::sql {

// Thread-safe.
class BatchQueue {
 public:
  using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

  // `bound`: bytes that may wait for the reader, and again for places before theirs.
  explicit BatchQueue(int64_t bound) : bound_(bound) {}

  // Whether a batch of this place may be begun; if not, `sleeper` is called back when it may.
  bool MayBegin(uint64_t place, const duckdb::InterruptState& sleeper);
  void Push(uint64_t place, BatchPtr batch);
  // No place before this one gets more batches.
  void CompleteBefore(uint64_t place);

  // The next batches that are there, in order; none while there are none.
  std::vector<BatchPtr> Take();
  bool HasBatches() const;
  // Waits a moment for batches.
  void Wait(std::chrono::microseconds moment) const;
  // From now on nobody sleeps.
  void TakeBoundAway();

 private:
  using Sleeper = std::pair<uint64_t, duckdb::InterruptState>;  // with its place

  // REQUIRES: mutex_.
  bool HasRoom(uint64_t place) const;
  void MoveReady();
  // Those who may go on, to be called back without the mutex: they take locks of DuckDB's.
  std::vector<duckdb::InterruptState> Awaken();

  mutable std::mutex mutex_;
  mutable std::condition_variable some_;
  // Guarded by mutex_.
  int64_t bound_;
  uint64_t first_open_ = 0;  // places before it are complete
  std::deque<BatchPtr> ready_;
  int64_t ready_bytes_ = 0;
  // By place, each batch with its bytes.
  std::map<uint64_t, std::deque<std::pair<BatchPtr, int64_t>>> waiting_;
  int64_t waiting_bytes_ = 0;
  std::vector<Sleeper> sleepers_;
};

}  // namespace pyralog::sql
