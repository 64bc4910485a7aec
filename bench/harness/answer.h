// What a piece of work answered, in a form that two engines can be compared by.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "arrow/api.h"

namespace pyralog::bench {

// Floating-point values are compared with a tolerance, as sums depend on the order of their terms.
// All others are texts: integers in decimal, timestamps in microseconds, dates in days, nulls as
// "NULL".
using Cell = std::variant<double, std::string>;
using Row = std::vector<Cell>;
using Answer = std::vector<Row>;

constexpr double kTolerance = 1e-9;  // relative

inline bool SameCell(const Cell& a, const Cell& b) {
  if (a.index() != b.index()) return false;
  if (const auto* text = std::get_if<std::string>(&a)) return *text == std::get<std::string>(b);
  const double x = std::get<double>(a);
  const double y = std::get<double>(b);
  return x == y || std::abs(x - y) <= kTolerance * std::max(std::abs(x), std::abs(y));
}

inline std::string CellText(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  return text != nullptr ? *text : std::to_string(std::get<double>(cell));
}

// Rows without a stated order have to be sorted by the query. OK, or kInvalid naming the first
// place where the answers differ.
inline arrow::Status CompareAnswers(const Answer& ours, const Answer& theirs) {
  if (ours.size() != theirs.size()) {
    return arrow::Status::Invalid("the answers differ: ", ours.size(), " rows against ",
                                  theirs.size());
  }
  for (size_t row = 0; row < ours.size(); ++row) {
    if (ours[row].size() != theirs[row].size()) {
      return arrow::Status::Invalid("the answers differ: row ", row, " has ", ours[row].size(),
                                    " columns against ", theirs[row].size());
    }
    for (size_t column = 0; column < ours[row].size(); ++column) {
      if (SameCell(ours[row][column], theirs[row][column])) continue;
      return arrow::Status::Invalid("the answers differ: row ", row, ", column ", column, ": ",
                                    CellText(ours[row][column]), " against ",
                                    CellText(theirs[row][column]));
    }
  }
  return arrow::Status::OK();
}

// Microseconds, whatever the unit of the type.
inline int64_t ToMicroseconds(int64_t value, arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return value * 1'000'000;
    case arrow::TimeUnit::MILLI:
      return value * 1'000;
    case arrow::TimeUnit::MICRO:
      return value;
    case arrow::TimeUnit::NANO:
      return value / 1'000;
  }
  return value;
}

inline arrow::Result<Cell> ReadCell(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return Cell("NULL");
  switch (array.type_id()) {
    case arrow::Type::DOUBLE:
      return Cell(static_cast<const arrow::DoubleArray&>(array).Value(row));
    case arrow::Type::FLOAT:
      return Cell(double{static_cast<const arrow::FloatArray&>(array).Value(row)});
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
      const int64_t value = static_cast<const arrow::TimestampArray&>(array).Value(row);
      return Cell(std::to_string(ToMicroseconds(value, unit)));
    }
    case arrow::Type::DATE32:
      return Cell(std::to_string(static_cast<const arrow::Date32Array&>(array).Value(row)));
    case arrow::Type::DICTIONARY: {
      const auto& coded = static_cast<const arrow::DictionaryArray&>(array);
      return ReadCell(*coded.dictionary(), coded.GetValueIndex(row));
    }
    default:
      break;
  }
  ARROW_ASSIGN_OR_RAISE(const auto scalar, array.GetScalar(row));
  return Cell(scalar->ToString());
}

inline arrow::Result<Answer> ReadAnswer(const arrow::RecordBatchVector& batches) {
  Answer answer;
  for (const auto& batch : batches) {
    for (int64_t i = 0; i < batch->num_rows(); ++i) {
      Row row;
      for (const auto& column : batch->columns()) {
        ARROW_ASSIGN_OR_RAISE(row.emplace_back(), ReadCell(*column, i));
      }
      answer.push_back(std::move(row));
    }
  }
  return answer;
}

}  // namespace pyralog::bench
