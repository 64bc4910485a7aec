#include "sql/enum_column.h"

#include <algorithm>
#include <map>
#include <utility>

#include "arrow/array/builder_binary.h"
#include "arrow/array/util.h"
#include "arrow/compute/api_aggregate.h"
#include "arrow/compute/api_scalar.h"
#include "arrow/compute/cast.h"
#include "pyralog/error.h"
#include "sql/arrow_types.h"
#include "sql/arrow_vectors.h"
#include "sql/dictionary_column.h"

namespace pyralog::sql {
namespace {

constexpr std::string_view kEnum = "ENUM(";

// The values of the column's enum, in order.
arrow::Result<std::shared_ptr<arrow::Array>> ValuesOf(const catalog::ColumnDef& column) {
  ARROW_ASSIGN_OR_RAISE(const duckdb::LogicalType type, SqlTypeOfColumn(column));
  arrow::StringBuilder builder;
  const duckdb::Vector& values = duckdb::EnumType::GetValuesInsertOrder(type);
  for (duckdb::idx_t i = 0; i < duckdb::EnumType::GetSize(type); ++i) {
    ARROW_RETURN_NOT_OK(builder.Append(values.GetValue(i).ToString()));
  }
  return builder.Finish();
}

arrow::Status NotInEnum(const catalog::ColumnDef& column) {
  return MakeError(ErrorCode::kInvalidArgument, "column \"" + column.name +
                                                    "\" is given a value that its type " +
                                                    column.sql_type + " does not have");
}

arrow::Status CheckPositions(const catalog::ColumnDef& column, const arrow::Array& positions,
                             int64_t count) {
  if (positions.null_count() == positions.length()) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum bounds, arrow::compute::MinMax(positions));
  ARROW_ASSIGN_OR_RAISE(const auto greatest,
                        bounds.scalar_as<arrow::StructScalar>().value[1]->CastTo(arrow::int64()));
  return static_cast<const arrow::Int64Scalar&>(*greatest).value < count ? arrow::Status::OK()
                                                                         : NotInEnum(column);
}

bool IsText(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY) {
    return IsText(*static_cast<const arrow::DictionaryType&>(type).value_type());
  }
  return arrow::is_string(type.id()) || type.id() == arrow::Type::STRING_VIEW;
}

// Decodes batch after batch.
class DecodingReader final : public arrow::RecordBatchReader {
 public:
  DecodingReader(const catalog::TableDef& table, std::shared_ptr<arrow::RecordBatchReader> rows)
      : table_(table), rows_(std::move(rows)) {
    arrow::FieldVector fields = rows_->schema()->fields();
    for (auto& field : fields) {
      for (const catalog::ColumnDef& column : table_.columns) {
        if (column.name == field->name() && IsEnumColumn(column)) {
          field = field->WithType(arrow::dictionary(field->type(), arrow::utf8()));
        }
        has_entries_ = has_entries_ || (column.name == field->name() && HasEntries(column));
      }
    }
    schema_ = arrow::schema(std::move(fields), rows_->schema()->metadata());
  }

  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }
  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    ARROW_RETURN_NOT_OK(rows_->ReadNext(batch));
    if (*batch == nullptr && !given_ && has_entries_) {
      arrow::ArrayVector columns;
      for (const auto& field : rows_->schema()->fields()) {
        ARROW_ASSIGN_OR_RAISE(columns.emplace_back(), arrow::MakeArrayOfNull(field->type(), 0));
      }
      *batch = arrow::RecordBatch::Make(rows_->schema(), 0, std::move(columns));
    }
    given_ = true;
    if (*batch != nullptr) {
      ARROW_ASSIGN_OR_RAISE(*batch, DecodeEnums(table_, *batch));
    }
    return arrow::Status::OK();
  }
  arrow::Status Close() override { return rows_->Close(); }

 private:
  const catalog::TableDef table_;
  const std::shared_ptr<arrow::RecordBatchReader> rows_;
  std::shared_ptr<arrow::Schema> schema_;
  bool has_entries_ = false;
  bool given_ = false;
};

bool IsDecoded(const catalog::ColumnDef& column) {
  return IsEnumColumn(column) || HasEntries(column);
}

}  // namespace

bool IsEnumColumn(const catalog::ColumnDef& column) {
  return column.sql_type.starts_with(kEnum) && !arrow::is_nested(column.type->id());
}

arrow::Status CheckNoInnerEnum(const catalog::ColumnDef& column) {
  if (!arrow::is_nested(column.type->id()) || column.sql_type.find(kEnum) == std::string::npos) {
    return arrow::Status::OK();
  }
  return MakeError(ErrorCode::kNotSupported,
                   "writing column \"" + column.name +
                       "\", which has an ENUM inside, other than by SQL is not supported");
}

arrow::Result<std::shared_ptr<arrow::Array>> EncodeEnum(
    const catalog::ColumnDef& column, const std::shared_ptr<arrow::Array>& array) {
  ARROW_ASSIGN_OR_RAISE(const auto values, ValuesOf(column));
  if (!IsText(*array->type())) {
    ARROW_ASSIGN_OR_RAISE(auto positions, arrow::compute::Cast(*array, column.type));
    ARROW_RETURN_NOT_OK(CheckPositions(column, *positions, values->length()));
    return positions;
  }
  ARROW_ASSIGN_OR_RAISE(const auto text, arrow::compute::Cast(*array, arrow::utf8()));
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum found,
                        arrow::compute::IndexIn(text, arrow::compute::SetLookupOptions(values)));
  const auto positions = found.make_array();
  if (positions->null_count() != text->null_count()) return NotInEnum(column);
  return arrow::compute::Cast(*positions, column.type);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> DecodeEnums(
    const catalog::TableDef& table, const std::shared_ptr<arrow::RecordBatch>& rows) {
  std::shared_ptr<arrow::RecordBatch> decoded = rows;
  for (int i = 0; i < rows->num_columns(); ++i) {
    for (const catalog::ColumnDef& column : table.columns) {
      if (column.name != rows->column_name(i) || !IsDecoded(column)) continue;
      if (!IsEnumColumn(column)) {
        ARROW_ASSIGN_OR_RAISE(const auto array, WithEntries(rows->column(i), column));
        ARROW_ASSIGN_OR_RAISE(decoded, decoded->SetColumn(i, rows->schema()->field(i), array));
        continue;
      }
      ARROW_ASSIGN_OR_RAISE(const auto values, ValuesOf(column));
      auto type = arrow::dictionary(column.type, arrow::utf8());
      ARROW_ASSIGN_OR_RAISE(const auto array,
                            arrow::DictionaryArray::FromArrays(type, rows->column(i), values));
      const auto field = rows->schema()->field(i)->WithType(type);
      ARROW_ASSIGN_OR_RAISE(decoded, decoded->SetColumn(i, field, array));
    }
  }
  return decoded;
}

std::shared_ptr<arrow::RecordBatchReader> DecodeEnums(
    const catalog::TableDef& table, std::shared_ptr<arrow::RecordBatchReader> rows) {
  if (std::ranges::none_of(table.columns, IsDecoded)) return rows;
  return std::make_shared<DecodingReader>(table, std::move(rows));
}

}  // namespace pyralog::sql
