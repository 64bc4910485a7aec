// Constants of the .idx file, drawn in segment_index.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pyralog::lsm {

inline constexpr char kIndexMagic[8] = {'P', 'Y', 'R', 'A', 'I', 'D', 'X', '1'};
inline constexpr size_t kIndexHeaderBytes = 72;  // before the section entries
inline constexpr size_t kIndexEntryBytes = 24;
inline constexpr uint32_t kIndexMaxSections = 64;
inline constexpr uint64_t kIndexSectionAlignment = 64;

constexpr uint64_t RoundUpToSection(uint64_t bytes) {
  return (bytes + kIndexSectionAlignment - 1) / kIndexSectionAlignment * kIndexSectionAlignment;
}
// Where the header's XXH3 stands.
constexpr size_t IndexCheckOffset(size_t sections) {
  return kIndexHeaderBytes + sections * kIndexEntryBytes;
}
// Where the first section stands.
constexpr uint64_t IndexSectionsBegin(size_t sections) {
  return RoundUpToSection(IndexCheckOffset(sections) + sizeof(uint64_t));
}

inline constexpr size_t kZoneFixedBytes = 11;  // nulls, flags, two lengths
inline constexpr uint8_t kZoneHasRange = 1;
inline constexpr uint8_t kZoneMinExact = 2;
inline constexpr uint8_t kZoneMaxExact = 4;

}  // namespace pyralog::lsm
