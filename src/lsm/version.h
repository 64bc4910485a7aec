// What the database is made of at one moment: immutable lists that snapshots hold and commits
// replace.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lsm/memtable.h"
#include "lsm/segment_source.h"

namespace pyralog::lsm {

// A memtable or a segment: exactly one is set.
struct SourceEntry {
  std::shared_ptr<MemTable> memtable;
  std::shared_ptr<SegmentSource> segment;
  RowSourcePtr source() const { return memtable ? RowSourcePtr(memtable) : RowSourcePtr(segment); }
};

struct TableVersion {
  TableId id;
  // Every schema the table had, by the commit that brought it, ascending.
  std::vector<std::pair<CommitNumber, TableSchemaPtr>> schemas;
  // Oldest rows first. The last is the active memtable, which takes new rows; memtables before it
  // wait for a flush.
  std::vector<SourceEntry> sources;

  const TableSchemaPtr& current_schema() const { return schemas.back().second; }
  const std::shared_ptr<MemTable>& active() const { return sources.back().memtable; }
  // The schema that a snapshot sees; nullptr for one older than the table.
  TableSchemaPtr SchemaAt(CommitNumber snapshot) const {
    for (auto it = schemas.rbegin(); it != schemas.rend(); ++it) {
      if (it->first <= snapshot) return it->second;
    }
    return nullptr;
  }
  TableSchemaPtr SchemaOfVersion(uint32_t version) const {
    for (const auto& [commit, schema] : schemas) {
      if (schema->version == version) return schema;
    }
    return nullptr;
  }
};
using TableVersionPtr = std::shared_ptr<const TableVersion>;
using TableMap = std::map<TableId, TableVersionPtr>;

// Metadata entries with the commit that last wrote each.
struct MetaValue {
  std::string value;
  CommitNumber commit;
};
using MetaMap = std::map<std::string, MetaValue, std::less<>>;

// A state of all metadata, valid from `commit` on.
struct MetaState {
  CommitNumber commit;
  std::shared_ptr<const MetaMap> entries;
};

}  // namespace pyralog::lsm
