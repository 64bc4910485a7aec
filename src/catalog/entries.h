// What a name in the catalog stands for. Plain values, made of and turned into JSON; no SQL parsing
// here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "arrow/type.h"
#include "arrow/util/key_value_metadata.h"
#include "catalog/dictionary_entries.h"
#include "pyralog/ids.h"

namespace pyralog::catalog {

enum class EntryKind {
  kSchema,
  kTable,
  kExternalTable,
  kView,
  kSequence,
  kType,
  kMacro,
  kTableMacro
};
std::string_view EntryKindName(EntryKind kind);  // "schema", "table", "external table", "view" ...
// Tables, external tables and views share their names; each other kind has names of its own.
bool IsRelation(EntryKind kind);

// Where a column's values come from when they are not given.
enum class Identity { kNone, kByDefault, kAlways };  // kAlways: they must not be given

struct ColumnDef {
  std::string name;
  std::shared_ptr<arrow::DataType> type;  // as stored
  std::string sql_type;  // as the SQL engine spells it: "DECIMAL(18,3)", "HUGEINT", "UUID", ...
  bool nullable = true;
  std::optional<std::string> default_sql;  // an expression's text
  std::optional<std::string> comment = std::nullopt;
  Identity identity = Identity::kNone;  // then the default takes from a sequence of the table's
  // The Arrow type came first and is kept; sql_type is what SQL sees of it. (sql/stored_values.h)
  bool arrow_first = false;
  std::shared_ptr<const arrow::KeyValueMetadata> metadata = nullptr;  // of the Arrow field
  // The entries of each dictionary in `type` that stands not among the entries of another, outermost
  // first; null: not known. Empty: of none. (sql/dictionary_column.h)
  std::vector<DictionaryEntriesPtr> dictionaries = {};
};

// A column that is computed when it is read; nothing of it is stored.
struct GeneratedColumn {
  int position = 0;  // among all columns of the table, stored ones included
  std::string name;
  std::string sql_type;
  std::string expression;
};

// UNIQUE: columns of which no two rows have equal values; rows with a NULL among them are not
// compared.
struct UniqueDef {
  std::vector<int> columns;  // positions in columns
  std::string index = {};    // the CREATE UNIQUE INDEX that it is of; "": a constraint of the table
  std::string name = {};     // as CONSTRAINT gave it; "": none (so with the other constraints)
  bool operator==(const UniqueDef&) const = default;
};

// FOREIGN KEY: columns whose values, when none is NULL, are those of a row of another table, or of
// this one.
struct ForeignKeyDef {
  std::vector<int> columns;             // positions in columns
  TableId parent;                       // 0: this table, until it has its id
  std::string parent_name;              // in the same schema, when this was written
  std::vector<FieldId> parent_columns;  // parallel; the parent's primary key or a UNIQUE of it
  std::string name = {};
  bool operator==(const ForeignKeyDef&) const = default;
};

struct CheckDef {
  std::string sql;  // an expression's text
  std::string name = {};
};

// CREATE INDEX. The name is one of the schema's indexes. A unique one has a UniqueDef, too.
struct IndexDef {
  std::string name;
  std::vector<int> columns;  // positions in columns, in order of weight
  bool unique = false;
  bool operator==(const IndexDef&) const = default;
};

struct TableDef {
  std::string schema;
  std::string name;
  TableId id;  // given by the catalog when created
  std::vector<ColumnDef> columns;
  std::vector<int> key;  // positions in columns, in key order
  std::string key_name = {};
  std::vector<CheckDef> checks;
  std::vector<UniqueDef> unique;            // parallel to lsm::TableSchema::unique
  std::vector<ForeignKeyDef> foreign_keys;  // parallel to lsm::TableSchema::references
  std::vector<IndexDef> indexes;
  std::vector<GeneratedColumn> generated;  // by position; `columns` has the stored ones only
  std::shared_ptr<const arrow::KeyValueMetadata> metadata = nullptr;  // of the Arrow schema
};

struct ViewDef {
  std::string schema;
  std::string name;
  std::string sql;                   // the SELECT
  std::vector<std::string> aliases;  // column names given in CREATE VIEW v(a, b)
  std::map<std::string, std::string> column_comments = {};
};

// How a sequence goes; where it stands is kept apart (see sequences.h).
struct SequenceDef {
  std::string schema;
  std::string name;
  std::string id;  // no two sequences ever have the same
  int64_t start = 1;
  int64_t increment = 1;  // not 0
  int64_t min = 1;
  int64_t max = INT64_MAX;
  bool cycle = false;
  bool owned = false;  // by an identity column, with which it goes
};

struct TypeDef {
  std::string schema;
  std::string name;
  std::string sql_type;  // what it stands for: "ENUM('a', 'b')", "DECIMAL(18,3)", ...
};

struct MacroDef {
  std::string schema;
  std::string name;
  std::string sql;       // the statement that creates it
  uint64_t ordinal = 0;  // grows: a macro may use those before it
};

// A registered file or set of files, never copied. About 1 KB whatever the data's size.
struct ExternalTableDef {
  struct FileIdentity {
    std::string path;
    uint64_t size = 0;
    int64_t modified_ns = 0;  // since 1970
    std::string hash = {};    // BLAKE3 of the content, hexadecimal; empty: not asked for
  };
  std::string schema;
  std::string name;
  std::string format;    // a name in the format registry
  std::string location;  // path, file:// URI or glob, as given; relative ones are made absolute
  std::vector<ColumnDef> columns;  // declared, else as found at registration
  bool columns_declared = false;
  std::vector<ColumnDef> partitioned_by;
  std::map<std::string, std::string> options;
  std::vector<FileIdentity> files;  // as found at registration (at most 1000; then only the count)
  uint64_t file_count = 0;
};

// One entry of the catalog; exactly one pointer besides `kind` is set (none for a schema).
// Immutable.
struct Entry {
  EntryKind kind = EntryKind::kSchema;
  std::string schema;
  std::string name;  // of a schema: the schema's own name
  std::shared_ptr<const TableDef> table;
  std::shared_ptr<const ExternalTableDef> external;
  std::shared_ptr<const ViewDef> view;
  std::optional<std::string> comment = std::nullopt;
  std::shared_ptr<const SequenceDef> sequence = nullptr;
  std::shared_ptr<const TypeDef> type = nullptr;
  std::shared_ptr<const MacroDef> macro = nullptr;  // of both kinds of macros
};
using EntryPtr = std::shared_ptr<const Entry>;

std::string EntryToJson(const Entry& entry);
// kDamaged for text that EntryToJson did not make; kFormatVersion for a newer one.
arrow::Result<EntryPtr> EntryFromJson(std::string_view json);

}  // namespace pyralog::catalog
