#include "sql/local_files.h"

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>

#include "duckdb/common/local_file_system.hpp"
#include "duckdb/common/virtual_file_system.hpp"
#include "sql/external_checks.h"

namespace pyralog::sql {
namespace {

// The coarsest steps of a clock that a file system in use has are those of FAT: two seconds.
constexpr auto kClockStep = std::chrono::seconds(2);

struct FileVersion {
  FileStamp stamp;
  uint64_t number = 0;  // not 0: of this tag alone
};
static_assert(sizeof(FileVersion) == 6 * sizeof(uint64_t));  // its bytes are the tag

class LocalFiles final : public duckdb::LocalFileSystem {
 public:
  std::string GetVersionTag(duckdb::FileHandle& handle) override {
    FileVersion version;
    if (!FindStamp(handle, &version.stamp) || ChangedJustNow(version.stamp)) {
      static std::atomic<uint64_t> last = 0;
      version.number = ++last;
    }
    return std::string(reinterpret_cast<const char*>(&version), sizeof(version));
  }

 private:
  // The stamp of the open file; false when another file has its name meanwhile.
  bool FindStamp(duckdb::FileHandle& handle, FileStamp* stamp) {
    // Device and inode of the open file are the first words of DuckDB's own tag.
    std::array<uint64_t, 2> open;
    const std::string own = LocalFileSystem::GetVersionTag(handle);
    struct stat named = {};
    if (own.size() < sizeof(open) || ::stat(handle.GetPath().c_str(), &named) != 0) return false;
    std::memcpy(open.data(), own.data(), sizeof(open));
    *stamp = StampOf(named);
    return stamp->device == open[0] && stamp->inode == open[1];
  }

  static bool ChangedJustNow(const FileStamp& stamp) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return now - std::chrono::nanoseconds(stamp.changed_ns) < kClockStep;
  }
};

}  // namespace

duckdb::unique_ptr<duckdb::FileSystem> MakeLocalFiles() {
  return duckdb::make_uniq<duckdb::VirtualFileSystem>(duckdb::make_uniq<LocalFiles>());
}

}  // namespace pyralog::sql
