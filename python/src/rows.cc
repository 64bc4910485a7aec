#include "src/rows.h"

#include <nanobind/nanobind.h>

#include <limits>
#include <optional>
#include <utility>

#include "pyralog/error.h"
#include "src/interrupts.h"

namespace pyralog::python {
namespace {

class RowsReader final : public arrow::RecordBatchReader {
 public:
  explicit RowsReader(std::shared_ptr<Rows> rows) : rows_(std::move(rows)) {}
  std::shared_ptr<arrow::Schema> schema() const override { return rows_->schema(); }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    // Batches without rows too: they have the entries of dictionaries.
    return rows_->Next(std::numeric_limits<int64_t>::max(), /*empty=*/true).Value(batch);
  }

 private:
  const std::shared_ptr<Rows> rows_;
};

}  // namespace

arrow::Status CheckProcess(const SessionLink& link) {
  if (getpid() == link.process) return arrow::Status::OK();
  return MakeError(ErrorCode::kTransaction,
                   "the connection belongs to the process that was forked; connect anew in this "
                   "one");
}

arrow::Result<SessionUse> SessionUse::Begin(std::shared_ptr<SessionLink> link) {
  ARROW_RETURN_NOT_OK(CheckProcess(*link));
  const std::lock_guard lock(link->mutex);
  if (link->closed) {
    return MakeError(ErrorCode::kTransaction, "the connection is closed; connect again");
  }
  if (link->busy) {
    return MakeError(ErrorCode::kTransaction,
                     "the connection is running a statement, in another thread or for one that "
                     "reads from it; use duplicate() to make a connection for each");
  }
  link->busy = true;
  return SessionUse(std::move(link));
}

SessionUse::~SessionUse() {
  if (link_ == nullptr) return;
  const std::lock_guard lock(link_->mutex);
  link_->busy = false;
}

Rows::Rows(std::shared_ptr<SessionLink> link, std::shared_ptr<arrow::RecordBatchReader> reader)
    : link_(std::move(link)), schema_(reader->schema()), reader_(std::move(reader)) {}

Rows::~Rows() {
  if (reader_ == nullptr) return;
  if (getpid() != link_->process) {
    KeepForever(std::move(reader_));
    return;
  }
  // The engine's threads may be waiting for the GIL, to read from a Python object.
  std::optional<nanobind::gil_scoped_release> released;
  if (Py_IsInitialized() != 0 && PyGILState_Check() != 0) released.emplace();
  reader_.reset();
}

void Rows::Release() { reader_.reset(); }

arrow::Status Rows::Fill() {
  current_.reset();
  offset_ = 0;
  if (!kept_.empty()) {
    current_ = std::move(kept_.front());
    kept_.pop_front();
    return arrow::Status::OK();
  }
  if (reader_ == nullptr) return end_;
  ARROW_ASSIGN_OR_RAISE(auto use, SessionUse::Begin(link_));
  const InterruptScope scope(use.session());
  end_ = reader_->ReadNext(&current_);
  if (current_ == nullptr) Release();
  return end_;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Rows::Next(int64_t limit, bool empty) {
  ARROW_RETURN_NOT_OK(CheckProcess(*link_));
  const std::lock_guard lock(mutex_);
  while (current_ == nullptr || offset_ == current_->num_rows()) {
    ARROW_RETURN_NOT_OK(Fill());
    if (current_ == nullptr) return nullptr;
    if (empty && current_->num_rows() == 0) return std::move(current_);
  }
  const int64_t count = std::min(limit, current_->num_rows() - offset_);
  auto rows = count == current_->num_rows() ? current_ : current_->Slice(offset_, count);
  offset_ += count;
  return rows;
}

arrow::Status Rows::ReadAll() {
  ARROW_RETURN_NOT_OK(CheckProcess(*link_));
  const std::lock_guard lock(mutex_);
  if (reader_ == nullptr) return end_;
  ARROW_ASSIGN_OR_RAISE(auto use, SessionUse::Begin(link_));
  const InterruptScope scope(use.session());
  ARROW_ASSIGN_OR_RAISE(auto batches, ReadRest(*reader_));
  kept_.insert(kept_.end(), batches.begin(), batches.end());
  Release();
  return arrow::Status::OK();
}

void Rows::Detach() {
  const std::lock_guard lock(mutex_);
  while (reader_ != nullptr) {
    std::shared_ptr<arrow::RecordBatch> batch;
    end_ = reader_->ReadNext(&batch);
    if (batch == nullptr) {
      Release();
    } else {
      kept_.push_back(std::move(batch));
    }
  }
}

void Rows::Drop(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (reader_ == nullptr) return;
  end_ = MakeError(ErrorCode::kTransaction, why);
  Release();
}

std::shared_ptr<arrow::RecordBatchReader> ReaderOf(std::shared_ptr<Rows> rows) {
  return std::make_shared<RowsReader>(std::move(rows));
}

}  // namespace pyralog::python
