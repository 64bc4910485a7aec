#include "lsm/table_schema.h"

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "arrow/array/array_base.h"
#include "arrow/array/util.h"
#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/options.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "arrow/record_batch.h"
#include "arrow/util/key_value_metadata.h"
#include "pyralog/error.h"

namespace pyralog::lsm {

const char kFieldIdKey[] = "pyralog.field_id";

namespace {

constexpr char kReservedPrefix[] = "pyralog.";
constexpr char kSchemaVersionKey[] = "pyralog.schema_version";
constexpr char kNextFieldIdKey[] = "pyralog.next_field_id";
constexpr char kKeyPositionsKey[] = "pyralog.key";
constexpr char kMissingPositionsKey[] = "pyralog.missing";
constexpr char kSchemaFormatKey[] = "pyralog.schema_format";
constexpr char kVersionKey[] = "pyralog.version";  // from format 2 on
constexpr char kUniqueKey[] = "pyralog.unique";
constexpr char kReferencesKey[] = "pyralog.references";
constexpr uint32_t kSchemaFormat = 2;  // the newest

using SchemaMetadata = std::shared_ptr<const arrow::KeyValueMetadata>;

arrow::Status DamagedSchema(const std::string& what) {
  return MakeError(ErrorCode::kDamaged, "damaged table schema: " + what);
}

// What the user put there; nullptr when nothing is left, so that equal schemas compare equal.
SchemaMetadata WithoutReserved(const SchemaMetadata& metadata) {
  if (metadata == nullptr) return nullptr;
  auto kept = std::make_shared<arrow::KeyValueMetadata>();
  for (int64_t i = 0; i < metadata->size(); ++i) {
    if (!metadata->key(i).starts_with(kReservedPrefix))
      kept->Append(metadata->key(i), metadata->value(i));
  }
  return kept->size() > 0 ? kept : nullptr;
}

std::shared_ptr<arrow::Schema> WithoutReserved(const arrow::Schema& schema) {
  arrow::FieldVector fields;
  for (const auto& field : schema.fields())
    fields.push_back(field->WithMetadata(WithoutReserved(field->metadata())));
  return arrow::schema(std::move(fields), WithoutReserved(schema.metadata()));
}

// Of a unique set or a reference: the first field that is twice in it, or that the table lacks.
std::string FirstFieldsFlaw(const TableSchema& schema, const std::vector<FieldId>& fields) {
  if (fields.empty()) return "a constraint has no fields";
  std::unordered_set<uint32_t> seen;
  for (const FieldId field : fields) {
    if (schema.PositionOf(field) < 0 || !seen.insert(field.value()).second) {
      return "field id " + std::to_string(field.value()) +
             " of a constraint is repeated or none of its fields";
    }
  }
  return "";
}

std::string FirstConstraintFlaw(const TableSchema& schema) {
  std::string flaw;
  for (const UniqueSet& set : schema.unique) {
    if (flaw.empty()) flaw = FirstFieldsFlaw(schema, set.fields);
  }
  for (const Reference& reference : schema.references) {
    if (flaw.empty()) flaw = FirstFieldsFlaw(schema, reference.fields);
    if (flaw.empty() && reference.fields.size() != reference.parent_fields.size()) {
      flaw = "a reference has not as many fields as what it refers to";
    }
  }
  return flaw;
}

// The rules that hold for every table schema, wherever it comes from; the text of the first that
// does not, or "".
std::string FirstSchemaFlaw(const TableSchema& schema) {
  if (schema.arrow == nullptr) return "it has no fields";
  const int fields = schema.arrow->num_fields();
  if (schema.num_fields() != fields || schema.missing.size() != schema.field_ids.size()) {
    return "its field ids or missing values are not as many as its fields";
  }
  if (schema.version == 0) return "its version is 0";
  std::unordered_set<uint32_t> ids;
  for (FieldId id : schema.field_ids) {
    if (id.value() == 0 || id >= schema.next_field_id || !ids.insert(id.value()).second) {
      return "field id " + std::to_string(id.value()) +
             " is zero, repeated or not below the next one";
    }
  }
  std::unordered_set<int> positions;
  for (int position : schema.key) {
    if (position < 0 || position >= fields) {
      return "key position " + std::to_string(position) + " is not one of its " +
             std::to_string(fields) + " fields";
    }
    const arrow::Field& field = *schema.arrow->field(position);
    if (!positions.insert(position).second)
      return "field '" + field.name() + "' is twice in the key";
    if (field.nullable())
      return "key field '" + field.name() + "' is nullable; declare it NOT NULL";
  }
  for (int i = 0; i < fields; ++i) {
    const auto& value = schema.missing[i];
    if (value != nullptr && !value->type->Equals(schema.arrow->field(i)->type())) {
      return "the missing value of field '" + schema.arrow->field(i)->name() + "' has another type";
    }
  }
  return FirstConstraintFlaw(schema);
}

// "3,0,1"
std::string JoinPositions(const std::vector<int>& positions) {
  std::string text;
  for (int position : positions) {
    if (!text.empty()) text += ',';
    text += std::to_string(position);
  }
  return text;
}

// A decimal number below `exclusive_max` as std::to_string writes it: nothing before, nothing after
// it.
arrow::Result<uint32_t> ParseNumber(std::string_view text, uint64_t exclusive_max,
                                    const char* what) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool canonical = error == std::errc() && end == text.data() + text.size() &&
                         value < exclusive_max && (text.size() == 1 || text[0] != '0');
  if (!canonical) return DamagedSchema(std::string(what) + " is not a number that can stand there");
  return value;
}

// What `metadata` says under `key`; "" when it says nothing. Twice is damage.
arrow::Result<std::string_view> FindText(const SchemaMetadata& metadata, std::string_view key) {
  std::string_view found;
  int times = 0;
  for (int64_t i = 0; metadata != nullptr && i < metadata->size(); ++i) {
    if (metadata->key(i) != key) continue;
    found = metadata->value(i);
    ++times;
  }
  if (times > 1) return DamagedSchema(std::string(key) + " is there twice");
  return found;
}

arrow::Result<uint32_t> FindNumber(const SchemaMetadata& metadata, const char* key) {
  ARROW_ASSIGN_OR_RAISE(std::string_view text, FindText(metadata, key));
  return ParseNumber(text, uint64_t{1} << 32, key);
}

arrow::Result<std::vector<int>> FindPositions(const SchemaMetadata& metadata, const char* key,
                                              int fields) {
  std::vector<int> positions;
  ARROW_ASSIGN_OR_RAISE(std::string_view text, FindText(metadata, key));
  while (!text.empty()) {
    const size_t comma = text.find(',');
    ARROW_ASSIGN_OR_RAISE(uint32_t position,
                          ParseNumber(text.substr(0, comma), static_cast<uint64_t>(fields), key));
    positions.push_back(static_cast<int>(position));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return DamagedSchema(std::string(key) + " ends with a comma");
  }
  return positions;
}

// "3,0,1"
std::string JoinFields(const std::vector<FieldId>& fields) {
  std::string text;
  for (const FieldId field : fields) {
    if (!text.empty()) text += ',';
    text += std::to_string(field.value());
  }
  return text;
}

std::string UniqueText(const TableSchema& schema) {
  std::string text;
  for (const UniqueSet& set : schema.unique) {
    if (!text.empty()) text += ';';
    text += std::to_string(set.index.value()) + ":" + JoinFields(set.fields);
  }
  return text;
}

std::string ReferencesText(const TableSchema& schema) {
  std::string text;
  for (const Reference& reference : schema.references) {
    if (!text.empty()) text += ';';
    text += std::to_string(reference.parent.value()) + ":" + JoinFields(reference.fields) + ":" +
            JoinFields(reference.parent_fields);
  }
  return text;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t end = 0; end != std::string_view::npos; text.remove_prefix(end + 1)) {
    end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
  }
  return parts;
}

arrow::Result<std::vector<FieldId>> ParseFields(std::string_view text, const char* what) {
  std::vector<FieldId> fields;
  for (const std::string_view part : Split(text, ',')) {
    ARROW_ASSIGN_OR_RAISE(const uint32_t id, ParseNumber(part, uint64_t{1} << 32, what));
    fields.emplace_back(id);
  }
  return fields;
}

arrow::Status TakeUnique(std::string_view text, TableSchema* schema) {
  if (text.empty()) return arrow::Status::OK();
  for (const std::string_view part : Split(text, ';')) {
    const auto fields = Split(part, ':');
    if (fields.size() != 2) return DamagedSchema("a unique set has not two parts");
    UniqueSet set;
    ARROW_ASSIGN_OR_RAISE(const uint32_t index,
                          ParseNumber(fields[0], uint64_t{1} << 32, kUniqueKey));
    set.index = TableId(index);
    ARROW_ASSIGN_OR_RAISE(set.fields, ParseFields(fields[1], kUniqueKey));
    schema->unique.push_back(std::move(set));
  }
  return arrow::Status::OK();
}

arrow::Status TakeReferences(std::string_view text, TableSchema* schema) {
  if (text.empty()) return arrow::Status::OK();
  for (const std::string_view part : Split(text, ';')) {
    const auto fields = Split(part, ':');
    if (fields.size() != 3) return DamagedSchema("a reference has not three parts");
    Reference reference;
    ARROW_ASSIGN_OR_RAISE(const uint32_t parent,
                          ParseNumber(fields[0], uint64_t{1} << 32, kReferencesKey));
    reference.parent = TableId(parent);
    ARROW_ASSIGN_OR_RAISE(reference.fields, ParseFields(fields[1], kReferencesKey));
    ARROW_ASSIGN_OR_RAISE(reference.parent_fields, ParseFields(fields[2], kReferencesKey));
    schema->references.push_back(std::move(reference));
  }
  return arrow::Status::OK();
}

// The schema's version and constraints, which stand as its format says.
arrow::Status TakeByFormat(const SchemaMetadata& metadata, TableSchema* schema) {
  ARROW_ASSIGN_OR_RAISE(const std::string_view format, FindText(metadata, kSchemaFormatKey));
  if (format.empty()) {
    ARROW_ASSIGN_OR_RAISE(schema->version, FindNumber(metadata, kSchemaVersionKey));
    return arrow::Status::OK();
  }
  ARROW_ASSIGN_OR_RAISE(const uint32_t number, FindNumber(metadata, kSchemaFormatKey));
  if (number > kSchemaFormat) {
    return MakeError(ErrorCode::kFormatVersion, "a table's definition has format " +
                                                    std::to_string(number) +
                                                    "; it was written by a newer build of Pyralog");
  }
  ARROW_ASSIGN_OR_RAISE(schema->version, FindNumber(metadata, kVersionKey));
  ARROW_ASSIGN_OR_RAISE(const std::string_view unique, FindText(metadata, kUniqueKey));
  ARROW_RETURN_NOT_OK(TakeUnique(unique, schema));
  ARROW_ASSIGN_OR_RAISE(const std::string_view references, FindText(metadata, kReferencesKey));
  return TakeReferences(references, schema);
}

std::vector<int> PositionsOfMissing(const TableSchema& schema) {
  std::vector<int> positions;
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (schema.missing[i] != nullptr) positions.push_back(i);
  }
  return positions;
}

// The one row of values for missing fields.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> MissingRow(
    const TableSchema& schema, const std::shared_ptr<arrow::Schema>& stored) {
  arrow::ArrayVector columns;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const auto& value = schema.missing[i];
    ARROW_ASSIGN_OR_RAISE(auto column, value != nullptr
                                           ? arrow::MakeArrayFromScalar(*value, 1)
                                           : arrow::MakeArrayOfNull(stored->field(i)->type(), 1));
    columns.push_back(std::move(column));
  }
  return arrow::RecordBatch::Make(stored, 1, std::move(columns));
}

struct SchemaStream {
  std::shared_ptr<arrow::Schema> schema;
  std::shared_ptr<arrow::RecordBatch> missing;  // nullptr: there was no batch
};

// Reads all of `bytes`; what it gives owns its memory.
arrow::Result<SchemaStream> ReadSchemaStream(std::string_view bytes) {
  auto input =
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::string(bytes)));
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  options.ensure_native_endian = false;
  SchemaStream stream;
  ARROW_ASSIGN_OR_RAISE(auto reader, arrow::ipc::RecordBatchStreamReader::Open(input, options));
  stream.schema = reader->schema();
  if (!stream.schema->is_native_endian()) return arrow::Status::Invalid("it is big-endian");
  RETURN_NOT_OK(reader->ReadNext(&stream.missing));
  if (stream.missing != nullptr) {
    RETURN_NOT_OK(stream.missing->ValidateFull());
    if (stream.missing->num_rows() != 1) return arrow::Status::Invalid("its batch has not one row");
    std::shared_ptr<arrow::RecordBatch> more;
    RETURN_NOT_OK(reader->ReadNext(&more));
    if (more != nullptr) return arrow::Status::Invalid("it has a second batch");
  }
  ARROW_ASSIGN_OR_RAISE(int64_t position, input->Tell());
  if (position != static_cast<int64_t>(bytes.size()))
    return arrow::Status::Invalid("bytes follow its end");
  return stream;
}

arrow::Status TakeMissing(const SchemaStream& stream, TableSchema* schema) {
  const int fields = stream.schema->num_fields();
  schema->missing.resize(fields);
  ARROW_ASSIGN_OR_RAISE(auto positions,
                        FindPositions(stream.schema->metadata(), kMissingPositionsKey, fields));
  if (positions.empty() != (stream.missing == nullptr))
    return DamagedSchema("its missing values are not there");
  for (int position : positions) {
    auto value = stream.missing->column(position)->GetScalar(0);
    if (!value.ok()) return DamagedSchema(value.status().message());
    schema->missing[position] = *std::move(value);
  }
  return arrow::Status::OK();
}

arrow::Result<TableSchemaPtr> FromSchemaStream(const SchemaStream& stream) {
  auto schema = std::make_shared<TableSchema>();
  const SchemaMetadata& metadata = stream.schema->metadata();
  ARROW_RETURN_NOT_OK(TakeByFormat(metadata, schema.get()));
  ARROW_ASSIGN_OR_RAISE(uint32_t next_field_id, FindNumber(metadata, kNextFieldIdKey));
  schema->next_field_id = FieldId(next_field_id);
  for (const auto& field : stream.schema->fields()) {
    ARROW_ASSIGN_OR_RAISE(uint32_t id, FindNumber(field->metadata(), kFieldIdKey));
    schema->field_ids.emplace_back(id);
  }
  schema->arrow = WithoutReserved(*stream.schema);
  ARROW_ASSIGN_OR_RAISE(schema->key,
                        FindPositions(metadata, kKeyPositionsKey, stream.schema->num_fields()));
  RETURN_NOT_OK(TakeMissing(stream, schema.get()));
  if (std::string flaw = FirstSchemaFlaw(*schema); !flaw.empty()) return DamagedSchema(flaw);
  return schema;
}

}  // namespace

int TableSchema::PositionOf(FieldId id) const {
  const auto found = std::find(field_ids.begin(), field_ids.end(), id);
  return found == field_ids.end() ? -1 : static_cast<int>(found - field_ids.begin());
}

std::vector<int> TableSchema::PositionsOf(const std::vector<FieldId>& fields) const {
  std::vector<int> positions;
  for (const FieldId field : fields) positions.push_back(PositionOf(field));
  return positions;
}

std::optional<TableId> KeyTableOf(const Reference& reference, const TableSchema& parent) {
  const std::vector<int> wanted = parent.PositionsOf(reference.parent_fields);
  if (parent.keyed() && parent.key == wanted) return reference.parent;
  for (const UniqueSet& set : parent.unique) {
    if (set.fields == reference.parent_fields) return set.index;
  }
  return std::nullopt;
}

arrow::Result<TableSchemaPtr> MakeTableSchema(std::shared_ptr<arrow::Schema> arrow,
                                              std::vector<int> key) {
  auto schema = std::make_shared<TableSchema>();
  if (arrow != nullptr) {
    schema->arrow = WithoutReserved(*arrow);
    schema->missing.resize(arrow->num_fields());
    for (int i = 0; i < arrow->num_fields(); ++i) {
      schema->field_ids.push_back(schema->next_field_id);
      schema->next_field_id = schema->next_field_id.Next();
    }
  }
  schema->key = std::move(key);
  if (std::string flaw = FirstSchemaFlaw(*schema); !flaw.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "cannot make this table schema: " + flaw);
  }
  return schema;
}

std::shared_ptr<arrow::Schema> StoredArrowSchema(const TableSchema& schema) {
  arrow::FieldVector fields;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const auto& field = schema.arrow->field(i);
    auto metadata = field->metadata() != nullptr ? field->metadata()->Copy()
                                                 : std::make_shared<arrow::KeyValueMetadata>();
    metadata->Append(kFieldIdKey, std::to_string(schema.field_ids[i].value()));
    fields.push_back(field->WithMetadata(std::move(metadata)));
  }
  return arrow::schema(std::move(fields), schema.arrow->metadata());
}

arrow::Result<std::string> SerializeTableSchema(const TableSchema& schema) {
  if (std::string flaw = FirstSchemaFlaw(schema); !flaw.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "cannot store this table schema: " + flaw);
  }
  auto stored = StoredArrowSchema(schema);
  const std::vector<int> missing = PositionsOfMissing(schema);
  auto metadata = stored->metadata() != nullptr ? stored->metadata()->Copy()
                                                : std::make_shared<arrow::KeyValueMetadata>();
  const bool constrained = !schema.unique.empty() || !schema.references.empty();
  metadata->Append(constrained ? kVersionKey : kSchemaVersionKey, std::to_string(schema.version));
  if (constrained) metadata->Append(kSchemaFormatKey, std::to_string(kSchemaFormat));
  if (!schema.unique.empty()) metadata->Append(kUniqueKey, UniqueText(schema));
  if (!schema.references.empty()) metadata->Append(kReferencesKey, ReferencesText(schema));
  metadata->Append(kNextFieldIdKey, std::to_string(schema.next_field_id.value()));
  if (schema.keyed()) metadata->Append(kKeyPositionsKey, JoinPositions(schema.key));
  if (!missing.empty()) metadata->Append(kMissingPositionsKey, JoinPositions(missing));
  stored = stored->WithMetadata(std::move(metadata));

  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(auto output, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(output, stored, options));
  if (!missing.empty()) {
    ARROW_ASSIGN_OR_RAISE(auto row, MissingRow(schema, stored));
    RETURN_NOT_OK(writer->WriteRecordBatch(*row));
  }
  RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(auto buffer, output->Finish());
  return buffer->ToString();
}

arrow::Result<TableSchemaPtr> DeserializeTableSchema(std::string_view bytes) {
  auto stream = ReadSchemaStream(bytes);
  if (!stream.ok()) return DamagedSchema(stream.status().message());
  return FromSchemaStream(*stream);
}

}  // namespace pyralog::lsm
