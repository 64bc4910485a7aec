// The arrays of an IPC message.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "arrow/array/data.h"
#include "arrow/result.h"
#include "formats/arrow_ipc/ipc_message.h"
#include "formats/file_arrays.h"

namespace pyralog::formats {

// The dictionaries of a file or, so far, of a stream. Each is read when the first column that is
// wanted needs it, and validated once. Thread-safe.
class IpcDictionaries {
 public:
  IpcDictionaries(SourcePtr source, bool big_endian)
      : source_(std::move(source)), big_endian_(big_endian) {}

  // A dictionary, or more values for it. `may_replace`: streams may tell a dictionary anew.
  arrow::Status Add(IpcMessage message, bool may_replace);

  // Gives a column its dictionaries, at any depth. kDamaged when there is none.
  arrow::Status Resolve(const IpcField& field, FileArray* column);

 private:
  struct Dictionary {
    std::vector<IpcBatch> parts;
    size_t loaded = 0;  // parts that are in `values`
    std::shared_ptr<arrow::ArrayData> values;
  };

  // All with the mutex held.
  arrow::Status ResolveLocked(const IpcField& field, FileArray* array);
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Values(
      const IpcField& field, const std::shared_ptr<arrow::DataType>& type);
  arrow::Result<std::shared_ptr<arrow::ArrayData>> Load(
      const IpcField& field, const std::shared_ptr<arrow::DataType>& type, const IpcBatch& part);

  const SourcePtr source_;
  const bool big_endian_;
  std::mutex mutex_;
  std::unordered_map<int64_t, Dictionary> dictionaries_;  // guarded by mutex_
};

// The columns at `positions` of a batch's fields, without dictionaries. Those between are passed
// over. kDamaged when the message has other arrays than the schema.
arrow::Result<std::vector<FileArray>> IpcColumns(
    const IpcBatch& batch, const std::vector<std::shared_ptr<arrow::DataType>>& types,
    const std::vector<int>& positions);

// A whole array with the bytes of its values in this machine's order.
arrow::Result<std::shared_ptr<arrow::ArrayData>> ReadWholeIpc(const Source& source,
                                                              const FileArray& array,
                                                              const IpcBatch& batch,
                                                              bool big_endian);

}  // namespace pyralog::formats
