// Ids are types: a TableId is never a SegmentId by accident.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <ostream>

namespace pyralog {

// A number with a meaning. `Tag` makes each meaning a type of its own; there is no implicit
// conversion in or out.
template <class Tag, class Rep = uint64_t>
class StrongId {
 public:
  using rep = Rep;
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr StrongId Next() const { return StrongId(value_ + 1); }
  static constexpr StrongId Max() { return StrongId(std::numeric_limits<Rep>::max()); }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  Rep value_ = 0;
};

template <class Tag, class Rep>
std::ostream& operator<<(std::ostream& out, StrongId<Tag, Rep> id) {
  return out << +id.value();
}

// A commit's place in the one order of all commits of a database. 0 is "before the first commit".
using CommitNumber = StrongId<struct CommitNumberTag>;
using TableId = StrongId<struct TableIdTag, uint32_t>;
using SegmentId = StrongId<struct SegmentIdTag>;
// A column's permanent number within its table: ADD, DROP and RENAME never reuse one.
using FieldId = StrongId<struct FieldIdTag, uint32_t>;

}  // namespace pyralog

template <class Tag, class Rep>
struct std::hash<pyralog::StrongId<Tag, Rep>> {
  size_t operator()(pyralog::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>()(id.value());
  }
};
