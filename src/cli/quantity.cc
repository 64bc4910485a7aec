#include "cli/quantity.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "fmt/format.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double kKibi = 1024;
constexpr Unit kSizeUnits[] = {
    {"", 1},
    {"b", 1},
    {"k", kKibi},
    {"m", kKibi* kKibi},
    {"g", kKibi* kKibi* kKibi},
    {"t", kKibi* kKibi* kKibi* kKibi},
    {"kib", kKibi},
    {"mib", kKibi* kKibi},
    {"gib", kKibi* kKibi* kKibi},
    {"tib", kKibi* kKibi* kKibi* kKibi},
    {"kb", 1e3},
    {"mb", 1e6},
    {"gb", 1e9},
    {"tb", 1e12},
};
constexpr Unit kMillisecondUnits[] = {{"", 1e3},   {"ms", 1},     {"s", 1e3},
                                      {"m", 60e3}, {"min", 60e3}, {"h", 3600e3}};

// The number times its unit's factor; nothing when it is not of this form.
template <size_t N>
std::optional<double> ParseQuantity(std::string_view text, const Unit (&units)[N]) {
  double number = 0;
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (parsed.ec != std::errc() || !std::isfinite(number) || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::string unit(text);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (const Unit& known : units) {
    if (known.name == unit) return number * known.factor;
  }
  return std::nullopt;
}

}  // namespace

arrow::Result<uint64_t> ParseSize(std::string_view text) {
  const auto bytes = ParseQuantity(text, kSizeUnits);
  // 2^63: what a signed size can hold.
  if (bytes && *bytes >= 1 && *bytes < 9.2e18) return static_cast<uint64_t>(*bytes);
  return MakeError(
      ErrorCode::kInvalidArgument,
      "'" + std::string(text) + "' is no size; write 1GiB, 512MB or a number of bytes");
}

arrow::Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto milliseconds = ParseQuantity(text, kMillisecondUnits);
  constexpr double kYear = 366.0 * 24 * 3600e3;
  if (milliseconds && *milliseconds >= 1 && *milliseconds <= kYear) {
    return std::chrono::milliseconds(static_cast<int64_t>(*milliseconds));
  }
  return MakeError(ErrorCode::kInvalidArgument,
                   "'" + std::string(text) + "' is no duration; write 20s, 500ms or 2m");
}

std::string SizeText(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* kNames[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < std::size(kNames)) {
    value /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, kNames[unit]);
}

}  // namespace pyralog::cli
