// Writes the .arrow file of a segment: an Arrow IPC file in which every buffer begins at a multiple
// of 64 bytes.
//
// Arrow's writer aligns buffers to 8 bytes, whatever IpcWriteOptions::alignment says: that option
// pads message headers only (measured with Arrow 26: bodies follow one another at multiples of 8).
// Wider alignment is within the format, so the offsets are moved here, between serializing a batch
// and writing it:
//
//      0   8  "ARROW1", two zeros
//      8      schema message: header, filled up with zeros to a multiple of 64
//   64*k      record batch messages: header (8 bytes of prefix, flatbuffer, zeros to a multiple
//             of 64), then the body: buffers in order, each followed by zeros to a multiple of 64
//             end of stream mark, footer, footer length (4 bytes), "ARROW1": as any Arrow file
//
// Dictionary messages, one for each column of codes, stand behind the last record batch, when all
// strings are known; the footer says where, which is all that the format asks of files. There is no
// compression, there are no deltas.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arrow/ipc/dictionary.h"
#include "arrow/ipc/writer.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "io/env.h"

namespace pyralog::lsm {

constexpr uint64_t kBufferAlignment = 64;

// Where a record batch message stands in the file.
struct MessagePlace {
  uint64_t offset = 0;          // of the header's prefix; a multiple of 64
  uint64_t metadata_bytes = 0;  // of the header with prefix and padding; a multiple of 64
  uint64_t body_bytes = 0;      // a multiple of 64
  bool operator==(const MessagePlace&) const = default;
};

// Moves the buffers of a payload apart so that each begins at a multiple of 64 of the body, and
// fills the header up so that it ends at a multiple of 64 when it begins at `position` of the file.
arrow::Status AlignPayload(uint64_t position, arrow::ipc::IpcPayload* payload);

class CheckedFileStream;

// After an error, only destroying it is of use. The caller removes the file.
class ArrowFileWriter {
 public:
  // Creates or empties the file.
  static arrow::Result<std::unique_ptr<ArrowFileWriter>> Create(
      io::Env* env, const std::string& path, const std::shared_ptr<arrow::Schema>& schema);
  ~ArrowFileWriter();

  // REQUIRES: the schema given. Of dictionaries only the codes are written.
  arrow::Status WriteBatch(const arrow::RecordBatch& batch);
  // What the codes of a column stand for. REQUIRES: once for each column of codes, after the last
  // batch.
  arrow::Status WriteDictionary(int column, const std::shared_ptr<arrow::Array>& values);
  // Ends, syncs and closes the file.
  arrow::Status Finish();

  // Bytes so far.
  uint64_t bytes() const;
  const std::vector<MessagePlace>& batches() const { return batches_; }
  // After Finish: XXH3 of each kChecksumBlock of the file.
  std::vector<uint64_t> checks() const;

 private:
  ArrowFileWriter(std::unique_ptr<CheckedFileStream> stream, arrow::ipc::IpcWriteOptions options,
                  std::shared_ptr<arrow::Schema> schema);
  arrow::Status Start();
  arrow::Status WritePayload(arrow::ipc::IpcPayload* payload);

  const std::unique_ptr<CheckedFileStream> stream_;
  const arrow::ipc::IpcWriteOptions options_;
  const std::shared_ptr<arrow::Schema> schema_;
  const arrow::ipc::DictionaryFieldMapper dictionaries_;
  std::unique_ptr<arrow::ipc::internal::IpcPayloadWriter> writer_;
  std::vector<MessagePlace> batches_;
};

}  // namespace pyralog::lsm
