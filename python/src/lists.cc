#include "src/lists.h"

#include <nanobind/stl/string.h>

#include <cstring>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "arrow/array/concatenate.h"
#include "pyralog/error.h"
#include "src/errors.h"
#include "src/parameters.h"

namespace pyralog::python {
namespace {

using ScalarPtr = std::shared_ptr<arrow::Scalar>;
using TypePtr = std::shared_ptr<arrow::DataType>;

arrow::Result<TypePtr> CommonType(const TypePtr& one, const TypePtr& other);

// A type for elements of both, where `one` is the type of fewer digits, or the same way round.
arrow::Result<TypePtr> CommonDecimal(const arrow::DecimalType& one,
                                     const arrow::DecimalType& other) {
  const int scale = std::max(one.scale(), other.scale());
  const int whole = std::max(one.precision() - one.scale(), other.precision() - other.scale());
  return arrow::Decimal128Type::Make(whole + scale, scale);
}

arrow::Result<TypePtr> CommonStruct(const arrow::DataType& one, const arrow::DataType& other) {
  if (one.num_fields() != other.num_fields()) {
    return arrow::Status::Invalid("dicts of different keys");
  }
  arrow::FieldVector fields;
  for (int i = 0; i < one.num_fields(); ++i) {
    if (one.field(i)->name() != other.field(i)->name()) {
      return arrow::Status::Invalid("dicts of different keys");
    }
    ARROW_ASSIGN_OR_RAISE(auto type, CommonType(one.field(i)->type(), other.field(i)->type()));
    fields.push_back(arrow::field(one.field(i)->name(), std::move(type)));
  }
  return arrow::struct_(fields);
}

arrow::Result<TypePtr> CommonType(const TypePtr& one, const TypePtr& other) {
  if (one->Equals(*other) || other->id() == arrow::Type::NA) return one;
  if (one->id() == arrow::Type::NA) return other;
  const auto is = [&](arrow::Type::type a, arrow::Type::type b) {
    return (one->id() == a && other->id() == b) || (one->id() == b && other->id() == a);
  };
  if (one->id() == arrow::Type::DECIMAL128 && other->id() == arrow::Type::DECIMAL128) {
    return CommonDecimal(static_cast<const arrow::DecimalType&>(*one),
                         static_cast<const arrow::DecimalType&>(*other));
  }
  if (is(arrow::Type::INT64, arrow::Type::DOUBLE)) return arrow::float64();
  if (one->id() == arrow::Type::LIST && other->id() == arrow::Type::LIST) {
    ARROW_ASSIGN_OR_RAISE(auto type, CommonType(one->field(0)->type(), other->field(0)->type()));
    return arrow::list(std::move(type));
  }
  if (one->id() == arrow::Type::STRUCT && other->id() == arrow::Type::STRUCT) {
    return CommonStruct(*one, *other);
  }
  return arrow::Status::Invalid("a list of both ", one->ToString(), " and ", other->ToString(),
                                ": SQL's lists have elements of one type");
}

arrow::Result<ScalarPtr> As(const ScalarPtr& scalar, const TypePtr& type);

arrow::Result<ScalarPtr> Rescaled(const arrow::Scalar& scalar, const TypePtr& type) {
  const auto scale = [](const arrow::DataType& of) {
    return static_cast<const arrow::DecimalType&>(of).scale();
  };
  ARROW_ASSIGN_OR_RAISE(const arrow::Decimal128 value,
                        static_cast<const arrow::Decimal128Scalar&>(scalar).value.Rescale(
                            scale(*scalar.type), scale(*type)));
  return std::make_shared<arrow::Decimal128Scalar>(value, type);
}

arrow::Result<ScalarPtr> ListAs(const arrow::BaseListScalar& list, const TypePtr& type) {
  arrow::ArrayVector parts;
  const TypePtr& element = type->field(0)->type();
  for (int64_t i = 0; i < list.value->length(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto one, list.value->GetScalar(i));
    ARROW_ASSIGN_OR_RAISE(const auto cast, As(one, element));
    ARROW_ASSIGN_OR_RAISE(parts.emplace_back(), arrow::MakeArrayFromScalar(*cast, 1));
  }
  if (parts.empty()) {
    ARROW_ASSIGN_OR_RAISE(parts.emplace_back(), arrow::MakeEmptyArray(element));
  }
  ARROW_ASSIGN_OR_RAISE(auto values, arrow::Concatenate(parts));
  return std::make_shared<arrow::ListScalar>(std::move(values), type);
}

// The scalar with a type that CommonType gave for it.
arrow::Result<ScalarPtr> As(const ScalarPtr& scalar, const TypePtr& type) {
  if (scalar->type->Equals(*type)) return scalar;
  if (!scalar->is_valid) return arrow::MakeNullScalar(type);
  if (type->id() == arrow::Type::LIST) {
    return ListAs(static_cast<const arrow::BaseListScalar&>(*scalar), type);
  }
  if (type->id() == arrow::Type::STRUCT) {
    arrow::ScalarVector fields;
    const auto& values = static_cast<const arrow::StructScalar&>(*scalar).value;
    for (size_t i = 0; i < values.size(); ++i) {
      ARROW_ASSIGN_OR_RAISE(fields.emplace_back(),
                            As(values[i], type->field(static_cast<int>(i))->type()));
    }
    return std::make_shared<arrow::StructScalar>(std::move(fields), type);
  }
  if (scalar->type->id() == arrow::Type::INT64 && type->id() == arrow::Type::DOUBLE) {
    constexpr int64_t kExact = int64_t{1} << 53;
    const int64_t value = static_cast<const arrow::Int64Scalar&>(*scalar).value;
    if (value > kExact || value < -kExact) {
      return arrow::Status::Invalid("a list of floats and the int ", value,
                                    ", which no float holds exactly");
    }
    return std::make_shared<arrow::DoubleScalar>(static_cast<double>(value));
  }
  return Rescaled(*scalar, type);
}

arrow::Result<ScalarPtr> MakeList(const std::vector<ScalarPtr>& elements) {
  TypePtr type = arrow::null();
  for (const ScalarPtr& element : elements) {
    ARROW_ASSIGN_OR_RAISE(type, CommonType(type, element->type));
  }
  std::unique_ptr<arrow::ArrayBuilder> builder;
  const bool simple = arrow::is_primitive(type->id()) || type->id() == arrow::Type::STRING;
  if (simple) {
    ARROW_ASSIGN_OR_RAISE(builder, arrow::MakeBuilder(type));
  }
  arrow::ArrayVector parts;
  for (const ScalarPtr& element : elements) {
    ARROW_ASSIGN_OR_RAISE(const ScalarPtr cast, As(element, type));
    if (simple) {
      ARROW_RETURN_NOT_OK(builder->AppendScalar(*cast));
    } else {
      ARROW_ASSIGN_OR_RAISE(parts.emplace_back(), arrow::MakeArrayFromScalar(*cast, 1));
    }
  }
  std::shared_ptr<arrow::Array> values;
  if (simple) {
    ARROW_RETURN_NOT_OK(builder->Finish(&values));
  } else if (parts.empty()) {
    ARROW_ASSIGN_OR_RAISE(values, arrow::MakeEmptyArray(type));
  } else {
    ARROW_ASSIGN_OR_RAISE(values, arrow::Concatenate(parts));
  }
  return std::make_shared<arrow::ListScalar>(std::move(values), arrow::list(type));
}

TypePtr TypeOfNumpy(const std::string& code) {
  static const auto& types = *new std::map<std::string, TypePtr>{
      {"<i8", arrow::int64()},   {"<i4", arrow::int32()},   {"<i2", arrow::int16()},
      {"|i1", arrow::int8()},    {"<u8", arrow::uint64()},  {"<u4", arrow::uint32()},
      {"<u2", arrow::uint16()},  {"|u1", arrow::uint8()},   {"<f8", arrow::float64()},
      {"<f4", arrow::float32()}, {"<f2", arrow::float16()},
  };
  const auto found = types.find(code);
  return found == types.end() ? nullptr : found->second;
}

// Elements of an array of n dimensions as lists of n levels.
ScalarPtr Levels(std::shared_ptr<arrow::Array> values, const std::vector<int64_t>& shape) {
  for (size_t level = shape.size(); level-- > 1;) {
    int64_t count = 1;
    for (size_t i = 0; i < level; ++i) count *= shape[i];
    arrow::Int32Builder offsets;
    for (int64_t i = 0; i <= count; ++i) {
      RaiseIfError(offsets.Append(static_cast<int32_t>(i * shape[level])));
    }
    const auto starts = ValueOrRaise(offsets.Finish());
    values = ValueOrRaise(arrow::ListArray::FromArrays(*starts, *values));
  }
  auto type = arrow::list(values->type());
  return std::make_shared<arrow::ListScalar>(std::move(values), std::move(type));
}

}  // namespace

ScalarPtr ListScalarOf(nb::handle list) {
  std::vector<ScalarPtr> elements;
  for (const nb::handle element : nb::borrow<nb::object>(list)) {
    elements.push_back(ScalarOf(element));
  }
  return ValueOrRaise(MakeList(elements));
}

ScalarPtr StructScalarOf(nb::handle dict) {
  arrow::ScalarVector values;
  std::vector<std::string> names;
  for (const auto& [key, value] : nb::borrow<nb::dict>(dict)) {
    if (PyUnicode_Check(key.ptr()) == 0) {
      RaiseIfError(
          MakeError(ErrorCode::kInvalidArgument, "a dict is a STRUCT, whose keys are text"));
    }
    names.push_back(nb::cast<std::string>(key));
    values.push_back(ScalarOf(value));
  }
  if (names.empty()) {
    RaiseIfError(MakeError(ErrorCode::kInvalidArgument,
                           "an empty dict has no counterpart: a STRUCT has a field"));
  }
  return ValueOrRaise(arrow::StructScalar::Make(std::move(values), std::move(names)));
}

ScalarPtr ArrayScalar(nb::handle array) {
  const nb::object numpy = nb::module_::import_("numpy");
  const nb::object plain = numpy.attr("ascontiguousarray")(array);
  const auto code = nb::cast<std::string>(nb::object(plain.attr("dtype").attr("str")));
  const auto shape = nb::cast<nb::tuple>(plain.attr("shape"));
  const TypePtr type = TypeOfNumpy(code);
  if (type == nullptr || nb::cast<int>(nb::object(array.attr("ndim"))) == 0) {
    return ScalarOf(nb::object(array.attr("tolist")()));
  }
  const auto size = nb::cast<int64_t>(nb::object(plain.attr("size")));
  const nb::object bytes = plain.attr("tobytes")();
  auto buffer = arrow::Buffer::FromString(std::string(
      PyBytes_AS_STRING(bytes.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.ptr()))));
  std::vector<int64_t> sizes;
  for (const nb::handle extent : shape) sizes.push_back(nb::cast<int64_t>(extent));
  return Levels(
      arrow::MakeArray(arrow::ArrayData::Make(type, size, {nullptr, std::move(buffer)}, 0)), sizes);
}

}  // namespace pyralog::python
