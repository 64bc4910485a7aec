// Arrow dictionaries in stored tables: their entries, used or not, in their order.
#include "sql/types_testing.h"

#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

const TypePtr& Ordered() {
  static const TypePtr type = arrow::dictionary(arrow::int8(), arrow::utf8(), true);
  return type;
}
const TypePtr& Plainly() {
  static const TypePtr type = arrow::dictionary(arrow::int8(), arrow::utf8());
  return type;
}

ArrayPtr Encoded(const TypePtr& type, const std::string& indices, const std::string& entries) {
  const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
  return arrow::DictionaryArray::FromArrays(type, ArrayOf(dictionary.index_type(), indices),
                                            ArrayOf(dictionary.value_type(), entries))
      .ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> BatchOf(const ArrayPtr& array, const std::string& name = "v") {
  return arrow::RecordBatch::Make(arrow::schema({arrow::field(name, array->type())}),
                                  array->length(), {array});
}

class DictionaryTest : public TypesTest {
 protected:
  arrow::Status Create(const std::string& table, const TypePtr& type) {
    auto txn = database_->Begin().ValueOrDie();
    ARROW_RETURN_NOT_OK(txn->CreateTable(table, arrow::schema({arrow::field("v", type)})));
    return txn->Commit().status();
  }
  arrow::Status Append(const std::string& table, const ArrayPtr& array) {
    auto txn = database_->Begin().ValueOrDie();
    ARROW_RETURN_NOT_OK(txn->Append(table, BatchOf(array)));
    return txn->Commit().status();
  }
  // The chunks of column v.
  arrow::ArrayVector Chunks(const std::string& table) {
    const auto rows = database_->Scan(table).ValueOrDie()->ToTable().ValueOrDie();
    return rows->GetColumnByName("v")->chunks();
  }
  // All rows are those of `expected`, with its dictionary.
  void ExpectExactly(const std::string& table, const ArrayPtr& expected) {
    const auto chunks = Chunks(table);
    ASSERT_EQ(chunks.size(), 1u);
    ASSERT_TRUE(chunks[0]->ValidateFull().ok()) << chunks[0]->ValidateFull();
    EXPECT_TRUE(chunks[0]->Equals(*expected)) << chunks[0]->ToString() << expected->ToString();
  }
  // Wherever the rows are: in memory, in the log, in segments, in merged ones.
  template <class Check>
  void Everywhere(Check check) {
    const auto at = [&](const char* place) {
      SCOPED_TRACE(place);
      check();
    };
    at("in memory");
    Close();
    Open();
    at("recovered");
    const auto flushed = database_->Flush();
    ASSERT_TRUE(flushed.ok()) << flushed;
    at("flushed");
    Close();
    Open();
    at("reopened");
  }
  static std::string Entries(const arrow::Array& array) {
    return static_cast<const arrow::DictionaryArray&>(array).dictionary()->ToString();
  }
};

TEST_F(DictionaryTest, UnusedEntriesAndTheirOrderComeBack) {
  const std::string entries = R"(["low", "mid", "high", "never"])";
  int number = 0;
  std::vector<std::pair<std::string, ArrayPtr>> tables;
  for (const bool ordered : {true, false}) {
    for (const TypePtr& index : {arrow::int8(), arrow::uint16(), arrow::int64()}) {
      const auto type = arrow::dictionary(index, arrow::utf8(), ordered);
      tables.emplace_back("t" + std::to_string(++number),
                          Encoded(type, "[2, null, 0, 2, 1]", entries));
      ASSERT_TRUE(Create(tables.back().first, type).ok());
      const auto appended = Append(tables.back().first, tables.back().second);
      ASSERT_TRUE(appended.ok()) << appended;
    }
  }
  Everywhere([&] {
    for (const auto& [table, array] : tables) ExpectExactly(table, array);
  });
}

TEST_F(DictionaryTest, EntriesOfManyTypes) {
  const std::vector<std::pair<TypePtr, std::string>> kinds = {
      {arrow::int64(), "[3, 1, 2, 9]"},
      {arrow::float64(), "[0.5, -0.0, 0.0, 9]"},
      {arrow::date32(), "[3, 1, 2, 9]"},
      {arrow::large_utf8(), R"(["c", "a", "", "unused"])"},
      {arrow::utf8_view(), R"(["c", "more than twelve bytes", "", "unused"])"},
      {arrow::fixed_size_binary(2), R"(["cc", "aa", "bb", "un"])"},
      {arrow::decimal128(5, 2), R"(["3.00", "1.00", "2.00", "9.00"])"},
      {arrow::boolean(), "[true, false]"},
      {arrow::list(arrow::int32()), "[[3], [1, null], [], [9]]"},
      {arrow::struct_({arrow::field("x", arrow::utf8())}),
       R"([{"x": "c"}, {"x": null}, {"x": "b"}, {"x": "unused"}])"}};
  std::vector<ArrayPtr> arrays;
  for (const bool ordered : {true, false}) {
    for (const auto& [type, entries] : kinds) {
      const std::string table = "t" + std::to_string(arrays.size());
      arrays.push_back(
          Encoded(arrow::dictionary(arrow::uint8(), type, ordered), "[1, null, 0, 1]", entries));
      ASSERT_TRUE(Create(table, arrays.back()->type()).ok());
      const auto appended = Append(table, arrays.back());
      ASSERT_TRUE(appended.ok()) << appended;
    }
  }
  Everywhere([&] {
    for (size_t i = 0; i < arrays.size(); ++i) {
      SCOPED_TRACE(arrays[i]->type()->ToString());
      ExpectExactly("t" + std::to_string(i), arrays[i]);
    }
  });
}

TEST_F(DictionaryTest, InsideOtherTypes) {
  const auto values = Encoded(Ordered(), "[2, null, 0, 2]", R"(["low", "mid", "high", "never"])");
  const auto others = Encoded(Plainly(), "[0, 1, null, 0]", R"(["x", "y", "never"])");
  const ArrayPtr offsets = ArrayOf(arrow::int32(), "[0, 1, 1, 4]");
  const auto row =
      arrow::StructArray::Make({values, others}, std::vector<std::string>{"a", "b"}).ValueOrDie();
  const auto lists = arrow::ListArray::FromArrays(*offsets, *row).ValueOrDie();
  const auto maps = arrow::MapArray::FromArrays(
                        offsets, ArrayOf(arrow::utf8(), R"(["k", "l", "m", "n"])"), values)
                        .ValueOrDie();
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int32()), arrow::field("l", lists->type()),
                     arrow::field("m", maps->type()), arrow::field("s", row->type())});
  const auto batch = arrow::RecordBatch::Make(
      schema, 3, {ArrayOf(arrow::int32(), "[1, 2, 3]"), lists, maps, row->Slice(0, 3)});
  auto txn = database_->Begin().ValueOrDie();
  ASSERT_TRUE(txn->CreateTable("t", schema).ok());
  for (const auto& part : {batch->Slice(0, 1), batch->Slice(1, 2)}) {
    const auto appended = txn->Append("t", part);
    ASSERT_TRUE(appended.ok()) << appended;
  }
  ASSERT_TRUE(txn->Commit().ok());
  txn.reset();
  Everywhere([&] {
    const auto rows = Rows("t").ValueOrDie();
    ASSERT_TRUE(rows->ValidateFull().ok()) << rows->ValidateFull();
    EXPECT_TRUE(rows->Equals(*batch)) << rows->ToString();
    const auto& structs = static_cast<const arrow::StructArray&>(*rows->column(3));
    EXPECT_EQ(Entries(*structs.field(0)), Entries(*values));
    EXPECT_EQ(Entries(*structs.field(1)), Entries(*others));
  });
  // SQL writes what is an entry, and NULL around it.
  const auto written = session_->Execute(
      "INSERT INTO t (id, s, l) VALUES (4, {'a': 'mid', 'b': 'y'}, [{'a': 'low', 'b': NULL}]), "
      "(5, NULL, NULL)");
  ASSERT_TRUE(written.ok()) << written.status();
  const auto refused = session_->Execute("INSERT INTO t (id, l) VALUES (6, [{'a': 'none'}])");
  EXPECT_EQ(GetErrorCode(refused.status()), ErrorCode::kInvalidArgument) << refused.status();
  EXPECT_NE(refused.status().message().find("'none'"), std::string::npos) << refused.status();
}

TEST_F(DictionaryTest, EmptyTablesAndNullsHaveEntries) {
  const std::string entries = R"(["low", "high"])";
  for (const TypePtr& type : {Ordered(), Plainly()}) {
    SCOPED_TRACE(type->ToString());
    const std::string table = type == Ordered() ? "o" : "p";
    ASSERT_TRUE(Create(table, type).ok());
    EXPECT_TRUE(Chunks(table).empty());
    ASSERT_TRUE(Append(table, Encoded(type, "[]", entries)).ok());
    ExpectExactly(table, Encoded(type, "[]", entries));
    ASSERT_TRUE(Append(table, Encoded(type, "[null, null]", "[]")).ok());
    ExpectExactly(table, Encoded(type, "[null, null]", entries));
    ASSERT_TRUE(Append(table, arrow::MakeArrayOfNull(type, 1).ValueOrDie()).ok());
  }
}

TEST_F(DictionaryTest, OrdersGoTogetherOrAreRefused) {
  ASSERT_TRUE(Create("t", Ordered()).ok());
  const auto append = [&](const std::string& indices, const std::string& entries) {
    return Append("t", Encoded(Ordered(), indices, entries));
  };
  ASSERT_TRUE(append("[0, 1]", R"(["b", "d"])").ok());
  ASSERT_TRUE(append("[0]", R"(["d"])").ok());                 // some of them
  ASSERT_TRUE(append("[3]", R"(["a", "b", "c", "d"])").ok());  // more
  ASSERT_TRUE(append("[1, 0]", R"(["a", "d"])").ok());
  const auto expected = Encoded(Ordered(), "[1, 3, 3, 3, 3, 0]", R"(["a", "b", "c", "d"])");
  ExpectExactly("t", expected);
  const auto refused = [&](const std::string& indices, const std::string& entries,
                           const std::string& says) {
    const auto status = append(indices, entries);
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kInvalidArgument) << status;
    EXPECT_NE(status.message().find("column \"v\""), std::string::npos) << status;
    EXPECT_NE(status.message().find(says), std::string::npos) << status;
  };
  refused("[0]", R"(["d", "a"])", "'a', 'd', and those given in the order 'd', 'a'");
  refused("[0]", R"(["e", "d"])", "has 'e' and lacks 'a'");
  refused("[0]", R"(["a", null])", "null");
  refused("[0]", R"(["x", "x"])", "'x' is there twice");
  ExpectExactly("t", expected);
  // Entries of a transaction that ends without a commit are not there.
  {
    auto txn = database_->Begin().ValueOrDie();
    ASSERT_TRUE(
        txn->Append("t", BatchOf(Encoded(Ordered(), "[4]", R"(["a", "b", "c", "d", "e"])"))).ok());
    EXPECT_EQ(GetErrorCode(txn->Append("t", BatchOf(Encoded(Ordered(), "[0]", R"(["e", "a"])")))),
              ErrorCode::kInvalidArgument);
    ASSERT_TRUE(txn->Rollback().ok());
  }
  ExpectExactly("t", expected);
  // Values without a dictionary say no order.
  auto txn = database_->Begin().ValueOrDie();
  ASSERT_TRUE(txn->Append("t", BatchOf(ArrayOf(arrow::utf8(), R"(["b", null])"))).ok());
  EXPECT_EQ(GetErrorCode(txn->Append("t", BatchOf(ArrayOf(arrow::utf8(), R"(["z"])")))),
            ErrorCode::kInvalidArgument);
}

TEST_F(DictionaryTest, SqlWritesEntriesOnly) {
  const auto schema =
      arrow::schema({arrow::field("k", arrow::int32()), arrow::field("v", Ordered())});
  auto txn = database_->Begin().ValueOrDie();
  ASSERT_TRUE(txn->CreateTable("t", schema, {"k"}).ok());
  ASSERT_TRUE(txn->Commit().ok());
  const auto run = [&](const std::string& sql) { return session_->Execute(sql).status(); };
  const auto refused = [&](const std::string& sql) {
    const auto status = run(sql);
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kInvalidArgument) << sql << ": " << status;
    EXPECT_NE(status.message().find("column \"v\""), std::string::npos) << status;
  };
  refused("INSERT INTO t VALUES (1, 'low')");
  auto prepared = session_->Prepare("INSERT INTO t VALUES (2, 'low')").ValueOrDie();
  EXPECT_FALSE(prepared->Execute().ok());
  ASSERT_TRUE(run("INSERT INTO t VALUES (0, NULL)").ok());
  txn = database_->Begin().ValueOrDie();
  const auto rows = arrow::RecordBatch::Make(
      schema, 1, {ArrayOf(arrow::int32(), "[1]"), Encoded(Ordered(), "[1]", R"(["low", "high"])")});
  ASSERT_TRUE(txn->Append("t", rows).ok());
  ASSERT_TRUE(txn->Commit().ok());
  txn.reset();
  const auto executed = prepared->Execute();
  ASSERT_TRUE(executed.ok()) << executed.status();
  prepared.reset();
  refused("INSERT INTO t VALUES (3, 'other')");
  refused("UPDATE t SET v = 'other' WHERE k = 1");
  refused("INSERT INTO t VALUES (1, 'other') ON CONFLICT (k) DO UPDATE SET v = excluded.v");
  refused("MERGE INTO t USING (SELECT 1 AS k) s ON t.k = s.k WHEN MATCHED THEN UPDATE SET v = 'x'");
  ASSERT_TRUE(run("UPDATE t SET v = 'high' WHERE k = 2").ok());
  // In a table that the transaction has altered.
  ASSERT_TRUE(
      run("BEGIN; ALTER TABLE t ADD COLUMN n INTEGER; INSERT INTO t VALUES (7, 'low', 1)").ok());
  refused("INSERT INTO t VALUES (8, 'other', 1)");
  ASSERT_TRUE(run("ROLLBACK").ok());
  EXPECT_EQ(Scalar("SELECT string_agg(v, ' ' ORDER BY k) FROM t"), "high high");
  EXPECT_EQ(Scalar("SELECT min(v) FROM t"), "high");
  Everywhere([&] {
    EXPECT_EQ(Scalar("SELECT count(*)::BIGINT FROM t WHERE v = 'high'"), "2");
    for (const auto& chunk : Chunks("t")) {
      EXPECT_EQ(Entries(*chunk), Entries(*rows->column(1)));
    }
    const auto got =
        database_->Begin().ValueOrDie()->Get("t", rows->SelectColumns({0}).ValueOrDie());
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(got->rows->column(1)->Equals(*rows->column(1)));
  });
}

TEST_F(DictionaryTest, AlteredTables) {
  ASSERT_TRUE(Create("t", Ordered()).ok());
  const auto values = Encoded(Ordered(), "[1, 0]", R"(["low", "high", "never"])");
  ASSERT_TRUE(Append("t", values).ok());
  const auto run = [&](const std::string& sql) {
    const auto status = session_->Execute(sql).status();
    ASSERT_TRUE(status.ok()) << sql << ": " << status;
  };
  run("ALTER TABLE t ADD COLUMN n INTEGER DEFAULT 7");
  run("ALTER TABLE t RENAME v TO w");
  run("ALTER TABLE t RENAME TO u");
  run("COMMENT ON TABLE u IS 'of the table'");
  run("ALTER TABLE u ADD PRIMARY KEY (w)");
  EXPECT_TRUE(Rows("u").ValueOrDie()->GetColumnByName("w")->Equals(*values));
  run("CREATE TABLE copied AS FROM u");
  EXPECT_EQ(Rows("copied").ValueOrDie()->GetColumnByName("w")->type()->id(),
            arrow::Type::STRING_VIEW);
  run("ALTER TABLE u DROP COLUMN n");
  EXPECT_TRUE(Rows("u").ValueOrDie()->GetColumnByName("w")->Equals(*values));
  run("ALTER TABLE u ALTER w TYPE VARCHAR");
  run("INSERT INTO u VALUES ('anything')");
  EXPECT_EQ(Rows("u").ValueOrDie()->GetColumnByName("w")->type()->id(), arrow::Type::STRING_VIEW);
}

// Of two that bring the first entries one has to begin anew, where there is an order; and no one
// where there is none.
TEST_F(DictionaryTest, TwoTransactionsAtOnce) {
  for (const TypePtr& type : {Ordered(), Plainly()}) {
    SCOPED_TRACE(type->ToString());
    const std::string table = type == Ordered() ? "o" : "p";
    ASSERT_TRUE(Create(table, type).ok());
    const auto first = Encoded(type, "[0]", R"(["a", "b"])");
    const auto second = Encoded(type, "[0]", R"(["b", "a"])");
    auto one = database_->Begin().ValueOrDie();
    auto two = database_->Begin().ValueOrDie();
    ASSERT_TRUE(one->Append(table, BatchOf(first)).ok());
    ASSERT_TRUE(two->Append(table, BatchOf(second)).ok());
    ASSERT_TRUE(one->Commit().ok());
    const auto committed = two->Commit().status();
    if (type == Ordered()) {
      EXPECT_EQ(GetErrorCode(committed), ErrorCode::kConflict) << committed;
      EXPECT_EQ(GetErrorCode(Append(table, second)), ErrorCode::kInvalidArgument);
      ExpectExactly(table, first);
    } else {
      ASSERT_TRUE(committed.ok()) << committed;
      ExpectExactly(table, Encoded(type, "[0, 1]", R"(["a", "b"])"));
    }
    // What brings nothing new conflicts with nothing.
    auto three = database_->Begin().ValueOrDie();
    auto four = database_->Begin().ValueOrDie();
    ASSERT_TRUE(three->Append(table, BatchOf(Encoded(type, "[2]", R"(["a", "b", "c"])"))).ok());
    ASSERT_TRUE(four->Append(table, BatchOf(first)).ok());
    ASSERT_TRUE(three->Commit().ok());
    EXPECT_TRUE(four->Commit().ok());
  }
}

TEST_F(DictionaryTest, PlainDictionariesAreNeverRefused) {
  ASSERT_TRUE(Create("t", Plainly()).ok());
  const auto append = [&](const std::string& indices, const std::string& entries) {
    const auto status = Append("t", Encoded(Plainly(), indices, entries));
    ASSERT_TRUE(status.ok()) << status;
  };
  append("[1]", R"(["a", "b", "a", null])");  // twice and null: not kept
  append("[1]", R"(["never", "b"])");
  ExpectExactly("t", Encoded(Plainly(), "[1, 1]", R"(["never", "b"])"));
  append("[2]", R"(["never", "b", "c"])");  // begins as the ones that are kept
  ExpectExactly("t", Encoded(Plainly(), "[1, 1, 2]", R"(["never", "b", "c"])"));
  append("[0, 1]", R"(["d", "b"])");
  ExpectExactly("t", Encoded(Plainly(), "[1, 1, 2, 3, 1]", R"(["never", "b", "c", "d"])"));
  ASSERT_TRUE(session_->Execute("INSERT INTO t VALUES ('e')").ok());
  Everywhere([&] {
    std::string seen;
    for (const auto& chunk : Chunks("t")) {
      const auto plain = Plain(chunk);
      for (int64_t i = 0; i < plain->length(); ++i)
        seen += static_cast<const arrow::StringViewArray&>(*plain).GetString(i);
      EXPECT_TRUE(Entries(*chunk).starts_with("[\n  \"never\",\n  \"b\",\n  \"c\""))
          << Entries(*chunk);
    }
    EXPECT_EQ(seen, "bbcdbe");
  });
}

// More values than the indices count, besides those that are kept.
TEST_F(DictionaryTest, PlainDictionariesThatAreFull) {
  ASSERT_TRUE(Create("t", Plainly()).ok());
  for (int batch = 0; batch < 3; ++batch) {
    std::string entries = "[", indices = "[";
    for (int i = 0; i < 100; ++i) {
      const std::string comma = i == 99 ? "]" : ", ";
      entries += "\"v" + std::to_string(batch * 100 + i) + "\"" + comma;
      indices += std::to_string(i) + comma;
    }
    ASSERT_TRUE(Append("t", Encoded(Plainly(), indices, entries)).ok());
  }
  Everywhere([&] {
    int64_t seen = 0;
    for (const auto& chunk : Chunks("t")) {
      ASSERT_TRUE(chunk->ValidateFull().ok()) << chunk->ValidateFull();
      const auto plain = Plain(chunk);
      for (int64_t i = 0; i < plain->length(); ++i, ++seen) {
        EXPECT_EQ(static_cast<const arrow::StringViewArray&>(*plain).GetString(i),
                  "v" + std::to_string(seen));
      }
    }
    EXPECT_EQ(seen, 300);
  });
}

// Types of which Arrow has no builder, or one that forgets the order.
TEST_F(DictionaryTest, RowsOfABatchAreTaken) {
  const auto ordered = Encoded(Ordered(), "[2, null, 0]", R"(["low", "mid", "high", "never"])");
  const auto row =
      arrow::StructArray::Make({ordered, ArrayOf(arrow::utf8_view(), R"(["x", "y", "z"])")},
                               std::vector<std::string>{"o", "text"})
          .ValueOrDie();
  const auto lists = Encoded(arrow::dictionary(arrow::int8(), arrow::list(arrow::int8()), true),
                             "[1, 0, 1]", "[[1], [null, 2], []]");
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int32()), arrow::field("s", row->type()),
                     arrow::field("l", lists->type())});
  const auto batch =
      arrow::RecordBatch::Make(schema, 3, {ArrayOf(arrow::int32(), "[1, 2, 3]"), row, lists});
  auto txn = database_->Begin().ValueOrDie();
  ASSERT_TRUE(txn->CreateTable("t", schema).ok());
  ASSERT_TRUE(txn->Append("t", batch).ok());
  ASSERT_TRUE(txn->Commit().ok());
  txn.reset();
  ASSERT_TRUE(session_->Execute("DELETE FROM t WHERE id = 2").ok());
  auto rows = Rows("t");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ((*rows)->num_rows(), 2);
  for (const int i : {0, 1}) {
    EXPECT_TRUE((*rows)->Slice(i, 1)->Equals(*batch->Slice(2 * i, 1))) << (*rows)->ToString();
  }
  ASSERT_TRUE(session_->Execute("DELETE FROM t").ok());
  rows = Rows("t");
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_TRUE((*rows)->Equals(*batch->Slice(0, 0)));
  const auto& none = static_cast<const arrow::StructArray&>(*(*rows)->column(1));
  EXPECT_EQ(Entries(*none.field(0)), Entries(*ordered));
}

TEST_F(DictionaryTest, WhatCannotBeKeptIsRefusedByName) {
  const TypePtr inner = arrow::dictionary(arrow::int8(), Ordered());
  const auto made = Create("t", inner);
  EXPECT_EQ(GetErrorCode(made), ErrorCode::kNotSupported) << made;
  EXPECT_NE(made.message().find("column \"v\""), std::string::npos) << made;
  ASSERT_TRUE(Create("t", Ordered()).ok());
  std::string entries = "[";
  for (int i = 0; i < 129; ++i) entries += "\"" + std::to_string(i) + (i == 128 ? "\"]" : "\", ");
  const auto many = Append("t", Encoded(Ordered(), "[0]", entries));
  EXPECT_EQ(GetErrorCode(many), ErrorCode::kInvalidArgument) << many;
  EXPECT_NE(many.message().find("129 entries"), std::string::npos) << many;
}

}  // namespace
}  // namespace pyralog::sql
