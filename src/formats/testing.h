// What the tests of this layer share.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/api.h"
#include "arrow/io/memory.h"
#include "arrow/json/from_string.h"
#include "arrow/testing/gtest_util.h"
#include "formats/registry.h"
#include "io/testing.h"

namespace pyralog::formats {

// An array from its values in JSON.
inline std::shared_ptr<arrow::Array> Values(const std::shared_ptr<arrow::DataType>& type,
                                            const std::string& json) {
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

// The rows of a plan, task after task.
inline arrow::Result<std::shared_ptr<arrow::Table>> ReadPlan(const ScanPlan& plan) {
  arrow::RecordBatchVector batches;
  for (const auto& task : plan.tasks) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, task->Open());
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr) break;
      batches.push_back(std::move(batch));
    }
  }
  return arrow::Table::FromRecordBatches(plan.schema, batches);
}

inline arrow::Result<std::shared_ptr<arrow::Table>> ReadRelation(
    Relation* relation, const batch::ScanRequest& request = {}) {
  ARROW_ASSIGN_OR_RAISE(const ScanPlan plan, relation->Scan(request));
  return ReadPlan(plan);
}

inline arrow::Result<std::shared_ptr<Dataset>> OpenFile(const std::string& path,
                                                        std::string_view format = {}) {
  ARROW_ASSIGN_OR_RAISE(auto source, Source::Open(io::PosixEnv(), path));
  return OpenDataset(source, format);
}

// All rows of a file whose format has relations.
inline arrow::Result<std::shared_ptr<arrow::Table>> ReadFile(const std::string& path,
                                                             std::string_view format = {}) {
  ARROW_ASSIGN_OR_RAISE(const auto dataset, OpenFile(path, format));
  ARROW_ASSIGN_OR_RAISE(const auto relation, dataset->OpenRelation(""));
  if (relation == nullptr) return arrow::Status::NotImplemented("no relation");
  return ReadRelation(relation.get());
}

// What a format writes for these batches.
inline arrow::Result<std::string> WriteToString(const Format& format,
                                                const arrow::RecordBatchVector& batches,
                                                const Options& options = {}) {
  ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(auto writer, format.Create(out, batches.front()->schema(), options));
  for (const auto& batch : batches) ARROW_RETURN_NOT_OK(writer->Write(*batch));
  ARROW_RETURN_NOT_OK(writer->Finish());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, out->Finish());
  return buffer->ToString();
}

// `count` rows: id (int64, from `first`), name (utf8, null at every third), score (float64).
inline std::shared_ptr<arrow::RecordBatch> SomeRows(int64_t first, int64_t count) {
  arrow::Int64Builder ids;
  arrow::StringBuilder names;
  arrow::DoubleBuilder scores;
  for (int64_t i = first; i < first + count; ++i) {
    EXPECT_TRUE(ids.Append(i).ok());
    EXPECT_TRUE((i % 3 == 0 ? names.AppendNull() : names.Append("n" + std::to_string(i))).ok());
    EXPECT_TRUE(scores.Append(static_cast<double>(i) / 4).ok());
  }
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("name", arrow::utf8()),
                     arrow::field("score", arrow::float64())});
  return arrow::RecordBatch::Make(
      schema, count,
      {ids.Finish().ValueOrDie(), names.Finish().ValueOrDie(), scores.Finish().ValueOrDie()});
}

}  // namespace pyralog::formats
