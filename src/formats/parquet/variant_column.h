// Variant columns, shredded or not, as columns of JSON.
//
// Shredding: https://github.com/apache/parquet-format/blob/master/VariantShredding.md
#pragma once

#include <memory>

#include "arrow/array.h"
#include "arrow/memory_pool.h"
#include "arrow/result.h"
#include "arrow/type.h"

namespace pyralog::formats {

// The type of the columns that come out: text with the extension arrow.json.
std::shared_ptr<arrow::DataType> VariantJsonType();

// Turns columns of one variant group into JSON. Thread-safe.
class VariantColumn {
 public:
  virtual ~VariantColumn() = default;
  // `column` is the group as Arrow's reader gives it. kDamaged for values that contradict each
  // other.
  virtual arrow::Result<std::shared_ptr<arrow::Array>> ToJson(const arrow::Array& column,
                                                              arrow::MemoryPool* pool) const = 0;
};

// `type` is a struct (or an extension over one) of metadata and value and, or only, typed_value.
// kNotSupported names a shredded type that variants do not have.
arrow::Result<std::unique_ptr<VariantColumn>> MakeVariantColumn(
    const std::shared_ptr<arrow::DataType>& type);

}  // namespace pyralog::formats
