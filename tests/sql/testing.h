// What tests of the C++ interface share: parameters, a folder of their own, errors that are
// expected.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "arrow/scalar.h"
#include "pyralog/database.h"

namespace pyralog::tests {

inline std::shared_ptr<arrow::Scalar> Int(int64_t value) {
  return std::make_shared<arrow::Int64Scalar>(value);
}
inline std::shared_ptr<arrow::Scalar> Text(const std::string& value) {
  return std::make_shared<arrow::StringScalar>(value);
}
inline std::shared_ptr<arrow::Scalar> Null() { return arrow::MakeNullScalar(arrow::null()); }

// The error has this code, and its message holds `part`.
inline void ExpectError(const arrow::Status& status, ErrorCode code, const std::string& part) {
  EXPECT_EQ(ErrorCodeName(GetErrorCode(status)), ErrorCodeName(code)) << status.ToString();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.ToString();
}

// A test with a folder that is not there when it begins, and gone when it ends.
class FolderTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("pyralog-test-" + std::to_string(getpid()) + "-" + test->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

}  // namespace pyralog::tests
