#include "formats/arrow_ipc/feather1.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/util/bit_util.h"
#include "base/endian.h"
#include "formats/arrow_ipc/flat_table.h"
#include "formats/foreign_arrays.h"

namespace pyralog::formats {
namespace {

using arrow::Type;
using BufferPtr = std::shared_ptr<arrow::Buffer>;
using TypePtr = std::shared_ptr<arrow::DataType>;

constexpr uint64_t kFeatherEnd = 8;  // length of the metadata, and the magic bytes
constexpr int64_t kFeatherBatchRows = 122'880;

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
  ArrayBytes(BufferPtr bytes, int64_t length) : bytes_(std::move(bytes)), length_(length) {}

  arrow::Result<BufferPtr> Next(int64_t size) {
    if (size > bytes_->size() - at_) {
      return Bad("a column has " + std::to_string(bytes_->size()) + " bytes, too few for its " +
                 std::to_string(length_) + " rows");
    }
    BufferPtr part = arrow::SliceBuffer(bytes_, at_, size);
    at_ = std::min(bytes_->size(), at_ + arrow::bit_util::RoundUpToMultipleOf8(size));
    return part;
  }
  BufferPtr Rest() const { return arrow::SliceBuffer(bytes_, at_); }

 private:
  const BufferPtr bytes_;
  const int64_t length_;
  int64_t at_ = 0;
};

int64_t BytesOfValues(const arrow::DataType& type, int64_t length) {
  if (type.id() == Type::BOOL) return arrow::bit_util::BytesForBits(length);
  return length * type.byte_width();
}

// The array that `meta` (a PrimitiveArray) speaks of.
arrow::Result<std::shared_ptr<arrow::ArrayData>> LoadPrimitive(const FlatTable& meta,
                                                               const BufferPtr& file) {
  ARROW_ASSIGN_OR_RAISE(const int8_t number, meta.Number<int8_t>(values::kType, 0));
  ARROW_ASSIGN_OR_RAISE(const int8_t encoding, meta.Number<int8_t>(values::kEncoding, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t offset, meta.Number<int64_t>(values::kOffset, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t length, meta.Number<int64_t>(values::kLength, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t nulls, meta.Number<int64_t>(values::kNullCount, 0));
  ARROW_ASSIGN_OR_RAISE(const int64_t size, meta.Number<int64_t>(values::kBytes, 0));
  ARROW_ASSIGN_OR_RAISE(const TypePtr type, PhysicalType(number));
  if (encoding != 0) return MakeError(ErrorCode::kNotSupported, "a column is not plainly encoded");
  if (offset < 0 || size < 0 || offset > file->size() || size > file->size() - offset) {
    return Bad("a column lies outside of the file");
  }
  if (offset % 8 != 0) return Bad("a column does not start at a multiple of 8");
  // Each row takes a bit at least, so that no product below can overflow.
  if (length < 0 || length / 8 > size || nulls < 0 || nulls > length) {
    return Bad("a column claims " + std::to_string(length) + " rows in " + std::to_string(size) +
               " bytes");
  }
  ArrayBytes bytes(arrow::SliceBuffer(file, offset, size), length);
  std::vector<BufferPtr> buffers(1);
  if (nulls > 0) {
    ARROW_ASSIGN_OR_RAISE(buffers[0], bytes.Next(arrow::bit_util::BytesForBits(length)));
  }
  if (arrow::is_base_binary_like(type->id())) {
    const int64_t width = arrow::is_large_binary_like(type->id()) ? 8 : 4;
    ARROW_ASSIGN_OR_RAISE(buffers.emplace_back(), bytes.Next((length + 1) * width));
    buffers.push_back(bytes.Rest());
  } else {
    ARROW_ASSIGN_OR_RAISE(buffers.emplace_back(), bytes.Next(BytesOfValues(*type, length)));
  }
  return arrow::ArrayData::Make(type, length, std::move(buffers),
                                nulls > 0 ? arrow::kUnknownNullCount : 0);
}

arrow::Status SetCategories(const FlatTable& metadata, const BufferPtr& file,
                            arrow::ArrayData* data) {
  ARROW_ASSIGN_OR_RAISE(const auto levels, metadata.Table(0));
  ARROW_ASSIGN_OR_RAISE(const uint8_t ordered, metadata.Number<uint8_t>(1, 0));
  if (!levels || !arrow::is_integer(data->type->id())) return Bad("a category is not one");
  ARROW_ASSIGN_OR_RAISE(data->dictionary, LoadPrimitive(*levels, file));
  data->type = arrow::dictionary(data->type, data->dictionary->type, ordered != 0);
  return arrow::Status::OK();
}

// Gives the array the type that the column's metadata says.
arrow::Status SetLogicalType(Logical logical, const FlatTable& metadata, const BufferPtr& file,
                             arrow::ArrayData* data) {
  TypePtr type;
  if (logical == Logical::kCategory) return SetCategories(metadata, file, data);
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
  if (data->type->id() != wanted) return Bad("a column of times has values of another width");
  data->type = std::move(type);
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::ArrayData>> LoadColumn(const FlatTable& meta, int64_t rows,
                                                            const BufferPtr& file) {
  ARROW_ASSIGN_OR_RAISE(const auto array, meta.Table(column::kValues));
  if (!array) return Bad("a column has no values");
  ARROW_ASSIGN_OR_RAISE(auto data, LoadPrimitive(*array, file));
  ARROW_ASSIGN_OR_RAISE(const auto kind, meta.Number<uint8_t>(column::kMetadataType, 0));
  ARROW_ASSIGN_OR_RAISE(const auto metadata, meta.Table(column::kMetadata));
  if (kind > static_cast<uint8_t>(Logical::kTime)) {
    return MakeError(ErrorCode::kNotSupported, "a column has an unknown kind");
  }
  if (kind > 0) {
    if (!metadata) return Bad("a column lacks its metadata");
    ARROW_RETURN_NOT_OK(SetLogicalType(static_cast<Logical>(kind), *metadata, file, data.get()));
  }
  if (data->length != rows) return Bad("its columns have not all the same rows");
  return data;
}

// Rows of the table; one batch, validated when it is read.
class Feather1Task : public ScanTask, public arrow::RecordBatchReader {
 public:
  Feather1Task(SourcePtr source, std::shared_ptr<arrow::RecordBatch> rows)
      : source_(std::move(source)), rows_(std::move(rows)), schema_(rows_->schema()) {}

  arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() override {
    return std::make_shared<Feather1Task>(source_, rows_);
  }
  std::shared_ptr<arrow::Schema> schema() const override { return schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* out) override {
    *out = nullptr;
    if (rows_ == nullptr) return arrow::Status::OK();
    ARROW_RETURN_NOT_OK(source_->CheckSize());
    auto checked = ValidateForeign(*std::exchange(rows_, nullptr));
    if (!checked.ok()) return source_->Wrap(checked.status());
    *out = std::move(*checked);
    return arrow::Status::OK();
  }

 private:
  const SourcePtr source_;
  std::shared_ptr<arrow::RecordBatch> rows_;
  const std::shared_ptr<arrow::Schema> schema_;
};

class Feather1Relation : public Relation {
 public:
  Feather1Relation(SourcePtr source, std::shared_ptr<arrow::RecordBatch> table)
      : source_(std::move(source)), table_(std::move(table)) {}

  const std::shared_ptr<arrow::Schema>& schema() const override { return table_->schema(); }
  std::optional<int64_t> row_count() const override { return table_->num_rows(); }

  arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) override {
    ARROW_ASSIGN_OR_RAISE(const std::vector<int> columns, ColumnPositions(*schema(), request));
    ScanPlan plan;
    plan.schema = ProjectSchema(*schema(), columns);
    std::vector<std::shared_ptr<arrow::ArrayData>> data;
    // A dictionary is validated with every batch that uses it.
    int64_t step = kFeatherBatchRows;
    for (const int at : columns) {
      data.push_back(table_->column_data(at));
      if (data.back()->dictionary != nullptr) step = std::max<int64_t>(1, table_->num_rows());
    }
    const auto rows = arrow::RecordBatch::Make(plan.schema, table_->num_rows(), std::move(data));
    for (int64_t begin = 0; begin < rows->num_rows(); begin += step) {
      plan.tasks.push_back(std::make_shared<Feather1Task>(source_, rows->Slice(begin, step)));
    }
    return plan;
  }

 private:
  const SourcePtr source_;
  const std::shared_ptr<arrow::RecordBatch> table_;  // not validated
};

arrow::Result<std::shared_ptr<arrow::RecordBatch>> LoadTable(const BufferPtr& file) {
  const auto size = static_cast<uint64_t>(file->size());
  const std::string_view bytes(reinterpret_cast<const char*>(file->data()), size);
  if (size < 2 * kFeatherEnd || !bytes.ends_with("FEA1")) return Bad("its end is missing");
  const uint64_t length = LoadLittle<uint32_t>(bytes.data() + size - kFeatherEnd);
  if (length > size - 2 * kFeatherEnd) return Bad("its metadata is longer than the file");
  const std::string_view metadata = bytes.substr(size - kFeatherEnd - length, length);
  ARROW_ASSIGN_OR_RAISE(const FlatTable root, FlatTable::Root(metadata));
  ARROW_ASSIGN_OR_RAISE(const int64_t rows, root.Number<int64_t>(table::kRows, 0));
  ARROW_ASSIGN_OR_RAISE(const std::vector<FlatTable> columns, root.Tables(table::kColumns));
  if (columns.empty() && rows != 0) return Bad("it has rows, but no columns");
  arrow::FieldVector fields;
  std::vector<std::shared_ptr<arrow::ArrayData>> data;
  for (const FlatTable& meta : columns) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view name, meta.Text(column::kName));
    ARROW_ASSIGN_OR_RAISE(data.emplace_back(), LoadColumn(meta, rows, file));
    fields.push_back(arrow::field(std::string(name), data.back()->type));
  }
  const auto schema = WithDistinctNames(arrow::schema(std::move(fields)));
  return arrow::RecordBatch::Make(schema, rows, std::move(data));
}

}  // namespace

arrow::Result<std::shared_ptr<Relation>> OpenFeather1Relation(const SourcePtr& source) {
  ARROW_ASSIGN_OR_RAISE(const BufferPtr file, source->Map());
  auto table = LoadTable(file);
  if (!table.ok()) return source->Wrap(table.status());
  return std::make_shared<Feather1Relation>(source, std::move(*table));
}

}  // namespace pyralog::formats
