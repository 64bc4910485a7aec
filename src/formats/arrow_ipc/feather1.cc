#include "formats/arrow_ipc/feather1.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/util/bit_util.h"
#include "base/endian.h"
#include "formats/arrow_ipc/flat_table.h"
#include "formats/file_arrays.h"
#include "formats/foreign_arrays.h"

namespace pyralog::formats {
namespace {

using arrow::Type;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr uint64_t kFeatherEnd = 8;  // length of the metadata, and the magic bytes

// What TypeMetadata can be.
enum class Logical : uint8_t { kNone, kCategory, kTimestamp, kDate, kTime };

// Numbers of the fields in feather.fbs.
namespace table {
constexpr int kRows = 1, kColumns = 2;
}
namespace column {
constexpr int kName = 0, kValues = 1, kMetadataType = 2, kMetadata = 3;
}
namespace values {
constexpr int kType = 0, kEncoding = 1, kOffset = 2, kLength = 3, kNullCount = 4, kBytes = 5;
}

arrow::Status Bad(const std::string& what) { return MakeError(ErrorCode::kDamaged, what); }

arrow::Result<TypePtr> PhysicalType(int8_t number) {
  static const std::vector<TypePtr>& types = *new std::vector<TypePtr>{arrow::boolean(),
                                                                       arrow::int8(),
                                                                       arrow::int16(),
                                                                       arrow::int32(),
                                                                       arrow::int64(),
                                                                       arrow::uint8(),
                                                                       arrow::uint16(),
                                                                       arrow::uint32(),
                                                                       arrow::uint64(),
                                                                       arrow::float32(),
                                                                       arrow::float64(),
                                                                       arrow::utf8(),
                                                                       arrow::binary(),
                                                                       nullptr,
                                                                       nullptr,
                                                                       nullptr,
                                                                       nullptr,
                                                                       arrow::large_utf8(),
                                                                       arrow::large_binary()};
  const auto index = static_cast<size_t>(static_cast<uint8_t>(number));
  if (index < types.size() && types[index] != nullptr) return types[index];
  return MakeError(ErrorCode::kNotSupported,
                   "a column has the unknown type " + std::to_string(number));
}

arrow::Result<arrow::TimeUnit::type> UnitOf(const FlatTable& metadata) {
  ARROW_ASSIGN_OR_RAISE(const int8_t unit, metadata.Number<int8_t>(0, 0));
  if (unit < 0 || unit > 3) return Bad("a column has an unknown unit of time");
  return static_cast<arrow::TimeUnit::type>(unit);
}

// The part of the file that one array takes, cut into its buffers.
class ArrayBytes {
 public:
  ArrayBytes(const FileRange& bytes, int64_t length) : bytes_(bytes), length_(length) {}

  arrow::Result<FileRange> Next(int64_t size) {
    if (size > bytes_.size - at_) {
      return Bad("a column has " + std::to_string(bytes_.size) + " bytes, too few for its " +
                 std::to_string(length_) + " rows");
    }
    const FileRange part{bytes_.offset + static_cast<uint64_t>(at_), size};
    at_ = std::min(bytes_.size, at_ + arrow::bit_util::RoundUpToMultipleOf8(size));
    return part;
  }
  FileRange Rest() const { return {bytes_.offset + static_cast<uint64_t>(at_), bytes_.size - at_}; }

 private:
  const FileRange bytes_;
  const int64_t length_;
  int64_t at_ = 0;
};

// A column, and what its categories are.
struct FeatherColumn {
  FileArray array;
  std::optional<FileArray> categories;
};

int64_t BytesOfValues(const arrow::DataType& type, int64_t length) {
  if (type.id() == Type::BOOL) return arrow::bit_util::BytesForBits(length);
  return length * type.byte_width();
}

// The array that `meta` (a PrimitiveArray) speaks of.
arrow::Result<FileArray> ParsePrimitive(const FlatTable& meta, uint64_t file_size) {
  ARROW_ASSIGN_OR_RAISE(const int8_t number, meta.Number<int8_t>(values::kType, 0));
  ARROW_ASSIGN_OR_RAISE(const int8_t encoding, meta.Number<int8_t>(values::kEncoding, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t offset, meta.Number<int64_t>(values::kOffset, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t length, meta.Number<int64_t>(values::kLength, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t nulls, meta.Number<int64_t>(values::kNullCount, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, meta.Number<int64_t>(values::kBytes, 0));
  ARROW_ASSIGN_OR_RAISE(const TypePtr type, PhysicalType(number));
  const auto end = static_cast<int64_t>(file_size);
  if (encoding != 0) return MakeError(ErrorCode::kNotSupported, "a column is not plainly encoded");
  if (offset < 0 || size < 0 || offset > end || size > end - offset) {
    return Bad("a column lies outside of the file");
  }
  if (offset % 8 != 0) return Bad("a column does not start at a multiple of 8");
  // Each row takes a bit at least, so that no product below can overflow.
  if (length < 0 || length / 8 > size || nulls < 0 || nulls > length) {
    return Bad("a column claims " + std::to_string(length) + " rows in " + std::to_string(size) +
               " bytes");
  }
  ArrayBytes bytes({static_cast<uint64_t>(offset), size}, length);
  FileArray array;
  array.type = type;
  array.length = length;
  array.has_nulls = nulls > 0;
  array.buffers.resize(1);
  if (nulls > 0) {
    ARROW_ASSIGN_OR_RAISE(array.buffers[0], bytes.Next(arrow::bit_util::BytesForBits(length)));
  }
  if (arrow::is_base_binary_like(type->id())) {
    const int64_t width = arrow::is_large_binary_like(type->id()) ? 8 : 4;
    ARROW_ASSIGN_OR_RAISE(array.buffers.emplace_back(), bytes.Next((length + 1) * width));
    array.buffers.push_back(bytes.Rest());
  } else {
    ARROW_ASSIGN_OR_RAISE(array.buffers.emplace_back(), bytes.Next(BytesOfValues(*type, length)));
  }
  return array;
}

arrow::Status SetCategories(const FlatTable& metadata, uint64_t file_size, FeatherColumn* column) {
  ARROW_ASSIGN_OR_RAISE(const auto levels, metadata.Table(0));
  ARROW_ASSIGN_OR_RAISE(const uint8_t ordered, metadata.Number<uint8_t>(1, 0));
  if (!levels || !arrow::is_integer(column->array.type->id())) return Bad("a category is not one");
  ARROW_ASSIGN_OR_RAISE(column->categories, ParsePrimitive(*levels, file_size));
  column->array.type =
      arrow::dictionary(column->array.type, column->categories->type, ordered != 0);
  return arrow::Status::OK();
}

// Gives the array the type that the column's metadata says.
arrow::Status SetLogicalType(Logical logical, const FlatTable& metadata, uint64_t file_size,
                             FeatherColumn* column) {
  TypePtr type;
  if (logical == Logical::kCategory) return SetCategories(metadata, file_size, column);
  if (logical == Logical::kDate) {
    type = arrow::date32();
  } else {
    ARROW_ASSIGN_OR_RAISE(const auto unit, UnitOf(metadata));
    if (logical == Logical::kTimestamp) {
      ARROW_ASSIGN_OR_RAISE(const std::string_view zone, metadata.Text(1));
      type = arrow::timestamp(unit, std::string(zone));
    } else {
      type = unit <= arrow::TimeUnit::MILLI ? arrow::time32(unit) : arrow::time64(unit);
    }
  }
  const Type::type wanted = type->bit_width() == 32 ? Type::INT32 : Type::INT64;
  if (column->array.type->id() != wanted) {
    return Bad("a column of times has values of another width");
  }
  column->array.type = std::move(type);
  return arrow::Status::OK();
}

arrow::Result<FeatherColumn> ParseColumn(const FlatTable& meta, int64_t rows, uint64_t file_size) {
  ARROW_ASSIGN_OR_RAISE(const auto array, meta.Table(column::kValues));
  if (!array) return Bad("a column has no values");
  FeatherColumn parsed;
  ARROW_ASSIGN_OR_RAISE(parsed.array, ParsePrimitive(*array, file_size));
  ARROW_ASSIGN_OR_RAISE(const auto kind, meta.Number<uint8_t>(column::kMetadataType, 0));
  ARROW_ASSIGN_OR_RAISE(const auto metadata, meta.Table(column::kMetadata));
  if (kind > static_cast<uint8_t>(Logical::kTime)) {
    return MakeError(ErrorCode::kNotSupported, "a column has an unknown kind");
  }
  if (kind > 0) {
    if (!metadata) return Bad("a column lacks its metadata");
    ARROW_RETURN_NOT_OK(SetLogicalType(static_cast<Logical>(kind), *metadata, file_size, &parsed));
  }
  if (parsed.array.length != rows) return Bad("its columns have not all the same rows");
  return parsed;
}

struct FeatherTable {
  std::shared_ptr<arrow::Schema> schema;
  int64_t rows = 0;
  std::vector<FeatherColumn> columns;
};

// Rows [begin, end) of the wanted columns.
class Feather1Task : public ScanTask, public arrow::RecordBatchReader {
 public:
  Feather1Task(SourcePtr source, std::shared_ptr<arrow::Schema> schema,
               std::shared_ptr<const std::vector<FileArray>> columns, int64_t begin, int64_t end)
      : source_(std::move(source)),
        schema_(std::move(schema)),
        columns_(std::move(columns)),
        begin_(begin),
        end_(end) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    return std::make_shared<Feather1Task>(source_, schema_, columns_, begin_, end_);
  }
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (begin_ == end_) return arrow::Status::OK();
    auto rows = Read();
    if (!rows.ok()) return source_->Wrap(rows.status());
    *out = std::move(*rows);
    begin_ = end_;
    return arrow::Status::OK();
  }

 private:
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Read() const {
    arrow::ArrayDataVector data;
    for (const FileArray& column : *columns_) {
      ARROW_ASSIGN_OR_RAISE(data.emplace_back(), ReadRows(*source_, column, begin_, end_ - begin_));
    }
    ARROW_RETURN_NOT_OK(source_->CheckUnchanged());
    return ValidateForeign(*arrow::RecordBatch::Make(schema_, end_ - begin_, std::move(data)),
                           Dictionaries::kChecked);
  }

  const SourcePtr source_;
  const std::shared_ptr<arrow::Schema> schema_;
  const std::shared_ptr<const std::vector<FileArray>> columns_;
  int64_t begin_;
  const int64_t end_;
};

class Feather1Relation : public Relation {
 public:
  Feather1Relation(SourcePtr source, FeatherTable table)
      : source_(std::move(source)), table_(std::move(table)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return table_.schema; }
  std::optional<int64_t> row_count() const override { return table_.rows; }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> positions, ColumnPositions(*schema(), request));
    ScanPlan plan;
    plan.schema = ProjectSchema(*schema(), positions);
    const auto columns = std::make_shared<std::vector<FileArray>>();
    int64_t bytes = 0;
    for (const int at : positions) {
      auto column = Wanted(table_.columns[static_cast<size_t>(at)]);
      if (!column.ok()) return source_->Wrap(column.status());
      bytes += std::min(BytesOf(*column), INT64_MAX - bytes);
      columns->push_back(std::move(*column));
    }
    const int64_t step = RowsPerSlice(table_.rows, bytes);
    for (int64_t begin = 0; begin < table_.rows; begin += step) {
      plan.tasks.push_back(std::make_shared<Feather1Task>(
          source_, plan.schema, columns, begin, begin + std::min(step, table_.rows - begin)));
    }
    return plan;
  }

 private:
  // The column with its categories.
  arrow::Result<FileArray> Wanted(const FeatherColumn& column) const {
    FileArray array = column.array;
    if (!column.categories) return array;
    ARROW_ASSIGN_OR_RAISE(auto values, ReadWhole(*source_, *column.categories, nullptr));
    const int64_t count = values->length;
    const auto schema = arrow::schema({arrow::field("categories", values->type)});
    ARROW_ASSIGN_OR_RAISE(const auto checked, ValidateForeign(*arrow::RecordBatch::Make(
                                                  schema, count, {std::move(values)})));
    array.dictionary = checked->column_data(0);
    return array;
  }

  const SourcePtr source_;
  const FeatherTable table_;  // claims
};

arrow::Result<FeatherTable> ParseTable(const Source& source) {
  const uint64_t size = source.size();
  if (size < 2 * kFeatherEnd) return Bad("its end is missing");
  ARROW_ASSIGN_OR_RAISE(const std::string end, source.Read(size - kFeatherEnd, kFeatherEnd));
  if (!end.ends_with("FEA1")) return Bad("its end is missing");
  const uint64_t length = LoadLittle<uint32_t>(end.data());
  if (length > size - 2 * kFeatherEnd) return Bad("its metadata is longer than the file");
  ARROW_ASSIGN_OR_RAISE(const std::string metadata,
                        source.Read(size - kFeatherEnd - length, length));
  ARROW_ASSIGN_OR_RAISE(const FlatTable root, FlatTable::Root(metadata));
  FeatherTable parsed;
  ARROW_ASSIGN_OR_RAISE(parsed.rows, root.Number<int64_t>(table::kRows, 0));
  ARROW_ASSIGN_OR_RAISE(const std::vector<FlatTable> columns, root.Tables(table::kColumns));
  if (columns.empty() && parsed.rows != 0) return Bad("it has rows, but no columns");
  arrow::FieldVector fields;
  for (const FlatTable& meta : columns) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view name, meta.Text(column::kName));
    ARROW_ASSIGN_OR_RAISE(parsed.columns.emplace_back(), ParseColumn(meta, parsed.rows, size));
    fields.push_back(arrow::field(std::string(name), parsed.columns.back().array.type));
  }
  parsed.schema = WithDistinctNames(arrow::schema(std::move(fields)));
  return parsed;
}

}  // namespace

arrow::Result<std::shared_ptr<Relation>> OpenFeather1Relation(const SourcePtr& source) {
  auto table = ParseTable(*source);
  if (!table.ok()) return source->Wrap(table.status());
  return std::make_shared<Feather1Relation>(source, std::move(*table));
}

}  // namespace pyralog::formats
