#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "arrow/array/concatenate.h"
#include "arrow/array/util.h"
#include "arrow/builder.h"
#include "arrow/extension_type.h"
#include "arrow/util/decimal.h"
#include "arrow/util/float16.h"
#include "pyralog/error.h"
#include "sql/select_rows.h"
#include "sql/stored_parts.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

arrow::Status HasNoPlace(const arrow::DataType& type, const arrow::DataType& sql) {
  return MakeError(ErrorCode::kInvalidArgument, "a value of the stored type " + type.ToString() +
                                                    " cannot be told exactly as SQL's type, which "
                                                    "lies in " +
                                                    sql.ToString() +
                                                    "; read it through the Arrow interfaces");
}

template <class From, class To, class Convert>
arrow::Result<ArrayPtr> Converted(const arrow::Array& array, const TypePtr& sql, Convert convert) {
  return MapValues<From, To>(array, sql, convert, [&] { return HasNoPlace(*array.type(), *sql); });
}

arrow::Result<ArrayPtr> DecimalToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto& type = static_cast<const arrow::DecimalType&>(*array.type());
  if (sql->id() == arrow::Type::STRING_VIEW) {
    arrow::StringViewBuilder text;
    for (int64_t i = 0; i < array.length(); ++i) {
      if (array.IsNull(i)) {
        ARROW_RETURN_NOT_OK(text.AppendNull());
      } else {
        ARROW_RETURN_NOT_OK(text.Append(DecimalAt(array, i).ToString(type.scale())));
      }
    }
    return text.Finish();
  }
  const auto& decimal = static_cast<const arrow::DecimalType&>(*sql);
  return DecimalsTo(array, type.scale(), sql, decimal,
                    [&] { return HasNoPlace(*array.type(), *sql); });
}

// Values of `unit` as nanoseconds or microseconds, `per_value` of them each (or, when negative,
// that many units to one).
auto Scaled(int64_t per_value) {
  return [per_value](int64_t value, int64_t* out) {
    if (per_value > 0) return !__builtin_mul_overflow(value, per_value, out);
    *out = value / -per_value;
    return value % -per_value == 0;
  };
}

int64_t MicrosPerUnit(arrow::TimeUnit::type unit) {
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

arrow::Result<ArrayPtr> DurationToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto unit = static_cast<const arrow::DurationType&>(*array.type()).unit();
  const auto to_micros = Scaled(MicrosPerUnit(unit));
  return Converted<int64_t, MonthDayNanos>(array, sql, [&](int64_t value, MonthDayNanos* out) {
    int64_t micros = 0;
    *out = {0, 0, 0};
    return to_micros(value, &micros) &&
           !__builtin_mul_overflow(micros, int64_t{1000}, &out->nanoseconds);
  });
}

arrow::Result<ArrayPtr> TemporalToSql(const arrow::Array& array, const TypePtr& sql) {
  switch (array.type_id()) {
    case arrow::Type::DATE64:
      return Converted<int64_t, int32_t>(array, sql, [](int64_t value, int32_t* out) {
        constexpr int64_t kDay = 86'400'000;
        *out = static_cast<int32_t>(value / kDay);
        return value % kDay == 0 && value / kDay == *out;
      });
    case arrow::Type::TIME32: {
      const auto unit = static_cast<const arrow::Time32Type&>(*array.type()).unit();
      const int64_t micros = MicrosPerUnit(unit);
      return Converted<int32_t, int64_t>(array, sql, [&](int32_t value, int64_t* out) {
        *out = value * micros;
        return true;
      });
    }
    case arrow::Type::TIMESTAMP: {
      const auto unit = static_cast<const arrow::TimestampType&>(*array.type()).unit();
      return Converted<int64_t, int64_t>(array, sql, Scaled(MicrosPerUnit(unit)));
    }
    case arrow::Type::DURATION:
      return DurationToSql(array, sql);
    case arrow::Type::INTERVAL_MONTHS:
      return Converted<int32_t, MonthDayNanos>(array, sql, [](int32_t value, MonthDayNanos* out) {
        *out = {value, 0, 0};
        return true;
      });
    case arrow::Type::INTERVAL_DAY_TIME:
      return Converted<DayMillis, MonthDayNanos>(
          array, sql, [](const DayMillis& value, MonthDayNanos* out) {
            *out = {0, value.days, int64_t{value.milliseconds} * 1'000'000};
            return true;
          });
    default:
      return HasNoPlace(*array.type(), *sql);
  }
}

template <class Builder>
arrow::Result<ArrayPtr> ViewsBy(Builder views, const arrow::Array& array) {
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsNull(i)) {
      ARROW_RETURN_NOT_OK(views.AppendNull());
    } else {
      ARROW_RETURN_NOT_OK(views.Append(BytesAt(array, i)));
    }
  }
  return views.Finish();
}

// Any binary or text as views of its type.
arrow::Result<ArrayPtr> BytesToSql(const arrow::Array& array, const TypePtr& sql) {
  arrow::MemoryPool* const pool = arrow::default_memory_pool();
  if (sql->id() == arrow::Type::STRING_VIEW) return ViewsBy(arrow::StringViewBuilder(pool), array);
  return ViewsBy(arrow::BinaryViewBuilder(pool), array);
}

arrow::Result<ArrayPtr> Bool8ToSql(const arrow::Array& array) {
  const auto& bytes = static_cast<const arrow::Int8Array&>(array);
  arrow::BooleanBuilder bits;
  for (int64_t i = 0; i < array.length(); ++i) {
    ARROW_RETURN_NOT_OK(array.IsNull(i) ? bits.AppendNull() : bits.Append(bytes.Value(i) != 0));
  }
  return bits.Finish();
}

arrow::Result<ArrayPtr> DictionaryToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto& encoded = static_cast<const arrow::DictionaryArray&>(array);
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < array.length(); ++i)
    positions.push_back(array.IsNull(i) ? -1 : encoded.GetValueIndex(i));
  ARROW_ASSIGN_OR_RAISE(auto values, TakeRows(*encoded.dictionary(), positions));
  return StoredToSql(values, sql);
}

arrow::Result<ArrayPtr> RunsToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto& encoded = static_cast<const arrow::RunEndEncodedArray&>(array);
  const arrow::Array& ends = *encoded.run_ends();
  const auto end_of = [&ends](int64_t run) -> int64_t {
    switch (ends.type_id()) {
      case arrow::Type::INT16:
        return static_cast<const arrow::Int16Array&>(ends).Value(run);
      case arrow::Type::INT32:
        return static_cast<const arrow::Int32Array&>(ends).Value(run);
      default:
        return static_cast<const arrow::Int64Array&>(ends).Value(run);
    }
  };
  std::vector<int64_t> positions;
  for (int64_t i = 0, run = encoded.FindPhysicalOffset(); i < array.length(); ++i) {
    while (end_of(run) <= array.offset() + i) ++run;
    positions.push_back(run);
  }
  ARROW_ASSIGN_OR_RAISE(auto values, TakeRows(*encoded.values(), positions));
  return StoredToSql(values, sql);
}

// Lists of every kind as `sql`, which is a list or a map: the elements of each row, one row after
// the other.
arrow::Result<ArrayPtr> ListToSql(const arrow::Array& array, const TypePtr& sql) {
  // The elements of all rows are converted first: what they become can be taken by number.
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t end = 0;
  for (int64_t i = 0; i < array.length(); ++i) {
    const ListRange range = array.IsValid(i) ? RangeAt(array, i) : ListRange{0, 0};
    if (range.length == 0) continue;
    first = std::min(first, range.begin);
    end = std::max(end, range.begin + range.length);
  }
  first = std::min(first, end);
  ARROW_ASSIGN_OR_RAISE(
      const auto converted,
      StoredToSql(ElementsOf(array)->Slice(first, end - first), sql->field(0)->type()));
  std::vector<int64_t> elements;
  arrow::TypedBufferBuilder<int32_t> offsets;
  ARROW_RETURN_NOT_OK(offsets.Append(0));
  for (int64_t i = 0; i < array.length(); ++i) {
    if (array.IsValid(i)) {
      const ListRange range = RangeAt(array, i);
      for (int64_t k = 0; k < range.length; ++k) elements.push_back(range.begin + k - first);
    }
    if (elements.size() > INT32_MAX) return HasNoPlace(*array.type(), *sql);
    ARROW_RETURN_NOT_OK(offsets.Append(static_cast<int32_t>(elements.size())));
  }
  ARROW_ASSIGN_OR_RAISE(const auto child, TakeRows(*converted, elements));
  ARROW_ASSIGN_OR_RAISE(auto offset_buffer, offsets.Finish());
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(sql, array.length(), {std::move(validity), std::move(offset_buffer)},
                   {child->data()});
}

arrow::Result<ArrayPtr> FixedListToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto& list = static_cast<const arrow::FixedSizeListArray&>(array);
  const int64_t items = list.list_type()->list_size();
  const auto elements = list.values()->Slice((array.offset()) * items, array.length() * items);
  ARROW_ASSIGN_OR_RAISE(auto child, StoredToSql(elements, sql->field(0)->type()));
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(sql, array.length(), {std::move(validity)}, {child->data()});
}

arrow::Result<ArrayPtr> StructToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto& row = static_cast<const arrow::StructArray&>(array);
  arrow::ArrayDataVector children;
  for (int i = 0; i < sql->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto child, StoredToSql(row.field(i), sql->field(i)->type()));
    children.push_back(child->data());
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(array));
  return Assembled(sql, array.length(), {std::move(validity)}, std::move(children));
}

// As SQL's unions lie: the number of the member, then all members, null but for one.
arrow::Result<ArrayPtr> UnionToSql(const arrow::Array& array, const TypePtr& sql) {
  const auto& from = static_cast<const arrow::UnionArray&>(array);
  const bool dense = array.type_id() == arrow::Type::DENSE_UNION;
  arrow::UInt8Builder tags;
  std::vector<std::vector<int64_t>> positions(array.num_fields(),
                                              std::vector<int64_t>(array.length(), -1));
  for (int64_t i = 0; i < array.length(); ++i) {
    const int member = from.child_id(i);
    ARROW_RETURN_NOT_OK(tags.Append(static_cast<uint8_t>(member)));
    positions[member][i] =
        dense ? static_cast<const arrow::DenseUnionArray&>(array).value_offset(i) : i;
  }
  ARROW_ASSIGN_OR_RAISE(auto tag_array, tags.Finish());
  arrow::ArrayDataVector children = {tag_array->data()};
  for (int member = 0; member < array.num_fields(); ++member) {
    ARROW_ASSIGN_OR_RAISE(auto taken, TakeRows(*from.field(member), positions[member]));
    ARROW_ASSIGN_OR_RAISE(auto child, StoredToSql(taken, sql->field(member + 1)->type()));
    children.push_back(child->data());
  }
  return Assembled(sql, array.length(), {nullptr}, std::move(children));
}

arrow::Result<ArrayPtr> NestedToSql(const ArrayPtr& array, const TypePtr& sql) {
  if (array->type()->num_fields() > 0 || array->type_id() == arrow::Type::STRUCT) {
    // SQL does not know the type: it has a VARCHAR in its place.
    if (sql->num_fields() == 0 && array->null_count() == array->length())
      return arrow::MakeArrayOfNull(sql, array->length());
    if (sql->num_fields() == 0) return HasNoPlace(*array->type(), *sql);
  }
  switch (array->type_id()) {
    case arrow::Type::FIXED_SIZE_LIST:
      if (sql->id() == arrow::Type::FIXED_SIZE_LIST) return FixedListToSql(*array, sql);
      return ListToSql(*array, sql);
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW:
    case arrow::Type::MAP:
      return ListToSql(*array, sql);
    case arrow::Type::STRUCT:
      return StructToSql(*array, sql);
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
      return UnionToSql(*array, sql);
    default:
      return TemporalToSql(*array, sql);
  }
}

}  // namespace

arrow::Result<ArrayPtr> StoredToSql(const ArrayPtr& array, const TypePtr& sql) {
  if (array->type()->Equals(*sql)) return array;
  switch (array->type_id()) {
    case arrow::Type::NA:
      return arrow::MakeArrayOfNull(sql, array->length());
    case arrow::Type::EXTENSION: {
      const auto& storage = static_cast<const arrow::ExtensionArray&>(*array).storage();
      if (sql->id() == arrow::Type::BOOL && storage->type_id() == arrow::Type::INT8)
        return Bool8ToSql(*storage);
      return StoredToSql(storage, sql);
    }
    case arrow::Type::DICTIONARY:
      return DictionaryToSql(*array, sql);
    case arrow::Type::RUN_END_ENCODED:
      return RunsToSql(*array, sql);
    case arrow::Type::HALF_FLOAT:
      return Converted<uint16_t, float>(*array, sql, [](uint16_t bits, float* out) {
        *out = arrow::util::Float16::FromBits(bits).ToFloat();
        return true;
      });
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return DecimalToSql(*array, sql);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return BytesToSql(*array, sql);
    default:
      return NestedToSql(array, sql);
  }
}

}  // namespace pyralog::sql
