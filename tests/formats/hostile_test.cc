// Files that somebody bent: 500 of each format, read through the registry and through SQL in this
// process. Each ends in rows or in an error; nothing crashes, grows without bound or disturbs
// another session. The seeds are those of the fuzz targets.
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "formats/testing.h"
#include "pyralog/database.h"

namespace pyralog {
namespace {

using formats::FindFormat;

constexpr int kMutations = 500;
constexpr int64_t kMemoryLimit = int64_t{1} << 30;

std::vector<std::string> Seeds(const std::string& format) {
  const char* source = std::getenv("PYRALOG_SOURCE_DIR");
  const std::string folder =
      std::string(source != nullptr ? source : ".") + "/fuzz/seeds/" + format;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const std::string& path : paths) {
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    seeds.push_back(bytes.str());
  }
  return seeds;
}

// The seed with one to four changes: bits, numbers at the edges of their range, cuts, repetitions.
class Bender {
 public:
  explicit Bender(uint64_t seed) : random_(seed) {}

  std::string Bend(std::string bytes) {
    for (uint64_t changes = 1 + Below(4); changes > 0 && !bytes.empty(); --changes) {
      const size_t at = Below(bytes.size());
      const size_t length = 1 + Below(std::min<uint64_t>(64, bytes.size() - at));
      switch (Below(6)) {
        case 0:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(8)));
          break;
        case 1:
          PutNumber(at, &bytes);
          break;
        case 2:
          bytes.resize(at);
          break;
        case 3:
          bytes.erase(at, length);
          break;
        case 4:
          bytes.insert(at, bytes.substr(Below(bytes.size()), length));
          break;
        default:
          for (size_t i = 0; i < length; ++i) bytes[at + i] = static_cast<char>(random_());
      }
    }
    return bytes;
  }

 private:
  uint64_t Below(uint64_t end) { return random_() % end; }

  void PutNumber(size_t at, std::string* bytes) {
    static constexpr uint64_t kEdges[] = {0,          1,          0x7f,       0x80,
                                          0xff,       0x7fff,     0xffff,     0x7fffffff,
                                          0x80000000, 0xffffffff, INT64_MAX,  UINT64_MAX,
                                          1ULL << 40, 1ULL << 31, 1ULL << 62, 0xfffffff0};
    const uint64_t edge = kEdges[Below(std::size(kEdges))];
    const size_t width = size_t{1} << Below(4);
    for (size_t i = 0; i < width && at + i < bytes->size(); ++i) {
      (*bytes)[at + i] = static_cast<char>(edge >> (8 * i));
    }
  }

  std::mt19937_64 random_;
};

class HostileTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    DatabaseOptions options;
    options.memory_limit = kMemoryLimit;
    ASSERT_OK_AND_ASSIGN(database_, Database::Open(":memory:", options));
    ASSERT_OK_AND_ASSIGN(session_, database_->Connect());
  }

  std::string Put(const std::string& bytes) {
    const std::string path = dir_ / ("t" + std::to_string(++files_));
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  // All rows through the registry, each batch whole.
  static arrow::Status ReadByFormat(const std::string& path) {
    arrow::CappedMemoryPool pool(arrow::default_memory_pool(), kMemoryLimit);
    formats::Limits limits;
    limits.pool = &pool;
    ARROW_ASSIGN_OR_RAISE(auto source, formats::Source::Open(io::PosixEnv(), path, limits));
    ARROW_ASSIGN_OR_RAISE(const auto dataset, formats::OpenDataset(source, GetParam()));
    ARROW_ASSIGN_OR_RAISE(const auto relation, dataset->OpenRelation(""));
    if (relation == nullptr) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(const auto plan, relation->Scan({}));
    for (const auto& task : plan.tasks) {
      ARROW_ASSIGN_OR_RAISE(const auto reader, task->Open());
      std::shared_ptr<arrow::RecordBatch> batch;
      do {
        ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      } while (batch != nullptr);
    }
    return arrow::Status::OK();
  }
  arrow::Status ReadBySql(const std::string& path) {
    const std::string& own = FindFormat(GetParam())->info().sql_reader;
    const std::string function = own.empty() ? "read_" + GetParam() : own;
    ARROW_ASSIGN_OR_RAISE(const auto reader,
                          session_->Query("SELECT * FROM " + function + "('" + path + "')"));
    std::shared_ptr<arrow::RecordBatch> batch;
    do {
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
    } while (batch != nullptr);
    return arrow::Status::OK();
  }

  io::TempDir dir_;
  int files_ = 0;
  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

TEST_P(HostileTest, BentFilesAreReadOrRefusedAndNobodyElseNotices) {
  ASSERT_OK_AND_ASSIGN(const auto other, database_->Connect());
  ASSERT_OK(other->Execute("CREATE TABLE t (k INT PRIMARY KEY)").status());
  ASSERT_OK(other->Execute("BEGIN").status());
  ASSERT_OK(other->Execute("INSERT INTO t SELECT range FROM range(100)").status());
  const std::vector<std::string> seeds = Seeds(GetParam());
  ASSERT_FALSE(seeds.empty());
  int read = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string path = Put(Bender(static_cast<uint64_t>(i)).Bend(seeds[i % seeds.size()]));
    SCOPED_TRACE(GetParam() + ", mutation " + std::to_string(i));
    const arrow::Status by_format = ReadByFormat(path);
    EXPECT_TRUE(by_format.ok() || by_format.message().find(path) != std::string::npos)
        << by_format.ToString();
    const arrow::Status by_sql = ReadBySql(path);
    EXPECT_EQ(by_sql.message().find("INTERNAL Error"), std::string::npos) << by_sql.ToString();
    EXPECT_EQ(by_sql.message().find("invalidated"), std::string::npos) << by_sql.ToString();
    read += by_sql.ok() ? 1 : 0;
    std::filesystem::remove(path);
  }
  std::printf("%s: %d of %d bent files were read\n", GetParam().c_str(), read, kMutations);
  ASSERT_OK(other->Execute("INSERT INTO t VALUES (100)").status());
  ASSERT_OK(other->Execute("COMMIT").status());
  ASSERT_OK_AND_ASSIGN(const auto rows, session_->Query("SELECT count(*)::INT AS n FROM t"));
  ASSERT_OK_AND_ASSIGN(const auto table, rows->ToTable());
  EXPECT_EQ(table->column(0)->GetScalar(0).ValueOrDie()->ToString(), "101");
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, kMemoryLimit / 1024 + (512 << 10)) << "KiB";
}

INSTANTIATE_TEST_SUITE_P(Formats, HostileTest,
                         testing::Values("parquet", "csv", "json", "arrow_ipc", "npy"),
                         [](const auto& format) { return format.param; });

}  // namespace
}  // namespace pyralog
