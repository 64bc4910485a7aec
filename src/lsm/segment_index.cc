#include "lsm/segment_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "lsm/segment_index_layout.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

// Whether the header at the start of a file is that of another file than the one asked for; says
// how.
std::string OtherFile(const uint8_t* header, const DatabaseId& database, const SegmentMeta& meta) {
  if (std::memcmp(header + 16, database.data(), database.size()) != 0)
    return "belongs to another database";
  if (LoadLittle<uint64_t>(header + 32) != meta.id.value() ||
      LoadLittle<uint32_t>(header + 40) != meta.table.value()) {
    return "is the index of segment " + std::to_string(LoadLittle<uint64_t>(header + 32)) +
           " of table " + std::to_string(LoadLittle<uint32_t>(header + 40)) +
           ", expected is segment " + std::to_string(meta.id.value()) + " of table " +
           std::to_string(meta.table.value());
  }
  if (LoadLittle<uint32_t>(header + 44) != meta.schema_version ||
      LoadLittle<uint64_t>(header + 48) != meta.rows ||
      LoadLittle<uint64_t>(header + 56) != meta.arrow_bytes) {
    return "does not describe the segment that the manifest names";
  }
  return "";
}

// Magic, version and number of sections, and that the header with its checksum fits into the file.
arrow::Result<uint32_t> CheckIndexMagic(const std::string& path, std::span<const uint8_t> file) {
  const bool ours = file.size() >= kIndexHeaderBytes &&
                    std::memcmp(file.data(), kIndexMagic, sizeof(kIndexMagic)) == 0;
  if (!ours) return SegmentFileDamaged(path, "is no segment index (magic at offset 0)");
  const auto version = LoadLittle<uint32_t>(file.data() + 8);
  if (version > kSegmentIndexVersion) {
    return MakeError(ErrorCode::kFormatVersion,
                     path + ": segment index version " + std::to_string(version) +
                         ", this build reads up to " + std::to_string(kSegmentIndexVersion) +
                         "; open it with a newer one");
  }
  const auto sections = LoadLittle<uint32_t>(file.data() + 12);
  if (version == 0 || sections > kIndexMaxSections || IndexSectionsBegin(sections) > file.size()) {
    return SegmentFileDamaged(path, "header at offset 0 is damaged");
  }
  return sections;
}

// The check table's place, or an empty optional when C does not fit the file.
std::optional<std::span<const uint64_t>> CheckTable(std::span<const uint8_t> file, uint64_t table) {
  if (table > file.size() || table % kIndexSectionAlignment != 0) return std::nullopt;
  const uint64_t blocks = ChecksumBlocks(table);
  if (file.size() - table != (blocks + 1) * sizeof(uint64_t)) return std::nullopt;
  return std::span(reinterpret_cast<const uint64_t*>(file.data() + table), blocks);
}

}  // namespace

arrow::Result<std::unique_ptr<SegmentIndex>> SegmentIndex::Open(io::Env* env,
                                                                const std::string& path,
                                                                const DatabaseId& database,
                                                                const SegmentMeta& meta,
                                                                bool verify_checksums) {
  ARROW_ASSIGN_OR_RAISE(auto mapping, MapSegmentFile(env, path, meta.index_bytes));
  const std::span file(mapping->data(), static_cast<size_t>(mapping->size()));
  ARROW_ASSIGN_OR_RAISE(const uint32_t count, CheckIndexMagic(path, file));
  const size_t check_offset = IndexCheckOffset(count);
  const auto check = LoadLittle<uint64_t>(file.data() + check_offset);
  const auto header_hash = Hash64(file.data(), check_offset);
  if (verify_checksums && header_hash != check) {
    return SegmentFileDamaged(path, "header at offset 0 is damaged (its checksum is wrong)");
  }
  if (std::string other = OtherFile(file.data(), database, meta); !other.empty())
    return SegmentFileDamaged(path, other);
  if (verify_checksums && check != meta.index_check) {
    return SegmentFileDamaged(path,
                              "is not the file that the manifest names (checksum of its header)");
  }
  const auto end = LoadLittle<uint64_t>(file.data() + 64);
  const auto table = CheckTable(file, end);
  if (!table) return SegmentFileDamaged(path, "header at offset 0 is damaged");
  if (verify_checksums && Hash64(table->data(), table->size_bytes(), check) !=
                              LoadLittle<uint64_t>(file.data() + file.size() - sizeof(uint64_t))) {
    return SegmentFileDamaged(path, "check table at offset " + std::to_string(end) +
                                        " is damaged (its checksum is wrong)");
  }
  ARROW_ASSIGN_OR_RAISE(auto sections, ParseSections(path, file.data(), count, end));
  return std::unique_ptr<SegmentIndex>(new SegmentIndex(mapping, path, meta, std::move(sections),
                                                        file.first(end), *table, verify_checksums));
}

SegmentIndex::SegmentIndex(std::shared_ptr<arrow::Buffer> mapping, std::string path,
                           const SegmentMeta& meta, std::vector<Section> sections,
                           std::span<const uint8_t> data, std::span<const uint64_t> checks,
                           bool verify_checksums)
    : mapping_(std::move(mapping)),
      meta_(meta),
      sections_(std::move(sections)),
      blocks_(std::move(path), data, checks, verify_checksums) {}

arrow::Result<std::vector<SegmentIndex::Section>> SegmentIndex::ParseSections(
    const std::string& path, const uint8_t* header, uint32_t count, uint64_t end) {
  std::vector<Section> sections;
  uint64_t free_from = IndexSectionsBegin(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint8_t* entry = header + kIndexHeaderBytes + i * kIndexEntryBytes;
    const Section section{LoadLittle<uint32_t>(entry), LoadLittle<uint64_t>(entry + 8),
                          LoadLittle<uint64_t>(entry + 16)};
    const bool ordered = sections.empty() || section.kind > sections.back().kind;
    if (!ordered || section.offset < free_from || section.offset > end ||
        section.bytes > end - section.offset || section.offset % kIndexSectionAlignment != 0) {
      return SegmentFileDamaged(path,
                                "section entry " + std::to_string(i) + " of the header is damaged");
    }
    const bool known =
        section.kind >= 1 && section.kind <= static_cast<uint32_t>(IndexSection::kCodes);
    const bool skippable =
        section.kind >= kFirstSkippableSection && section.kind <= kLastSkippableSection;
    if (!known && !skippable) {
      return MakeError(ErrorCode::kFormatVersion,
                       path + ": section of kind " + std::to_string(section.kind) +
                           " is not known to this build; open it with a newer one");
    }
    free_from = section.offset + section.bytes;
    sections.push_back(section);
  }
  return sections;
}

const SegmentIndex::Section* SegmentIndex::Find(IndexSection kind) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(), [&](const Section& s) {
    return s.kind == static_cast<uint32_t>(kind);
  });
  return found == sections_.end() ? nullptr : &*found;
}

arrow::Status SegmentIndex::Misshapen(const char* section) const {
  return SegmentFileDamaged(blocks_.path(), std::string(section) + " do not fit the segment's " +
                                                std::to_string(meta_.rows) + " rows");
}

arrow::Result<std::span<const uint8_t>> SegmentIndex::Read(IndexSection kind, uint64_t unit) {
  const Section* section = Find(kind);
  if (section == nullptr || section->bytes % unit != 0) {
    return SegmentFileDamaged(
        blocks_.path(),
        "section of kind " + std::to_string(static_cast<uint32_t>(kind)) + " is missing or cut");
  }
  ARROW_RETURN_NOT_OK(blocks_.Ensure(section->offset, section->bytes));
  return blocks_.data().subspan(section->offset, section->bytes);
}

arrow::Result<std::vector<MessagePlace>> SegmentIndex::Batches() {
  ARROW_ASSIGN_OR_RAISE(auto bytes, Read(IndexSection::kBatches, sizeof(MessagePlace)));
  std::vector<MessagePlace> places(bytes.size() / sizeof(MessagePlace));
  if (!places.empty()) std::memcpy(places.data(), bytes.data(), bytes.size());
  if (places.size() != (meta_.rows + kUnitRows - 1) / kUnitRows) return Misshapen("batches");
  uint64_t free_from = 0;
  for (const MessagePlace& place : places) {
    const uint64_t left = meta_.arrow_bytes - std::min(meta_.arrow_bytes, place.offset);
    const bool inside = place.offset >= free_from && place.metadata_bytes <= left &&
                        place.body_bytes <= left - place.metadata_bytes;
    if (!inside) return Misshapen("batches");
    free_from = place.offset + place.metadata_bytes + place.body_bytes;
  }
  return places;
}

arrow::Result<std::span<const uint64_t>> SegmentIndex::ArrowChecks() {
  ARROW_ASSIGN_OR_RAISE(auto bytes, Read(IndexSection::kChecks, sizeof(uint64_t)));
  if (bytes.size() / sizeof(uint64_t) != ChecksumBlocks(meta_.arrow_bytes))
    return Misshapen("block checksums");
  return std::span(reinterpret_cast<const uint64_t*>(bytes.data()),
                   bytes.size() / sizeof(uint64_t));
}

arrow::Result<std::span<const BirthRun>> SegmentIndex::Births() {
  if (Find(IndexSection::kBirths) == nullptr) return std::span<const BirthRun>();
  ARROW_ASSIGN_OR_RAISE(auto bytes, Read(IndexSection::kBirths, sizeof(BirthRun)));
  const std::span runs(reinterpret_cast<const BirthRun*>(bytes.data()),
                       bytes.size() / sizeof(BirthRun));
  for (size_t i = 0; i < runs.size(); ++i) {
    if (i == 0 ? runs[i].first_row != 0 : runs[i].first_row <= runs[i - 1].first_row)
      return Misshapen("births");
  }
  if (runs.empty() || runs.back().first_row >= meta_.rows) return Misshapen("births");
  return runs;
}

arrow::Result<std::vector<batch::ZoneMap>> SegmentIndex::Zones(int column, int num_columns) {
  const Section* section = Find(IndexSection::kZones);
  const uint64_t directory_bytes = 8 + static_cast<uint64_t>(num_columns) * sizeof(uint64_t);
  if (section == nullptr || section->bytes < directory_bytes) return Misshapen("zone maps");
  ARROW_RETURN_NOT_OK(blocks_.Ensure(section->offset, directory_bytes));
  const uint8_t* begin = blocks_.data().data() + section->offset;
  const uint64_t units = (meta_.rows + kUnitRows - 1) / kUnitRows;
  if (LoadLittle<uint32_t>(begin) != static_cast<uint32_t>(num_columns) ||
      LoadLittle<uint32_t>(begin + 4) != units) {
    return Misshapen("zone maps");
  }
  const uint64_t last = section->bytes;
  uint64_t at = LoadLittle<uint64_t>(begin + 8 + static_cast<uint64_t>(column) * sizeof(uint64_t));
  std::vector<batch::ZoneMap> zones(units);
  for (uint64_t unit = 0; unit < units; ++unit) {
    if (at > last || last - at < kZoneFixedBytes) return Misshapen("zone maps");
    ARROW_RETURN_NOT_OK(blocks_.Ensure(section->offset + at, kZoneFixedBytes));
    const uint8_t flags = begin[at + 8];
    const uint64_t min_bytes = begin[at + 9];
    const uint64_t max_bytes = begin[at + 10];
    batch::ZoneMap& zone = zones[unit];
    zone.rows = std::min<int64_t>(kUnitRows, static_cast<int64_t>(meta_.rows - unit * kUnitRows));
    zone.nulls = LoadLittle<int64_t>(begin + at);
    zone.has_range = (flags & kZoneHasRange) != 0;
    zone.min_exact = (flags & kZoneMinExact) != 0;
    zone.max_exact = (flags & kZoneMaxExact) != 0;
    at += kZoneFixedBytes;
    if (last - at < min_bytes + max_bytes) return Misshapen("zone maps");
    ARROW_RETURN_NOT_OK(blocks_.Ensure(section->offset + at, min_bytes + max_bytes));
    zone.min.assign(reinterpret_cast<const char*>(begin + at), min_bytes);
    zone.max.assign(reinterpret_cast<const char*>(begin + at + min_bytes), max_bytes);
    at += min_bytes + max_bytes;
  }
  return zones;
}

arrow::Result<std::vector<uint32_t>> SegmentIndex::Codes() {
  if (Find(IndexSection::kCodes) == nullptr) return std::vector<uint32_t>();
  ARROW_ASSIGN_OR_RAISE(auto bytes, Read(IndexSection::kCodes, sizeof(uint32_t)));
  std::vector<uint32_t> columns(bytes.size() / sizeof(uint32_t));
  if (!columns.empty()) std::memcpy(columns.data(), bytes.data(), bytes.size());
  return columns;
}

arrow::Result<SegmentKeyIndex> SegmentIndex::Keys() {
  const Section* section = Find(IndexSection::kKeys);
  if (section == nullptr) return SegmentFileDamaged(blocks_.path(), "has no key index");
  return SegmentKeyIndex::Open(&blocks_, section->offset, section->bytes, meta_.rows);
}

}  // namespace pyralog::lsm
