// Writes the units of a segment: which columns of the .arrow file are codes of a dictionary
// (string_dictionary.h) is decided here, by the first unit, and integers are narrowed as asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "io/env.h"
#include "lsm/segment.h"
#include "lsm/segment_arrow_file.h"
#include "lsm/string_dictionary.h"

namespace pyralog::lsm {

// After an error, only destroying it is of use. The caller removes what stands at paths().
class SegmentUnitFile {
 public:
  // Nothing is written before the first unit. Columns of `plain` (the key) stay as they are.
  SegmentUnitFile(io::Env* env, const std::string& path, std::shared_ptr<arrow::Schema> schema,
                  const std::vector<int>& plain, NarrowColumns narrow);

  // REQUIRES: stored arrays (segment_encoding.h) in the schema given.
  arrow::Status WriteUnit(const arrow::RecordBatch& unit);
  // Ends, syncs and closes the file.
  arrow::Status Finish();

  uint64_t bytes() const { return file_ ? file_->bytes() : 0; }
  // Where the file stands. It may change with every unit.
  const std::string& path() const { return paths_[current_]; }
  // Where files may stand.
  const std::vector<std::string>& paths() const { return paths_; }
  // After Finish.
  const std::vector<MessagePlace>& batches() const { return file_->batches(); }
  std::vector<uint64_t> checks() const { return file_->checks(); }
  // Positions of the columns that are codes.
  std::vector<uint32_t> code_columns() const;

 private:
  arrow::Status Start(const arrow::RecordBatch* first);
  arrow::Status Create();
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Encoded(const arrow::RecordBatch& unit,
                                                             int* too_many);
  // Writes what is there again, with the texts of the column themselves.
  arrow::Status StopEncoding(int column);

  io::Env* const env_;
  const std::vector<std::string> paths_;
  size_t current_ = 0;
  const std::shared_ptr<arrow::Schema> plain_;
  const NarrowColumns narrow_;
  std::vector<bool> may_encode_;                                 // by column
  std::shared_ptr<arrow::Schema> schema_;                        // of the file
  std::vector<std::unique_ptr<StringDictionary>> dictionaries_;  // by column
  std::unique_ptr<ArrowFileWriter> file_;
};

}  // namespace pyralog::lsm
