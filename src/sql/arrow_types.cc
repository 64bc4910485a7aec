#include "sql/arrow_types.h"

#include <utility>

#include "arrow/extension_type.h"
#include "duckdb/catalog/default/default_types.hpp"
#include "duckdb/common/extra_type_info.hpp"
#include "duckdb/common/type_visitor.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/type_expression.hpp"
#include "duckdb/parser/keyword_helper.hpp"
#include "duckdb/parser/parser.hpp"
#include "pyralog/error.h"
#include "sql/arrow_vectors.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using duckdb::LogicalTypeId;

arrow::Status NotStored(const LogicalType& type) {
  return MakeError(ErrorCode::kNotSupported,
                   "columns of type " + type.ToString() +
                       " cannot be stored; cast to another type, such as VARCHAR");
}

// What a layout is for: columns of tables, or of results.
struct Use {
  bool result = false;
  const std::string* time_zone = nullptr;  // of results
};
arrow::Result<TypeLayout> LayoutFor(const Use& use, const LogicalType& type);

TypeLayout Same(const LogicalType& sql, std::shared_ptr<arrow::DataType> arrow,
                bool ordered = true) {
  const int width = static_cast<const arrow::FixedWidthType&>(*arrow).bit_width() / 8;
  return {sql, std::move(arrow), Layout::kSame, width, ordered, {}};
}

TypeLayout Other(const LogicalType& sql, std::shared_ptr<arrow::DataType> arrow, Layout layout,
                 int width, bool ordered) {
  return {sql, std::move(arrow), layout, width, ordered, {}};
}

arrow::Result<TypeLayout> DecimalLayout(const Use& use, const LogicalType& type) {
  const int width = duckdb::DecimalType::GetWidth(type);
  const int scale = duckdb::DecimalType::GetScale(type);
  if (use.result && width <= 18) {
    return Other(type, arrow::decimal128(width, scale), Layout::kWideDecimal, 16, false);
  }
  if (width <= 9) {
    ARROW_ASSIGN_OR_RAISE(auto arrow, arrow::Decimal32Type::Make(width, scale));
    if (width <= 4) return Other(type, std::move(arrow), Layout::kNarrow, 4, true);
    return Same(type, std::move(arrow));
  }
  if (width <= 18) {
    ARROW_ASSIGN_OR_RAISE(auto arrow, arrow::Decimal64Type::Make(width, scale));
    return Same(type, std::move(arrow));
  }
  ARROW_ASSIGN_OR_RAISE(auto arrow, arrow::Decimal128Type::Make(width, scale));
  return Same(type, std::move(arrow));
}

// The position among the enum's values, which is what orders them.
TypeLayout StoredEnumLayout(const LogicalType& type) {
  switch (type.InternalType()) {
    case duckdb::PhysicalType::UINT8:
      return Same(type, arrow::uint8());
    case duckdb::PhysicalType::UINT16:
      return Same(type, arrow::uint16());
    default:
      return Same(type, arrow::uint32());
  }
}

arrow::Result<TypeLayout> StructLayout(const Use& use, const LogicalType& type) {
  const bool is_row = type.id() == LogicalTypeId::STRUCT && duckdb::StructType::IsUnnamed(type);
  if (!use.result && is_row) return NotStored(type);
  TypeLayout result = Other(type, nullptr, Layout::kStruct, 0, false);
  arrow::FieldVector fields;
  for (const auto& [name, child] : duckdb::StructType::GetChildTypes(type)) {
    ARROW_ASSIGN_OR_RAISE(auto layout, LayoutFor(use, child));
    fields.push_back(arrow::field(name, layout.arrow));
    result.children.push_back(std::move(layout));
  }
  result.arrow = arrow::struct_(fields);
  return result;
}

arrow::Result<TypeLayout> ListLayout(const Use& use, const LogicalType& type) {
  TypeLayout result = Other(type, nullptr, Layout::kList, 0, false);
  ARROW_ASSIGN_OR_RAISE(auto child, LayoutFor(use, duckdb::ListType::GetChildType(type)));
  result.arrow = arrow::list(child.arrow);
  result.children.push_back(std::move(child));
  return result;
}

// A map is a list of structs (key, value) on both sides.
arrow::Result<TypeLayout> MapLayout(const Use& use, const LogicalType& type) {
  TypeLayout result = Other(type, nullptr, Layout::kList, 0, false);
  ARROW_ASSIGN_OR_RAISE(auto entries, StructLayout(use, duckdb::ListType::GetChildType(type)));
  result.arrow = arrow::map(entries.children[0].arrow, entries.children[1].arrow);
  entries.arrow = static_cast<const arrow::MapType&>(*result.arrow).value_type();
  result.children.push_back(std::move(entries));
  return result;
}

arrow::Result<TypeLayout> ArrayLayout(const Use& use, const LogicalType& type) {
  TypeLayout result = Other(type, nullptr, Layout::kArray, 0, false);
  ARROW_ASSIGN_OR_RAISE(auto child, LayoutFor(use, duckdb::ArrayType::GetChildType(type)));
  result.arrow =
      arrow::fixed_size_list(child.arrow, static_cast<int32_t>(duckdb::ArrayType::GetSize(type)));
  result.children.push_back(std::move(child));
  return result;
}

arrow::Result<TypeLayout> NestedLayout(const Use& use, const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::STRUCT:
      return StructLayout(use, type);
    case LogicalTypeId::LIST:
      return ListLayout(use, type);
    case LogicalTypeId::MAP:
      return MapLayout(use, type);
    case LogicalTypeId::ARRAY:
      return ArrayLayout(use, type);
    case LogicalTypeId::UNION:
    case LogicalTypeId::VARIANT:
      if (use.result) return NotStored(type);
      return StructLayout(use, type);  // as DuckDB's vectors have them
    default:
      return NotStored(type);
  }
}

arrow::Result<TypeLayout> TemporalLayout(const Use& use, const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::DATE:
      return Same(type, arrow::date32());
    case LogicalTypeId::TIME:
      return Same(type, arrow::time64(arrow::TimeUnit::MICRO));
    case LogicalTypeId::TIME_NS:
      return Same(type, arrow::time64(arrow::TimeUnit::NANO));
    case LogicalTypeId::TIME_TZ:  // microseconds and offset in one word; Arrow has no such type
      return Same(type, arrow::int64(), false);
    case LogicalTypeId::TIMESTAMP_SEC:
      return Same(type, arrow::timestamp(arrow::TimeUnit::SECOND));
    case LogicalTypeId::TIMESTAMP_MS:
      return Same(type, arrow::timestamp(arrow::TimeUnit::MILLI));
    case LogicalTypeId::TIMESTAMP:
      return Same(type, arrow::timestamp(arrow::TimeUnit::MICRO));
    case LogicalTypeId::TIMESTAMP_NS:
      return Same(type, arrow::timestamp(arrow::TimeUnit::NANO));
    case LogicalTypeId::TIMESTAMP_TZ:
      return Same(type, arrow::timestamp(arrow::TimeUnit::MICRO,
                                         use.result ? *use.time_zone : std::string("UTC")));
    case LogicalTypeId::INTERVAL:
      return Other(type, arrow::month_day_nano_interval(), Layout::kInterval, 16, false);
    default:
      return NestedLayout(use, type);
  }
}

arrow::Result<TypeLayout> ScalarLayout(const Use& use, const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::BOOLEAN:
      return Other(type, arrow::boolean(), Layout::kBool, 0, true);
    case LogicalTypeId::TINYINT:
      return Same(type, arrow::int8());
    case LogicalTypeId::SMALLINT:
      return Same(type, arrow::int16());
    case LogicalTypeId::INTEGER:
      return Same(type, arrow::int32());
    case LogicalTypeId::BIGINT:
      return Same(type, arrow::int64());
    case LogicalTypeId::UTINYINT:
      return Same(type, arrow::uint8());
    case LogicalTypeId::USMALLINT:
      return Same(type, arrow::uint16());
    case LogicalTypeId::UINTEGER:
      return Same(type, arrow::uint32());
    case LogicalTypeId::UBIGINT:
      return Same(type, arrow::uint64());
    case LogicalTypeId::FLOAT:
      return Same(type, arrow::float32());
    case LogicalTypeId::DOUBLE:
      return Same(type, arrow::float64());
    case LogicalTypeId::DECIMAL:
      return DecimalLayout(use, type);
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UHUGEINT:
      return Other(type, arrow::fixed_size_binary(16), Layout::kBytes16, 16, true);
    case LogicalTypeId::UUID:
      return Other(type, arrow::fixed_size_binary(16), Layout::kBytes16, 16, true);
    case LogicalTypeId::ENUM:
      return StoredEnumLayout(type);
    case LogicalTypeId::VARCHAR:
      return Other(type, arrow::utf8_view(), Layout::kView, 16, true);
    case LogicalTypeId::BLOB:
      return Other(type, arrow::binary_view(), Layout::kView, 16, true);
    case LogicalTypeId::BIT:
    case LogicalTypeId::GEOMETRY:
      if (use.result) return NotStored(type);
      // A coordinate system needs a catalog of them to be read again.
      if (type.id() == LogicalTypeId::GEOMETRY && type.ToString() != "GEOMETRY")
        return NotStored(type);
      return Other(type, arrow::binary_view(), Layout::kView, 16, false);
    case LogicalTypeId::BIGNUM:
      if (use.result) return NotStored(type);
      return Other(type, arrow::utf8_view(), Layout::kCastText, 16, false);
    default:
      return TemporalLayout(use, type);
  }
}

// Of results: a dictionary of the names.
TypeLayout EnumLayout(const LogicalType& type) {
  const auto codes = type.InternalType() == duckdb::PhysicalType::UINT8    ? arrow::uint8()
                     : type.InternalType() == duckdb::PhysicalType::UINT16 ? arrow::uint16()
                                                                           : arrow::uint32();
  const int width = codes->byte_width();
  return Other(type, arrow::dictionary(codes, arrow::utf8()), Layout::kEnum, width, false);
}

arrow::Result<TypeLayout> UnionLayout(const Use& use, const LogicalType& type) {
  TypeLayout result = Other(type, nullptr, Layout::kUnion, 0, false);
  arrow::FieldVector fields;
  for (const auto& [name, member] : duckdb::UnionType::CopyMemberTypes(type)) {
    ARROW_ASSIGN_OR_RAISE(auto layout, LayoutFor(use, member));
    fields.push_back(arrow::field(name, layout.arrow));
    result.children.push_back(std::move(layout));
  }
  // Arrow's type codes end at 127.
  if (fields.size() > arrow::UnionType::kMaxTypeCode + 1) return NotStored(type);
  result.arrow = arrow::sparse_union(std::move(fields));
  return result;
}

// What results have other types for than tables.
arrow::Result<TypeLayout> ResultLayout(const Use& use, const LogicalType& type) {
  switch (type.id()) {
    case LogicalTypeId::SQLNULL:
      return Other(type, arrow::null(), Layout::kNull, 0, false);
    case LogicalTypeId::VARCHAR:
      return Other(type, arrow::utf8(), Layout::kOffsets, 0, false);
    case LogicalTypeId::BLOB:
      return Other(type, arrow::binary(), Layout::kOffsets, 0, false);
    case LogicalTypeId::HUGEINT:
    case LogicalTypeId::UHUGEINT:
      return Other(type, arrow::decimal128(38, 0), Layout::kHugeintDecimal, 16, false);
    case LogicalTypeId::ENUM:
      return EnumLayout(type);
    case LogicalTypeId::UNION:
      return UnionLayout(use, type);
    case LogicalTypeId::UUID:
    case LogicalTypeId::TIME_TZ:
      return NotStored(type);
    default:
      return ScalarLayout(use, type);
  }
}

arrow::Result<TypeLayout> LayoutFor(const Use& use, const LogicalType& type) {
  if (!use.result) return ScalarLayout(use, type);
  auto layout = ResultLayout(use, type);
  if (layout.ok()) return layout;
  return Other(type, arrow::utf8(), Layout::kText, 0, false);
}

LogicalType EnumOf(const duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>& values) {
  duckdb::Vector texts(LogicalType::VARCHAR, values.size());
  for (duckdb::idx_t i = 0; i < values.size(); ++i) {
    if (values[i]->type != duckdb::ExpressionType::VALUE_CONSTANT) return LogicalType::INVALID;
    texts.SetValue(i, values[i]->Cast<duckdb::ConstantExpression>().value);
  }
  return LogicalType::ENUM(texts, values.size());
}

// The built-in type that an expression names: what DuckDB's own default binding does, which knows
// neither ENUM nor JSON. INVALID for others.
LogicalType BuiltInType(const duckdb::ParsedExpression& expression) {
  if (expression.type != duckdb::ExpressionType::TYPE) return LogicalType::INVALID;
  const auto& named = expression.Cast<duckdb::TypeExpression>();
  const std::string& name = named.GetTypeName();
  if (duckdb::StringUtil::CIEquals(name, "JSON")) return LogicalType::JSON();
  if (duckdb::StringUtil::CIEquals(name, "ENUM")) return EnumOf(named.GetChildren());
  duckdb::vector<duckdb::pair<std::string, duckdb::Value>> arguments;
  for (const auto& child : named.GetChildren()) {
    if (child->type == duckdb::ExpressionType::VALUE_CONSTANT) {
      arguments.emplace_back(child->GetAlias(), child->Cast<duckdb::ConstantExpression>().value);
      continue;
    }
    const LogicalType type = BuiltInType(*child);
    if (type.id() == LogicalTypeId::INVALID) return type;
    arguments.emplace_back(child->GetAlias(), duckdb::Value::TYPE(type));
  }
  return duckdb::DefaultTypeGenerator::TryDefaultBind(name, arguments);
}

std::string EnumName(const LogicalType& type) {
  std::string result = "ENUM(";
  const duckdb::Vector& values = duckdb::EnumType::GetValuesInsertOrder(type);
  for (duckdb::idx_t i = 0; i < duckdb::EnumType::GetSize(type); ++i) {
    if (i > 0) result += ", ";
    result += duckdb::KeywordHelper::WriteQuoted(values.GetValue(i).ToString(), '\'');
  }
  return result + ")";
}

// "STRUCT(a INTEGER, ...)"
std::string NameWithFields(std::string result, const duckdb::child_list_t<LogicalType>& fields) {
  result += "(";
  for (const auto& [name, child] : fields) {
    if (result.back() != '(') result += ", ";
    result += duckdb::KeywordHelper::WriteQuoted(name, '"') + " " + SqlTypeName(child);
  }
  return result + ")";
}

// Whether arrays of both types have the same bytes, though they say something different of them.
bool LiesTheSame(const arrow::DataType& stored, const arrow::DataType& sql) {
  if (stored.id() == arrow::Type::EXTENSION) {
    return static_cast<const arrow::ExtensionType&>(stored).storage_type()->Equals(sql);
  }
  return stored.id() == arrow::Type::TIMESTAMP && sql.id() == arrow::Type::TIMESTAMP &&
         static_cast<const arrow::TimestampType&>(stored).unit() ==
             static_cast<const arrow::TimestampType&>(sql).unit();
}

}  // namespace

arrow::Result<TypeLayout> LayoutOf(const LogicalType& type) {
  const bool collated = duckdb::TypeVisitor::Contains(type, [](const LogicalType& part) {
    return part.id() == LogicalTypeId::VARCHAR && !duckdb::StringType::GetCollation(part).empty();
  });
  if (collated) {
    return MakeError(ErrorCode::kNotSupported,
                     "columns with a collation cannot be stored; give COLLATE in the query");
  }
  return LayoutFor(Use{}, type);
}

TypeLayout ResultLayoutOf(const LogicalType& type, const std::string& time_zone) {
  return LayoutFor(Use{true, &time_zone}, type).ValueOrDie();
}

LogicalType ResolvedType(const LogicalType& type) {
  return duckdb::TypeVisitor::VisitReplace(type, [](const LogicalType& part) {
    if (part.id() != LogicalTypeId::UNBOUND) return part;
    const LogicalType known = BuiltInType(*duckdb::UnboundType::GetTypeExpression(part));
    return known.id() == LogicalTypeId::INVALID ? part : known;
  });
}

std::string SqlTypeName(const LogicalType& type) {
  if (type.IsJSONType()) return "JSON";
  switch (type.id()) {
    case LogicalTypeId::STRUCT:
      return NameWithFields("STRUCT", duckdb::StructType::GetChildTypes(type));
    case LogicalTypeId::UNION:
      return NameWithFields("UNION", duckdb::UnionType::CopyMemberTypes(type));
    case LogicalTypeId::ENUM:
      return EnumName(type);
    case LogicalTypeId::GEOMETRY:
      return "GEOMETRY";
    case LogicalTypeId::LIST:
      return SqlTypeName(duckdb::ListType::GetChildType(type)) + "[]";
    case LogicalTypeId::ARRAY:
      return SqlTypeName(duckdb::ArrayType::GetChildType(type)) + "[" +
             std::to_string(duckdb::ArrayType::GetSize(type)) + "]";
    case LogicalTypeId::MAP:
      return "MAP(" + SqlTypeName(duckdb::MapType::KeyType(type)) + ", " +
             SqlTypeName(duckdb::MapType::ValueType(type)) + ")";
    case LogicalTypeId::DECIMAL:
      return "DECIMAL(" + std::to_string(duckdb::DecimalType::GetWidth(type)) + "," +
             std::to_string(duckdb::DecimalType::GetScale(type)) + ")";
    default:
      return LogicalType(type.id()).ToString();
  }
}

arrow::Result<catalog::ColumnDef> ColumnFromSqlType(std::string name, const LogicalType& type) {
  auto layout = LayoutOf(type);
  if (!layout.ok()) {
    return MakeError(GetErrorCode(layout.status()),
                     "column \"" + name + "\": " + layout.status().message());
  }
  catalog::ColumnDef column;
  column.name = std::move(name);
  column.type = std::move(layout->arrow);
  column.sql_type = SqlTypeName(type);
  // What is read back must be what is written.
  ARROW_RETURN_NOT_OK(LayoutOfColumn(column).status());
  return column;
}

arrow::Result<LogicalType> SqlTypeOfColumn(const catalog::ColumnDef& column) {
  const auto id = duckdb::TransformStringToLogicalTypeId(column.sql_type);
  switch (id) {
    case LogicalTypeId::UNBOUND:  // has arguments, or is no built-in name
    case LogicalTypeId::DECIMAL:
    case LogicalTypeId::ENUM:
      break;
    case LogicalTypeId::VARIANT:
      return LogicalType::VARIANT();
    case LogicalTypeId::GEOMETRY:
      return LogicalType::GEOMETRY();
    default:
      return LogicalType(id);
  }
  LogicalType type = LogicalType::INVALID;
  try {
    const auto parsed = duckdb::Parser::ParseColumnList("c " + column.sql_type);
    if (parsed.LogicalColumnCount() == 1) {
      type = ResolvedType(parsed.GetColumn(duckdb::LogicalIndex(0)).Type());
    }
  } catch (const std::exception&) {
    type = LogicalType::INVALID;
  }
  if (duckdb::TypeVisitor::Contains(type, LogicalTypeId::UNBOUND) ||
      type.id() == LogicalTypeId::INVALID) {
    return MakeError(
        ErrorCode::kInvalidArgument,
        "column \"" + column.name + "\" has the unknown SQL type '" + column.sql_type + "'");
  }
  return type;
}

arrow::Result<TypeLayout> LayoutOfColumn(const catalog::ColumnDef& column) {
  ARROW_ASSIGN_OR_RAISE(auto type, SqlTypeOfColumn(column));
  ARROW_ASSIGN_OR_RAISE(auto layout, LayoutOf(type));
  if (layout.arrow->Equals(*column.type)) return layout;
  if (column.arrow_first) {
    if (LiesTheSame(*column.type, *layout.arrow)) {
      layout.arrow = column.type;
      layout.ordered = layout.ordered && column.type->id() != arrow::Type::EXTENSION;
      return layout;
    }
    TypeLayout stored = Other(type, column.type, Layout::kStored, 0, false);
    stored.children.push_back(std::move(layout));
    return stored;
  }
  return MakeError(ErrorCode::kInvalidArgument, "column \"" + column.name + "\" of SQL type " +
                                                    column.sql_type + " is stored as " +
                                                    column.type->ToString() + ", not as " +
                                                    layout.arrow->ToString());
}

namespace {

LogicalType SqlTypeOfTimestamp(const arrow::TimestampType& type) {
  if (!type.timezone().empty()) return LogicalType::TIMESTAMP_TZ;
  switch (type.unit()) {
    case arrow::TimeUnit::SECOND:
      return LogicalType::TIMESTAMP_S;
    case arrow::TimeUnit::MILLI:
      return LogicalType::TIMESTAMP_MS;
    case arrow::TimeUnit::MICRO:
      return LogicalType::TIMESTAMP;
    default:
      return LogicalType::TIMESTAMP_NS;
  }
}

std::optional<LogicalType> PlainTemporalType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::DATE32:
      return LogicalType(LogicalType::DATE);
    case arrow::Type::TIME32:
      return LogicalType(LogicalType::TIME);
    case arrow::Type::TIME64:
      return LogicalType(static_cast<const arrow::Time64Type&>(type).unit() == arrow::TimeUnit::NANO
                             ? LogicalType::TIME_NS
                             : LogicalType::TIME);
    case arrow::Type::TIMESTAMP:
      return SqlTypeOfTimestamp(static_cast<const arrow::TimestampType&>(type));
    case arrow::Type::DURATION:
    case arrow::Type::INTERVAL_MONTHS:
    case arrow::Type::INTERVAL_DAY_TIME:
    case arrow::Type::INTERVAL_MONTH_DAY_NANO:
      return LogicalType(LogicalType::INTERVAL);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<LogicalType> PlainSqlType(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::BOOL:
      return LogicalType(LogicalType::BOOLEAN);
    case arrow::Type::INT8:
      return LogicalType(LogicalType::TINYINT);
    case arrow::Type::INT16:
      return LogicalType(LogicalType::SMALLINT);
    case arrow::Type::INT32:
      return LogicalType(LogicalType::INTEGER);
    case arrow::Type::INT64:
      return LogicalType(LogicalType::BIGINT);
    case arrow::Type::UINT8:
      return LogicalType(LogicalType::UTINYINT);
    case arrow::Type::UINT16:
      return LogicalType(LogicalType::USMALLINT);
    case arrow::Type::UINT32:
      return LogicalType(LogicalType::UINTEGER);
    case arrow::Type::UINT64:
      return LogicalType(LogicalType::UBIGINT);
    case arrow::Type::HALF_FLOAT:
    case arrow::Type::FLOAT:
      return LogicalType(LogicalType::FLOAT);
    case arrow::Type::DOUBLE:
      return LogicalType(LogicalType::DOUBLE);
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
      return LogicalType(LogicalType::VARCHAR);
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
    case arrow::Type::FIXED_SIZE_BINARY:
      return LogicalType(LogicalType::BLOB);
    default:
      return PlainTemporalType(type);
  }
}

}  // namespace pyralog::sql
