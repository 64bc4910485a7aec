// A log's bytes: read with its checksums, and, to come past them, without.
#include <algorithm>
#include <array>

#include "base/endian.h"
#include "fuzz/format_input.h"
#include "lsm/record_log.h"

namespace {

using namespace pyralog;  // NOLINT(google-build-using-namespace): a program of its own

void Read(io::Env* env, const std::string& path, std::string_view bytes, bool verify) {
  lsm::DatabaseId database{};
  std::copy_n(bytes.begin() + 16, database.size(), database.begin());
  const auto number = LoadLittle<uint32_t>(bytes.data() + 32);
  for (const auto kind : {lsm::LogKind::kWriteAhead, lsm::LogKind::kManifest}) {
    (void)lsm::ReadRecordLog(
        env, path, kind, database, number,
        [](const lsm::LogRecord&) { return arrow::Status::OK(); }, verify);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 64) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto env = io::NewMemEnv();
  if (!fuzz::MakeFile(env.get(), "/log", bytes).ok()) return 0;
  Read(env.get(), "/log", bytes, true);
  Read(env.get(), "/log", bytes, false);
  return 0;
}
