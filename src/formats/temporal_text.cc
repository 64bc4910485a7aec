#include "formats/temporal_text.h"

#include <string_view>

namespace pyralog::formats {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;

int64_t UnitsPerSecond(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1'000'000;
    case arrow::TimeUnit::NANO:
      return 1'000'000'000;
  }
  return 1;
}

int64_t FloorDivide(int64_t value, int64_t by) {
  const int64_t quotient = value / by;
  return value % by < 0 ? quotient - 1 : quotient;
}

// 0 <= result < divisor.
int64_t FloorRemainder(int64_t dividend, int64_t divisor) {
  const int64_t remainder = dividend % divisor;
  return remainder < 0 ? remainder + divisor : remainder;
}

void AppendPadded(uint64_t value, size_t width, std::string* out) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out->append(width - digits.size(), '0');
  *out += digits;
}

// ".123", with the unit's digits; nothing for 0.
void AppendFraction(uint64_t units, int64_t units_per_second, std::string* out) {
  if (units == 0) return;
  *out += '.';
  AppendPadded(units, std::to_string(units_per_second).size() - 1, out);
}

// Seconds and fraction of a magnitude, without trailing zeros: "1.5".
void AppendSeconds(uint64_t units, int64_t units_per_second, std::string* out) {
  const auto per_second = static_cast<uint64_t>(units_per_second);
  *out += std::to_string(units / per_second);
  if (units % per_second == 0) return;
  AppendFraction(units % per_second, units_per_second, out);
  while (out->back() == '0') out->pop_back();
}

uint64_t Magnitude(int64_t value) {
  return value < 0 ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
}

}  // namespace

void AppendDate(int64_t days_since_1970, std::string* out) {
  // http://howardhinnant.github.io/date_algorithms.html#civil_from_days
  const int64_t days = days_since_1970 + 719'468;
  const int64_t era = FloorDivide(days, 146'097);
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;  // from March
  const int64_t day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  const int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  const int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);
  if (year < 0) *out += '-';
  if (year > 9999) *out += '+';
  AppendPadded(Magnitude(year), 4, out);
  *out += '-';
  AppendPadded(static_cast<uint64_t>(month), 2, out);
  *out += '-';
  AppendPadded(static_cast<uint64_t>(day), 2, out);
}

void AppendTime(int64_t units, arrow::TimeUnit::type unit, std::string* out) {
  const auto per_second = static_cast<uint64_t>(UnitsPerSecond(unit));
  if (units < 0) *out += '-';
  const uint64_t magnitude = Magnitude(units);
  const uint64_t seconds = magnitude / per_second;
  AppendPadded(seconds / 3'600, 2, out);
  *out += ':';
  AppendPadded(seconds / 60 % 60, 2, out);
  *out += ':';
  AppendPadded(seconds % 60, 2, out);
  AppendFraction(magnitude % per_second, UnitsPerSecond(unit), out);
}

void AppendTimestamp(int64_t units, arrow::TimeUnit::type unit, char separator, std::string* out) {
  const int64_t per_second = UnitsPerSecond(unit);
  const int64_t seconds = FloorDivide(units, per_second);
  const int64_t days = FloorDivide(seconds, kSecondsPerDay);
  AppendDate(days, out);
  *out += separator;
  // By remainders: the products of the quotients need not fit.
  const int64_t second_of_day = FloorRemainder(seconds, kSecondsPerDay);
  AppendTime(second_of_day * per_second + FloorRemainder(units, per_second), unit, out);
}

void AppendDuration(int64_t units, arrow::TimeUnit::type unit, std::string* out) {
  *out += units < 0 ? "-PT" : "PT";
  AppendSeconds(Magnitude(units), UnitsPerSecond(unit), out);
  *out += 'S';
}

void AppendInterval(int64_t months, int64_t days, int64_t nanoseconds, std::string* out) {
  constexpr int64_t kNanosPerSecond = 1'000'000'000;
  *out += 'P';
  if (months != 0) *out += std::to_string(months) + 'M';
  if (days != 0 || (months == 0 && nanoseconds == 0)) *out += std::to_string(days) + 'D';
  if (nanoseconds == 0) return;
  *out += nanoseconds < 0 ? "T-" : "T";
  AppendSeconds(Magnitude(nanoseconds), kNanosPerSecond, out);
  *out += 'S';
}

}  // namespace pyralog::formats
