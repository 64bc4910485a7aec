// How each Arrow type is ordered in zone maps: as one of a few physical kinds. Private to
// zone_map*.cc.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "arrow/type.h"

namespace pyralog::batch {

enum class RawKind {
  kNone,  // no order
  kBool,
  kInt8,
  kInt16,
  kInt32,
  kInt64,  // also dates, times, timestamps, durations, decimal32 and decimal64
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kHalf,
  kFloat,
  kDouble,
  kDecimal128,
  kBytes,  // utf8, binary and their large and view forms, fixed_size_binary
};

RawKind RawKindOf(const arrow::DataType& type);

// Floats become signed integers of the same width whose order is SQL's: sign and magnitude to two's
// complement makes -0.0 and 0.0 both 0, and every NaN is the greatest integer. Integer minimum and
// maximum vectorise; those of floats do not without giving up NaN.
template <class Bits, int kMantissaBits>
struct FloatOrder {
  using Stored = Bits;  // the unsigned integer of the float's width
  using Key = std::make_signed_t<Bits>;
  static constexpr Bits kMagnitude = static_cast<Bits>(~Bits{0}) >> 1;
  static constexpr Bits kInfinity = static_cast<Bits>(kMagnitude >> kMantissaBits << kMantissaBits);
  static constexpr Bits kQuietNaN = kInfinity | static_cast<Bits>(Bits{1} << (kMantissaBits - 1));

  static Key ToKey(Bits bits) {
    const Key magnitude = static_cast<Key>(bits & kMagnitude);
    const Key key = static_cast<Key>(bits) < 0 ? static_cast<Key>(-magnitude) : magnitude;
    return magnitude > static_cast<Key>(kInfinity) ? std::numeric_limits<Key>::max() : key;
  }
  static Bits FromKey(Key key) {
    if (key == std::numeric_limits<Key>::max()) return kQuietNaN;
    return key < 0 ? static_cast<Bits>(static_cast<Bits>(-key) | static_cast<Bits>(~kMagnitude))
                   : static_cast<Bits>(key);
  }
};

template <class T>
struct IntegerOrder {
  using Stored = T;
  using Key = T;
  static Key ToKey(T value) { return value; }
  static T FromKey(Key key) { return key; }
};

using HalfOrder = FloatOrder<uint16_t, 10>;
using FloatOrder32 = FloatOrder<uint32_t, 23>;
using DoubleOrder = FloatOrder<uint64_t, 52>;

// Calls visit(Order{}) for a fixed-width kind other than kBool and kDecimal128; false for the
// others.
template <class Visit>
bool VisitOrder(RawKind kind, Visit visit) {
  switch (kind) {
    case RawKind::kInt8:
      visit(IntegerOrder<int8_t>{});
      return true;
    case RawKind::kInt16:
      visit(IntegerOrder<int16_t>{});
      return true;
    case RawKind::kInt32:
      visit(IntegerOrder<int32_t>{});
      return true;
    case RawKind::kInt64:
      visit(IntegerOrder<int64_t>{});
      return true;
    case RawKind::kUInt8:
      visit(IntegerOrder<uint8_t>{});
      return true;
    case RawKind::kUInt16:
      visit(IntegerOrder<uint16_t>{});
      return true;
    case RawKind::kUInt32:
      visit(IntegerOrder<uint32_t>{});
      return true;
    case RawKind::kUInt64:
      visit(IntegerOrder<uint64_t>{});
      return true;
    case RawKind::kHalf:
      visit(HalfOrder{});
      return true;
    case RawKind::kFloat:
      visit(FloatOrder32{});
      return true;
    case RawKind::kDouble:
      visit(DoubleOrder{});
      return true;
    default:
      return false;
  }
}

}  // namespace pyralog::batch
