#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/endian.h"
#include "base/hash.h"
#include "lsm/segment_file_stream.h"
#include "lsm/segment_index.h"
#include "lsm/segment_index_layout.h"

namespace pyralog::lsm {
namespace {

template <class T>
std::string SectionOf(const std::vector<T>& values) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(uint32_t) == 0);
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

void AppendZone(const batch::ZoneMap& zone, std::string* out) {
  AppendLittle<uint64_t>(out, static_cast<uint64_t>(zone.nulls));
  AppendLittle<uint8_t>(out, static_cast<uint8_t>((zone.has_range ? kZoneHasRange : 0) |
                                                  (zone.min_exact ? kZoneMinExact : 0) |
                                                  (zone.max_exact ? kZoneMaxExact : 0)));
  AppendLittle<uint8_t>(out, static_cast<uint8_t>(zone.min.size()));
  AppendLittle<uint8_t>(out, static_cast<uint8_t>(zone.max.size()));
  *out += zone.min;
  *out += zone.max;
}

std::string ZonesSection(const std::vector<std::vector<batch::ZoneMap>>& zones) {
  std::string out;
  AppendLittle<uint32_t>(&out, static_cast<uint32_t>(zones.size()));
  AppendLittle<uint32_t>(&out, zones.empty() ? 0 : static_cast<uint32_t>(zones[0].size()));
  const size_t directory = out.size();
  out.resize(directory + zones.size() * sizeof(uint64_t));
  for (size_t column = 0; column < zones.size(); ++column) {
    StoreLittle<uint64_t>(out.data() + directory + column * sizeof(uint64_t), out.size());
    for (const batch::ZoneMap& zone : zones[column]) AppendZone(zone, &out);
  }
  return out;
}

// The header with its XXH3.
std::string IndexHeader(const DatabaseId& database, const std::vector<IndexSectionBytes>& sections,
                        const SegmentMeta& meta, uint64_t table) {
  std::string header(kIndexMagic, sizeof(kIndexMagic));
  AppendLittle<uint32_t>(&header, kSegmentIndexVersion);
  AppendLittle<uint32_t>(&header, static_cast<uint32_t>(sections.size()));
  header.append(reinterpret_cast<const char*>(database.data()), database.size());
  AppendLittle<uint64_t>(&header, meta.id.value());
  AppendLittle<uint32_t>(&header, meta.table.value());
  AppendLittle<uint32_t>(&header, meta.schema_version);
  AppendLittle<uint64_t>(&header, meta.rows);
  AppendLittle<uint64_t>(&header, meta.arrow_bytes);
  AppendLittle<uint64_t>(&header, table);
  uint64_t offset = IndexSectionsBegin(sections.size());
  for (const IndexSectionBytes& section : sections) {
    AppendLittle<uint32_t>(&header, section.kind);
    AppendLittle<uint32_t>(&header, 0);
    AppendLittle<uint64_t>(&header, offset);
    AppendLittle<uint64_t>(&header, section.bytes.size());
    offset += RoundUpToSection(section.bytes.size());
  }
  AppendLittle<uint64_t>(&header, Hash64(header));
  return header;
}

}  // namespace

arrow::Status WriteIndexSections(io::Env* env, const std::string& path, const DatabaseId& database,
                                 const std::vector<IndexSectionBytes>& sections,
                                 SegmentMeta* meta) {
  uint64_t table = IndexSectionsBegin(sections.size());
  for (const auto& section : sections) table += RoundUpToSection(section.bytes.size());
  const std::string header = IndexHeader(database, sections, *meta, table);
  const auto check = LoadLittle<uint64_t>(header.data() + IndexCheckOffset(sections.size()));

  ARROW_ASSIGN_OR_RAISE(auto stream, CheckedFileStream::Create(env, path));
  ARROW_RETURN_NOT_OK(stream->Write(header.data(), static_cast<int64_t>(header.size())));
  ARROW_RETURN_NOT_OK(stream->PadTo(IndexSectionsBegin(sections.size())));
  for (const IndexSectionBytes& section : sections) {
    const uint64_t end = stream->position() + RoundUpToSection(section.bytes.size());
    ARROW_RETURN_NOT_OK(
        stream->Write(section.bytes.data(), static_cast<int64_t>(section.bytes.size())));
    ARROW_RETURN_NOT_OK(stream->PadTo(end));
  }
  std::string checks = SectionOf(stream->Checks());
  AppendLittle<uint64_t>(&checks, Hash64(checks, check));
  ARROW_RETURN_NOT_OK(stream->Write(checks.data(), static_cast<int64_t>(checks.size())));
  meta->index_bytes = stream->position();
  meta->index_check = check;
  return stream->SyncAndClose();
}

arrow::Status WriteSegmentIndex(io::Env* env, const std::string& path, const DatabaseId& database,
                                SegmentIndexContent content, SegmentMeta* meta) {
  static_assert(sizeof(MessagePlace) == 24 && sizeof(BirthRun) == 16,
                "written as they stand in memory");
  const auto kind = [](IndexSection section) { return static_cast<uint32_t>(section); };
  std::vector<IndexSectionBytes> sections;
  sections.push_back({kind(IndexSection::kBatches), SectionOf(content.batches)});
  sections.push_back({kind(IndexSection::kChecks), SectionOf(content.checks)});
  sections.push_back({kind(IndexSection::kZones), ZonesSection(content.zones)});
  if (!content.births.empty())
    sections.push_back({kind(IndexSection::kBirths), SectionOf(content.births)});
  if (content.keys) sections.push_back({kind(IndexSection::kKeys), std::move(*content.keys)});
  if (!content.codes.empty())
    sections.push_back({kind(IndexSection::kCodes), SectionOf(content.codes)});
  return WriteIndexSections(env, path, database, sections, meta);
}

}  // namespace pyralog::lsm
