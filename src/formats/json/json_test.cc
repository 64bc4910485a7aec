#include "arrow/io/compressed.h"
#include "arrow/util/compression.h"
#include "formats/testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

class JsonTest : public testing::Test {
 protected:
  arrow::Result<std::shared_ptr<Dataset>> Open(const std::string& name, const std::string& text) {
    ARROW_RETURN_NOT_OK(io::WriteWholeFile(io::PosixEnv(), dir_ / name, text));
    return OpenFile(dir_ / name);
  }

  io::TempDir dir_;
};

TEST_F(JsonTest, WritesALineForEachRow) {
  EXPECT_EQ(WriteToString(*FindFormat("json"), {SomeRows(2, 2)}).ValueOrDie(),
            "{\"id\":2,\"name\":\"n2\",\"score\":0.5}\n{\"id\":3,\"name\":null,\"score\":0.75}\n");
}

TEST_F(JsonTest, ChecksBeforeSqlReads) {
  EXPECT_OK(Open("a.json", "[{\"a\":1}]").status());
  EXPECT_OK(Open("b.jsonl", "{\"a\":1}\n{\"a\":2}\n").status());
  ExpectError(Open("c.json", "[{\"a\":1},]"), ErrorCode::kDamaged, "c.json: it is not JSON");
  ExpectError(Open("d.json", ""), ErrorCode::kDamaged, "no JSON value");
  EXPECT_OK(Open("e.jsonl", "").status());
}

TEST_F(JsonTest, DuplicateKeysMakeEachDocumentOneValue) {
  ASSERT_OK_AND_ASSIGN(const auto dataset, Open("a.json", "{\"a\":1,\"a\":2}"));
  EXPECT_TRUE(dataset->sql_reader_options().contains("records"));
  ASSERT_OK_AND_ASSIGN(const auto other, Open("b.json", "{\"a\":1,\"b\":2}"));
  EXPECT_TRUE(other->sql_reader_options().empty());
}

TEST_F(JsonTest, CompressedTextIsCheckedToo) {
  ASSERT_OK_AND_ASSIGN(const auto codec, arrow::util::Codec::Create(arrow::Compression::GZIP));
  const auto packed = [&](const std::string& text) {
    std::string out(1024, '\0');
    const auto size = codec->Compress(static_cast<int64_t>(text.size()),
                                      reinterpret_cast<const uint8_t*>(text.data()), 1024,
                                      reinterpret_cast<uint8_t*>(out.data()));
    out.resize(static_cast<size_t>(size.ValueOrDie()));
    return out;
  };
  EXPECT_OK(Open("a.json.gz", packed("{\"a\":1}")).status());
  ExpectError(Open("b.json.gz", packed("{\"a\":1,}")), ErrorCode::kDamaged, "b.json.gz");
  ExpectError(Open("c.json.gz", "no gzip"), ErrorCode::kDamaged, "c.json.gz");
}

}  // namespace
}  // namespace pyralog::formats
