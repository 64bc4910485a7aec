// Tables of Arrow types, for tests: arrays from JSON and a database that is opened and closed.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "arrow/api.h"
#include "arrow/compute/api_vector.h"
#include "arrow/extension_type.h"
#include "arrow/json/from_string.h"
#include "pyralog/database.h"
#include "sql/arrow_types.h"
#include "sql/stored_values.h"

namespace pyralog::sql {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using TypePtr = std::shared_ptr<arrow::DataType>;

inline ArrayPtr ArrayOf(const TypePtr& type, const std::string& json) {
  if (type->id() == arrow::Type::EXTENSION) {
    const auto& storage = static_cast<const arrow::ExtensionType&>(*type).storage_type();
    return arrow::ExtensionType::WrapArray(type, ArrayOf(storage, json));
  }
  if (type->id() == arrow::Type::RUN_END_ENCODED) {
    const auto& runs = static_cast<const arrow::RunEndEncodedType&>(*type);
    return arrow::compute::RunEndEncode(ArrayOf(runs.value_type(), json),
                                        arrow::compute::RunEndEncodeOptions(runs.run_end_type()))
        .ValueOrDie()
        .make_array();
  }
  if (type->id() == arrow::Type::DECIMAL128 &&
      static_cast<const arrow::DecimalType&>(*type).scale() < 0) {
    // The text is of the digits alone.
    const auto digits = ArrayOf(arrow::decimal128(5, 0), json)->data()->Copy();
    digits->type = type;
    return arrow::MakeArray(digits);
  }
  return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
}

inline std::shared_ptr<const arrow::KeyValueMetadata> Notes(const std::string& value) {
  return arrow::key_value_metadata({"note"}, {value + std::string("\0\xff", 2)});
}

// Dictionaries and runs at any depth become their values, so that equal values are equal arrays.
inline ArrayPtr Plain(const ArrayPtr& array) {
  const auto view = SqlViewOf(*array->type());
  if (!view.ok()) return array;
  const auto plain = StoredToSql(array, LayoutOf(*view).ValueOrDie().arrow);
  return plain.ok() ? *plain : array;
}

// A database in a folder of its own.
class TypesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::temp_directory_path() / ("pyralog-types-" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    Open();
  }
  void TearDown() override {
    Close();
    std::filesystem::remove_all(folder_);
  }
  void Open() {
    database_ = Database::Open(folder_.string()).ValueOrDie();
    session_ = database_->Connect().ValueOrDie();
  }
  void Close() {
    session_.reset();
    if (database_ != nullptr) {
      EXPECT_TRUE(database_->Close().ok());
    }
    database_.reset();
  }
  // All rows of a table, as one batch.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Rows(const std::string& table) {
    ARROW_ASSIGN_OR_RAISE(auto reader, database_->Scan(table));
    ARROW_ASSIGN_OR_RAISE(auto batches, reader->ToRecordBatches());
    ARROW_ASSIGN_OR_RAISE(auto whole, arrow::Table::FromRecordBatches(reader->schema(), batches));
    return whole->CombineChunksToBatch();
  }
  // `table` holds the rows of `expected` `times` over, in the types and with the metadata of it.
  void ExpectRows(const std::string& table, const arrow::RecordBatch& expected, int times) {
    const auto rows = Rows(table);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_TRUE((*rows)->schema()->Equals(*expected.schema(), true))
        << (*rows)->schema()->ToString(true) << "\n"
        << expected.schema()->ToString(true);
    ASSERT_TRUE((*rows)->ValidateFull().ok()) << (*rows)->ValidateFull();
    const int64_t length = expected.num_rows();
    ASSERT_EQ((*rows)->num_rows(), length * times);
    for (int i = 0; i < expected.num_columns(); ++i) {
      const auto& type = (*rows)->column(i)->type();
      EXPECT_TRUE(type->Equals(expected.schema()->field(i)->type())) << type->ToString();
    }
    for (int time = 0; time < times; ++time) {
      for (int i = 1; i < expected.num_columns(); ++i) {
        const auto got = Plain((*rows)->column(i)->Slice(time * length, length));
        EXPECT_TRUE(got->Equals(*Plain(expected.column(i))))
            << expected.schema()->field(i)->ToString() << "\n"
            << got->ToString();
      }
    }
  }
  arrow::Result<std::shared_ptr<arrow::Table>> Select(const std::string& sql) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, session_->Query(sql));
    return reader->ToTable();
  }
  std::string Scalar(const std::string& sql) {
    const auto table = Select(sql);
    if (!table.ok()) return table.status().ToString();
    return (*table)->column(0)->GetScalar(0).ValueOrDie()->ToString();
  }

  std::filesystem::path folder_;
  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

}  // namespace pyralog::sql
