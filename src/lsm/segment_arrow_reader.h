// Reads the .arrow file of a segment as views of its mapping, verifying only the blocks that are
// asked for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arrow/ipc/reader.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "base/thread_annotations.h"
#include "lsm/segment.h"
#include "lsm/segment_arrow_file.h"
#include "lsm/segment_index.h"
#include "lsm/segment_key_match.h"

namespace pyralog::lsm {

// A value that is made at first use. A failed attempt leaves no trace; the next use tries again.
// Thread-safe.
template <class T>
class Lazy {
 public:
  // `make` gives an arrow::Result<std::unique_ptr<T>>. The pointer lives as long as this.
  template <class Make>
  arrow::Result<T*> Get(Make make) {
    if (T* ready = ready_.load(std::memory_order_acquire)) return ready;
    MutexLock lock(mutex_);
    if (value_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(value_, make());
      ready_.store(value_.get(), std::memory_order_release);
    }
    return value_.get();
  }
  // nullptr until Get succeeded once.
  T* ready() const { return ready_.load(std::memory_order_acquire); }

 private:
  std::atomic<T*> ready_{nullptr};
  Mutex mutex_;
  std::unique_ptr<T> value_ GUARDED_BY(mutex_);
};

// A value for each column, made at first use. Thread-safe.
template <class T>
class LazyByColumn {
 public:
  template <class Make>
  arrow::Result<T*> Get(int columns, int column, Make make) {
    using Values = std::vector<Lazy<T>>;
    ARROW_ASSIGN_OR_RAISE(Values * values,
                          values_.Get([&]() -> arrow::Result<std::unique_ptr<Values>> {
                            return std::make_unique<Values>(static_cast<size_t>(columns));
                          }));
    return (*values)[static_cast<size_t>(column)].Get(make);
  }

 private:
  Lazy<std::vector<Lazy<T>>> values_;
};

// Thread-safe.
class SegmentArrowReader {
 public:
  // Maps the file and reads its footer. `index` outlives the reader.
  static arrow::Result<std::unique_ptr<SegmentArrowReader>> Open(
      io::Env* env, const std::string& path, const SegmentMeta& meta, TableSchemaPtr schema,
      SegmentIndex* index, bool verify_checksums);

  // The stored array, verified and checked for structure.
  arrow::Result<std::shared_ptr<arrow::Array>> Column(int64_t unit, int column);
  // The stored keys of a unit. REQUIRES: matches_keys().
  arrow::Result<const StoredKeys*> Keys(int64_t unit);
  // Those that Keys returned before, or nullptr.
  const StoredKeys* ReadyKeys(int64_t unit) const {
    const Unit* ready = units_[static_cast<size_t>(unit)].ready();
    return ready == nullptr ? nullptr : &*ready->keys;
  }
  bool matches_keys() const { return matches_keys_; }
  arrow::Status WillNeed(int64_t unit, std::span<const int> columns);
  // Verifies every block that was not.
  arrow::Status VerifyAllBlocks() { return blocks_.Ensure(0, blocks_.data().size()); }

 private:
  struct Unit {
    std::shared_ptr<arrow::RecordBatch> batch;  // buffers not verified
    std::optional<StoredKeys> keys;
  };

  SegmentArrowReader(std::shared_ptr<arrow::Buffer> mapping, const std::string& path, uint64_t rows,
                     TableSchemaPtr schema, std::vector<MessagePlace> places,
                     std::span<const uint64_t> checks, bool verify_checksums);
  arrow::Status Start(const std::vector<uint32_t>& codes);
  arrow::Status CheckSchema(const arrow::Schema& stored, const std::vector<uint32_t>& codes) const;
  arrow::Result<const Unit*> GetUnit(int64_t unit);
  arrow::Result<std::unique_ptr<Unit>> ReadUnit(int64_t unit);
  // Calls visit(offset in the file, bytes) for each buffer of the array and what hangs on it.
  template <class Visit>
  arrow::Status VisitBuffers(const arrow::ArrayData& data, const MessagePlace& place,
                             Visit visit) const;

  // Constant after Start.
  const std::shared_ptr<arrow::Buffer> mapping_;
  const int64_t rows_;
  const TableSchemaPtr schema_;
  const std::vector<MessagePlace> places_;
  bool matches_keys_ = false;

  BlockVerifier blocks_;
  const std::unique_ptr<Lazy<Unit>[]> units_;
  // A bit per unit and column: Column has verified it.
  const std::unique_ptr<std::atomic<uint8_t>[]> column_ready_;

  Mutex mutex_;
  std::shared_ptr<arrow::ipc::RecordBatchFileReader> reader_ GUARDED_BY(mutex_);
};

}  // namespace pyralog::lsm
