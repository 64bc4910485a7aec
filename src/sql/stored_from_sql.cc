#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "arrow/array/util.h"
#include "arrow/builder.h"
#include "arrow/compute/api_vector.h"
#include "arrow/compute/cast.h"
#include "arrow/extension_type.h"
#include "arrow/util/decimal.h"
#include "arrow/util/float16.h"
#include "pyralog/error.h"
#include "sql/select_rows.h"
#include "sql/stored_parts.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

arrow::Status DoesNotFit(const arrow::DataType& stored, const std::string& why = "") {
  return MakeError(ErrorCode::kInvalidArgument, "a value does not fit the stored type " +
                                                    stored.ToString() + " exactly" +
                                                    (why.empty() ? "" : ": " + why));
}

template <class From, class To, class Convert>
arrow::Result<ArrayPtr> Fitted(const arrow::Array& array, const TypePtr& stored, Convert convert) {
  return MapValues<From, To>(array, stored, convert, [&] { return DoesNotFit(*stored); });
}

arrow::Result<ArrayPtr> ToHalf(const arrow::Array& array, const TypePtr& stored) {
  return Fitted<float, uint16_t>(array, stored, [](float value, uint16_t* out) {
    const auto half = arrow::util::Float16::FromFloat(value);
    *out = half.bits();
    return half.ToFloat() == value || std::isnan(value);
  });
}

arrow::Result<ArrayPtr> TextToDecimal(const arrow::Array& array, const TypePtr& stored) {
  const auto& type = static_cast<const arrow::DecimalType&>(*stored);
  const int width = type.byte_width();
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer,
                        arrow::AllocateBuffer(array.length() * width));
  for (int64_t i = 0; i < array.length(); ++i) {
    arrow::Decimal256 value;
    if (array.IsValid(i)) {
      int32_t scale = 0;
      if (!arrow::Decimal256::FromString(BytesAt(array, i), &value, nullptr, &scale).ok())
        return DoesNotFit(*stored, "it is no number");
      const auto rescaled = value.Rescale(scale, type.scale());
      if (!rescaled.ok() || !rescaled->FitsInPrecision(type.precision()))
        return DoesNotFit(*stored);
      value = *rescaled;
    }
    SetDecimal(value, width, buffer->mutable_data() + i * width);
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(stored, array.length(), {std::move(validity), std::move(buffer)});
}

arrow::Result<ArrayPtr> ToDecimal(const arrow::Array& array, const TypePtr& stored) {
  if (array.type_id() == arrow::Type::STRING_VIEW) return TextToDecimal(array, stored);
  const auto& from = static_cast<const arrow::DecimalType&>(*array.type());
  const auto& to = static_cast<const arrow::DecimalType&>(*stored);
  return DecimalsTo(array, from.scale(), stored, to, [&] { return DoesNotFit(*stored); });
}

// How many microseconds a unit has; of nanoseconds, minus how many a microsecond has.
int64_t UnitMicros(arrow::TimeUnit::type unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND:
      return 1'000'000;
    case arrow::TimeUnit::MILLI:
      return 1'000;
    case arrow::TimeUnit::MICRO:
      return 1;
    default:
      return -1'000;
  }
}

bool FromMicros(int64_t micros, int64_t unit_micros, int64_t* out) {
  if (unit_micros < 0) return !__builtin_mul_overflow(micros, -unit_micros, out);
  *out = micros / unit_micros;
  return micros % unit_micros == 0;
}

arrow::Result<ArrayPtr> ToDuration(const arrow::Array& array, const TypePtr& stored) {
  const int64_t unit = UnitMicros(static_cast<const arrow::DurationType&>(*stored).unit());
  constexpr int64_t kDayNanos = 86'400'000'000'000;
  return Fitted<MonthDayNanos, int64_t>(
      array, stored, [&](const MonthDayNanos& value, int64_t* out) {
        int64_t nanos = 0;
        return value.months == 0 &&
               !__builtin_mul_overflow(int64_t{value.days}, kDayNanos, &nanos) &&
               !__builtin_add_overflow(nanos, value.nanoseconds, &nanos) && nanos % 1000 == 0 &&
               FromMicros(nanos / 1000, unit, out);
      });
}

arrow::Result<ArrayPtr> ToInterval(const arrow::Array& array, const TypePtr& stored) {
  if (stored->id() == arrow::Type::INTERVAL_MONTHS) {
    return Fitted<MonthDayNanos, int32_t>(array, stored,
                                          [](const MonthDayNanos& value, int32_t* out) {
                                            *out = value.months;
                                            return value.days == 0 && value.nanoseconds == 0;
                                          });
  }
  return Fitted<MonthDayNanos, DayMillis>(
      array, stored, [](const MonthDayNanos& value, DayMillis* out) {
        constexpr int64_t kMilli = 1'000'000;
        out->days = value.days;
        out->milliseconds = static_cast<int32_t>(value.nanoseconds / kMilli);
        return value.months == 0 && value.nanoseconds % kMilli == 0 &&
               value.nanoseconds / kMilli == out->milliseconds;
      });
}

arrow::Result<ArrayPtr> ToTemporal(const arrow::Array& array, const TypePtr& stored) {
  switch (stored->id()) {
    case arrow::Type::DATE64:
      return Fitted<int32_t, int64_t>(array, stored, [](int32_t value, int64_t* out) {
        *out = int64_t{value} * 86'400'000;
        // The ends of the range are SQL's infinities.
        return value != std::numeric_limits<int32_t>::max() &&
               value != -std::numeric_limits<int32_t>::max();
      });
    case arrow::Type::TIME32: {
      const int64_t unit = UnitMicros(static_cast<const arrow::Time32Type&>(*stored).unit());
      return Fitted<int64_t, int32_t>(array, stored, [&](int64_t value, int32_t* out) {
        *out = static_cast<int32_t>(value / unit);
        return value % unit == 0;
      });
    }
    case arrow::Type::TIMESTAMP: {
      const int64_t unit = UnitMicros(static_cast<const arrow::TimestampType&>(*stored).unit());
      return Fitted<int64_t, int64_t>(
          array, stored, [&](int64_t value, int64_t* out) { return FromMicros(value, unit, out); });
    }
    case arrow::Type::DURATION:
      return ToDuration(array, stored);
    case arrow::Type::INTERVAL_MONTHS:
    case arrow::Type::INTERVAL_DAY_TIME:
      return ToInterval(array, stored);
    default:
      return DoesNotFit(*stored);
  }
}

template <class Builder>
arrow::Result<ArrayPtr> BytesBy(Builder builder, const arrow::Array& array, int64_t width = -1) {
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) {
      ARROW_RETURN_NOT_OK(builder.AppendNull());
      continue;
    }
    const std::string_view bytes = BytesAt(array, i);
    if (width >= 0 && static_cast<int64_t>(bytes.size()) != width) {
      return DoesNotFit(*builder.type(), "it has " + std::to_string(bytes.size()) + " bytes");
    }
    ARROW_RETURN_NOT_OK(builder.Append(bytes));
  }
  return builder.Finish();
}

arrow::Result<ArrayPtr> ToBytes(const arrow::Array& array, const TypePtr& stored) {
  arrow::MemoryPool* const pool = arrow::default_memory_pool();
  switch (stored->id()) {
    case arrow::Type::STRING:
      return BytesBy(arrow::StringBuilder(pool), array);
    case arrow::Type::LARGE_STRING:
      return BytesBy(arrow::LargeStringBuilder(pool), array);
    case arrow::Type::BINARY:
      return BytesBy(arrow::BinaryBuilder(pool), array);
    case arrow::Type::LARGE_BINARY:
      return BytesBy(arrow::LargeBinaryBuilder(pool), array);
    default:
      return BytesBy(arrow::FixedSizeBinaryBuilder(stored, pool), array,
                     static_cast<const arrow::FixedSizeBinaryType&>(*stored).byte_width());
  }
}

// Every row is a run of its own.
arrow::Result<ArrayPtr> ToRuns(const ArrayPtr& array, const TypePtr& stored) {
  const auto& type = static_cast<const arrow::RunEndEncodedType&>(*stored);
  ARROW_ASSIGN_OR_RAISE(auto values, SqlToStored(array, type.value_type()));
  arrow::Int64Builder ends;
  for (int64_t i = 1; i <= values->length(); ++i) ARROW_RETURN_NOT_OK(ends.Append(i));
  ARROW_ASSIGN_OR_RAISE(const auto wide, ends.Finish());
  ARROW_ASSIGN_OR_RAISE(auto run_ends, arrow::compute::Cast(*wide, type.run_end_type()));
  auto data = arrow::ArrayData::Make(stored, values->length(), {nullptr},
                                     {run_ends->data(), values->data()}, 0);
  return arrow::MakeArray(data);
}

arrow::Status CheckNulls(const arrow::Field& field, const arrow::Array& values) {
  if (field.nullable() || values.null_count() == 0) return arrow::Status::OK();
  return MakeError(ErrorCode::kConstraint,
                   "field '" + field.name() + "' of the stored type must not be NULL");
}

// Offsets and sizes of the canonical lists, as wide as the type says.
template <class Offset>
arrow::Result<std::vector<std::shared_ptr<arrow::Buffer>>> ListBuffers(const arrow::ListArray& list,
                                                                       bool sizes) {
  arrow::TypedBufferBuilder<Offset> begins;
  arrow::TypedBufferBuilder<Offset> lengths;
  const int64_t first = list.value_offset(0);
  for (int64_t i = 0; i < list.length(); ++i) {
    ARROW_RETURN_NOT_OK(begins.Append(static_cast<Offset>(list.value_offset(i) - first)));
    if (sizes) ARROW_RETURN_NOT_OK(lengths.Append(static_cast<Offset>(list.value_length(i))));
  }
  if (!sizes) {
    ARROW_RETURN_NOT_OK(
        begins.Append(static_cast<Offset>(list.value_offset(list.length()) - first)));
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(list));
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {std::move(validity)};
  ARROW_ASSIGN_OR_RAISE(buffers.emplace_back(), begins.Finish());
  if (sizes) {
    ARROW_ASSIGN_OR_RAISE(buffers.emplace_back(), lengths.Finish());
  }
  return buffers;
}

arrow::Result<ArrayPtr> ToList(const arrow::Array& array, const TypePtr& stored) {
  const auto& list = static_cast<const arrow::ListArray&>(array);
  if (stored->id() == arrow::Type::MAP &&
      static_cast<const arrow::MapType&>(*stored).keys_sorted()) {
    for (int64_t i = 0; i < list.length(); ++i) {
      if (list.IsValid(i) && list.value_length(i) > 1)
        return DoesNotFit(*stored, "maps of sorted keys come by the Arrow interfaces only");
    }
  }
  const int64_t first = list.length() == 0 ? 0 : list.value_offset(0);
  const int64_t end = list.length() == 0 ? 0 : list.value_offset(list.length());
  const auto elements = list.values()->Slice(first, end - first);
  ARROW_RETURN_NOT_OK(CheckNulls(*stored->field(0), *elements));
  ARROW_ASSIGN_OR_RAISE(auto child, SqlToStored(elements, stored->field(0)->type()));
  const bool views =
      stored->id() == arrow::Type::LIST_VIEW || stored->id() == arrow::Type::LARGE_LIST_VIEW;
  const bool large =
      stored->id() == arrow::Type::LARGE_LIST || stored->id() == arrow::Type::LARGE_LIST_VIEW;
  std::vector<std::shared_ptr<arrow::Buffer>> buffers;
  if (large) {
    ARROW_ASSIGN_OR_RAISE(buffers, ListBuffers<int64_t>(list, views));
  } else {
    ARROW_ASSIGN_OR_RAISE(buffers, ListBuffers<int32_t>(list, views));
  }
  return Assembled(stored, list.length(), std::move(buffers), {child->data()});
}

arrow::Result<ArrayPtr> ToFixedList(const arrow::Array& array, const TypePtr& stored) {
  const int64_t items = static_cast<const arrow::FixedSizeListType&>(*stored).list_size();
  std::vector<int64_t> elements;
  for (int64_t i = 0; i < array.length(); ++i) {
    const ListRange range = array.IsValid(i) ? RangeAt(array, i) : ListRange{-1, items};
    if (range.length != items)
      return DoesNotFit(*stored, "a list has " + std::to_string(range.length) + " items");
    for (int64_t k = 0; k < items; ++k) elements.push_back(range.begin < 0 ? -1 : range.begin + k);
  }
  ARROW_ASSIGN_OR_RAISE(auto taken, TakeRows(*ElementsOf(array), elements));
  if (array.null_count() == 0) ARROW_RETURN_NOT_OK(CheckNulls(*stored->field(0), *taken));
  ARROW_ASSIGN_OR_RAISE(auto child, SqlToStored(taken, stored->field(0)->type()));
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(stored, array.length(), {std::move(validity)}, {child->data()});
}

arrow::Result<ArrayPtr> ToStruct(const arrow::Array& array, const TypePtr& stored) {
  const auto& row = static_cast<const arrow::StructArray&>(array);
  arrow::ArrayDataVector children;
  for (int i = 0; i < stored->num_fields(); ++i) {
    const auto field = row.field(i);
    for (int64_t k = 0; !stored->field(i)->nullable() && k < array.length(); ++k) {
      if (array.IsValid(k) && field->IsNull(k))
        ARROW_RETURN_NOT_OK(CheckNulls(*stored->field(i), *field));
    }
    ARROW_ASSIGN_OR_RAISE(auto child, SqlToStored(field, stored->field(i)->type()));
    children.push_back(child->data());
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(stored, array.length(), {std::move(validity)}, std::move(children));
}

arrow::Result<ArrayPtr> ToUnion(const arrow::Array& array, const TypePtr& stored) {
  const auto& row = static_cast<const arrow::StructArray&>(array);
  const auto& type = static_cast<const arrow::UnionType&>(*stored);
  const bool dense = stored->id() == arrow::Type::DENSE_UNION;
  const auto tag_array = row.field(0);
  const auto& tags = static_cast<const arrow::UInt8Array&>(*tag_array);
  arrow::TypedBufferBuilder<int8_t> codes;
  arrow::TypedBufferBuilder<int32_t> offsets;
  std::vector<std::vector<int64_t>> positions(type.num_fields());
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i) || tags.IsNull(i)) {
      return DoesNotFit(*stored,
                        "Arrow's unions have no NULL of their own; give one of its members "
                        "NULL with union_value");
    }
    const int member = tags.Value(i);
    if (member >= type.num_fields()) return DoesNotFit(*stored);
    ARROW_RETURN_NOT_OK(codes.Append(type.type_codes()[member]));
    ARROW_RETURN_NOT_OK(offsets.Append(static_cast<int32_t>(positions[member].size())));
    positions[member].push_back(i);
  }
  arrow::ArrayDataVector children;
  for (int member = 0; member < type.num_fields(); ++member) {
    ArrayPtr values = row.field(member + 1);
    if (dense) {
      ARROW_ASSIGN_OR_RAISE(values, TakeRows(*values, positions[member]));
    }
    ARROW_ASSIGN_OR_RAISE(auto child, SqlToStored(values, type.field(member)->type()));
    children.push_back(child->data());
  }
  ARROW_ASSIGN_OR_RAISE(auto code_buffer, codes.Finish());
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {nullptr, std::move(code_buffer)};
  if (dense) {
    ARROW_ASSIGN_OR_RAISE(buffers.emplace_back(), offsets.Finish());
  }
  return Assembled(stored, array.length(), std::move(buffers), std::move(children));
}

arrow::Result<ArrayPtr> ToExtension(const ArrayPtr& array, const TypePtr& stored) {
  const auto& storage = static_cast<const arrow::ExtensionType&>(*stored).storage_type();
  if (array->type_id() == arrow::Type::BOOL && storage->id() == arrow::Type::INT8) {
    ARROW_ASSIGN_OR_RAISE(const auto bytes, arrow::compute::Cast(*array, storage));
    return arrow::ExtensionType::WrapArray(stored, bytes);
  }
  ARROW_ASSIGN_OR_RAISE(auto values, SqlToStored(array, storage));
  return arrow::ExtensionType::WrapArray(stored, values);
}

arrow::Result<ArrayPtr> ToNested(const ArrayPtr& array, const TypePtr& stored) {
  if (array->type_id() == arrow::Type::STRING_VIEW) {
    // SQL does not know the type: it has a VARCHAR in its place.
    if (array->null_count() < array->length())
      return DoesNotFit(*stored, "SQL cannot make such values");
    return arrow::MakeArrayOfNull(stored, array->length());
  }
  switch (stored->id()) {
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW:
    case arrow::Type::MAP:
      return ToList(*array, stored);
    case arrow::Type::FIXED_SIZE_LIST:
      return ToFixedList(*array, stored);
    case arrow::Type::STRUCT:
      return ToStruct(*array, stored);
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
      return ToUnion(*array, stored);
    default:
      return ToTemporal(*array, stored);
  }
}

}  // namespace

arrow::Result<ArrayPtr> SqlToStored(const ArrayPtr& array, const TypePtr& stored) {
  if (array->type()->Equals(*stored)) return array;
  switch (stored->id()) {
    case arrow::Type::NA:
      if (array->null_count() < array->length()) return DoesNotFit(*stored, "it holds NULL only");
      return arrow::MakeArrayOfNull(stored, array->length());
    case arrow::Type::EXTENSION:
      return ToExtension(array, stored);
    case arrow::Type::RUN_END_ENCODED:
      return ToRuns(array, stored);
    case arrow::Type::HALF_FLOAT:
      return ToHalf(*array, stored);
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return ToDecimal(*array, stored);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::FIXED_SIZE_BINARY:
      return ToBytes(*array, stored);
    default:
      return ToNested(array, stored);
  }
}

}  // namespace pyralog::sql
