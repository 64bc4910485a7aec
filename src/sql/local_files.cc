#include "sql/local_files.h"

#include <sys/stat.h>
#include <time.h>

#include <atomic>
#include <cstring>
#include <string>

#include "duckdb/common/local_file_system.hpp"
#include "duckdb/common/virtual_file_system.hpp"

namespace pyralog::sql {
namespace {

// The coarsest steps of a clock that a file system in use has are those of FAT: two seconds.
constexpr int64_t kClockStepNs = 2'000'000'000;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct FileVersion {
  uint64_t device, inode, size;
  int64_t modified_ns, changed_ns;
  uint64_t number;  // not 0: of this tag alone
};

class LocalFiles final : public duckdb::LocalFileSystem {
 public:
  std::string GetVersionTag(duckdb::FileHandle& handle) override {
    // Device and inode of the open file are the first words of DuckDB's own tag.
    const std::string own = LocalFileSystem::GetVersionTag(handle);
    FileVersion version = {};
    if (own.size() < 2 * sizeof(uint64_t)) return Unique(version);
    std::memcpy(&version.device, own.data(), sizeof(uint64_t));
    std::memcpy(&version.inode, own.data() + sizeof(uint64_t), sizeof(uint64_t));
    struct stat named = {};
    if (::stat(handle.GetPath().c_str(), &named) != 0 || named.st_dev != version.device ||
        named.st_ino != version.inode) {
      return Unique(version);  // another file has the name meanwhile
    }
    version.size = static_cast<uint64_t>(named.st_size);
    version.modified_ns = Nanoseconds(named.st_mtim);
    version.changed_ns = Nanoseconds(named.st_ctim);
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (Nanoseconds(now) - version.changed_ns < kClockStepNs) return Unique(version);
    return TagOf(version);
  }

 private:
  static std::string TagOf(const FileVersion& version) {
    return std::string(reinterpret_cast<const char*>(&version), sizeof(version));
  }
  static std::string Unique(FileVersion version) {
    static std::atomic<uint64_t> last = 0;
    version.number = ++last;
    return TagOf(version);
  }
};

}  // namespace

duckdb::unique_ptr<duckdb::FileSystem> MakeLocalFiles() {
  return duckdb::make_uniq<duckdb::VirtualFileSystem>(duckdb::make_uniq<LocalFiles>());
}

}  // namespace pyralog::sql
