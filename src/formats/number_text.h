// Floating-point numbers as text.
#pragma once

#include <string>

namespace pyralog::formats {

// The shortest text that reads back as the same number, with a point or an exponent; NaN, Infinity
// and -Infinity in quotes when `quoted`.
void AppendFloat(float value, bool quoted, std::string* out);
void AppendFloat(double value, bool quoted, std::string* out);

}  // namespace pyralog::formats
