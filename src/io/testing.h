// What the tests of this folder share.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "arrow/testing/gtest_util.h"
#include "io/env.h"
#include "pyralog/error.h"

namespace pyralog::io {

// A folder of this machine that goes with its object.
class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "pyralog_io_XXXXXX").string()) {
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return JoinPath(path_, name); }

 private:
  std::string path_;
};

inline arrow::Status WriteWholeFile(Env* env, const std::string& path, std::string_view data) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, OpenMode::kCreate));
  ARROW_RETURN_NOT_OK(file->WriteAt(0, data));
  return file->Close();
}

// The status failed with this code, and its text holds `part`.
inline void ExpectError(const arrow::Status& status, ErrorCode code, std::string_view part = "") {
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(ErrorCodeName(GetErrorCode(status)), ErrorCodeName(code)) << status.ToString();
  EXPECT_NE(status.ToString().find(part), std::string::npos) << status.ToString();
}

template <class T>
void ExpectError(const arrow::Result<T>& result, ErrorCode code, std::string_view part = "") {
  ExpectError(result.status(), code, part);
}

}  // namespace pyralog::io
