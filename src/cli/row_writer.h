// Results as text, a row at a time: what the modes for people and some for programs share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/array/array_binary.h"
#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "arrow/status.h"

namespace pyralog::cli {

struct ColumnShape {
  std::string name;
  std::string type;  // as it is shown: "integer", "decimal(9,2)"
  bool is_number = false;
};

// Whether values of the SQL type stand at the right.
bool IsNumberType(std::string_view sql_type);

// The shapes of a result's columns. `types` are SQL types, as many as names.
std::vector<ColumnShape> ShapesOf(const std::vector<std::string>& names,
                                  const std::vector<std::string>& types);

// Takes batches whose columns are all large_utf8, in rows of text.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  // False when further rows are only counted: then Skip may say how many there are.
  virtual bool wants_rows() const { return true; }
  virtual arrow::Status Write(const arrow::RecordBatch& text) = 0;
  virtual void Skip(int64_t rows) { (void)rows; }
  virtual arrow::Status Finish() = 0;
};

// A RowWriter that needs no row but the one it writes. Hands text to the stream in large pieces.
class StreamingRowWriter : public RowWriter {
 public:
  arrow::Status Write(const arrow::RecordBatch& text) final;
  arrow::Status Finish() final;

 protected:
  StreamingRowWriter(std::shared_ptr<arrow::io::OutputStream> out, std::string null_text)
      : out_(std::move(out)), null_text_(std::move(null_text)) {}

  struct Cell {
    std::string_view text;  // of a NULL: what stands for it
    bool is_null = false;
  };
  // Appends one row to pending().
  virtual void AppendRow(const std::vector<Cell>& row) = 0;
  // Appends what stands behind the last row.
  virtual void AppendEnd() {}
  std::string* pending() { return &pending_; }

 private:
  arrow::Status Flush();

  const std::shared_ptr<arrow::io::OutputStream> out_;
  const std::string null_text_;
  std::string pending_;
};

}  // namespace pyralog::cli
