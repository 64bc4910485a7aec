// Dictionaries and run ends whose integers are too narrow for all rows of a table.
#include "sql/types_testing.h"

namespace pyralog::sql {
namespace {

class EncodedTypesTest : public TypesTest {
 protected:
  // Table t with the key id, of these batches in one transaction.
  template <class RowsOf>
  void MakeTable(const std::shared_ptr<arrow::Schema>& schema, int batches, RowsOf rows_of) {
    auto txn = database_->Begin().ValueOrDie();
    ASSERT_TRUE(txn->CreateTable("t", schema, {"id"}).ok());
    for (int batch = 0; batch < batches; ++batch) {
      const auto appended = txn->Append("t", rows_of(batch));
      ASSERT_TRUE(appended.ok()) << appended;
    }
    ASSERT_TRUE(txn->Commit().ok());
  }

  // Reads the table batch by batch, each valid.
  template <class Visit>
  void VisitBatches(const std::string& table, Visit visit) {
    const auto reader = database_->Scan(table).ValueOrDie();
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      const auto read = reader->ReadNext(&batch);
      ASSERT_TRUE(read.ok()) << read;
      if (batch == nullptr) break;
      ASSERT_TRUE(batch->ValidateFull().ok()) << batch->ValidateFull();
      ASSERT_NO_FATAL_FAILURE(visit(*batch));
    }
  }
};

// All of them have more distinct values than their indices count; each batch of rows has not.
TEST_F(EncodedTypesTest, DictionariesOfManyValues) {
  const TypePtr narrow = arrow::dictionary(arrow::int8(), arrow::utf8());
  const TypePtr of_lists = arrow::dictionary(arrow::int8(), arrow::list(arrow::int64()));
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int64()), arrow::field("d", narrow),
                     arrow::field("l", arrow::list(narrow)), arrow::field("n", of_lists)});
  constexpr int kRows = 100, kBatches = 40;
  const auto rows_of = [&](int batch) {
    std::string ids = "[", texts = "[", lists = "[", numbers = "[";
    for (int i = 0; i < kRows; ++i) {
      const std::string id = std::to_string(batch * kRows + i);
      const std::string comma = i + 1 == kRows ? "]" : ", ";
      ids += id + comma;
      texts += "\"v" + id + "\"" + comma;
      lists += "[\"v" + id + "\", null]" + comma;
      numbers += "[" + id + "]" + comma;
    }
    const auto entries = ArrayOf(arrow::list(arrow::int64()), numbers);
    arrow::Int8Builder indices;
    for (int8_t i = 0; i < kRows; ++i) EXPECT_TRUE(indices.Append(i).ok());
    const ArrayPtr n =
        arrow::DictionaryArray::FromArrays(of_lists, indices.Finish().ValueOrDie(), entries)
            .ValueOrDie();
    return arrow::RecordBatch::Make(schema, kRows,
                                    {ArrayOf(arrow::int64(), ids), ArrayOf(narrow, texts),
                                     ArrayOf(arrow::list(narrow), lists), n});
  };
  ASSERT_NO_FATAL_FAILURE(MakeTable(schema, kBatches, rows_of));
  const auto check = [&](const std::string& when) {
    SCOPED_TRACE(when);
    int64_t seen = 0;
    const auto visit = [&](const arrow::RecordBatch& batch) {
      for (int i = 0; i < batch.num_columns(); ++i)
        ASSERT_TRUE(batch.column(i)->type()->Equals(schema->field(i)->type()));
      const auto expected = rows_of(static_cast<int>(seen / kRows));
      ASSERT_LE(batch.num_rows(), 128);  // indices of 8 bits
      for (int i = 1; i < 4; ++i) {
        const ArrayPtr first = Plain(batch.column(i)->Slice(0, 1));
        EXPECT_TRUE(first->Equals(*Plain(expected->column(i)->Slice(seen % kRows, 1))))
            << first->ToString();
      }
      seen += batch.num_rows();
    };
    ASSERT_NO_FATAL_FAILURE(VisitBatches("t", visit));
    EXPECT_EQ(seen, kRows * kBatches);
    EXPECT_EQ(Scalar("SELECT count(DISTINCT d)::BIGINT FROM t WHERE d = l[1] AND d = 'v' || id AND "
                     "n[1] = id AND l[2] IS NULL"),
              std::to_string(kRows * kBatches));
    const auto keys = rows_of(7)->SelectColumns({0}).ValueOrDie();
    const auto got = database_->Begin().ValueOrDie()->Get("t", keys);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(Plain(got->rows->column(1))->Equals(*Plain(rows_of(7)->column(1))));
  };
  check("in memory");
  // SQL writes as many.
  const auto copied = [&]() -> arrow::Status {
    auto making = database_->Begin().ValueOrDie();
    ARROW_RETURN_NOT_OK(making->CreateTable("u", schema, {"id"}));
    ARROW_RETURN_NOT_OK(making->Commit().status());
    ARROW_RETURN_NOT_OK(session_->Execute("INSERT INTO u SELECT * FROM t").status());
    return session_->Execute("UPDATE u SET id = id + 0").status();
  }();
  ASSERT_TRUE(copied.ok()) << copied;
  EXPECT_EQ(Scalar("SELECT count(*)::BIGINT FROM (FROM t INTERSECT FROM u)"),
            std::to_string(kRows * kBatches));
  Close();
  Open();
  check("recovered");
  ASSERT_TRUE(database_->Flush().ok());
  check("flushed");
  ASSERT_TRUE(session_->Execute("VACUUM t").ok());
  Close();
  Open();
  check("reopened");
}

// More rows than run ends of 16 bits reach; each batch of rows has fewer.
TEST_F(EncodedTypesTest, ShortRunsOfManyRows) {
  const TypePtr runs = arrow::run_end_encoded(arrow::int16(), arrow::utf8());
  const auto schema = arrow::schema({arrow::field("id", arrow::int64()), arrow::field("r", runs),
                                     arrow::field("s", arrow::struct_({arrow::field("x", runs)})),
                                     arrow::field("l", arrow::list(runs))});
  constexpr int kRows = 30'000, kBatches = 8;  // more than a unit of a segment
  const auto rows_of = [&](int batch) {
    arrow::Int64Builder ids;
    arrow::StringBuilder texts;
    arrow::Int32Builder offsets;
    for (int i = 0; i < kRows; ++i) {
      const int64_t id = batch * kRows + i;
      EXPECT_TRUE(ids.Append(id).ok());
      EXPECT_TRUE(
          (id / 5 % 7 == 3 ? texts.AppendNull() : texts.Append(std::to_string(id / 5))).ok());
      EXPECT_TRUE(offsets.Append(i).ok());
    }
    EXPECT_TRUE(offsets.Append(kRows).ok());
    const ArrayPtr values =
        arrow::compute::RunEndEncode(texts.Finish().ValueOrDie(),
                                     arrow::compute::RunEndEncodeOptions(arrow::int16()))
            .ValueOrDie()
            .make_array();
    const auto row = std::make_shared<arrow::StructArray>(schema->field(2)->type(), kRows,
                                                          arrow::ArrayVector{values});
    const auto list = arrow::ListArray::FromArrays(schema->field(3)->type(),
                                                   *offsets.Finish().ValueOrDie(), *values)
                          .ValueOrDie();
    return arrow::RecordBatch::Make(schema, kRows, {ids.Finish().ValueOrDie(), values, row, list});
  };
  ASSERT_NO_FATAL_FAILURE(MakeTable(schema, kBatches, rows_of));
  const auto check = [&](const std::string& when, const std::string& table) {
    SCOPED_TRACE(when);
    int64_t seen = 0;
    const auto visit = [&](const arrow::RecordBatch& batch) {
      for (int i = 1; i < batch.num_columns(); ++i) {
        ASSERT_TRUE(batch.column(i)->type()->Equals(schema->field(i)->type()));
        // The batch's first row, and its last.
        for (const int64_t row : {int64_t{0}, batch.num_rows() - 1}) {
          const int64_t id = static_cast<const arrow::Int64Array&>(*batch.column(0)).Value(row);
          const auto expected = rows_of(static_cast<int>(id / kRows));
          EXPECT_TRUE(Plain(batch.column(i)->Slice(row, 1))
                          ->Equals(*Plain(expected->column(i)->Slice(id % kRows, 1))));
        }
      }
      seen += batch.num_rows();
    };
    ASSERT_NO_FATAL_FAILURE(VisitBatches(table, visit));
    EXPECT_EQ(seen, kRows * kBatches);
    EXPECT_EQ(Scalar("SELECT count(*)::BIGINT FROM " + table +
                     " WHERE r IS NOT DISTINCT FROM CASE WHEN id // 5 % 7 <> 3 THEN id // 5 END AND"
                     " r IS NOT DISTINCT FROM s.x AND r IS NOT DISTINCT FROM l[1]"),
              std::to_string(kRows * kBatches));
  };
  check("in memory", "t");
  const auto copied = [&]() -> arrow::Status {
    auto making = database_->Begin().ValueOrDie();
    ARROW_RETURN_NOT_OK(making->CreateTable("u", schema, {"id"}));
    ARROW_RETURN_NOT_OK(making->Commit().status());
    return session_->Execute("INSERT INTO u SELECT * FROM t").status();
  }();
  ASSERT_TRUE(copied.ok()) << copied;
  check("copied by SQL", "u");
  Close();
  Open();
  check("recovered", "t");
  ASSERT_TRUE(database_->Flush().ok());
  check("flushed", "t");
  check("copy flushed", "u");
  const auto updated = session_->Execute("UPDATE u SET id = id WHERE true");
  ASSERT_TRUE(updated.ok()) << updated.status();
  check("updated", "u");
  ASSERT_TRUE(session_->Execute("VACUUM t").ok());
  Close();
  Open();
  check("reopened", "t");
  const auto keys = rows_of(7)->SelectColumns({0}).ValueOrDie();
  const auto got = database_->Begin().ValueOrDie()->Get("t", keys);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(Plain(got->rows->column(1))->Equals(*Plain(rows_of(7)->column(1))));
}

}  // namespace
}  // namespace pyralog::sql
