// The array that a vector of a scan points into.
#pragma once

#include <memory>
#include <utility>

#include "arrow/array.h"
#include "duckdb.hpp"

namespace pyralog::sql {

struct HeldArray final : duckdb::VectorAuxiliaryData {
  explicit HeldArray(std::shared_ptr<arrow::Array> held)
      : VectorAuxiliaryData(duckdb::VectorAuxiliaryDataType::ARROW_AUXILIARY),
        array(std::move(held)) {}
  const std::shared_ptr<arrow::Array> array;
};

// nullptr when the vector holds none.
inline const HeldArray* HeldBy(duckdb::Vector& vector) {
  const auto buffer = vector.GetAuxiliary();
  if (!buffer || buffer->GetBufferType() != duckdb::VectorBufferType::OPAQUE_BUFFER) return nullptr;
  return dynamic_cast<const HeldArray*>(buffer->GetAuxiliaryData());
}

}  // namespace pyralog::sql
