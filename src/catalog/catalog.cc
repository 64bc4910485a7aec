#include "catalog/catalog.h"

#include <algorithm>
#include <unordered_map>

#include "arrow/compute/cast.h"
#include "base/thread_annotations.h"
#include "pyralog/error.h"

namespace pyralog::catalog {
namespace {

// Entries live in the engine's metadata: "schema/<name>", "entry/<schema>/<name>" for tables and
// views, "entry/<schema>/<name>/<kind>" for kinds that have names of their own. Names are in lower
// case, with '/' and '%' written as %2f and %25, so that every name is one part of the key.
constexpr char kSchemaPrefix[] = "schema/";
constexpr char kEntryPrefix[] = "entry/";
// "index/<schema>/<name>", without content, takes an index's name; what it is stands in the table.
constexpr char kIndexPrefix[] = "index/";
constexpr uint64_t kUncommitted = uint64_t{1} << 63;

std::string KeyPart(std::string_view name) {
  std::string key;
  for (char c : name) {
    if (c == '/') {
      key += "%2f";
    } else if (c == '%') {
      key += "%25";
    } else {
      key += (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return key;
}

std::string SchemaKey(std::string_view schema) { return kSchemaPrefix + KeyPart(schema); }
std::string EntryKey(std::string_view schema, std::string_view name) {
  return kEntryPrefix + KeyPart(schema) + "/" + KeyPart(name);
}

std::string IndexKey(std::string_view schema, std::string_view name) {
  return kIndexPrefix + KeyPart(schema) + "/" + KeyPart(name);
}

std::string ObjectKey(EntryKind kind, std::string_view schema, std::string_view name) {
  std::string key = EntryKey(schema, name);
  if (!IsRelation(kind)) key += "/" + std::string(EntryKindName(kind));
  return key;
}

constexpr EntryKind kObjectKinds[] = {EntryKind::kSequence, EntryKind::kType, EntryKind::kMacro,
                                      EntryKind::kTableMacro};

Entry NewEntry(EntryKind kind, std::string schema, std::string name) {
  Entry entry;
  entry.kind = kind;
  entry.schema = std::move(schema);
  entry.name = std::move(name);
  return entry;
}

bool IsDefault(std::string_view schema) { return KeyPart(schema) == kDefaultSchema; }

arrow::Status Exists(const Entry& entry) {
  return MakeError(ErrorCode::kAlreadyExists,
                   std::string(EntryKindName(entry.kind)) + " '" + entry.name +
                       "' exists already; drop it first or choose another name");
}

arrow::Status NoSchema(std::string_view schema) {
  return MakeError(ErrorCode::kNotFound, "there is no schema '" + std::string(schema) + "'");
}

arrow::Result<lsm::TableSchemaPtr> StorageSchema(const TableDef& def) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < def.columns.size(); ++i) {
    const ColumnDef& column = def.columns[i];
    const bool in_key =
        std::find(def.key.begin(), def.key.end(), static_cast<int>(i)) != def.key.end();
    fields.push_back(
        arrow::field(column.name, column.type, column.nullable && !in_key, column.metadata));
  }
  ARROW_ASSIGN_OR_RAISE(
      auto made, lsm::MakeTableSchema(arrow::schema(std::move(fields), def.metadata), def.key));
  if (def.unique.empty() && def.foreign_keys.empty()) return made;
  auto schema = std::make_shared<lsm::TableSchema>(*made);
  const auto ids_of = [&](const std::vector<int>& columns) {
    std::vector<FieldId> ids;
    for (const int column : columns) ids.push_back(schema->field_ids[column]);
    return ids;
  };
  for (const UniqueDef& unique : def.unique)
    schema->unique.push_back({ids_of(unique.columns), TableId{}});
  for (const ForeignKeyDef& foreign_key : def.foreign_keys) {
    schema->references.push_back(
        {ids_of(foreign_key.columns), foreign_key.parent, foreign_key.parent_columns});
  }
  return schema;
}

// The schema of an altered table: fields keep their ids, new ones get new ids.
arrow::Result<lsm::TableSchemaPtr> AlteredSchema(const lsm::TableSchema& current,
                                                 const TableDef& next,
                                                 const std::vector<ColumnOrigin>& origins) {
  ARROW_ASSIGN_OR_RAISE(const lsm::TableSchemaPtr fresh, StorageSchema(next));
  auto schema = std::make_shared<lsm::TableSchema>(current);
  schema->version = current.version + 1;
  schema->arrow = fresh->arrow->WithMetadata(current.arrow->metadata());
  schema->key = fresh->key;
  schema->field_ids.clear();
  schema->missing.clear();
  for (const ColumnOrigin& origin : origins) {
    if (origin.position >= 0) {
      schema->field_ids.push_back(current.field_ids[origin.position]);
      auto missing = current.missing[origin.position];
      const auto& type = next.columns[schema->missing.size()].type;
      if (missing != nullptr && !missing->type->Equals(*type)) {
        ARROW_ASSIGN_OR_RAISE(const arrow::Datum cast, arrow::compute::Cast(missing, type));
        missing = cast.scalar();
      }
      schema->missing.push_back(std::move(missing));
    } else {
      schema->field_ids.push_back(schema->next_field_id);
      schema->next_field_id = FieldId(schema->next_field_id.value() + 1);
      schema->missing.push_back(origin.missing);
    }
  }
  return lsm::TableSchemaPtr(std::move(schema));
}

// References of a new table to itself.
void TakeOwnId(TableDef* def) {
  for (ForeignKeyDef& foreign_key : def->foreign_keys) {
    if (foreign_key.parent.value() == 0) foreign_key.parent = def->id;
  }
}

// Entries that were read last, by what they were read from: each call of a transaction reads its
// table's. Thread-safe.
class ReadEntries {
 public:
  arrow::Result<EntryPtr> Read(const std::string& json) {
    {
      MutexLock lock(mutex_);
      if (const auto found = by_json_.find(json); found != by_json_.end()) return found->second;
    }
    ARROW_ASSIGN_OR_RAISE(EntryPtr entry, EntryFromJson(json));
    MutexLock lock(mutex_);
    bytes_ += json.size();
    if (by_json_.size() >= kMostEntries || bytes_ > kMostBytes) {
      by_json_.clear();
      bytes_ = json.size();
    }
    by_json_.emplace(json, entry);
    return entry;
  }

 private:
  static constexpr size_t kMostEntries = 256;
  static constexpr size_t kMostBytes = size_t{8} << 20;
  Mutex mutex_;
  std::unordered_map<std::string, EntryPtr> by_json_ GUARDED_BY(mutex_);
  size_t bytes_ GUARDED_BY(mutex_) = 0;  // of their texts
};

class CatalogTransaction final : public Transaction {
 public:
  CatalogTransaction(std::unique_ptr<lsm::Transaction> storage, std::shared_ptr<ReadEntries> read)
      : storage_(std::move(storage)), read_(std::move(read)) {}

  arrow::Result<EntryPtr> Find(std::string_view schema, std::string_view name) override {
    const auto json = storage_->GetMeta(EntryKey(schema, name));
    if (!json) return EntryPtr();
    return read_->Read(*json);
  }

  arrow::Result<bool> HasSchema(std::string_view schema) override {
    return IsDefault(schema) || storage_->GetMeta(SchemaKey(schema)).has_value();
  }

  arrow::Result<std::vector<std::string>> ListSchemas() override {
    std::vector<std::string> names = {std::string(kDefaultSchema)};
    arrow::Status status;
    storage_->ScanMeta(kSchemaPrefix, [&](const std::string&, const std::string& json) {
      auto entry = EntryFromJson(json);
      status &= entry.status();
      if (entry.ok()) names.push_back((*entry)->name);
    });
    ARROW_RETURN_NOT_OK(status);
    return names;
  }

  arrow::Result<std::vector<EntryPtr>> List(std::string_view schema) override {
    return ListKeys(schema, "");
  }

  arrow::Result<EntryPtr> FindObject(EntryKind kind, std::string_view schema,
                                     std::string_view name) override {
    const auto json = storage_->GetMeta(ObjectKey(kind, schema, name));
    if (!json) return EntryPtr();
    return EntryFromJson(*json);
  }

  arrow::Result<std::vector<EntryPtr>> ListObjects(EntryKind kind,
                                                   std::string_view schema) override {
    return ListKeys(schema, EntryKindName(kind));
  }

  arrow::Status CreateSchema(const std::string& name) override {
    ARROW_ASSIGN_OR_RAISE(const bool exists, HasSchema(name));
    Entry entry = NewEntry(EntryKind::kSchema, name, name);
    if (exists) return Exists(entry);
    return Put(SchemaKey(name), entry);
  }

  arrow::Status DropSchema(const std::string& name, bool cascade) override {
    if (IsDefault(name))
      return MakeError(ErrorCode::kInvalidArgument, "schema 'main' cannot be dropped");
    ARROW_ASSIGN_OR_RAISE(const bool exists, HasSchema(name));
    if (!exists) return NoSchema(name);
    ARROW_ASSIGN_OR_RAISE(auto entries, List(name));
    for (const EntryKind kind : kObjectKinds) {
      ARROW_ASSIGN_OR_RAISE(const auto objects, ListObjects(kind, name));
      entries.insert(entries.end(), objects.begin(), objects.end());
    }
    if (!entries.empty() && !cascade) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "schema '" + name + "' is not empty (it holds " +
                           std::string(EntryKindName(entries[0]->kind)) + " '" + entries[0]->name +
                           "'); use CASCADE to drop what it holds");
    }
    for (const EntryPtr& entry : entries)
      ARROW_RETURN_NOT_OK(Drop(entry->schema, entry->name, entry->kind, true));
    ++changes_;
    return storage_->DeleteMeta(SchemaKey(name));
  }

  arrow::Result<EntryPtr> CreateTable(TableDef def) override {
    ARROW_RETURN_NOT_OK(CheckFree(def.schema, def.name));
    for (int column : def.key) def.columns[column].nullable = false;
    ARROW_ASSIGN_OR_RAISE(auto schema, StorageSchema(def));
    ARROW_ASSIGN_OR_RAISE(def.id, storage_->CreateTable(std::move(schema)));
    TakeOwnId(&def);
    Entry entry = NewEntry(EntryKind::kTable, def.schema, def.name);
    entry.table = std::make_shared<const TableDef>(std::move(def));
    return PutNew(std::move(entry));
  }

  arrow::Result<EntryPtr> CreateExternalTable(ExternalTableDef def) override {
    ARROW_RETURN_NOT_OK(CheckFree(def.schema, def.name));
    Entry entry = NewEntry(EntryKind::kExternalTable, def.schema, def.name);
    entry.external = std::make_shared<const ExternalTableDef>(std::move(def));
    return PutNew(std::move(entry));
  }

  arrow::Result<EntryPtr> CreateView(ViewDef def) override {
    ARROW_RETURN_NOT_OK(CheckFree(def.schema, def.name));
    Entry entry = NewEntry(EntryKind::kView, def.schema, def.name);
    entry.view = std::make_shared<const ViewDef>(std::move(def));
    return PutNew(std::move(entry));
  }

  arrow::Result<EntryPtr> Replace(const Entry& current, Entry next) override {
    const std::string key = ObjectKey(current.kind, current.schema, current.name);
    const std::string next_key = ObjectKey(next.kind, next.schema, next.name);
    if (key != next_key) {
      ARROW_RETURN_NOT_OK(CheckFree(next.schema, next.name));
      ARROW_RETURN_NOT_OK(storage_->DeleteMeta(key));
    }
    ARROW_RETURN_NOT_OK(Put(next_key, next));
    return std::make_shared<const Entry>(std::move(next));
  }

  arrow::Status KeepDictionaries(const Entry& current, TableDef next, bool needed) override {
    if (needed) return ReplaceTable(current, std::move(next)).status();
    Entry entry = current;
    entry.table = std::make_shared<const TableDef>(std::move(next));
    ++changes_;
    return storage_->OfferMeta(EntryKey(entry.schema, entry.name), EntryToJson(entry));
  }

  arrow::Result<EntryPtr> AlterTable(const Entry& current, TableDef next,
                                     const std::vector<ColumnOrigin>& origins) override {
    ARROW_ASSIGN_OR_RAISE(const auto schema, storage_->Schema(current.table->id));
    ARROW_ASSIGN_OR_RAISE(auto altered, AlteredSchema(*schema, next, origins));
    ARROW_RETURN_NOT_OK(storage_->AlterTable(current.table->id, std::move(altered)));
    return ReplaceTable(current, std::move(next));
  }

  arrow::Result<EntryPtr> RecreateTable(const Entry& current, TableDef next) override {
    const TableId old = current.table->id;
    ARROW_ASSIGN_OR_RAISE(const auto schema, storage_->Schema(old));
    if (!storage_->ReferringTables(old).empty()) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "table '" + current.name +
                           "' cannot be changed like this: foreign keys of other tables refer to "
                           "it; drop these tables first");
    }
    // A drop alone does not mind what others wrote; a new definition does.
    ARROW_RETURN_NOT_OK(ChangeSchema(old, [](lsm::TableSchema*) {}));
    ARROW_RETURN_NOT_OK(storage_->DropTable(old));
    for (ForeignKeyDef& foreign_key : next.foreign_keys) {
      if (foreign_key.parent != old) continue;
      // To the new table itself, whose columns stand where they stood and have the ids of a new one.
      foreign_key.parent = TableId{};
      for (FieldId& id : foreign_key.parent_columns)
        id = FieldId(static_cast<uint32_t>(schema->PositionOf(id) + 1));
    }
    ARROW_ASSIGN_OR_RAISE(auto fresh, StorageSchema(next));
    ARROW_ASSIGN_OR_RAISE(next.id, storage_->CreateTable(std::move(fresh)));
    TakeOwnId(&next);
    return ReplaceTable(current, std::move(next));
  }

  arrow::Result<EntryPtr> ChangeConstraints(const Entry& current, TableDef next) override {
    const std::vector<UniqueDef>& old = current.table->unique;
    ARROW_RETURN_NOT_OK(ChangeSchema(next.id, [&](lsm::TableSchema* changed) {
      const auto ids_of = [&](const std::vector<int>& columns) {
        std::vector<FieldId> ids;
        for (const int column : columns) ids.push_back(changed->field_ids[column]);
        return ids;
      };
      // Sets that stay keep their index.
      std::vector<lsm::UniqueSet> kept = std::move(changed->unique);
      changed->unique.clear();
      for (const UniqueDef& unique : next.unique) {
        lsm::UniqueSet set{ids_of(unique.columns), TableId{}};
        for (size_t i = 0; i < kept.size() && set.index.value() == 0; ++i) {
          if (old[i].columns == unique.columns) std::swap(set.index, kept[i].index);
        }
        changed->unique.push_back(std::move(set));
      }
      changed->references.clear();
      for (const ForeignKeyDef& foreign_key : next.foreign_keys) {
        changed->references.push_back(
            {ids_of(foreign_key.columns), foreign_key.parent, foreign_key.parent_columns});
      }
    }));
    return ReplaceTable(current, std::move(next));
  }

  arrow::Result<EntryPtr> CreateSequence(SequenceDef def) override {
    def.id = NewSequenceId();
    ARROW_RETURN_NOT_OK(storage_->PutMeta(SequenceKey(def.id), SequenceStart(def)));
    Entry entry = NewEntry(EntryKind::kSequence, def.schema, def.name);
    entry.sequence = std::make_shared<const SequenceDef>(std::move(def));
    return PutObject(std::move(entry));
  }

  arrow::Result<EntryPtr> CreateType(TypeDef def) override {
    Entry entry = NewEntry(EntryKind::kType, def.schema, def.name);
    entry.type = std::make_shared<const TypeDef>(std::move(def));
    return PutObject(std::move(entry));
  }

  arrow::Result<EntryPtr> CreateMacro(EntryKind kind, MacroDef def) override {
    for (const EntryKind other : {EntryKind::kMacro, EntryKind::kTableMacro}) {
      ARROW_ASSIGN_OR_RAISE(const auto macros, ListObjects(other, def.schema));
      for (const EntryPtr& macro : macros)
        def.ordinal = std::max(def.ordinal, macro->macro->ordinal + 1);
    }
    Entry entry = NewEntry(kind, def.schema, def.name);
    entry.macro = std::make_shared<const MacroDef>(std::move(def));
    return PutObject(std::move(entry));
  }

  arrow::Status Drop(std::string_view schema, std::string_view name, EntryKind kind,
                     bool cascade) override {
    ARROW_ASSIGN_OR_RAISE(const EntryPtr entry, FindObject(kind, schema, name));
    const std::string kind_name(EntryKindName(kind));
    if (!entry)
      return MakeError(ErrorCode::kNotFound,
                       "there is no " + kind_name + " '" + std::string(name) + "'");
    if (entry->kind != kind) {
      return MakeError(ErrorCode::kInvalidArgument, "'" + entry->name + "' is no " + kind_name +
                                                        " but a " +
                                                        std::string(EntryKindName(entry->kind)));
    }
    if (entry->table) {
      ARROW_RETURN_NOT_OK(DropReferencesTo(*entry->table, cascade));
      for (const IndexDef& index : entry->table->indexes)
        ARROW_RETURN_NOT_OK(storage_->DeleteMeta(IndexKey(entry->schema, index.name)));
      ARROW_RETURN_NOT_OK(storage_->DropTable(entry->table->id));
    }
    if (entry->sequence) {
      ARROW_RETURN_NOT_OK(storage_->DeleteMeta(SequenceKey(entry->sequence->id)));
    }
    ++changes_;
    return storage_->DeleteMeta(ObjectKey(kind, schema, name));
  }

  arrow::Status CreateIndex(std::string_view schema, std::string_view table,
                            IndexDef index) override {
    ARROW_ASSIGN_OR_RAISE(const EntryPtr entry, Find(schema, table));
    if (!entry || !entry->table)
      return MakeError(ErrorCode::kNotFound, "there is no hot table '" + std::string(table) + "'");
    if (storage_->GetMeta(IndexKey(schema, index.name))) {
      return MakeError(
          ErrorCode::kAlreadyExists,
          "index '" + index.name + "' exists already; drop it first or choose another name");
    }
    TableDef def = *entry->table;
    if (index.unique) {
      def.unique.push_back({index.columns, index.name});
      ARROW_RETURN_NOT_OK(ChangeSchema(def.id, [&](lsm::TableSchema* changed) {
        lsm::UniqueSet set;
        for (const int column : index.columns) set.fields.push_back(changed->field_ids[column]);
        changed->unique.push_back(std::move(set));
      }));
    }
    ARROW_RETURN_NOT_OK(storage_->PutMeta(IndexKey(schema, index.name), ""));
    def.indexes.push_back(std::move(index));
    return ReplaceTable(*entry, std::move(def)).status();
  }

  arrow::Status DropIndex(std::string_view schema, std::string_view name) override {
    ARROW_ASSIGN_OR_RAISE(const EntryPtr entry, FindIndex(schema, name));
    if (!entry)
      return MakeError(ErrorCode::kNotFound, "there is no index '" + std::string(name) + "'");
    TableDef def = *entry->table;
    const auto is_it = [&](const std::string& other) { return KeyPart(other) == KeyPart(name); };
    const auto unique = std::find_if(def.unique.begin(), def.unique.end(),
                                     [&](const UniqueDef& u) { return is_it(u.index); });
    if (unique != def.unique.end()) {
      const auto at = unique - def.unique.begin();
      def.unique.erase(unique);
      ARROW_RETURN_NOT_OK(ChangeSchema(def.id, [at](lsm::TableSchema* changed) {
        changed->unique.erase(changed->unique.begin() + at);
      }));
    }
    std::erase_if(def.indexes, [&](const IndexDef& index) { return is_it(index.name); });
    ARROW_RETURN_NOT_OK(storage_->DeleteMeta(IndexKey(schema, name)));
    return ReplaceTable(*entry, std::move(def)).status();
  }

  arrow::Result<EntryPtr> FindIndex(std::string_view schema, std::string_view name) override {
    if (!storage_->GetMeta(IndexKey(schema, name))) return EntryPtr();
    ARROW_ASSIGN_OR_RAISE(const auto entries, List(schema));
    for (const EntryPtr& entry : entries) {
      if (!entry->table) continue;
      for (const IndexDef& index : entry->table->indexes) {
        if (KeyPart(index.name) == KeyPart(name)) return entry;
      }
    }
    return MakeError(ErrorCode::kDamaged, "index '" + std::string(name) + "' has no table");
  }

  arrow::Result<EntryPtr> FindTable(TableId id) override {
    EntryPtr found;
    arrow::Status status;
    storage_->ScanMeta(kEntryPrefix, [&](const std::string&, const std::string& json) {
      auto entry = EntryFromJson(json);
      status &= entry.status();
      if (entry.ok() && (*entry)->table && (*entry)->table->id == id) found = *entry;
    });
    ARROW_RETURN_NOT_OK(status);
    return found;
  }

  uint64_t version() const override {
    return changes_ == 0 ? storage_->meta_version().value() : kUncommitted + changes_;
  }
  lsm::Transaction& storage() override { return *storage_; }
  arrow::Status CheckReferences() override {
    const auto name_of = [this](TableId id) {
      const auto entry = FindTable(id);
      return entry.ok() && *entry ? "\"" + (*entry)->name + "\"" : std::string("?");
    };
    const auto is_indexed = [this](TableId id, FieldId field) {
      const auto entry = FindTable(id);
      const auto schema = storage_->Schema(id);
      if (!entry.ok() || *entry == nullptr || !schema.ok()) return false;
      const int column = (*schema)->PositionOf(field);
      const auto& indexes = (*entry)->table->indexes;
      return std::ranges::any_of(
          indexes, [column](const IndexDef& index) { return index.columns[0] == column; });
    };
    return storage_->CheckReferences(name_of, is_indexed);
  }
  arrow::Result<CommitNumber> Commit() override { return storage_->Commit(); }
  void Rollback() override { storage_->Rollback(); }

 private:
  arrow::Status Put(std::string key, const Entry& entry) {
    ++changes_;
    return storage_->PutMeta(std::move(key), EntryToJson(entry));
  }

  arrow::Result<EntryPtr> ReplaceTable(const Entry& current, TableDef next) {
    Entry entry = current;
    entry.schema = next.schema;
    entry.name = next.name;
    entry.table = std::make_shared<const TableDef>(std::move(next));
    return Replace(current, std::move(entry));
  }

  arrow::Result<EntryPtr> PutNew(Entry entry) {
    // Dropping the schema at the same time must not leave an entry without one.
    if (!IsDefault(entry.schema)) storage_->GuardMeta(SchemaKey(entry.schema));
    ARROW_RETURN_NOT_OK(Put(ObjectKey(entry.kind, entry.schema, entry.name), entry));
    return std::make_shared<const Entry>(std::move(entry));
  }

  // Before a table is dropped: the foreign keys of other tables go, or forbid it.
  arrow::Status DropReferencesTo(const TableDef& parent, bool cascade) {
    for (const TableId id : storage_->ReferringTables(parent.id)) {
      ARROW_ASSIGN_OR_RAISE(const EntryPtr child, FindTable(id));
      if (child == nullptr)
        return MakeError(ErrorCode::kDamaged, "a table that refers to another has no name");
      if (!cascade) {
        return MakeError(ErrorCode::kInvalidArgument,
                         "table '" + parent.name + "' cannot be dropped: a foreign key of table '" +
                             child->name +
                             "' refers to it; use CASCADE to drop that foreign key too");
      }
      ARROW_RETURN_NOT_OK(DropForeignKeys(*child, parent.id));
    }
    return arrow::Status::OK();
  }

  arrow::Status DropForeignKeys(const Entry& child, TableId parent) {
    ARROW_RETURN_NOT_OK(ChangeSchema(child.table->id, [&](lsm::TableSchema* changed) {
      std::erase_if(changed->references,
                    [&](const lsm::Reference& r) { return r.parent == parent; });
    }));
    TableDef def = *child.table;
    std::erase_if(def.foreign_keys, [&](const ForeignKeyDef& f) { return f.parent == parent; });
    return ReplaceTable(child, std::move(def)).status();
  }

  template <class Change>
  arrow::Status ChangeSchema(TableId table, Change change) {
    ARROW_ASSIGN_OR_RAISE(const auto old, storage_->Schema(table));
    auto schema = std::make_shared<lsm::TableSchema>(*old);
    ++schema->version;
    change(schema.get());
    return storage_->AlterTable(table, std::move(schema));
  }

  arrow::Result<EntryPtr> PutObject(Entry entry) {
    ARROW_ASSIGN_OR_RAISE(const bool has_schema, HasSchema(entry.schema));
    if (!has_schema) return NoSchema(entry.schema);
    ARROW_ASSIGN_OR_RAISE(const EntryPtr other, FindObject(entry.kind, entry.schema, entry.name));
    if (other) return Exists(*other);
    return PutNew(std::move(entry));
  }

  // The entries of a schema whose keys have `kind` behind the name (empty: nothing).
  arrow::Result<std::vector<EntryPtr>> ListKeys(std::string_view schema, std::string_view kind) {
    const std::string prefix = kEntryPrefix + KeyPart(schema) + "/";
    std::vector<EntryPtr> entries;
    arrow::Status status;
    storage_->ScanMeta(prefix, [&](const std::string& key, const std::string& json) {
      const size_t slash = key.find('/', prefix.size());
      if ((slash == std::string::npos ? "" : key.substr(slash + 1)) != kind) return;
      auto entry = EntryFromJson(json);
      status &= entry.status();
      if (entry.ok()) entries.push_back(*entry);
    });
    ARROW_RETURN_NOT_OK(status);
    return entries;
  }

  arrow::Status CheckFree(std::string_view schema, std::string_view name) {
    ARROW_ASSIGN_OR_RAISE(const bool has_schema, HasSchema(schema));
    if (!has_schema) return NoSchema(schema);
    ARROW_ASSIGN_OR_RAISE(const EntryPtr entry, Find(schema, name));
    return entry ? Exists(*entry) : arrow::Status::OK();
  }

  std::unique_ptr<lsm::Transaction> storage_;
  const std::shared_ptr<ReadEntries> read_;
  uint64_t changes_ = 0;
};

class EngineCatalog final : public Catalog {
 public:
  explicit EngineCatalog(std::unique_ptr<lsm::Engine> engine)
      : engine_(std::move(engine)), sequences_(*engine_) {}
  ~EngineCatalog() override { sequences_.GiveBack(); }

  arrow::Result<std::unique_ptr<Transaction>> Begin() override {
    ARROW_ASSIGN_OR_RAISE(auto storage, engine_->Begin());
    return std::make_unique<CatalogTransaction>(std::move(storage), read_);
  }
  lsm::Engine& engine() override { return *engine_; }
  Sequences& sequences() override { return sequences_; }

 private:
  const std::unique_ptr<lsm::Engine> engine_;
  const std::shared_ptr<ReadEntries> read_ = std::make_shared<ReadEntries>();
  Sequences sequences_;
};

}  // namespace

std::unique_ptr<Catalog> Catalog::Make(std::unique_ptr<lsm::Engine> engine) {
  return std::make_unique<EngineCatalog>(std::move(engine));
}

}  // namespace pyralog::catalog
