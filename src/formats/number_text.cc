#include "formats/number_text.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace pyralog::formats {
namespace {

template <class Float>
void AppendFinite(Float value, std::string* out) {
  // Where Python's repr changes to an exponent too.
  constexpr Float kFixedFrom = static_cast<Float>(1e-4);
  constexpr Float kFixedBelow = static_cast<Float>(1e16);
  const Float magnitude = std::abs(value);
  const bool fixed = magnitude == 0 || (magnitude >= kFixedFrom && magnitude < kFixedBelow);
  char digits[64];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  const std::string_view text(digits, static_cast<size_t>(end - digits));
  *out += text;
  if (fixed && text.find('.') == std::string_view::npos) *out += ".0";
}

template <class Float>
void Append(Float value, bool quoted, std::string* out) {
  if (std::isfinite(value)) return AppendFinite(value, out);
  if (quoted) *out += '"';
  *out += std::isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
  if (quoted) *out += '"';
}

}  // namespace

void AppendFloat(float value, bool quoted, std::string* out) { Append(value, quoted, out); }
void AppendFloat(double value, bool quoted, std::string* out) { Append(value, quoted, out); }

}  // namespace pyralog::formats
