// The entries of a column's dictionary, in their order, used by rows or not: rows are stored by their
// values (lsm/segment_encoding.h), and the catalog keeps what these do not tell.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arrow/array.h"
#include "arrow/result.h"

namespace pyralog::catalog {

class DictionaryEntries;
using DictionaryEntriesPtr = std::shared_ptr<const DictionaryEntries>;

// Immutable.
class DictionaryEntries {
 public:
  // kInvalidArgument says which entry is null, or there twice.
  static arrow::Result<DictionaryEntriesPtr> Make(std::shared_ptr<arrow::Array> values);
  // What text() says; kDamaged for anything else.
  static arrow::Result<DictionaryEntriesPtr> FromText(const std::string& text);

  // base64 of an Arrow IPC stream of one batch, whose only column they are.
  const std::string& text() const { return text_; }
  const std::shared_ptr<arrow::Array>& values() const { return values_; }
  int64_t size() const { return values_->length(); }
  // Where each of `values`, which have the type of these, stands among them; -1: nowhere. Values are
  // equal when all their bits are, and NaN is NaN.
  arrow::Result<std::vector<int64_t>> PositionsOf(
      const std::shared_ptr<arrow::Array>& values) const;
  bool Equals(const arrow::Array& values) const;

 private:
  explicit DictionaryEntries(std::shared_ptr<arrow::Array> values) : values_(std::move(values)) {}

  static arrow::Result<DictionaryEntriesPtr> Make(std::shared_ptr<arrow::Array> values,
                                                  std::string text);

  const std::shared_ptr<arrow::Array> values_;
  std::string text_;
  std::unordered_map<std::string, int64_t> positions_;  // by the bytes of a value
};

}  // namespace pyralog::catalog
