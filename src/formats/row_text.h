// Writers of row-by-row text: what JSON Lines and CSV share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "formats/format.h"
#include "formats/value_text.h"

namespace pyralog::formats {

// Collects rows and hands them to the stream in large pieces.
class RowTextWriter : public BatchWriter {
 public:
  RowTextWriter(std::shared_ptr<arrow::io::OutputStream> out,
                std::vector<std::unique_ptr<ValueText>> columns);

  arrow::Status Write(const arrow::RecordBatch& batch) override;
  arrow::Status Finish() override;

 protected:
  // Appends one row, line break included.
  virtual void AppendRow(const arrow::RecordBatch& batch, int64_t row, std::string* out) = 0;
  const ValueText& column(int i) const { return *columns_[static_cast<size_t>(i)]; }
  std::string* pending() { return &pending_; }

 private:
  arrow::Status Flush();

  const std::shared_ptr<arrow::io::OutputStream> out_;
  const std::vector<std::unique_ptr<ValueText>> columns_;
  std::string pending_;
};

// The text of each column of a schema; kNotSupported names the column that has none.
arrow::Result<std::vector<std::unique_ptr<ValueText>>> ColumnTexts(const arrow::Schema& schema,
                                                                   TextStyle style);

}  // namespace pyralog::formats
