#include "sql/table_transaction.h"

#include <algorithm>
#include <utility>

#include "arrow/array/util.h"
#include "arrow/compute/cast.h"
#include "arrow/extension_type.h"
#include "lsm/key.h"
#include "pyralog/error.h"
#include "sql/dictionary_column.h"
#include "sql/enum_column.h"
#include "sql/select_rows.h"
#include "sql/sql_text.h"
#include "sql/stored_values.h"
#include "sql/table_entry.h"
#include "sql/table_scan.h"

namespace pyralog::sql {
namespace {

// The same values under the stored type, where only one of both is an extension type, or the names
// or metadata of fields differ; nullptr otherwise.
std::shared_ptr<arrow::Array> WithStorageOf(const std::shared_ptr<arrow::Array>& array,
                                            const std::shared_ptr<arrow::DataType>& type) {
  if (type->id() == arrow::Type::EXTENSION) {
    const auto& storage = static_cast<const arrow::ExtensionType&>(*type).storage_type();
    if (!array->type()->Equals(*storage)) return nullptr;
    return arrow::ExtensionType::WrapArray(type, array);
  }
  if (array->type_id() != arrow::Type::EXTENSION) return nullptr;
  const auto& storage = static_cast<const arrow::ExtensionArray&>(*array).storage();
  return storage->type()->Equals(*type) ? storage : nullptr;
}

// A dictionary of other indices or values as one of `type`, entry by entry, so that their order
// stays. nullptr when these are no two dictionaries, when only `type` has an order, and where something
// does not fit.
std::shared_ptr<arrow::Array> WithEntriesOf(const arrow::Array& array,
                                            const std::shared_ptr<arrow::DataType>& type) {
  if (array.type_id() != arrow::Type::DICTIONARY || type->id() != arrow::Type::DICTIONARY)
    return nullptr;
  const auto& given = static_cast<const arrow::DictionaryArray&>(array);
  const auto& wanted = static_cast<const arrow::DictionaryType&>(*type);
  if (wanted.ordered() && !given.dict_type()->ordered()) return nullptr;
  const auto entries = arrow::compute::Cast(*given.dictionary(), wanted.value_type());
  const auto indices = arrow::compute::Cast(*given.indices(), wanted.index_type());
  if (!entries.ok() || !indices.ok()) return nullptr;
  return std::make_shared<arrow::DictionaryArray>(type, *indices, *entries);
}

// `array` as the stored type: as it is, or cast where no value changes.
arrow::Result<std::shared_ptr<arrow::Array>> CastExactly(const std::shared_ptr<arrow::Array>& array,
                                                         const catalog::ColumnDef& definition) {
  if (IsEnumColumn(definition)) return EncodeEnum(definition, array);
  const auto& type = definition.type;
  const std::string& column = definition.name;
  if (array->type()->Equals(*type)) return array;
  auto as_storage = WithStorageOf(array, type);
  if (as_storage != nullptr) return as_storage;
  if (auto recoded = WithEntriesOf(*array, type)) return recoded;
  const auto cast = arrow::compute::Cast(*array, type, arrow::compute::CastOptions::Safe());
  if (cast.ok()) return *cast;
  return MakeError(ErrorCode::kInvalidArgument,
                   "column " + Quoted(column) + " is stored as " + type->ToString() + "; " +
                       array->type()->ToString() +
                       " cannot be put into it: " + cast.status().message());
}

// What has to hold of values that come from outside before anything reads them.
arrow::Status CheckValues(const arrow::Array& array, const catalog::ColumnDef& column) {
  const arrow::Status valid = array.ValidateFull();
  if (!valid.ok()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "column " + Quoted(column.name) + ": " + valid.message());
  }
  if (column.arrow_first) return arrow::Status::OK();
  return CheckSqlValues(array, column);
}

// Only columns that the table has, each once.
arrow::Status CheckNames(const arrow::Schema& given, const arrow::Schema& table) {
  std::vector<bool> seen(table.num_fields());
  for (const auto& field : given.fields()) {
    ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(table, field->name()));
    if (seen[column]) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "column " + Quoted(field->name()) + " is given twice");
    }
    seen[column] = true;
  }
  return arrow::Status::OK();
}

// Columns whose values are always generated must not be given.
arrow::Status CheckIdentities(const catalog::TableDef& table, const arrow::Schema& given) {
  for (const catalog::ColumnDef& column : table.columns) {
    if (column.identity != catalog::Identity::kAlways) continue;
    if (!FindColumn(given, column.name).ok()) continue;
    return MakeError(ErrorCode::kConstraint, "table " + Quoted(table.name) + ": column " +
                                                 Quoted(column.name) +
                                                 " is GENERATED ALWAYS AS IDENTITY; leave it out");
  }
  return arrow::Status::OK();
}

// Whether the batch has the column in its type, or as another dictionary. Otherwise its dictionaries
// say nothing: a cast made them.
bool IsGivenAsStored(const arrow::RecordBatch& batch, const catalog::ColumnDef& column) {
  const auto found = FindColumn(*batch.schema(), column.name);
  if (!found.ok()) return false;
  const std::shared_ptr<arrow::Array>& given = batch.column(*found);
  return given->type()->Equals(*column.type) || WithStorageOf(given, column.type) != nullptr ||
         WithEntriesOf(*given, column.type) != nullptr;
}

// Rows in the order of `ids`, all null where an id is -1.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> FetchOrNull(const lsm::TableView& view,
                                                               const std::vector<int64_t>& ids,
                                                               const std::vector<int>& columns) {
  std::vector<int64_t> found;
  std::vector<int64_t> places;  // of each key's row among those found
  for (const int64_t id : ids) {
    places.push_back(id < 0 ? -1 : static_cast<int64_t>(found.size()));
    if (id >= 0) found.push_back(id);
  }
  ARROW_ASSIGN_OR_RAISE(auto rows, view.Fetch(found, columns));
  if (found.size() == ids.size()) return rows;
  arrow::FieldVector fields;
  arrow::ArrayVector arrays;
  for (int i = 0; i < rows->num_columns(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto taken, TakeRows(*rows->column(i), places));
    arrays.push_back(std::move(taken));
    fields.push_back(rows->schema()->field(i)->WithNullable(true));
  }
  return arrow::RecordBatch::Make(arrow::schema(std::move(fields), rows->schema()->metadata()),
                                  static_cast<int64_t>(places.size()), std::move(arrays));
}

}  // namespace

TableTransaction::TableTransaction(std::shared_ptr<SharedDatabase> database,
                                   SharedDatabase::Begun begun)
    : database_(std::move(database)), begun_(std::move(begun)) {}

arrow::Result<std::unique_ptr<TableTransaction>> TableTransaction::Begin(
    std::shared_ptr<SharedDatabase> database) {
  ARROW_ASSIGN_OR_RAISE(auto begun, database->Begin());
  return std::unique_ptr<TableTransaction>(
      new TableTransaction(std::move(database), std::move(begun)));
}

arrow::Status TableTransaction::CheckOpen() const {
  if (begun_.transaction == nullptr) {
    return MakeError(ErrorCode::kTransaction, "the transaction has ended; begin another");
  }
  return arrow::Status::OK();
}

arrow::Result<TableTransaction::TablePtr> TableTransaction::FindTable(std::string_view name) {
  ARROW_RETURN_NOT_OK(CheckOpen());
  ARROW_ASSIGN_OR_RAISE(catalog::EntryPtr entry,
                        begun_.transaction->Find(catalog::kDefaultSchema, name));
  const size_t dot = name.find('.');
  if (entry == nullptr && dot != std::string_view::npos) {
    ARROW_ASSIGN_OR_RAISE(entry,
                          begun_.transaction->Find(name.substr(0, dot), name.substr(dot + 1)));
  }
  if (entry == nullptr) {
    return MakeError(ErrorCode::kNotFound, "there is no table " + Quoted(name));
  }
  if (entry->table == nullptr) {
    return MakeError(ErrorCode::kNotSupported,
                     "reading or writing " + std::string(catalog::EntryKindName(entry->kind)) +
                         " " + Quoted(name) + " other than by SQL is not supported");
  }
  return entry->table;
}

arrow::Result<RowExpressions*> TableTransaction::Expressions(const TablePtr& table) {
  auto& expressions = expressions_[table->id];
  if (expressions == nullptr) {
    if (instance_ == nullptr) {
      ARROW_ASSIGN_OR_RAISE(instance_, database_->instance());
    }
    ARROW_ASSIGN_OR_RAISE(expressions, RowExpressions::Make(*instance_, table));
  }
  return expressions.get();
}

arrow::Result<std::shared_ptr<arrow::Array>> TableTransaction::MissingColumn(const TablePtr& table,
                                                                             int column,
                                                                             int64_t rows) {
  const catalog::ColumnDef& definition = table->columns[column];
  if (definition.default_sql) {
    ARROW_ASSIGN_OR_RAISE(RowExpressions * expressions, Expressions(table));
    return expressions->Default(column, rows);
  }
  if (definition.nullable) return arrow::MakeArrayOfNull(definition.type, rows);
  return MakeError(ErrorCode::kConstraint,
                   "table " + Quoted(table->name) + ": column " + Quoted(definition.name) +
                       " is not given, must not be NULL and has no default");
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> TableTransaction::Conform(
    const TablePtr& table, const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const auto stored, begun_.transaction->storage().Schema(table->id));
  ARROW_RETURN_NOT_OK(CheckNames(*batch.schema(), *stored->arrow));
  arrow::ArrayVector columns(table->columns.size());
  for (int i = 0; i < batch.num_columns(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(*stored->arrow, batch.column_name(i)));
    const catalog::ColumnDef& definition = table->columns[column];
    ARROW_RETURN_NOT_OK(CheckNoInnerEnum(definition));
    ARROW_ASSIGN_OR_RAISE(columns[column], CastExactly(batch.column(i), definition));
    ARROW_RETURN_NOT_OK(CheckValues(*columns[column], definition));
    if (!definition.nullable && columns[column]->null_count() > 0) {
      return MakeError(ErrorCode::kConstraint, "table " + Quoted(table->name) + ": column " +
                                                   Quoted(definition.name) + " must not be NULL");
    }
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i] != nullptr) continue;
    ARROW_ASSIGN_OR_RAISE(columns[i], MissingColumn(table, static_cast<int>(i), batch.num_rows()));
  }
  auto rows = arrow::RecordBatch::Make(stored->arrow, batch.num_rows(), std::move(columns));
  if (!table->checks.empty()) {
    ARROW_ASSIGN_OR_RAISE(RowExpressions * expressions, Expressions(table));
    ARROW_RETURN_NOT_OK(expressions->Check(*rows));
  }
  return rows;
}

arrow::Result<std::vector<int64_t>> TableTransaction::Lookup(const catalog::TableDef& table,
                                                             const lsm::TableView& view,
                                                             const arrow::RecordBatch& keys) const {
  if (table.key.empty()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "table " + Quoted(table.name) + " has no primary key to look rows up by");
  }
  arrow::ArrayVector columns;
  for (const int column : table.key) {
    const catalog::ColumnDef& definition = table.columns[column];
    const auto found = FindColumn(*keys.schema(), definition.name);
    if (!found.ok()) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "the keys lack column " + Quoted(definition.name) +
                           " of the primary key of table " + Quoted(table.name));
    }
    ARROW_ASSIGN_OR_RAISE(auto array, CastExactly(keys.column(*found), definition));
    columns.push_back(std::move(array));
  }
  lsm::KeyBatch encoded;
  ARROW_RETURN_NOT_OK(encoded.Append(columns));
  std::vector<int64_t> ids;
  ARROW_RETURN_NOT_OK(view.Lookup(encoded, &ids));
  return ids;
}

arrow::Status TableTransaction::CreateTable(std::string_view table,
                                            const std::shared_ptr<arrow::Schema>& schema,
                                            const std::vector<std::string>& key) {
  ARROW_RETURN_NOT_OK(CheckOpen());
  catalog::TableDef definition;
  definition.schema = catalog::kDefaultSchema;
  definition.name = table;
  const size_t dot = table.find('.');
  if (dot != std::string_view::npos) {
    definition.schema = table.substr(0, dot);
    definition.name = table.substr(dot + 1);
  }
  if (schema->num_fields() == 0) {
    return MakeError(ErrorCode::kInvalidArgument, "a table needs at least one column");
  }
  ARROW_RETURN_NOT_OK(CheckNames(*schema, *schema));
  for (const auto& field : schema->fields()) {
    ARROW_ASSIGN_OR_RAISE(definition.columns.emplace_back(), ColumnFromField(*field));
  }
  for (const std::string& name : key) {
    ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(*schema, name));
    ARROW_RETURN_NOT_OK(CheckKeyColumn(definition.columns[column]));
    definition.key.push_back(column);
  }
  definition.metadata = schema->metadata();
  return begun_.transaction->CreateTable(std::move(definition)).status();
}

arrow::Status TableTransaction::Append(std::string_view table,
                                       const std::shared_ptr<arrow::RecordBatch>& batch) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr definition, FindTable(table));
  ARROW_RETURN_NOT_OK(CheckIdentities(*definition, *batch->schema()));
  ARROW_ASSIGN_OR_RAISE(NewRows rows, Prepare(definition, *batch));
  ARROW_RETURN_NOT_OK(Write(definition->id, std::move(rows), /*wrote=*/false));
  return CheckReferences();
}

arrow::Result<TableTransaction::NewRows> TableTransaction::Prepare(
    const TablePtr& table, const arrow::RecordBatch& batch) {
  ARROW_ASSIGN_OR_RAISE(const auto conformed, Conform(table, batch));
  NewRows rows;
  ARROW_RETURN_NOT_OK(AppendOfSchema(conformed, &rows.parts));
  rows.whole = conformed;
  for (size_t i = 0; i < table->columns.size(); ++i) {
    if (!HasDictionary(table->columns[i])) continue;
    if (!rows.table) rows.table = *table;
    catalog::ColumnDef& column = rows.table->columns[i];
    const int at = static_cast<int>(i);
    if (IsGivenAsStored(batch, column)) {
      ARROW_ASSIGN_OR_RAISE(const EntryChange change, TakeEntries(*conformed->column(at), &column));
      rows.change = std::max(rows.change, change);
      continue;
    }
    for (const auto& part : rows.parts)
      ARROW_RETURN_NOT_OK(CheckEntries(*part->column(at), column));
  }
  return rows;
}

arrow::Status TableTransaction::Write(TableId table, NewRows rows, bool wrote) {
  arrow::Status status;
  for (const auto& part : rows.parts) {
    if (status.ok()) status = begun_.transaction->storage().Append(table, part);
    wrote = wrote || status.ok();
  }
  if (status.ok() && rows.change != EntryChange::kNone) {
    const auto entry = begun_.transaction->Find(rows.table->schema, rows.table->name);
    status = entry.status();
    if (status.ok()) {
      status = begun_.transaction->KeepDictionaries(**entry, *std::move(rows.table),
                                                    rows.change == EntryChange::kNeeded);
    }
  }
  if (!status.ok() && wrote) failed_ = status;
  return status;
}

arrow::Status TableTransaction::CheckReferences() {
  const arrow::Status status = begun_.transaction->CheckReferences();
  if (!status.ok()) failed_ = status;
  return status;
}

arrow::Status TableTransaction::Put(std::string_view table,
                                    const std::shared_ptr<arrow::RecordBatch>& rows) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr definition, FindTable(table));
  ARROW_ASSIGN_OR_RAISE(NewRows made, Prepare(definition, *rows));
  lsm::Transaction& storage = begun_.transaction->storage();
  ARROW_ASSIGN_OR_RAISE(const auto view, storage.View(definition->id));
  ARROW_ASSIGN_OR_RAISE(std::vector<int64_t> ids, Lookup(*definition, *view, *made.whole));
  std::erase(ids, -1);
  ARROW_RETURN_NOT_OK(storage.Delete(definition->id, ids).status());
  ARROW_RETURN_NOT_OK(Write(definition->id, std::move(made), /*wrote=*/!ids.empty()));
  return CheckReferences();
}

arrow::Result<Transaction::GetResult> TableTransaction::Get(
    std::string_view table, const std::shared_ptr<arrow::RecordBatch>& keys,
    const std::vector<std::string>& columns) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr definition, FindTable(table));
  ARROW_ASSIGN_OR_RAISE(const auto view, begun_.transaction->storage().View(definition->id));
  std::vector<int> positions;
  for (const std::string& name : columns) {
    ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(*view->schema()->arrow, name));
    positions.push_back(column);
  }
  if (columns.empty()) {
    for (int i = 0; i < view->schema()->num_fields(); ++i) positions.push_back(i);
  }
  ARROW_ASSIGN_OR_RAISE(const std::vector<int64_t> ids, Lookup(*definition, *view, *keys));
  GetResult result;
  for (const int64_t id : ids) result.found.push_back(id >= 0);
  ARROW_ASSIGN_OR_RAISE(const auto rows, FetchOrNull(*view, ids, positions));
  arrow::RecordBatchVector parts;
  ARROW_RETURN_NOT_OK(AppendOfSchema(rows, &parts));
  if (parts.size() > 1) {
    return MakeError(ErrorCode::kNotSupported,
                     "table " + Quoted(table) +
                         ": the rows of these keys have more distinct values in a dictionary than "
                         "its indices count, or are more than its run ends reach; ask for fewer "
                         "keys at a time");
  }
  ARROW_ASSIGN_OR_RAISE(result.rows, DecodeEnums(*definition, parts[0]));
  return result;
}

arrow::Result<int64_t> TableTransaction::Delete(std::string_view table,
                                                const std::shared_ptr<arrow::RecordBatch>& keys) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr definition, FindTable(table));
  lsm::Transaction& storage = begun_.transaction->storage();
  ARROW_ASSIGN_OR_RAISE(const auto view, storage.View(definition->id));
  ARROW_ASSIGN_OR_RAISE(std::vector<int64_t> ids, Lookup(*definition, *view, *keys));
  std::erase(ids, -1);
  ARROW_ASSIGN_OR_RAISE(const int64_t deleted, storage.Delete(definition->id, ids));
  ARROW_RETURN_NOT_OK(CheckReferences());
  return deleted;
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> TableTransaction::Scan(
    std::string_view table, const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(const TablePtr definition, FindTable(table));
  ARROW_ASSIGN_OR_RAISE(auto view, begun_.transaction->storage().View(definition->id));
  ARROW_ASSIGN_OR_RAISE(auto rows, ScanTable(std::move(view), options));
  return DecodeEnums(*definition, std::move(rows));
}

arrow::Result<CommitNumber> TableTransaction::Commit() {
  ARROW_RETURN_NOT_OK(CheckOpen());
  if (!failed_.ok()) {
    const arrow::Status status =
        MakeError(ErrorCode::kTransaction,
                  "nothing was committed: a write had failed half-way (" + failed_.message() + ")");
    ARROW_RETURN_NOT_OK(Rollback());
    return status;
  }
  expressions_.clear();
  const SharedDatabase::Begun ended = std::move(begun_);
  begun_ = {};
  return ended.transaction->Commit();
}

arrow::Status TableTransaction::Rollback() {
  ARROW_RETURN_NOT_OK(CheckOpen());
  expressions_.clear();
  begun_.transaction->Rollback();
  begun_ = {};
  return arrow::Status::OK();
}

}  // namespace pyralog::sql
