#include "lsm/deletion_pack.h"

#include <cstring>

#include "base/endian.h"
#include "base/hash.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr char kPackMagic[8] = {'P', 'Y', 'R', 'A', 'D', 'E', 'L', '1'};
constexpr size_t kPackHeaderBytes = 48;
constexpr size_t kPackEntryBytes = 48;
constexpr size_t kDeathRunBytes = 16;
constexpr uint32_t kRowList = 1;
constexpr uint32_t kRowBitmap = 2;

uint64_t RoundUpToWord(uint64_t bytes) { return (bytes + 7) / 8 * 8; }

uint64_t PackBodiesBegin(uint64_t entries) {
  return kPackHeaderBytes + entries * kPackEntryBytes + sizeof(uint64_t);
}

struct PackEntry {
  uint64_t segment;
  uint64_t offset;
  uint64_t row_bytes;
  uint32_t encoding;
  uint32_t runs;
  uint64_t deaths;
  uint64_t check;
};
static_assert(sizeof(PackEntry) == kPackEntryBytes, "read and written as it stands in memory");

// --- Writing -------------------------------------------------------------------------------------

bool RunsFit(const std::vector<SegmentDeaths::Run>& runs, uint64_t deaths) {
  if (runs.empty() || runs[0].first != 0) return runs.empty() && deaths == 0;
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i].first <= runs[i - 1].first) return false;
  }
  return runs.back().first < deaths;
}

std::string EncodeDeadRows(const RowSet& dead, uint32_t* encoding) {
  const uint64_t words = dead.max() / uint64_t{64} + 1;
  std::string rows;
  if (dead.size() * sizeof(uint32_t) <= words * sizeof(uint64_t)) {
    *encoding = kRowList;
    rows.reserve(dead.size() * sizeof(uint32_t));
    dead.ForEach([&](uint32_t row) { AppendLittle<uint32_t>(&rows, row); });
    return rows;
  }
  *encoding = kRowBitmap;
  rows.resize(words * sizeof(uint64_t));
  dead.ForEach(
      [&](uint32_t row) { rows[row / 8] = static_cast<char>(rows[row / 8] | (1 << (row % 8))); });
  return rows;
}

// Appends the deaths of one segment and fills in their entry.
void AppendPackBody(const SegmentDeaths& deaths, uint64_t file_offset, std::string* bodies,
                    PackEntry* entry) {
  const size_t begin = bodies->size();
  entry->offset = file_offset + begin;
  entry->deaths = deaths.rows.size();
  entry->runs = static_cast<uint32_t>(deaths.runs.size());
  *bodies += EncodeDeadRows(deaths.rows, &entry->encoding);
  entry->row_bytes = bodies->size() - begin;
  bodies->resize(RoundUpToWord(bodies->size()));
  for (const SegmentDeaths::Run& run : deaths.runs) {
    AppendLittle<uint64_t>(bodies, run.first);
    AppendLittle<uint64_t>(bodies, run.commit.value());
  }
  entry->check = Hash64(std::string_view(*bodies).substr(begin));
}

std::string EncodePack(const DatabaseId& database, uint64_t pack_id, const Deaths& deaths) {
  std::vector<PackEntry> entries;
  uint64_t count = 0;
  for (const auto& [segment, list] : deaths) count += list.rows.empty() ? 0 : 1;
  std::string bodies;
  for (const auto& [segment, list] : deaths) {
    if (list.rows.empty()) continue;
    PackEntry entry{};
    entry.segment = segment.value();
    AppendPackBody(list, PackBodiesBegin(count), &bodies, &entry);
    entries.push_back(entry);
  }
  std::string file(kPackMagic, sizeof(kPackMagic));
  AppendLittle<uint32_t>(&file, kDeletionPackVersion);
  AppendLittle<uint32_t>(&file, static_cast<uint32_t>(entries.size()));
  file.append(reinterpret_cast<const char*>(database.data()), database.size());
  AppendLittle<uint64_t>(&file, pack_id);
  AppendLittle<uint64_t>(&file, Hash64(file));
  for (const PackEntry& entry : entries) AppendLittle(&file, entry);
  AppendLittle<uint64_t>(&file, Hash64(std::string_view(file).substr(kPackHeaderBytes)));
  return file + bodies;
}

arrow::Status WritePackFile(io::Env* env, const std::string& path, std::string_view data) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kCreate));
  ARROW_RETURN_NOT_OK(file->Truncate(0));  // an interrupted earlier try may have left bytes
  ARROW_RETURN_NOT_OK(file->WriteAt(0, data));
  ARROW_RETURN_NOT_OK(file->Sync());
  return file->Close();
}

// --- Reading -------------------------------------------------------------------------------------

arrow::Status PackDamaged(const std::string& path, uint64_t offset, const std::string& what) {
  return MakeError(ErrorCode::kDamaged, path + ": " + what + " at offset " +
                                            std::to_string(offset) +
                                            "; restore the file from a backup");
}

// The header of `file`; returns the number of entries.
arrow::Result<uint64_t> CheckPackHeader(const std::string& path, std::string_view file,
                                        const DatabaseId& database, uint64_t pack_id,
                                        bool verify_checksums) {
  if (file.size() < kPackHeaderBytes ||
      std::memcmp(file.data(), kPackMagic, sizeof(kPackMagic)) != 0) {
    return PackDamaged(path, 0, "no deletion pack: wrong magic");
  }
  const auto version = LoadLittle<uint32_t>(file.data() + 8);
  if (version > kDeletionPackVersion) {
    return MakeError(ErrorCode::kFormatVersion,
                     path + ": deletion pack version " + std::to_string(version) +
                         ", this build reads up to " + std::to_string(kDeletionPackVersion) +
                         "; open it with a newer one");
  }
  if (version == 0 ||
      (verify_checksums && Hash64(file.substr(0, 40)) != LoadLittle<uint64_t>(file.data() + 40))) {
    return PackDamaged(path, 0, "damaged header");
  }
  if (std::memcmp(file.data() + 16, database.data(), database.size()) != 0) {
    return PackDamaged(path, 16, "id of another database");
  }
  if (const auto id = LoadLittle<uint64_t>(file.data() + 32); id != pack_id) {
    return PackDamaged(
        path, 32,
        "deletion pack " + std::to_string(id) + " in the place of " + std::to_string(pack_id));
  }
  const uint64_t entries = LoadLittle<uint32_t>(file.data() + 12);
  if (PackBodiesBegin(entries) > file.size()) return PackDamaged(path, file.size(), "cut entries");
  const auto table = file.substr(kPackHeaderBytes, entries * kPackEntryBytes);
  if (verify_checksums && Hash64(table) != LoadLittle<uint64_t>(table.data() + table.size())) {
    return PackDamaged(path, kPackHeaderBytes, "damaged entries");
  }
  return entries;
}

// Whether the lengths in an entry fit together and its body fits into `room` bytes; `*body` is its
// length.
bool PackEntryFits(const PackEntry& entry, uint64_t room, uint64_t* body) {
  // A body shorter than the file keeps all of these far from overflow.
  if (entry.row_bytes > room || entry.runs > room / kDeathRunBytes || entry.deaths > room * 8)
    return false;
  *body = RoundUpToWord(entry.row_bytes) + entry.runs * kDeathRunBytes;
  if (*body > room || entry.deaths == 0 || entry.runs == 0 || entry.runs > entry.deaths)
    return false;
  if (entry.encoding == kRowList) return entry.row_bytes == entry.deaths * sizeof(uint32_t);
  return entry.encoding == kRowBitmap && entry.row_bytes % sizeof(uint64_t) == 0 &&
         entry.row_bytes / sizeof(uint64_t) <= (uint64_t{1} << 32) / 64;
}

// False when the rows do not ascend or are not as many as the entry says.
bool DecodeDeadRows(const PackEntry& entry, const char* rows, RowSet* dead) {
  if (entry.encoding == kRowList) {
    for (uint64_t i = 0; i < entry.deaths; ++i) {
      const auto row = LoadLittle<uint32_t>(rows + i * sizeof(uint32_t));
      if (!dead->empty() && row <= dead->max()) return false;
      dead->Add(row);
    }
    return true;
  }
  for (uint64_t word = 0; word < entry.row_bytes / sizeof(uint64_t); ++word) {
    dead->AddWord(static_cast<uint32_t>(word * 64),
                  LoadLittle<uint64_t>(rows + word * sizeof(uint64_t)));
  }
  return dead->size() == entry.deaths;
}

// False when the runs do not fit the deaths.
bool DecodeDeathRuns(const PackEntry& entry, const char* runs, SegmentDeaths* deaths) {
  for (uint32_t i = 0; i < entry.runs; ++i) {
    const char* run = runs + i * kDeathRunBytes;
    deaths->runs.push_back(
        {LoadLittle<uint64_t>(run), CommitNumber(LoadLittle<uint64_t>(run + 8))});
  }
  return RunsFit(deaths->runs, entry.deaths);
}

}  // namespace

arrow::Result<uint64_t> WriteDeletionPack(io::Env* env, const std::string& path,
                                          const std::string& tmp, DatabaseId database,
                                          uint64_t pack_id, const Deaths& deaths) {
  for (const auto& [segment, list] : deaths) {
    if (RunsFit(list.runs, list.rows.size())) continue;
    return MakeError(
        ErrorCode::kInvalidArgument,
        path + ": deaths of segment " + std::to_string(segment.value()) + " do not fit their runs");
  }
  const std::string file = EncodePack(database, pack_id, deaths);
  const std::string temporary = io::JoinPath(tmp, path.substr(path.rfind('/') + 1));
  arrow::Status status = WritePackFile(env, temporary, file);
  if (status.ok()) status = env->Rename(temporary, path);
  if (!status.ok()) {
    // The first failure is the one to report. What cannot be removed is found in tmp at the next
    // opening.
    static_cast<void>(env->RemoveFile(temporary));
    return status;
  }
  return file.size();
}

arrow::Result<Deaths> ReadDeletionPack(io::Env* env, const std::string& path, DatabaseId database,
                                       uint64_t pack_id, bool verify_checksums) {
  auto read = io::ReadFileToString(env, path);
  if (GetErrorCode(read.status()) == ErrorCode::kNotFound)
    return MakeError(ErrorCode::kDamaged, path + ": is missing; restore the file from a backup");
  ARROW_ASSIGN_OR_RAISE(const std::string file, std::move(read));
  ARROW_ASSIGN_OR_RAISE(const uint64_t count,
                        CheckPackHeader(path, file, database, pack_id, verify_checksums));
  Deaths result;
  uint64_t offset = PackBodiesBegin(count);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t entry_offset = kPackHeaderBytes + i * kPackEntryBytes;
    const auto entry = LoadLittle<PackEntry>(file.data() + entry_offset);
    uint64_t body = 0;
    const bool ordered = result.empty() || entry.segment > result.rbegin()->first.value();
    if (!ordered || entry.offset != offset || !PackEntryFits(entry, file.size() - offset, &body)) {
      return PackDamaged(path, entry_offset, "damaged entry");
    }
    if (verify_checksums && Hash64(file.data() + offset, body) != entry.check) {
      return PackDamaged(path, offset, "damaged body (its checksum is wrong)");
    }
    SegmentDeaths& deaths = result[SegmentId(entry.segment)];
    const char* rows = file.data() + offset;
    if (!DecodeDeadRows(entry, rows, &deaths.rows) ||
        !DecodeDeathRuns(entry, rows + RoundUpToWord(entry.row_bytes), &deaths)) {
      return PackDamaged(path, offset, "damaged body");
    }
    offset += body;
  }
  if (offset != file.size()) return PackDamaged(path, offset, "bytes behind the last body");
  return result;
}

}  // namespace pyralog::lsm
