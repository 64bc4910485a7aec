#include "formats/arrow_ipc/flat_table.h"

namespace pyralog::formats {

arrow::Result<FlatTable> FlatTable::Root(std::string_view bytes) {
  const FlatTable start(bytes, 0);
  ARROW_ASSIGN_OR_RAISE(const size_t at, start.Follow(0));
  return FlatTable(bytes, at);
}

arrow::Result<size_t> FlatTable::Follow(size_t at) const {
  ARROW_ASSIGN_OR_RAISE(const uint32_t distance, Load<uint32_t>(at));
  const size_t target = at + distance;
  if (target >= bytes_.size()) return Damaged();
  return target;
}

arrow::Result<size_t> FlatTable::PlaceOf(int field) const {
  ARROW_ASSIGN_OR_RAISE(const int32_t back, Load<int32_t>(at_));
  const int64_t vtable = static_cast<int64_t>(at_) - back;
  if (vtable < 0) return Damaged();
  const auto table = static_cast<size_t>(vtable);
  ARROW_ASSIGN_OR_RAISE(const uint16_t size, Load<uint16_t>(table));
  const size_t entry = 4 + 2 * static_cast<size_t>(field);
  if (entry + 2 > size) return 0;
  ARROW_ASSIGN_OR_RAISE(const uint16_t offset, Load<uint16_t>(table + entry));
  return offset == 0 ? 0 : at_ + offset;
}

arrow::Result<size_t> FlatTable::TargetOf(int field) const {
  ARROW_ASSIGN_OR_RAISE(const size_t at, PlaceOf(field));
  if (at == 0) return 0;
  return Follow(at);
}

arrow::Result<std::string_view> FlatTable::Text(int field) const {
  ARROW_ASSIGN_OR_RAISE(const size_t at, TargetOf(field));
  if (at == 0) return std::string_view();
  ARROW_ASSIGN_OR_RAISE(const uint32_t length, Load<uint32_t>(at));
  if (bytes_.size() - at - 4 < length) return Damaged();
  return bytes_.substr(at + 4, length);
}

arrow::Result<std::optional<FlatTable>> FlatTable::Table(int field) const {
  ARROW_ASSIGN_OR_RAISE(const size_t at, TargetOf(field));
  if (at == 0) return std::nullopt;
  return FlatTable(bytes_, at);
}

arrow::Result<std::vector<FlatTable>> FlatTable::Tables(int field) const {
  std::vector<FlatTable> tables;
  ARROW_ASSIGN_OR_RAISE(const size_t at, TargetOf(field));
  if (at == 0) return tables;
  ARROW_ASSIGN_OR_RAISE(const uint32_t count, Load<uint32_t>(at));
  if ((bytes_.size() - at - 4) / 4 < count) return Damaged();
  for (uint32_t i = 0; i < count; ++i) {
    ARROW_ASSIGN_OR_RAISE(const size_t target, Follow(at + 4 + size_t{i} * 4));
    tables.push_back(FlatTable(bytes_, target));
  }
  return tables;
}

arrow::Result<std::vector<std::string_view>> FlatTable::Structs(int field, size_t size) const {
  std::vector<std::string_view> structs;
  ARROW_ASSIGN_OR_RAISE(const size_t at, TargetOf(field));
  if (at == 0) return structs;
  ARROW_ASSIGN_OR_RAISE(const uint32_t count, Load<uint32_t>(at));
  if ((bytes_.size() - at - 4) / size < count) return Damaged();
  structs.reserve(count);
  for (size_t i = 0; i < count; ++i) structs.push_back(bytes_.substr(at + 4 + i * size, size));
  return structs;
}

}  // namespace pyralog::formats
