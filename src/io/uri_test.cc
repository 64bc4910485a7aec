#include "io/uri.h"

#include "io/testing.h"

namespace pyralog::io {
namespace {

TEST(Uri, PlainPathsStayAsTheyAre) {
  for (const char* path : {"a", "/a/b.csv", "../a b", "a%20b", "a:b", "c:", "./s3://x", "file:x",
                           "1://x", "://x", "a b://x", "filename"}) {
    EXPECT_EQ(*LocalPath(path), path);
    EXPECT_EQ(UriScheme(path), "");
  }
}

TEST(Uri, FileUris) {
  EXPECT_EQ(*LocalPath("file:///a/b"), "/a/b");
  EXPECT_EQ(*LocalPath("FILE:///a/b"), "/a/b");
  EXPECT_EQ(*LocalPath("file://localhost/a"), "/a");
  EXPECT_EQ(*LocalPath("file://LocalHost/a"), "/a");
  EXPECT_EQ(*LocalPath("file:/a"), "/a");
  EXPECT_EQ(*LocalPath("file:///a%20b%2Fc%C3%a4"), "/a b/c\xc3\xa4");
  EXPECT_EQ(*LocalPath("file:///a/*.csv"), "/a/*.csv");
  EXPECT_EQ(*LocalPath("file:///a%3Fb%23c"), "/a?b#c");
}

TEST(Uri, BadFileUris) {
  ExpectError(LocalPath("file://host/a"), ErrorCode::kNotSupported, "host 'host'");
  ExpectError(LocalPath("file://a"), ErrorCode::kNotSupported, "three slashes");
  ExpectError(LocalPath("file://"), ErrorCode::kInvalidArgument, "no path");
  ExpectError(LocalPath("file:///a%2"), ErrorCode::kInvalidArgument, "offset 2");
  ExpectError(LocalPath("file:///a%zz"), ErrorCode::kInvalidArgument, "%25");
  ExpectError(LocalPath("file:///a%00b"), ErrorCode::kInvalidArgument, "NUL");
  ExpectError(LocalPath("file:///a?x=1"), ErrorCode::kInvalidArgument, "query");
  ExpectError(LocalPath("file:///a#x"), ErrorCode::kInvalidArgument, "fragment");
}

TEST(Uri, OtherSchemesAreRefusedByNameAndNothingElse) {
  for (const char* scheme : {"s3", "gs", "abfss", "http", "https", "hdfs", "memory", "a+b-c.1"}) {
    const auto result = LocalPath(std::string(scheme) + "://key:secret@host/a?token=secret");
    ExpectError(result, ErrorCode::kNotSupported, "'" + std::string(scheme) + "'");
    EXPECT_EQ(result.status().ToString().find("secret"), std::string::npos);
  }
  EXPECT_EQ(UriScheme("S3://bucket"), "s3");
}

TEST(Uri, EmptyAndNul) {
  ExpectError(LocalPath(""), ErrorCode::kInvalidArgument, "empty");
  ExpectError(LocalPath(std::string_view("a\0b", 3)), ErrorCode::kInvalidArgument, "NUL");
}

TEST(Uri, PercentDecode) {
  EXPECT_EQ(*PercentDecode(""), "");
  EXPECT_EQ(*PercentDecode("a%41%7e+"), "aA~+");
  ExpectError(PercentDecode("%"), ErrorCode::kInvalidArgument, "offset 0");
  ExpectError(PercentDecode("a%4"), ErrorCode::kInvalidArgument, "offset 1");
}

}  // namespace
}  // namespace pyralog::io
