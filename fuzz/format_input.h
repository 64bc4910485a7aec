// Reads any bytes as a file of a format, as far as a query would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "formats/registry.h"
#include "formats/source.h"
#include "io/env.h"

namespace pyralog::fuzz {

// A file in memory at `path`.
inline arrow::Status MakeFile(io::Env* env, const std::string& path, std::string_view bytes) {
  ARROW_ASSIGN_OR_RAISE(auto file, env->Open(path, io::OpenMode::kCreate));
  ARROW_RETURN_NOT_OK(file->WriteAt(0, bytes));
  return file->Close();
}

// Rules about values that lie where they should: whoever needs them checks them (SQL does).
inline bool IsRuleForValues(std::string_view message) {
  for (const std::string_view rule :
       {"does not fit in precision", "UTF8", "whole number of days", "not within the acceptable"}) {
    if (message.find(rule) != message.npos) return true;
  }
  return false;
}

inline arrow::Status ReadRelation(formats::Relation* relation) {
  ARROW_ASSIGN_OR_RAISE(auto plan, relation->Scan({}));
  int64_t rows = 0;
  for (const auto& task : plan.tasks) {
    ARROW_ASSIGN_OR_RAISE(auto reader, task->Open());
    while (rows < 100'000) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr) break;
      const arrow::Status whole = batch->ValidateFull();
      if (!whole.ok() && !IsRuleForValues(whole.message())) {
        std::cerr << "a batch that was let through is invalid: " << whole.ToString() << "\n";
        std::abort();
      }
      rows += batch->num_rows();
    }
  }
  return arrow::Status::OK();
}

inline arrow::Status ReadAsFormat(std::string_view format, const uint8_t* data, size_t size) {
  const auto env = io::NewMemEnv();
  ARROW_RETURN_NOT_OK(MakeFile(env.get(), "/input", {reinterpret_cast<const char*>(data), size}));
  ARROW_ASSIGN_OR_RAISE(auto source, formats::Source::Open(env.get(), "/input"));
  ARROW_ASSIGN_OR_RAISE(auto dataset, formats::OpenDataset(source, format));
  (void)dataset->Describe();
  (void)dataset->sql_reader_options();
  ARROW_ASSIGN_OR_RAISE(auto relation, dataset->OpenRelation(""));
  // Without a relation it was only checked, for the SQL engine's own reader.
  return relation == nullptr ? arrow::Status::OK() : ReadRelation(relation.get());
}

}  // namespace pyralog::fuzz
