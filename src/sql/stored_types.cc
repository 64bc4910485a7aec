#include <algorithm>
#include <set>
#include <utility>

#include "arrow/buffer.h"
#include "arrow/extension_type.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "duckdb/common/type_visitor.hpp"
#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors_fill.h"
#include "sql/dictionary_column.h"
#include "sql/errors.h"
#include "sql/stored_values.h"

namespace pyralog::sql {
namespace {

using duckdb::LogicalType;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr int kMostDigits = 38;
constexpr int kMostArrayItems = 100'000;  // DuckDB's ArrayType::MAX_ARRAY_SIZE
constexpr size_t kMostUnionMembers = 256;

arrow::Status CannotShow(const arrow::DataType& type, const std::string& why) {
  return MakeError(ErrorCode::kNotSupported,
                   "SQL cannot show type " + type.ToString() + ": " + why);
}

LogicalType ViewOfDecimal(const arrow::DecimalType& type) {
  // Digits that the scale puts before or behind the others count too.
  const int scale = std::max(type.scale(), 0);
  const int width = std::max(type.precision() - std::min(type.scale(), 0), scale);
  if (width > kMostDigits) return LogicalType::VARCHAR;
  return LogicalType::DECIMAL(static_cast<uint8_t>(width), static_cast<uint8_t>(scale));
}

arrow::Result<duckdb::child_list_t<LogicalType>> ViewsOfFields(const arrow::DataType& type) {
  duckdb::child_list_t<LogicalType> children;
  std::set<std::string> names;
  for (const auto& field : type.fields()) {
    if (field->name().empty()) return CannotShow(type, "it has a field without a name");
    if (!names.insert(duckdb::StringUtil::Lower(field->name())).second)
      return CannotShow(type, "field '" + field->name() + "' is there twice");
    ARROW_ASSIGN_OR_RAISE(auto view, SqlViewOf(*field->type()));
    children.emplace_back(field->name(), std::move(view));
  }
  if (children.empty()) return CannotShow(type, "it has no fields");
  return children;
}

arrow::Result<LogicalType> ViewOfUnion(const arrow::DataType& type) {
  ARROW_ASSIGN_OR_RAISE(auto members, ViewsOfFields(type));
  if (members.size() > kMostUnionMembers) return CannotShow(type, "it has too many members");
  return LogicalType::UNION(std::move(members));
}

arrow::Result<LogicalType> ViewOfNested(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::LIST_VIEW:
    case arrow::Type::LARGE_LIST_VIEW: {
      ARROW_ASSIGN_OR_RAISE(auto view, SqlViewOf(*type.field(0)->type()));
      return LogicalType::LIST(view);
    }
    case arrow::Type::FIXED_SIZE_LIST: {
      ARROW_ASSIGN_OR_RAISE(auto view, SqlViewOf(*type.field(0)->type()));
      const int items = static_cast<const arrow::FixedSizeListType&>(type).list_size();
      if (items < 1 || items > kMostArrayItems) return LogicalType::LIST(view);
      return LogicalType::ARRAY(view, items);
    }
    case arrow::Type::STRUCT: {
      ARROW_ASSIGN_OR_RAISE(auto fields, ViewsOfFields(type));
      return LogicalType::STRUCT(std::move(fields));
    }
    case arrow::Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      ARROW_ASSIGN_OR_RAISE(auto key, SqlViewOf(*map.key_type()));
      ARROW_ASSIGN_OR_RAISE(auto item, SqlViewOf(*map.item_type()));
      return LogicalType::MAP(std::move(key), std::move(item));
    }
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
      return ViewOfUnion(type);
    default:
      return CannotShow(type, "it is not known");
  }
}

arrow::Result<LogicalType> ViewOfExtension(const arrow::ExtensionType& type) {
  if (type.extension_name() == "arrow.uuid") return LogicalType(LogicalType::UUID);
  if (type.extension_name() == "arrow.json") return LogicalType::JSON();
  if (type.extension_name() == "arrow.bool8") return LogicalType(LogicalType::BOOLEAN);
  return SqlViewOf(*type.storage_type());
}

// Whether SqlToStored takes every value of the type's SQL view.
bool TakesAllSqlValues(const arrow::DataType& stored) {
  switch (stored.id()) {
    case arrow::Type::STRING:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::STRING_VIEW:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::BINARY_VIEW:
      return true;
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256: {
      const auto& decimal = static_cast<const arrow::DecimalType&>(stored);
      return decimal.precision() <= kMostDigits && decimal.scale() >= 0 &&
             decimal.scale() <= decimal.precision();
    }
    case arrow::Type::TIMESTAMP:
      return static_cast<const arrow::TimestampType&>(stored).unit() == arrow::TimeUnit::MICRO;
    case arrow::Type::EXTENSION:
      return TakesAllSqlValues(*static_cast<const arrow::ExtensionType&>(stored).storage_type());
    default:
      return false;
  }
}

// The field as every later reader of the stored schema sees it: extension types that this build
// does not know are their storage, with a name in the field's metadata.
arrow::Result<std::shared_ptr<arrow::Field>> AsRead(const arrow::Field& field) {
  const auto schema = arrow::schema({field.Copy()});
  ARROW_ASSIGN_OR_RAISE(const auto bytes, arrow::ipc::SerializeSchema(*schema));
  arrow::io::BufferReader reader(bytes);
  arrow::ipc::DictionaryMemo memo;
  ARROW_ASSIGN_OR_RAISE(const auto read, arrow::ipc::ReadSchema(&reader, &memo));
  return read->field(0);
}

}  // namespace

arrow::Result<LogicalType> SqlViewOf(const arrow::DataType& type) {
  if (auto plain = PlainSqlType(type)) return *std::move(plain);
  switch (type.id()) {
    case arrow::Type::NA:
      return LogicalType(LogicalType::INTEGER);
    case arrow::Type::DICTIONARY:
      return SqlViewOf(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case arrow::Type::RUN_END_ENCODED:
      return SqlViewOf(*static_cast<const arrow::RunEndEncodedType&>(type).value_type());
    case arrow::Type::EXTENSION:
      return ViewOfExtension(static_cast<const arrow::ExtensionType&>(type));
    case arrow::Type::DATE64:
      return LogicalType(LogicalType::DATE);
    case arrow::Type::DECIMAL32:
    case arrow::Type::DECIMAL64:
    case arrow::Type::DECIMAL128:
    case arrow::Type::DECIMAL256:
      return ViewOfDecimal(static_cast<const arrow::DecimalType&>(type));
    default:
      return ViewOfNested(type);
  }
}

arrow::Result<catalog::ColumnDef> ColumnFromField(const arrow::Field& field) {
  const arrow::Status stored = CheckDictionaries(*field.type());
  if (!stored.ok()) {
    return MakeError(GetErrorCode(stored), "column \"" + field.name() + "\": " + stored.message());
  }
  ARROW_ASSIGN_OR_RAISE(const auto read, AsRead(field));
  catalog::ColumnDef column;
  column.name = read->name();
  column.type = read->type();
  column.nullable = read->nullable();
  column.metadata = read->metadata();
  const auto view = SqlViewOf(*column.type);
  column.sql_type = view.ok() ? SqlTypeName(*view) : "VARCHAR";
  const auto layout = view.ok() ? LayoutOf(*view) : arrow::Result<TypeLayout>(view.status());
  column.arrow_first = !layout.ok() || !layout->arrow->Equals(*column.type);
  return column;
}

arrow::Status CheckSqlValues(const arrow::Array& array, const catalog::ColumnDef& column) {
  using duckdb::LogicalTypeId;
  ARROW_ASSIGN_OR_RAISE(const LogicalType type, SqlTypeOfColumn(column));
  const auto contains = [&type](std::initializer_list<LogicalTypeId> ids) {
    return std::ranges::any_of(
        ids, [&](LogicalTypeId id) { return duckdb::TypeVisitor::Contains(type, id); });
  };
  if (contains({LogicalTypeId::BIT, LogicalTypeId::TIME_TZ, LogicalTypeId::UNION,
                LogicalTypeId::VARIANT, LogicalTypeId::GEOMETRY})) {
    return MakeError(ErrorCode::kNotSupported, "column \"" + column.name + "\": values of type " +
                                                   column.sql_type +
                                                   " are written by SQL only, not as Arrow");
  }
  if (!contains({LogicalTypeId::BIGNUM})) return arrow::Status::OK();
  return Guard([&]() -> arrow::Status {
    ARROW_ASSIGN_OR_RAISE(const auto layout, LayoutOfColumn(column));
    const auto filler = MakeFiller(layout, column.name);
    const auto rows = arrow::MakeArray(array.data());
    for (int64_t done = 0; done < rows->length(); done += STANDARD_VECTOR_SIZE) {
      duckdb::Vector values(type);
      const auto count = std::min<int64_t>(STANDARD_VECTOR_SIZE, rows->length() - done);
      filler->Fill(rows, done, static_cast<duckdb::idx_t>(count), values);
    }
    return arrow::Status::OK();
  });
}

bool TakesAnyKey(const catalog::ColumnDef& column) {
  if (!column.arrow_first) return true;
  const auto layout = LayoutOfColumn(column);
  return layout.ok() && (layout->layout != Layout::kStored || TakesAllSqlValues(*column.type));
}

}  // namespace pyralog::sql
