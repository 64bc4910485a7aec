#include "catalog/entries.h"

#include <algorithm>
#include <map>
#include <memory>

#include <nlohmann/json.hpp>

#include "arrow/buffer.h"
#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "arrow/util/base64.h"
#include "pyralog/error.h"

namespace pyralog::catalog {
namespace {

using nlohmann::json;

// Of what an entry needs: a build reads entries up to its own version and refuses newer ones.
constexpr int kFirstVersion = 1;
constexpr int kCommentVersion = 2;     // comments
constexpr int kConstraintVersion = 3;  // UNIQUE, FOREIGN KEY, indexes
constexpr int kHashVersion = 4;        // hashes of external files
constexpr int kComputedVersion = 5;    // generated columns; identities that must not be given
constexpr int kArrowVersion = 6;       // columns that came as Arrow
constexpr int kNamedVersion = 7;       // names of constraints
constexpr int kDictionaryVersion = 8;  // entries of dictionaries
constexpr int kEntryVersion = kDictionaryVersion;

// Types without parameters, and those whose only parameter is a unit.
const std::map<std::string, std::shared_ptr<arrow::DataType>>& PlainTypes() {
  static const auto& types = *[] {
    auto named = std::make_unique<std::map<std::string, std::shared_ptr<arrow::DataType>>>();
    arrow::DataTypeVector all = {arrow::null(),
                                 arrow::boolean(),
                                 arrow::float16(),
                                 arrow::utf8_view(),
                                 arrow::binary_view(),
                                 arrow::month_interval(),
                                 arrow::day_time_interval(),
                                 arrow::month_day_nano_interval()};
    const auto add = [&all](const arrow::DataTypeVector& more) {
      all.insert(all.end(), more.begin(), more.end());
    };
    add(arrow::NumericTypes());
    add(arrow::BaseBinaryTypes());
    add(arrow::TemporalTypes());
    add(arrow::DurationTypes());
    for (const auto& type : all) named->emplace(type->ToString(), type);
    return named.release();
  }();
  return types;
}

// A plain type by its name ("int64"), others as base64 of an Arrow IPC schema message of one field
// (which begins with "/////"): exact for every type, extension types too.
std::string TypeToText(const std::shared_ptr<arrow::DataType>& type) {
  const auto plain = PlainTypes().find(type->ToString());
  if (plain != PlainTypes().end() && plain->second->Equals(*type)) return plain->first;
  auto buffer = arrow::ipc::SerializeSchema(*arrow::schema({arrow::field("", type)}));
  return buffer.ok() ? arrow::util::base64_encode(std::string_view(**buffer)) : std::string();
}

// A field without a name. An extension type that is not registered here is its storage, and the
// field's metadata say which it is.
arrow::Result<std::shared_ptr<arrow::Field>> TypeFromText(const std::string& text) {
  if (const auto plain = PlainTypes().find(text); plain != PlainTypes().end())
    return arrow::field("", plain->second);
  const auto decode = [&]() -> arrow::Result<std::shared_ptr<arrow::Schema>> {
    ARROW_ASSIGN_OR_RAISE(const std::string bytes, arrow::util::base64_decode(text));
    arrow::io::BufferReader reader(arrow::Buffer::FromString(bytes));
    arrow::ipc::DictionaryMemo memo;
    return arrow::ipc::ReadSchema(&reader, &memo);
  };
  const auto schema = decode();
  if (!schema.ok() || (*schema)->num_fields() != 1) {
    return MakeError(ErrorCode::kDamaged, "a catalog entry holds '" + text +
                                              "', which is no type that this build knows");
  }
  return (*schema)->field(0);
}

// Keys and values may be any bytes.
json MetadataToJson(const arrow::KeyValueMetadata& metadata) {
  json j = json::array();
  for (int64_t i = 0; i < metadata.size(); ++i) {
    j.push_back({arrow::util::base64_encode(metadata.key(i)),
                 arrow::util::base64_encode(metadata.value(i))});
  }
  return j;
}

arrow::Result<std::shared_ptr<const arrow::KeyValueMetadata>> MetadataFromJson(const json& j) {
  auto metadata = std::make_shared<arrow::KeyValueMetadata>();
  for (const json& pair : j) {
    ARROW_ASSIGN_OR_RAISE(auto key, arrow::util::base64_decode(pair.at(0).get<std::string>()));
    ARROW_ASSIGN_OR_RAISE(auto value, arrow::util::base64_decode(pair.at(1).get<std::string>()));
    metadata->Append(std::move(key), std::move(value));
  }
  return metadata;
}

bool HasAny(const std::shared_ptr<const arrow::KeyValueMetadata>& metadata) {
  return metadata != nullptr && metadata->size() > 0;
}

bool CameAsArrow(const Entry& entry) {
  if (entry.table == nullptr) return false;
  bool came = HasAny(entry.table->metadata);
  for (const ColumnDef& column : entry.table->columns)
    came = came || column.arrow_first || HasAny(column.metadata);
  return came;
}

bool HasDictionaries(const ColumnDef& column) {
  return std::ranges::any_of(column.dictionaries, [](const auto& kept) { return kept != nullptr; });
}

json DictionariesToJson(const ColumnDef& column) {
  json j = json::array();
  for (const DictionaryEntriesPtr& kept : column.dictionaries)
    j.push_back(kept == nullptr ? "" : kept->text());
  return j;
}

arrow::Result<std::vector<DictionaryEntriesPtr>> DictionariesFromJson(const json& j) {
  std::vector<DictionaryEntriesPtr> dictionaries;
  for (const json& kept : j) {
    const auto& text = kept.get_ref<const std::string&>();
    DictionaryEntriesPtr& entries = dictionaries.emplace_back();
    if (text.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(entries, DictionaryEntries::FromText(text));
  }
  return dictionaries;
}

json ColumnToJson(const ColumnDef& column) {
  json j = {{"name", column.name},
            {"type", TypeToText(column.type)},
            {"sql_type", column.sql_type},
            {"nullable", column.nullable}};
  if (column.default_sql) j["default"] = *column.default_sql;
  if (column.comment) j["comment"] = *column.comment;
  if (column.identity != Identity::kNone) {
    j["identity"] = column.identity == Identity::kAlways ? "always" : "by default";
  }
  if (column.arrow_first) j["arrow_first"] = true;
  if (HasAny(column.metadata)) j["metadata"] = MetadataToJson(*column.metadata);
  if (HasDictionaries(column)) j["dictionaries"] = DictionariesToJson(column);
  return j;
}

arrow::Result<ColumnDef> ColumnFromJson(const json& j) {
  ColumnDef column;
  column.name = j.at("name").get<std::string>();
  ARROW_ASSIGN_OR_RAISE(const auto field, TypeFromText(j.at("type").get<std::string>()));
  column.type = field->type();
  column.metadata = field->metadata();
  column.sql_type = j.at("sql_type").get<std::string>();
  column.nullable = j.at("nullable").get<bool>();
  if (j.contains("default")) column.default_sql = j.at("default").get<std::string>();
  if (j.contains("comment")) column.comment = j.at("comment").get<std::string>();
  if (j.contains("identity")) {
    column.identity = j.at("identity") == "always" ? Identity::kAlways : Identity::kByDefault;
  }
  column.arrow_first = j.value("arrow_first", false);
  if (j.contains("metadata")) {
    ARROW_ASSIGN_OR_RAISE(const auto metadata, MetadataFromJson(j.at("metadata")));
    column.metadata = column.metadata ? column.metadata->Merge(*metadata) : metadata;
  }
  if (j.contains("dictionaries")) {
    ARROW_ASSIGN_OR_RAISE(column.dictionaries, DictionariesFromJson(j.at("dictionaries")));
  }
  return column;
}

json ColumnsToJson(const std::vector<ColumnDef>& columns) {
  json j = json::array();
  for (const ColumnDef& column : columns) j.push_back(ColumnToJson(column));
  return j;
}

arrow::Result<std::vector<ColumnDef>> ColumnsFromJson(const json& j) {
  std::vector<ColumnDef> columns;
  for (const json& entry : j) {
    ARROW_ASSIGN_OR_RAISE(auto column, ColumnFromJson(entry));
    columns.push_back(std::move(column));
  }
  return columns;
}

json ForeignKeyToJson(const ForeignKeyDef& foreign_key) {
  json parent_columns = json::array();
  for (const FieldId id : foreign_key.parent_columns) parent_columns.push_back(id.value());
  json j = {{"columns", foreign_key.columns},
            {"parent", foreign_key.parent.value()},
            {"parent_name", foreign_key.parent_name},
            {"parent_columns", std::move(parent_columns)}};
  if (!foreign_key.name.empty()) j["name"] = foreign_key.name;
  return j;
}

ForeignKeyDef ForeignKeyFromJson(const json& j) {
  ForeignKeyDef foreign_key;
  foreign_key.columns = j.at("columns").get<std::vector<int>>();
  foreign_key.parent = TableId(j.at("parent").get<uint32_t>());
  foreign_key.parent_name = j.at("parent_name").get<std::string>();
  for (const json& id : j.at("parent_columns"))
    foreign_key.parent_columns.emplace_back(id.get<uint32_t>());
  foreign_key.name = j.value("name", std::string());
  return foreign_key;
}

// A text, or with a name both.
json CheckToJson(const CheckDef& check) {
  if (check.name.empty()) return check.sql;
  return {{"sql", check.sql}, {"name", check.name}};
}

CheckDef CheckFromJson(const json& j) {
  if (j.is_string()) return {j.get<std::string>()};
  return {j.at("sql").get<std::string>(), j.at("name").get<std::string>()};
}

json TableToJson(const TableDef& table) {
  json j = {{"id", table.id.value()},
            {"columns", ColumnsToJson(table.columns)},
            {"key", table.key},
            {"checks", json::array()}};
  for (const CheckDef& check : table.checks) j["checks"].push_back(CheckToJson(check));
  if (!table.key_name.empty()) j["key_name"] = table.key_name;
  for (const UniqueDef& unique : table.unique) {
    j["unique"].push_back({{"columns", unique.columns}, {"index", unique.index}});
    if (!unique.name.empty()) j["unique"].back()["name"] = unique.name;
  }
  for (const IndexDef& index : table.indexes) {
    j["indexes"].push_back(
        {{"name", index.name}, {"columns", index.columns}, {"unique", index.unique}});
  }
  for (const ForeignKeyDef& foreign_key : table.foreign_keys)
    j["foreign_keys"].push_back(ForeignKeyToJson(foreign_key));
  for (const GeneratedColumn& column : table.generated) {
    j["generated"].push_back({{"position", column.position},
                              {"name", column.name},
                              {"sql_type", column.sql_type},
                              {"expression", column.expression}});
  }
  if (HasAny(table.metadata)) j["metadata"] = MetadataToJson(*table.metadata);
  return j;
}

json ExternalToJson(const ExternalTableDef& table) {
  json files = json::array();
  for (const auto& file : table.files) {
    files.push_back({file.path, file.size, file.modified_ns});
    if (!file.hash.empty()) files.back().push_back(file.hash);
  }
  return {{"format", table.format},
          {"location", table.location},
          {"columns", ColumnsToJson(table.columns)},
          {"columns_declared", table.columns_declared},
          {"partitioned_by", ColumnsToJson(table.partitioned_by)},
          {"options", table.options},
          {"files", files},
          {"file_count", table.file_count}};
}

arrow::Result<std::shared_ptr<const TableDef>> TableFromJson(const Entry& entry, const json& j) {
  auto table = std::make_shared<TableDef>();
  table->schema = entry.schema;
  table->name = entry.name;
  table->id = TableId(j.at("id").get<uint32_t>());
  ARROW_ASSIGN_OR_RAISE(table->columns, ColumnsFromJson(j.at("columns")));
  table->key = j.at("key").get<std::vector<int>>();
  for (const json& check : j.at("checks")) table->checks.push_back(CheckFromJson(check));
  table->key_name = j.value("key_name", std::string());
  for (const json& unique : j.value("unique", json::array())) {
    table->unique.push_back({unique.at("columns").get<std::vector<int>>(),
                             unique.value("index", std::string()),
                             unique.value("name", std::string())});
  }
  for (const json& index : j.value("indexes", json::array())) {
    table->indexes.push_back({index.at("name").get<std::string>(),
                              index.at("columns").get<std::vector<int>>(),
                              index.at("unique").get<bool>()});
  }
  for (const json& foreign_key : j.value("foreign_keys", json::array()))
    table->foreign_keys.push_back(ForeignKeyFromJson(foreign_key));
  for (const json& column : j.value("generated", json::array())) {
    table->generated.push_back(
        {column.at("position").get<int>(), column.at("name").get<std::string>(),
         column.at("sql_type").get<std::string>(), column.at("expression").get<std::string>()});
  }
  if (j.contains("metadata")) {
    ARROW_ASSIGN_OR_RAISE(table->metadata, MetadataFromJson(j.at("metadata")));
  }
  return table;
}

arrow::Result<std::shared_ptr<const ExternalTableDef>> ExternalFromJson(const Entry& entry,
                                                                        const json& j) {
  auto table = std::make_shared<ExternalTableDef>();
  table->schema = entry.schema;
  table->name = entry.name;
  table->format = j.at("format").get<std::string>();
  table->location = j.at("location").get<std::string>();
  ARROW_ASSIGN_OR_RAISE(table->columns, ColumnsFromJson(j.at("columns")));
  table->columns_declared = j.at("columns_declared").get<bool>();
  ARROW_ASSIGN_OR_RAISE(table->partitioned_by, ColumnsFromJson(j.at("partitioned_by")));
  table->options = j.at("options").get<std::map<std::string, std::string>>();
  for (const json& file : j.at("files")) {
    table->files.push_back(
        {file.at(0).get<std::string>(), file.at(1).get<uint64_t>(), file.at(2).get<int64_t>()});
    if (file.size() > 3) table->files.back().hash = file.at(3).get<std::string>();
  }
  table->file_count = j.at("file_count").get<uint64_t>();
  return table;
}

bool HasComments(const Entry& entry) {
  const auto commented = [](const ColumnDef& column) { return column.comment.has_value(); };
  return entry.comment || (entry.view && !entry.view->column_comments.empty()) ||
         (entry.table && std::ranges::any_of(entry.table->columns, commented)) ||
         (entry.external && std::ranges::any_of(entry.external->columns, commented));
}

bool HasHashes(const Entry& entry) {
  return entry.external && std::ranges::any_of(entry.external->files,
                                               [](const auto& file) { return !file.hash.empty(); });
}

// What older builds would take for plain columns, or for none.
bool HasComputed(const Entry& entry) {
  const auto always = [](const ColumnDef& column) { return column.identity == Identity::kAlways; };
  return entry.table &&
         (!entry.table->generated.empty() || std::ranges::any_of(entry.table->columns, always));
}

bool HasConstraintNames(const TableDef& table) {
  const auto named = [](const auto& constraint) { return !constraint.name.empty(); };
  return !table.key_name.empty() || std::ranges::any_of(table.checks, named) ||
         std::ranges::any_of(table.unique, named) || std::ranges::any_of(table.foreign_keys, named);
}

// The oldest version that knows all that is in the entry: what older builds can read, they may.
int VersionOf(const Entry& entry) {
  if (entry.table && std::ranges::any_of(entry.table->columns, HasDictionaries))
    return kDictionaryVersion;
  if (entry.table && HasConstraintNames(*entry.table)) return kNamedVersion;
  if (CameAsArrow(entry)) return kArrowVersion;
  if (HasHashes(entry)) return kHashVersion;
  if (HasComputed(entry)) return kComputedVersion;
  if (entry.table && (!entry.table->unique.empty() || !entry.table->foreign_keys.empty() ||
                      !entry.table->indexes.empty()))
    return kConstraintVersion;
  return HasComments(entry) ? kCommentVersion : kFirstVersion;
}

json SequenceToJson(const SequenceDef& sequence) {
  return {{"id", sequence.id},      {"start", sequence.start}, {"increment", sequence.increment},
          {"min", sequence.min},    {"max", sequence.max},     {"cycle", sequence.cycle},
          {"owned", sequence.owned}};
}

std::shared_ptr<const SequenceDef> SequenceFromJson(const Entry& entry, const json& j) {
  auto sequence = std::make_shared<SequenceDef>();
  sequence->schema = entry.schema;
  sequence->name = entry.name;
  sequence->id = j.at("id").get<std::string>();
  sequence->start = j.at("start").get<int64_t>();
  sequence->increment = j.at("increment").get<int64_t>();
  sequence->min = j.at("min").get<int64_t>();
  sequence->max = j.at("max").get<int64_t>();
  sequence->cycle = j.at("cycle").get<bool>();
  sequence->owned = j.value("owned", false);
  return sequence;
}

// The kinds that share no names with tables. False: `kind` is none of them.
bool ReadObject(const std::string& kind, const json& j, Entry* entry) {
  for (const EntryKind known :
       {EntryKind::kSequence, EntryKind::kType, EntryKind::kMacro, EntryKind::kTableMacro}) {
    if (kind == EntryKindName(known)) entry->kind = known;
  }
  switch (entry->kind) {
    case EntryKind::kSequence:
      entry->sequence = SequenceFromJson(*entry, j.at("sequence"));
      return true;
    case EntryKind::kType:
      entry->type = std::make_shared<const TypeDef>(
          TypeDef{entry->schema, entry->name, j.at("sql_type").get<std::string>()});
      return true;
    case EntryKind::kMacro:
    case EntryKind::kTableMacro:
      entry->macro = std::make_shared<const MacroDef>(MacroDef{entry->schema, entry->name,
                                                               j.at("sql").get<std::string>(),
                                                               j.at("ordinal").get<uint64_t>()});
      return true;
    default:
      return false;
  }
}

arrow::Result<EntryPtr> EntryFrom(const json& j) {
  if (j.at("version").get<int>() > kEntryVersion) {
    return MakeError(ErrorCode::kFormatVersion,
                     "a catalog entry was written by a newer build of Pyralog");
  }
  auto entry = std::make_shared<Entry>();
  entry->schema = j.at("schema").get<std::string>();
  entry->name = j.at("name").get<std::string>();
  const auto kind = j.at("kind").get<std::string>();
  if (kind == EntryKindName(EntryKind::kSchema)) {
    entry->kind = EntryKind::kSchema;
  } else if (kind == EntryKindName(EntryKind::kTable)) {
    entry->kind = EntryKind::kTable;
    ARROW_ASSIGN_OR_RAISE(entry->table, TableFromJson(*entry, j.at("table")));
  } else if (kind == EntryKindName(EntryKind::kExternalTable)) {
    entry->kind = EntryKind::kExternalTable;
    ARROW_ASSIGN_OR_RAISE(entry->external, ExternalFromJson(*entry, j.at("external")));
  } else if (kind == EntryKindName(EntryKind::kView)) {
    entry->kind = EntryKind::kView;
    ViewDef view{entry->schema, entry->name, j.at("sql").get<std::string>(),
                 j.at("aliases").get<std::vector<std::string>>()};
    if (j.contains("column_comments")) {
      view.column_comments = j.at("column_comments").get<std::map<std::string, std::string>>();
    }
    entry->view = std::make_shared<const ViewDef>(std::move(view));
  } else if (!ReadObject(kind, j, entry.get())) {
    return MakeError(ErrorCode::kFormatVersion,
                     "a catalog entry is a '" + kind + "', which this build does not know");
  }
  if (j.contains("comment")) entry->comment = j.at("comment").get<std::string>();
  return entry;
}

}  // namespace

std::string_view EntryKindName(EntryKind kind) {
  switch (kind) {
    case EntryKind::kSchema:
      return "schema";
    case EntryKind::kTable:
      return "table";
    case EntryKind::kExternalTable:
      return "external table";
    case EntryKind::kView:
      return "view";
    case EntryKind::kSequence:
      return "sequence";
    case EntryKind::kType:
      return "type";
    case EntryKind::kMacro:
      return "macro";
    case EntryKind::kTableMacro:
      return "table macro";
  }
  return "entry";
}

bool IsRelation(EntryKind kind) {
  return kind == EntryKind::kTable || kind == EntryKind::kExternalTable || kind == EntryKind::kView;
}

std::string EntryToJson(const Entry& entry) {
  json j = {{"version", VersionOf(entry)},
            {"kind", std::string(EntryKindName(entry.kind))},
            {"schema", entry.schema},
            {"name", entry.name}};
  if (entry.table) j["table"] = TableToJson(*entry.table);
  if (entry.external) j["external"] = ExternalToJson(*entry.external);
  if (entry.view) {
    j["sql"] = entry.view->sql;
    j["aliases"] = entry.view->aliases;
    if (!entry.view->column_comments.empty()) j["column_comments"] = entry.view->column_comments;
  }
  if (entry.comment) j["comment"] = *entry.comment;
  if (entry.sequence) j["sequence"] = SequenceToJson(*entry.sequence);
  if (entry.type) j["sql_type"] = entry.type->sql_type;
  if (entry.macro) {
    j["sql"] = entry.macro->sql;
    j["ordinal"] = entry.macro->ordinal;
  }
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

arrow::Result<EntryPtr> EntryFromJson(std::string_view text) {
  // nlohmann-json reports misuse by exceptions only.
  try {
    return EntryFrom(json::parse(text));
  } catch (const std::exception& error) {
    return MakeError(ErrorCode::kDamaged,
                     std::string("a catalog entry cannot be read: ") + error.what());
  }
}

}  // namespace pyralog::catalog
