// Reads a FlatBuffers table that came from outside: every access is checked.
//
// Format: https://flatbuffers.dev/internals/ (little-endian; a table starts with the distance back
// to its vtable, which gives each field's place in the table, 0 for a field that is not there)
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "base/endian.h"
#include "pyralog/error.h"

namespace pyralog::formats {

// A view into the bytes that it was made from.
class FlatTable {
 public:
  // kDamaged for bytes that are no buffer.
  static arrow::Result<FlatTable> Root(std::string_view bytes);

  // The field with this number, in the order of the schema; `otherwise` when it is not there.
  template <class T>
  arrow::Result<T> Number(int field, T otherwise) const {
    ARROW_ASSIGN_OR_RAISE(const size_t at, PlaceOf(field));
    if (at == 0) return otherwise;
    return Load<T>(at);
  }
  arrow::Result<std::string_view> Text(int field) const;  // "" when it is not there
  arrow::Result<std::optional<FlatTable>> Table(int field) const;
  arrow::Result<std::vector<FlatTable>> Tables(int field) const;
  // The elements of a vector of structs or numbers of this size; none when it is not there.
  arrow::Result<std::vector<std::string_view>> Structs(int field, size_t size) const;

 private:
  FlatTable(std::string_view bytes, size_t at) : bytes_(bytes), at_(at) {}

  static arrow::Status Damaged() {
    return MakeError(ErrorCode::kDamaged, "its metadata leads outside of itself");
  }
  template <class T>
  arrow::Result<T> Load(size_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) return Damaged();
    return LoadLittle<T>(bytes_.data() + at);
  }
  // Where a field is; 0 when it is not there.
  arrow::Result<size_t> PlaceOf(int field) const;
  // What the offset at this place leads to; 0 when the field is not there.
  arrow::Result<size_t> TargetOf(int field) const;
  arrow::Result<size_t> Follow(size_t at) const;

  std::string_view bytes_;
  size_t at_;
};

}  // namespace pyralog::formats
