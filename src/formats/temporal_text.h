// Dates and times as ISO 8601 text, exact to the last unit.
#pragma once

#include <cstdint>
#include <string>

#include "arrow/type.h"

namespace pyralog::formats {

// "2024-02-29". Years before 0 and after 9999 carry a sign.
void AppendDate(int64_t days_since_1970, std::string* out);
// "03:04:05", and the unit's digits behind a point when they are not all zero. `units` since
// midnight.
void AppendTime(int64_t units, arrow::TimeUnit::type unit, std::string* out);
// Date, `separator`, time. `units` since 1970.
void AppendTimestamp(int64_t units, arrow::TimeUnit::type unit, char separator, std::string* out);
// "PT1.5S", "-PT0.001S".
void AppendDuration(int64_t units, arrow::TimeUnit::type unit, std::string* out);
// "P1M2DT3S", "P0D"; parts with different signs carry their own.
void AppendInterval(int64_t months, int64_t days, int64_t nanoseconds, std::string* out);

}  // namespace pyralog::formats
