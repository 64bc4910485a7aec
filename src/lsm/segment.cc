#include "lsm/segment.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <utility>

#include "arrow/array/array_dict.h"
#include "arrow/array/util.h"
#include "batch/narrow_integers.h"
#include "lsm/segment_arrow_reader.h"
#include "lsm/segment_encoding.h"
#include "lsm/segment_index.h"
#include "lsm/segment_key_index.h"
#include "lsm/string_dictionary.h"

namespace pyralog::lsm {
namespace {

// Keys that are looked up together: enough to hide the latency of memory, few enough to stay in the
// first cache.
constexpr size_t kLookupGroup = 32;

std::string SegmentFileName(SegmentId id, const char* suffix) {
  char name[40];
  std::snprintf(name, sizeof(name), "%08" PRIu64 "%s", id.value(), suffix);
  return name;
}

class SegmentImpl final : public Segment {
 public:
  SegmentImpl(io::Env* env, std::string folder, DatabaseId database, SegmentMeta meta,
              TableSchemaPtr schema, bool verify_checksums)
      : env_(env),
        folder_(std::move(folder)),
        database_(database),
        meta_(meta),
        schema_(std::move(schema)),
        verify_checksums_(verify_checksums) {}

  const SegmentMeta& meta() const override { return meta_; }
  const TableSchemaPtr& schema() const override { return schema_; }

  arrow::Result<std::shared_ptr<arrow::Array>> Column(int64_t unit, int column) override {
    ARROW_ASSIGN_OR_RAISE(auto stored, Encoded(unit, column));
    return FromStorage(stored, schema_->arrow->field(column)->type());
  }

  arrow::Result<std::shared_ptr<arrow::Array>> Encoded(int64_t unit, int column) override {
    ARROW_ASSIGN_OR_RAISE(auto stored, StoredColumn(unit, column));
    const auto& logical = schema_->arrow->field(column)->type();
    if (batch::IsNarrowerInteger(*stored->type(), *logical)) return stored;
    if (stored->type_id() != arrow::Type::DICTIONARY) return FromStorage(stored, logical);
    if (logical->id() != arrow::Type::STRING_VIEW) return stored;
    ARROW_ASSIGN_OR_RAISE(const auto* dictionary, Dictionary(*stored, column));
    auto codes = stored->data()->Copy();
    codes->type = arrow::dictionary(arrow::int16(), arrow::utf8_view());
    codes->dictionary = (*dictionary)->data();
    return arrow::MakeArray(codes);
  }

  arrow::Result<std::shared_ptr<arrow::Array>> StoredColumn(int64_t unit, int column) override {
    ARROW_ASSIGN_OR_RAISE(SegmentArrowReader * arrow, Arrow());
    return arrow->Column(unit, column);
  }

  arrow::Result<const batch::ZoneMap*> Zone(int64_t unit, int column) override {
    ARROW_ASSIGN_OR_RAISE(const ColumnZones* zones, Zones(column));
    return &zones->units[static_cast<size_t>(unit)];
  }

  arrow::Result<const batch::ZoneMap*> Range(int column) override {
    ARROW_ASSIGN_OR_RAISE(const ColumnZones* zones, Zones(column));
    return &zones->all;
  }

  arrow::Result<std::span<const BirthRun>> Births() override {
    if (meta_.min_birth == meta_.max_birth) return std::span<const BirthRun>();
    ARROW_ASSIGN_OR_RAISE(SegmentIndex * index, Index());
    ARROW_ASSIGN_OR_RAISE(
        auto* births,
        births_.Get([&]() -> arrow::Result<std::unique_ptr<std::span<const BirthRun>>> {
          ARROW_ASSIGN_OR_RAISE(auto runs, index->Births());
          return std::make_unique<std::span<const BirthRun>>(runs);
        }));
    return *births;
  }

  // Whatever is wrong with the files is told by Find.
  bool MayHold(std::string_view low, std::string_view high) override {
    const auto bounds = key_bounds_.Get([&] { return ReadKeyBounds(); });
    if (!bounds.ok() || !(*bounds)->known) return true;
    const auto& [known, first, last] = **bounds;
    return high.substr(0, first.size()) >= first && low.substr(0, last.size()) <= last;
  }

  arrow::Status Find(const KeyBatch& keys, std::span<const int64_t> which,
                     std::span<int64_t> rows) override {
    if (meta_.rows == 0) {
      for (int64_t i : which) rows[static_cast<size_t>(i)] = -1;
      return arrow::Status::OK();
    }
    ARROW_ASSIGN_OR_RAISE(SegmentIndex * index, Index());
    ARROW_ASSIGN_OR_RAISE(SegmentArrowReader * arrow, Arrow());
    ARROW_ASSIGN_OR_RAISE(SegmentKeyIndex * table,
                          key_index_.Get([&]() -> arrow::Result<std::unique_ptr<SegmentKeyIndex>> {
                            ARROW_ASSIGN_OR_RAISE(auto opened, index->Keys());
                            return std::make_unique<SegmentKeyIndex>(opened);
                          }));
    for (size_t first = 0; first < which.size(); first += kLookupGroup) {
      const auto group = which.subspan(first, std::min(kLookupGroup, which.size() - first));
      ARROW_RETURN_NOT_OK(FindGroup(*table, arrow, keys, group, rows));
    }
    return arrow::Status::OK();
  }

  void WillNeed(int64_t unit, std::span<const int> columns) override {
    auto arrow = Arrow();
    // Only a hint: whatever is wrong is told by whoever reads the column.
    if (arrow.ok()) static_cast<void>((*arrow)->WillNeed(unit, columns));
  }

  // A second, fresh opening: what was mapped and verified before does not count.
  arrow::Status VerifyAll() override {
    SegmentImpl fresh(env_, folder_, database_, meta_, schema_, verify_checksums_);
    return fresh.VerifyFresh();
  }

 private:
  using ArrayPtr = std::shared_ptr<arrow::Array>;
  // Of the first key column, as the beginnings of keys.
  struct KeyBounds {
    bool known = false;
    std::string first, last;
  };
  struct ColumnZones {
    std::vector<batch::ZoneMap> units;
    batch::ZoneMap all;
  };

  arrow::Result<SegmentIndex*> Index() {
    return index_.Get([&] {
      return SegmentIndex::Open(env_, IndexPath(folder_, meta_.id), database_, meta_,
                                verify_checksums_);
    });
  }

  arrow::Result<SegmentArrowReader*> Arrow() {
    if (SegmentArrowReader* ready = arrow_.ready()) return ready;
    ARROW_ASSIGN_OR_RAISE(SegmentIndex * index, Index());
    return arrow_.Get([&] {
      return SegmentArrowReader::Open(env_, ArrowPath(folder_, meta_.id), meta_, schema_, index,
                                      verify_checksums_);
    });
  }

  // The texts that codes stand for, as views.
  arrow::Result<const ArrayPtr*> Dictionary(const arrow::Array& codes, int column) {
    return dictionaries_.Get(
        schema_->num_fields(), column, [&]() -> arrow::Result<std::unique_ptr<ArrayPtr>> {
          const auto& texts = *static_cast<const arrow::DictionaryArray&>(codes).dictionary();
          ARROW_ASSIGN_OR_RAISE(auto views, ViewsOfStrings(texts));
          return std::make_unique<ArrayPtr>(std::move(views));
        });
  }

  arrow::Result<const ColumnZones*> Zones(int column) {
    ARROW_ASSIGN_OR_RAISE(SegmentIndex * index, Index());
    return zones_.Get(schema_->num_fields(), column, [&] { return ReadZones(index, column); });
  }

  arrow::Result<std::unique_ptr<KeyBounds>> ReadKeyBounds() {
    auto bounds = std::make_unique<KeyBounds>();
    const int column = schema_->key[0];
    ARROW_ASSIGN_OR_RAISE(const batch::ZoneMap* range, Range(column));
    if (!range->has_range) return bounds;
    const auto key_of = [&](const std::string& raw) -> arrow::Result<std::string> {
      ARROW_ASSIGN_OR_RAISE(const auto value,
                            batch::RawToScalar(raw, schema_->arrow->field(column)->type()));
      ARROW_ASSIGN_OR_RAISE(const auto array, arrow::MakeArrayFromScalar(*value, 1));
      KeyBatch keys;
      ARROW_RETURN_NOT_OK(keys.Append(std::vector{array}));
      return std::string(keys.key(0));
    };
    ARROW_ASSIGN_OR_RAISE(bounds->first, key_of(range->min));
    ARROW_ASSIGN_OR_RAISE(bounds->last, key_of(range->max));
    bounds->known = true;
    return bounds;
  }

  arrow::Result<std::unique_ptr<ColumnZones>> ReadZones(SegmentIndex* index, int column) const {
    auto zones = std::make_unique<ColumnZones>();
    ARROW_ASSIGN_OR_RAISE(zones->units, index->Zones(column, schema_->num_fields()));
    const auto& type = *schema_->arrow->field(column)->type();
    for (size_t unit = 0; unit < zones->units.size(); ++unit) {
      if (unit == 0) {
        zones->all = zones->units[0];
      } else {
        zones->all.Merge(zones->units[unit], type);
      }
    }
    return zones;
  }

  // Each pass over the group asks for the lines that the next one reads.
  arrow::Status FindGroup(const SegmentKeyIndex& table, SegmentArrowReader* arrow,
                          const KeyBatch& keys, std::span<const int64_t> group,
                          std::span<int64_t> rows) {
    uint64_t buckets[kLookupGroup];
    for (size_t i = 0; i < group.size(); ++i) {
      buckets[i] = table.BucketOf(keys.hash(group[i]));
      table.Prefetch(buckets[i]);
    }
    std::pair<int64_t, uint32_t> candidates[kLookupGroup];  // key and row
    size_t count = 0;
    for (size_t i = 0; i < group.size(); ++i) {
      bool absent = false;
      uint32_t row = kFreeSlot;
      ARROW_RETURN_NOT_OK(table.Begin(buckets[i], keys.hash(group[i]), &absent, &row));
      rows[static_cast<size_t>(group[i])] = -1;
      if (absent) continue;
      candidates[count++] = {group[i], row};
      if (const StoredKeys* stored = ReadyKeys(*arrow, row)) stored->PrefetchFixed(row % kUnitRows);
    }
    for (const auto& [key, row] : std::span(candidates, count)) {
      if (const StoredKeys* stored = ReadyKeys(*arrow, row))
        stored->PrefetchReferred(row % kUnitRows);
    }
    for (const auto& [key, first] : std::span(candidates, count)) {
      const std::string_view wanted = keys.key(key);
      const auto match = [&](uint32_t row, bool* equal) {
        return arrow->matches_keys() ? MatchStored(arrow, row, wanted, equal)
                                     : MatchEncoded(row, wanted, equal);
      };
      ARROW_RETURN_NOT_OK(table.Find(keys.hash(key), match, &rows[static_cast<size_t>(key)]));
    }
    return arrow::Status::OK();
  }

  // The keys of the unit that holds a candidate row, if they can be matched and were before; for
  // hints.
  const StoredKeys* ReadyKeys(const SegmentArrowReader& arrow, uint32_t row) const {
    return row < meta_.rows && arrow.matches_keys() ? arrow.ReadyKeys(row / kUnitRows) : nullptr;
  }

  static arrow::Status MatchStored(SegmentArrowReader* arrow, uint32_t row, std::string_view key,
                                   bool* equal) {
    const StoredKeys* stored = arrow->ReadyKeys(row / kUnitRows);
    if (stored == nullptr) {
      ARROW_ASSIGN_OR_RAISE(stored, arrow->Keys(row / kUnitRows));
    }
    return stored->Match(row % kUnitRows, key, equal);
  }

  arrow::Status MatchEncoded(uint32_t row, std::string_view key, bool* equal) {
    std::vector<std::shared_ptr<arrow::Array>> columns;
    for (int column : schema_->key) {
      ARROW_ASSIGN_OR_RAISE(auto array, StoredColumn(row / kUnitRows, column));
      columns.push_back(array->Slice(row % kUnitRows, 1));
    }
    KeyBatch stored;
    ARROW_RETURN_NOT_OK(stored.Append(columns));
    *equal = stored.key(0) == key;
    return arrow::Status::OK();
  }

  arrow::Status VerifyFresh() {
    ARROW_ASSIGN_OR_RAISE(SegmentIndex * index, Index());
    ARROW_RETURN_NOT_OK(index->VerifyAllBlocks());
    ARROW_ASSIGN_OR_RAISE(SegmentArrowReader * arrow, Arrow());
    ARROW_RETURN_NOT_OK(arrow->VerifyAllBlocks());
    ARROW_RETURN_NOT_OK(Births().status());
    for (int column = 0; column < schema_->num_fields(); ++column) {
      for (int64_t unit = 0; unit < num_units(); ++unit) {
        ARROW_RETURN_NOT_OK(Zone(unit, column).status());
        ARROW_RETURN_NOT_OK(StoredColumn(unit, column).status());
      }
    }
    if (!schema_->keyed()) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto keys, index->Keys());
    return keys.VerifyRows();
  }

  // Constant after construction.
  io::Env* const env_;
  const std::string folder_;
  const DatabaseId database_;
  const SegmentMeta meta_;
  const TableSchemaPtr schema_;
  const bool verify_checksums_;

  // Made at first use. Later ones refer to earlier ones.
  Lazy<SegmentIndex> index_;
  Lazy<SegmentArrowReader> arrow_;
  Lazy<SegmentKeyIndex> key_index_;
  Lazy<std::span<const BirthRun>> births_;
  LazyByColumn<ArrayPtr> dictionaries_;
  Lazy<KeyBounds> key_bounds_;
  LazyByColumn<ColumnZones> zones_;
};

}  // namespace

std::shared_ptr<Segment> Segment::Open(io::Env* env, std::string folder, DatabaseId database,
                                       SegmentMeta meta, TableSchemaPtr schema,
                                       bool verify_checksums) {
  return std::make_shared<SegmentImpl>(env, std::move(folder), database, meta, std::move(schema),
                                       verify_checksums);
}

std::string Segment::ArrowPath(const std::string& folder, SegmentId id) {
  return io::JoinPath(folder, SegmentFileName(id, ".arrow"));
}

std::string Segment::IndexPath(const std::string& folder, SegmentId id) {
  return io::JoinPath(folder, SegmentFileName(id, ".idx"));
}

}  // namespace pyralog::lsm
