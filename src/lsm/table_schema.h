// What the engine knows of a table: Arrow fields with permanent ids, and which of them are the key.
// No table name.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "arrow/scalar.h"
#include "arrow/type.h"
#include "pyralog/ids.h"

namespace pyralog::lsm {

// Metadata key of a stored field's permanent id, in decimal: "pyralog.field_id".
extern const char kFieldIdKey[];

// Fields of which no two rows have equal values; rows with a null among them are not compared. The
// engine keeps the values in a table of its own, whose key they are and which it writes with each
// write of this one.
struct UniqueSet {
  std::vector<FieldId> fields;  // in key order
  TableId index;                // that table; 0: to be made by CreateTable or AlterTable
  bool operator==(const UniqueSet&) const = default;
};

// Fields whose values, when none is null, are those of a row of a table: of its key, or of one of
// its unique sets.
struct Reference {
  std::vector<FieldId> fields;
  TableId parent;                      // 0: the table itself, until it has its id
  std::vector<FieldId> parent_fields;  // parallel: all of the parent's key or unique set, in order
  bool operator==(const Reference&) const = default;
};

// Immutable once made. `version` grows by one with each ALTER; rows are stored under the version of
// their commit and read under the version of the snapshot: fields are matched by id, never by name
// or position.
struct TableSchema {
  uint32_t version = 1;
  std::shared_ptr<arrow::Schema> arrow;  // names and types as stored, in column order; its metadata
                                         // holds no key that begins with "pyralog."
  std::vector<FieldId> field_ids;        // parallel to arrow->fields()
  std::vector<std::shared_ptr<arrow::Scalar>> missing;  // per field: the value of rows older than
                                                        // the field (nullptr: null)
  std::vector<int> key;      // positions in `arrow` of the primary key, in key order
  FieldId next_field_id{1};  // never given out again
  std::vector<UniqueSet> unique;
  std::vector<Reference> references;

  bool keyed() const { return !key.empty(); }
  int num_fields() const { return static_cast<int>(field_ids.size()); }
  // Position of the field with this id, or -1.
  int PositionOf(FieldId id) const;
  // Positions of fields that the schema has.
  std::vector<int> PositionsOf(const std::vector<FieldId>& fields) const;
};

using TableSchemaPtr = std::shared_ptr<const TableSchema>;

// A schema with ids 1..n for a new table, without metadata keys that begin with "pyralog.". Refuses
// (kInvalidArgument) key positions out of range, repeated, or of nullable fields.
arrow::Result<TableSchemaPtr> MakeTableSchema(std::shared_ptr<arrow::Schema> arrow,
                                              std::vector<int> key);

// The table whose key the reference's values are: its parent, or the index of one of the parent's
// unique sets; nothing when the parent has neither (any more).
std::optional<TableId> KeyTableOf(const Reference& reference, const TableSchema& parent);

// An Arrow IPC stream, which any Arrow reader opens:
//   - its schema is StoredArrowSchema, with the rest in the schema's metadata, in decimal:
//       pyralog.schema_version, pyralog.next_field_id,
//       pyralog.key and pyralog.missing: positions of fields, separated by commas (absent when
//       there are none);
//       pyralog.unique: for each unique set "index:field ids", separated by semicolons, and
//       pyralog.references: for each "parent:field ids:parent's field ids" (absent when there are
//       none). With one of them pyralog.schema_format is 2, and the version stands under
//       pyralog.version: builds that know no format refuse the schema;
//   - when pyralog.missing names fields: one batch of one row, which holds the values of these, and
//     nulls elsewhere;
//   - the end-of-stream mark.
// Serializing refuses (kInvalidArgument) parts that do not fit together. Deserializing takes any
// bytes: what was not written by SerializeTableSchema is kDamaged.
arrow::Result<std::string> SerializeTableSchema(const TableSchema& schema);
arrow::Result<TableSchemaPtr> DeserializeTableSchema(std::string_view bytes);

// `arrow` with kFieldIdKey in each field's metadata: the schema that segment files carry.
std::shared_ptr<arrow::Schema> StoredArrowSchema(const TableSchema& schema);

}  // namespace pyralog::lsm
