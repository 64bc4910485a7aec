// Foreign Arrow files of every type, read by slices of their rows, beside what Arrow itself wrote;
// and files that somebody cuts or writes over while they are read.
#include <filesystem>
#include <fstream>

#include "arrow/ipc/reader.h"
#include "arrow/ipc/writer.h"
#include "formats/arrow_ipc/ipc_arrays.h"
#include "formats/arrow_ipc/ipc_message.h"
#include "formats/foreign_arrays.h"
#include "formats/testing.h"
#include "lsm/row_codec_testing.h"

namespace pyralog::formats {
namespace {

using io::ExpectError;

arrow::DataTypeVector AllTypes() {
  arrow::DataTypeVector types = lsm::FlatTypes();
  for (auto& type : lsm::NestedTypes()) types.push_back(std::move(type));
  return types;
}

// The array in buffers that are filled up to their capacity, as Arrow's writer relies on.
std::shared_ptr<arrow::ArrayData> Padded(const arrow::ArrayData& data) {
  auto copy = std::make_shared<arrow::ArrayData>(data);
  for (auto& buffer : copy->buffers) {
    if (buffer != nullptr) buffer = buffer->CopySlice(0, buffer->size()).ValueOrDie();
  }
  for (auto& child : copy->child_data) child = Padded(*child);
  if (copy->dictionary != nullptr) copy->dictionary = Padded(*copy->dictionary);
  return copy;
}

std::shared_ptr<arrow::Array> RandomArray(uint64_t seed, bool nulls,
                                          const std::shared_ptr<arrow::DataType>& type,
                                          int64_t length) {
  return arrow::MakeArray(Padded(*lsm::RandomArrays(seed, nulls).Make(type, length)->data()));
}

class ForeignArrowTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    EXPECT_OK(arrow::RegisterExtensionType(std::make_shared<lsm::PairType>()));
  }
  static void TearDownTestSuite() {
    EXPECT_OK(arrow::UnregisterExtensionType("pyralog.test_pair"));
  }

  // A file of these batches as Arrow writes it.
  std::string Write(const arrow::RecordBatchVector& batches, bool stream = false,
                    arrow::ipc::IpcWriteOptions options = arrow::ipc::IpcWriteOptions::Defaults()) {
    const auto bytes = arrow::io::BufferOutputStream::Create().ValueOrDie();
    const auto& schema = batches.front()->schema();
    const auto writer = (stream ? arrow::ipc::MakeStreamWriter(bytes, schema, options)
                                : arrow::ipc::MakeFileWriter(bytes, schema, options))
                            .ValueOrDie();
    for (const auto& batch : batches) EXPECT_OK(writer->WriteRecordBatch(*batch));
    EXPECT_OK(writer->Close());
    const std::string path = dir_ / ("t" + std::to_string(++files_) + ".arrow");
    std::ofstream(path, std::ios::binary) << bytes->Finish().ValueOrDie()->ToString();
    return path;
  }
  static std::shared_ptr<arrow::RecordBatch> Batch(const std::shared_ptr<arrow::Array>& array) {
    return arrow::RecordBatch::Make(arrow::schema({arrow::field("c", array->type())}),
                                    array->length(), {array});
  }
  static void ExpectSame(const arrow::Array& found, const arrow::Array& wanted) {
    EXPECT_OK(found.ValidateFull());
    EXPECT_TRUE(found.Equals(wanted, arrow::EqualOptions::Defaults().nans_equal(true)))
        << wanted.Diff(found);
  }
  void ExpectSameRows(const std::string& path, const arrow::Array& wanted) {
    ASSERT_OK_AND_ASSIGN(const auto table, ReadFile(path));
    ASSERT_OK_AND_ASSIGN(const auto found, arrow::Concatenate(table->column(0)->chunks()));
    ExpectSame(*found, wanted);
  }

  io::TempDir dir_;
  int files_ = 0;
};

TEST_F(ForeignArrowTest, EveryTypeComesBackFromFilesAndStreams) {
  auto lz4 = arrow::ipc::IpcWriteOptions::Defaults();
  ASSERT_OK_AND_ASSIGN(lz4.codec, arrow::util::Codec::Create(arrow::Compression::LZ4_FRAME));
  for (const auto& type : AllTypes()) {
    for (const bool nulls : {false, true}) {
      SCOPED_TRACE(type->ToString() + (nulls ? " with nulls" : ""));
      const auto array = RandomArray(7, nulls, type, 100);
      const auto batch = Batch(array);
      const arrow::RecordBatchVector parts = {batch->Slice(0, 33), batch->Slice(33, 0),
                                              batch->Slice(33)};
      ExpectSameRows(Write({batch}), *array);
      ExpectSameRows(Write({batch}, /*stream=*/true), *array);
      ExpectSameRows(Write({batch}, /*stream=*/false, lz4), *array);
      ExpectSameRows(Write({batch}, /*stream=*/true, lz4), *array);
      ExpectSameRows(Write(parts), *array);
      ExpectSameRows(Write(parts, /*stream=*/true), *array);
    }
  }
}

TEST_F(ForeignArrowTest, AnyRowsOfEveryType) {
  for (const auto& type : AllTypes()) {
    if (!CanReadRows(*type)) continue;
    for (const bool nulls : {false, true}) {
      SCOPED_TRACE(type->ToString() + (nulls ? " with nulls" : ""));
      const auto array = RandomArray(11, nulls, type, 101);
      ASSERT_OK_AND_ASSIGN(const auto source, Source::Open(io::PosixEnv(), Write({Batch(array)})));
      ASSERT_OK_AND_ASSIGN(const auto footer, ReadIpcFooter(*source));
      IpcDictionaries dictionaries(source, /*big_endian=*/false);
      for (const IpcPlace& place : footer.dictionaries) {
        ASSERT_OK_AND_ASSIGN(auto message, ReadIpcMessage(*source, place));
        ASSERT_OK(dictionaries.Add(std::move(*message), /*may_replace=*/false));
      }
      ASSERT_OK_AND_ASSIGN(const auto message, ReadIpcMessage(*source, footer.batches.at(0)));
      ASSERT_OK_AND_ASSIGN(auto columns, IpcColumns(message->batch, {type}, {0}));
      ASSERT_OK(dictionaries.Resolve(footer.schema.fields.at(0), &columns[0]));
      for (const int64_t first : {0, 1, 7, 8, 50, 101}) {
        for (const int64_t count : {0, 1, 8, 51, 101}) {
          if (first + count > array->length()) {
            ExpectError(ReadRows(*source, columns[0], first, count), ErrorCode::kDamaged);
            continue;
          }
          ASSERT_OK_AND_ASSIGN(auto rows, ReadRows(*source, columns[0], first, count));
          ExpectSame(*arrow::MakeArray(rows), *array->Slice(first, count));
        }
      }
    }
  }
}

TEST_F(ForeignArrowTest, DictionariesGrowAndAreReplaced) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto batch = [&](const std::string& indices, const std::string& values) {
    return Batch(std::make_shared<arrow::DictionaryArray>(type, Values(arrow::int8(), indices),
                                                          Values(arrow::utf8(), values)));
  };
  const auto texts = [&](const std::string& path) {
    const auto table = ReadFile(path);
    if (!table.ok()) return table.status().ToString();
    std::string text;
    for (const auto& chunk : (*table)->column(0)->chunks()) {
      const auto& array = static_cast<const arrow::DictionaryArray&>(*chunk);
      const auto& values = static_cast<const arrow::StringArray&>(*array.dictionary());
      for (int64_t i = 0; i < array.length(); ++i) text += values.GetView(array.GetValueIndex(i));
    }
    return text;
  };
  auto deltas = arrow::ipc::IpcWriteOptions::Defaults();
  deltas.emit_dictionary_deltas = true;
  const arrow::RecordBatchVector grown = {batch("[0, 1]", R"(["a", "b"])"),
                                          batch("[2, 0]", R"(["a", "b", "c"])")};
  EXPECT_EQ(texts(Write(grown, /*stream=*/false, deltas)), "abca");
  EXPECT_EQ(texts(Write(grown, /*stream=*/true, deltas)), "abca");
  EXPECT_EQ(texts(Write(grown, /*stream=*/true)), "abca");
  EXPECT_EQ(texts(Write({batch("[0, 1]", R"(["a", "b"])"), batch("[0, 0, 1]", R"(["x", "y"])")},
                        /*stream=*/true)),
            "abxxy");
}

// Views may name their bytes in any order; what none names is not read.
TEST_F(ForeignArrowTest, ViewsInAnyOrder) {
  arrow::StringViewBuilder builder;
  builder.SetBlockSize(8 << 20);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_OK(
        builder.Append("a text of some length " + std::to_string(i) + std::string(3000, '.')));
  }
  ASSERT_OK_AND_ASSIGN(const auto values, builder.Finish());
  auto data = values->data()->Copy();
  ASSERT_OK_AND_ASSIGN(data->buffers[1], data->buffers[1]->CopySlice(0, 16'000));
  auto* views = reinterpret_cast<arrow::BinaryViewType::c_type*>(
      const_cast<uint8_t*>(data->buffers[1]->data()));
  std::mt19937 random(5);
  std::shuffle(views, views + 1000, random);
  const auto shuffled = arrow::MakeArray(data);
  arrow::ProxyMemoryPool own(arrow::default_memory_pool());
  arrow::CappedMemoryPool pool(&own, 200 << 10);
  Limits limits;
  limits.pool = &pool;
  ASSERT_OK_AND_ASSIGN(const auto source,
                       Source::Open(io::PosixEnv(), Write({Batch(shuffled)}), limits));
  ASSERT_OK_AND_ASSIGN(const auto footer, ReadIpcFooter(*source));
  ASSERT_OK_AND_ASSIGN(const auto message, ReadIpcMessage(*source, footer.batches.at(0)));
  ASSERT_OK_AND_ASSIGN(const auto columns, IpcColumns(message->batch, {arrow::utf8_view()}, {0}));
  for (int64_t first = 0; first < 1000; first += 40) {
    ASSERT_OK_AND_ASSIGN(auto rows, ReadRows(*source, columns[0], first, 40));
    ExpectSame(*arrow::MakeArray(rows), *shuffled->Slice(first, 40));
  }
}

// Rows wide enough for several slices: 40 of 1 MiB.
class ForeignArrowChangeTest : public ForeignArrowTest, public testing::WithParamInterface<bool> {
 protected:
  void SetUp() override {
    arrow::StringBuilder builder;
    for (int i = 0; i < 40; ++i) {
      ASSERT_OK(builder.Append(std::string(1 << 20, static_cast<char>('a' + i % 26))));
    }
    ASSERT_OK_AND_ASSIGN(wanted_, builder.Finish());
    path_ = Write({Batch(wanted_)}, /*stream=*/GetParam());
    ASSERT_OK_AND_ASSIGN(const auto dataset, OpenFile(path_));
    ASSERT_OK_AND_ASSIGN(const auto relation, dataset->OpenRelation(""));
    ASSERT_OK_AND_ASSIGN(plan_, relation->Scan({}));
    ASSERT_OK_AND_ASSIGN(reader_, plan_.tasks.front()->Open());
    ASSERT_OK(reader_->ReadNext(&first_));
    ASSERT_NE(first_, nullptr);
    ASSERT_LT(first_->num_rows(), 40);
  }
  void ExpectFirstUnchanged() {
    ExpectSame(*first_->column(0), *wanted_->Slice(0, first_->num_rows()));
  }
  // What the next rows are, whether of this task or the next one.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() {
    std::shared_ptr<arrow::RecordBatch> batch;
    ARROW_RETURN_NOT_OK(reader_->ReadNext(&batch));
    if (batch != nullptr) return batch;
    ARROW_ASSIGN_OR_RAISE(reader_, plan_.tasks.at(1)->Open());
    ARROW_RETURN_NOT_OK(reader_->ReadNext(&batch));
    return batch;
  }

  std::string path_;
  std::shared_ptr<arrow::Array> wanted_;
  ScanPlan plan_;
  std::shared_ptr<arrow::RecordBatchReader> reader_;
  std::shared_ptr<arrow::RecordBatch> first_;
};

TEST_P(ForeignArrowChangeTest, AFileThatIsCutIsAnErrorAndRowsThatWereReadStay) {
  std::filesystem::resize_file(path_, 4096);
  ExpectFirstUnchanged();
  const auto next = Next();
  ExpectError(next, ErrorCode::kDamaged, path_);
  ExpectError(next, ErrorCode::kDamaged, "write a new file and rename it over the old one");
  ExpectFirstUnchanged();
}

TEST_P(ForeignArrowChangeTest, RowsThatWereReadStayWhenTheFileIsWrittenOver) {
  const auto size = static_cast<size_t>(std::filesystem::file_size(path_));
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << std::string(size, '\xff');
  ExpectFirstUnchanged();
  ExpectError(Next(), ErrorCode::kDamaged, path_);
  ExpectFirstUnchanged();
}

// The same size and valid rows, but not those of before.
TEST_P(ForeignArrowChangeTest, RowsOfTwoStatesOfAFileAreNotMixed) {
  std::ifstream in(path_, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::replace(bytes.begin() + (1 << 20), bytes.end() - (1 << 20), 'z', 'y');
  std::fstream(path_, std::ios::in | std::ios::out | std::ios::binary) << bytes;
  std::filesystem::last_write_time(
      path_, std::filesystem::file_time_type::clock::now() + std::chrono::seconds(2));
  ExpectError(Next(), ErrorCode::kDamaged, "it was written over while it was read");
  ExpectFirstUnchanged();
}

TEST_P(ForeignArrowChangeTest, AFileThatGrowsIsAnError) {
  std::ofstream(path_, std::ios::app | std::ios::binary) << "more";
  ExpectError(Next(), ErrorCode::kDamaged, "it was written over while it was read");
  ExpectFirstUnchanged();
}

INSTANTIATE_TEST_SUITE_P(Kinds, ForeignArrowChangeTest, testing::Bool(),
                         [](const auto& kind) { return kind.param ? "Stream" : "File"; });

}  // namespace
}  // namespace pyralog::formats
