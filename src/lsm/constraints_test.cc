// Unique sets and references: what a transaction refuses, what two transactions cannot both do, and
// that both hold wherever the rows are.
#include <gtest/gtest.h>

#include <optional>

#include "arrow/api.h"
#include "io/fault_env.h"
#include "lsm/engine.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

using Value = std::optional<int64_t>;

std::shared_ptr<arrow::RecordBatch> Pairs(const std::vector<std::pair<int64_t, Value>>& rows) {
  arrow::Int64Builder ids;
  arrow::Int64Builder values;
  for (const auto& [id, value] : rows) {
    EXPECT_TRUE(ids.Append(id).ok());
    EXPECT_TRUE((value ? values.Append(*value) : values.AppendNull()).ok());
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("v", arrow::int64())}),
      static_cast<int64_t>(rows.size()), {ids.Finish().ValueOrDie(), values.Finish().ValueOrDie()});
}

// (id PRIMARY KEY, v), and whatever `change` adds.
template <class Change>
TableSchemaPtr PairSchema(Change change) {
  auto schema =
      std::make_shared<TableSchema>(*MakeTableSchema(Pairs({})->schema(), {0}).ValueOrDie());
  change(schema.get());
  return schema;
}

class ConstraintsTest : public ::testing::Test {
 protected:
  static bool indexed;  // whether all tables have indexes of all fields

  void SetUp() override {
    env_ = io::FaultEnv::Make();
    options_.wal_preallocate_bytes = 64 << 10;
    Reopen();
  }

  void Reopen() {
    engine_.reset();
    auto engine = Engine::Open(env_.get(), "db", options_);
    ASSERT_TRUE(engine.ok()) << engine.status().ToString();
    engine_ = std::move(*engine);
  }

  std::unique_ptr<Transaction> Begin() { return engine_->Begin().ValueOrDie(); }

  TableId Make(const TableSchemaPtr& schema) {
    auto txn = Begin();
    const TableId id = txn->CreateTable(schema).ValueOrDie();
    EXPECT_TRUE(txn->Commit().ok());
    return id;
  }
  TableId MakeUnique() {
    return Make(PairSchema([](TableSchema* s) { s->unique = {{{FieldId(2)}, TableId{}}}; }));
  }
  TableId MakeChild(TableId parent) {
    return Make(PairSchema(
        [&](TableSchema* s) { s->references = {{{FieldId(2)}, parent, {FieldId(1)}}}; }));
  }

  static ErrorCode Code(const arrow::Status& status) { return GetErrorCode(status); }

  // The id of the row with this primary key.
  static std::vector<int64_t> RowId(Transaction* txn, TableId table, int64_t key) {
    KeyBatch keys;
    EXPECT_TRUE(keys.Append(KeyColumns(*Pairs({{key, {}}}), {0})).ok());
    std::vector<int64_t> ids;
    EXPECT_TRUE(txn->View(table).ValueOrDie()->Lookup(keys, &ids).ok());
    EXPECT_GE(ids[0], 0) << key;
    return ids;
  }
  static void Delete(Transaction* txn, TableId table, int64_t key) {
    EXPECT_EQ(txn->Delete(table, RowId(txn, table, key)).ValueOrDie(), 1);
  }
  arrow::Status Insert(TableId table, const std::vector<std::pair<int64_t, Value>>& rows) {
    auto txn = Begin();
    ARROW_RETURN_NOT_OK(txn->Append(table, Pairs(rows)));
    return txn->Commit().status();
  }
  static arrow::Status Check(Transaction* txn) {
    return txn->CheckReferences([](TableId id) { return std::to_string(id.value()); },
                                [](TableId, FieldId) { return indexed; });
  }

  std::unique_ptr<io::FaultEnv> env_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(ConstraintsTest, EqualValuesAreRefusedByNameAndNullsAreNotCompared) {
  const TableId t = MakeUnique();
  ASSERT_TRUE(Insert(t, {{1, 10}, {2, {}}, {3, {}}}).ok());
  const auto again = Insert(t, {{4, 11}, {5, 10}});
  EXPECT_EQ(Code(again), ErrorCode::kConstraint);
  EXPECT_NE(again.message().find("UNIQUE (v): v = 10 is in the table already"), std::string::npos)
      << again.message();
  EXPECT_EQ(Code(Insert(t, {{4, 11}, {5, 11}})), ErrorCode::kConstraint);
  EXPECT_TRUE(Insert(t, {{4, 11}, {5, {}}}).ok());
}

TEST_F(ConstraintsTest, NothingOfARefusedBatchIsAppended) {
  const TableId t = MakeUnique();
  ASSERT_TRUE(Insert(t, {{1, 10}}).ok());
  auto txn = Begin();
  EXPECT_EQ(Code(txn->Append(t, Pairs({{2, 20}, {3, 10}}))), ErrorCode::kConstraint);
  EXPECT_TRUE(txn->Append(t, Pairs({{2, 20}})).ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Begin()->View(t).ValueOrDie()->num_rows(), 2);
}

TEST_F(ConstraintsTest, AValueIsFreeWhenItsRowIsDeleted) {
  const TableId t = MakeUnique();
  ASSERT_TRUE(Insert(t, {{1, 10}, {2, 20}}).ok());
  auto txn = Begin();
  Delete(txn.get(), t, 1);
  Delete(txn.get(), t, 2);
  EXPECT_TRUE(txn->Append(t, Pairs({{1, 20}, {2, 10}})).ok());
  EXPECT_EQ(Code(txn->Append(t, Pairs({{3, 10}}))), ErrorCode::kConstraint);
  Delete(txn.get(), t, 2);
  EXPECT_TRUE(txn->Append(t, Pairs({{3, 10}})).ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Code(Insert(t, {{4, 20}})), ErrorCode::kConstraint);
}

TEST_F(ConstraintsTest, OfTwoTransactionsWithOneValueTheLaterConflicts) {
  const TableId t = MakeUnique();
  auto a = Begin();
  auto b = Begin();
  ASSERT_TRUE(a->Append(t, Pairs({{1, 10}})).ok());
  ASSERT_TRUE(b->Append(t, Pairs({{2, 10}})).ok());
  EXPECT_TRUE(a->Commit().ok());
  EXPECT_EQ(Code(b->Commit().status()), ErrorCode::kConflict);
}

TEST_F(ConstraintsTest, ValuesAreKeptThroughFlushMergeReopenAndSpill) {
  options_.background_work = false;
  options_.memtable_bytes = 1;
  options_.spill_bytes = 1;
  options_.merge_fanin = 2;
  Reopen();
  const TableId t = MakeUnique();
  for (int64_t i = 0; i < 20; ++i) ASSERT_TRUE(Insert(t, {{i, 100 + i}}).ok());
  {
    auto txn = Begin();
    for (int64_t i = 0; i < 20; i += 2) Delete(txn.get(), t, i);
    for (int64_t i = 0; i < 20; i += 4) ASSERT_TRUE(txn->Append(t, Pairs({{i, 200 + i}})).ok());
    for (int64_t i = 0; i < 20; i += 4)
      EXPECT_EQ(Code(txn->Append(t, Pairs({{50 + i, 200 + i}}))), ErrorCode::kConstraint);
    Delete(txn.get(), t, 4);  // of a row that was spilled
    ASSERT_TRUE(txn->Append(t, Pairs({{60, 204}})).ok());
    ASSERT_TRUE(txn->Commit().ok());
  }
  for (int pass = 0; pass < 2; ++pass) {
    EXPECT_EQ(Code(Insert(t, {{70, 101}})), ErrorCode::kConstraint);
    EXPECT_EQ(Code(Insert(t, {{70, 204}})), ErrorCode::kConstraint);
    EXPECT_EQ(Code(Insert(t, {{70, 200}})), ErrorCode::kConstraint);
    auto txn = Begin();
    EXPECT_TRUE(txn->Append(t, Pairs({{70, 102}})).ok());
    txn.reset();
    EXPECT_TRUE(engine_->Verify().ok());
    Reopen();
  }
}

TEST_F(ConstraintsTest, FilesOfAnIndexCountAsTheTables) {
  const TableId t = MakeUnique();
  ASSERT_TRUE(Insert(t, {{1, 10}}).ok());
  ASSERT_TRUE(engine_->Flush().ok());
  int segments = 0;
  for (const FileInfo& file : engine_->Files()) {
    if (file.kind != "segment" && file.kind != "index") continue;
    EXPECT_EQ(file.table, t) << file.path;
    segments += file.kind == "segment" ? 1 : 0;
  }
  EXPECT_EQ(segments, 1);
}

TEST_F(ConstraintsTest, AUniqueSetCanBeAddedAndTakenAway) {
  const TableId t = Make(PairSchema([](TableSchema*) {}));
  ASSERT_TRUE(Insert(t, {{1, 10}, {2, 20}, {3, {}}, {4, {}}}).ok());
  const auto change = [&](auto edit) {
    auto txn = Begin();
    auto schema = std::make_shared<TableSchema>(*txn->Schema(t).ValueOrDie());
    ++schema->version;
    edit(schema.get());
    ARROW_RETURN_NOT_OK(txn->AlterTable(t, schema));
    return txn->Commit().status();
  };
  ASSERT_TRUE(change([](TableSchema* s) { s->unique = {{{FieldId(2)}, TableId{}}}; }).ok());
  EXPECT_EQ(Code(Insert(t, {{5, 10}})), ErrorCode::kConstraint);
  ASSERT_TRUE(change([](TableSchema* s) { s->unique.clear(); }).ok());
  ASSERT_TRUE(Insert(t, {{5, 10}}).ok());
  EXPECT_EQ(Code(change([](TableSchema* s) { s->unique = {{{FieldId(2)}, TableId{}}}; })),
            ErrorCode::kConstraint);
}

TEST_F(ConstraintsTest, AUniqueSetConflictsWithRowsWrittenMeanwhile) {
  const TableId t = Make(PairSchema([](TableSchema*) {}));
  auto writer = Begin();
  ASSERT_TRUE(writer->Append(t, Pairs({{1, 10}})).ok());
  auto alter = Begin();
  auto schema = std::make_shared<TableSchema>(*alter->Schema(t).ValueOrDie());
  ++schema->version;
  schema->unique = {{{FieldId(2)}, TableId{}}};
  ASSERT_TRUE(alter->AlterTable(t, schema).ok());
  ASSERT_TRUE(alter->Commit().ok());
  EXPECT_EQ(Code(writer->Commit().status()), ErrorCode::kConflict);
}

TEST_F(ConstraintsTest, AReferenceNeedsItsRowWhenTheStatementEnds) {
  const TableId parent = Make(PairSchema([](TableSchema*) {}));
  const TableId child = MakeChild(parent);
  auto txn = Begin();
  ASSERT_TRUE(txn->Append(child, Pairs({{1, 7}, {2, {}}})).ok());
  EXPECT_EQ(Code(Check(txn.get())), ErrorCode::kConstraint);
  EXPECT_EQ(Code(Check(txn.get())), ErrorCode::kConstraint);  // as long as it is so
  ASSERT_TRUE(txn->Append(parent, Pairs({{7, 0}})).ok());
  EXPECT_TRUE(Check(txn.get()).ok());
  EXPECT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Code(Insert(child, {{3, 8}})), ErrorCode::kConstraint);  // the commit checks too
  EXPECT_TRUE(Insert(child, {{3, 7}}).ok());
}

TEST_F(ConstraintsTest, ARowThatIsReferredToStays) {
  const TableId parent = Make(PairSchema([](TableSchema*) {}));
  const TableId child = MakeChild(parent);
  ASSERT_TRUE(Insert(parent, {{7, 0}, {8, 0}}).ok());
  ASSERT_TRUE(Insert(child, {{1, 7}}).ok());
  for (int pass = 0; pass < 2; ++pass) {
    auto txn = Begin();
    Delete(txn.get(), parent, 8);
    EXPECT_TRUE(Check(txn.get()).ok());
    Delete(txn.get(), parent, 7);
    const auto refused = Check(txn.get());
    EXPECT_EQ(Code(refused), ErrorCode::kConstraint);
    EXPECT_NE(refused.message().find("v = 7"), std::string::npos) << refused.message();
    ASSERT_TRUE(engine_->Flush().ok());
  }
  auto txn = Begin();  // replaced is not gone
  Delete(txn.get(), parent, 7);
  ASSERT_TRUE(txn->Append(parent, Pairs({{7, 1}})).ok());
  EXPECT_TRUE(Check(txn.get()).ok());
  Delete(txn.get(), child, 1);
  Delete(txn.get(), parent, 7);
  EXPECT_TRUE(Check(txn.get()).ok());
  EXPECT_TRUE(txn->Commit().ok());
}

bool ConstraintsTest::indexed = false;

TEST_F(ConstraintsTest, AnIndexFindsTheRowsThatReferToWhatIsGone) {
  const TableId parent = Make(PairSchema([](TableSchema*) {}));
  const TableId child = MakeChild(parent);
  std::vector<std::pair<int64_t, Value>> parents;
  std::vector<std::pair<int64_t, Value>> children;
  for (int64_t i = 0; i < 20'000; ++i) {
    parents.emplace_back(i - 10'000, 0);
    children.emplace_back(i, i % 2 == 0 ? Value(i - 10'000) : Value());
  }
  ASSERT_TRUE(Insert(parent, parents).ok());
  ASSERT_TRUE(Insert(child, children).ok());
  ASSERT_TRUE(engine_->Flush().ok());
  for (indexed = false;; indexed = true) {
    for (const int64_t key : {-10'000, -4, 0, 9'998}) {
      auto txn = Begin();
      Delete(txn.get(), parent, key);
      const auto refused = Check(txn.get());
      EXPECT_EQ(Code(refused), ErrorCode::kConstraint) << key;
      EXPECT_NE(refused.message().find("v = " + std::to_string(key)), std::string::npos);
      Delete(txn.get(), child, key + 10'000);
      EXPECT_TRUE(Check(txn.get()).ok()) << key;
      ASSERT_TRUE(txn->Append(child, Pairs({{50'000, key}})).ok());  // in memory, not sorted
      EXPECT_EQ(Code(Check(txn.get())), ErrorCode::kConstraint) << key;
    }
    auto txn = Begin();
    for (const int64_t key : {-9'999, 9'999, 1}) Delete(txn.get(), parent, key);
    EXPECT_TRUE(Check(txn.get()).ok());
    if (indexed) break;
  }
  indexed = false;
}

TEST_F(ConstraintsTest, OfAChildAndItsParentsDeleteTheLaterConflicts) {
  for (const bool child_first : {true, false}) {
    for (const bool flushed : {true, false}) {
      SCOPED_TRACE(std::string(child_first ? "child" : "delete") + " first" +
                   (flushed ? ", flushed" : ""));
      const TableId parent = Make(PairSchema([](TableSchema*) {}));
      const TableId child = MakeChild(parent);
      ASSERT_TRUE(Insert(parent, {{7, 0}, {8, 0}}).ok());
      ASSERT_TRUE(Insert(child, {{1, 8}}).ok());
      auto insert = Begin();
      auto remove = Begin();
      ASSERT_TRUE(insert->Append(child, Pairs({{2, 7}})).ok());
      ASSERT_TRUE(Check(insert.get()).ok());
      Delete(remove.get(), parent, 7);
      ASSERT_TRUE(Check(remove.get()).ok());
      auto& first = child_first ? insert : remove;
      auto& second = child_first ? remove : insert;
      ASSERT_TRUE(first->Commit().ok());
      if (flushed) {
        ASSERT_TRUE(engine_->Flush().ok());
      }
      EXPECT_EQ(Code(second->Commit().status()), ErrorCode::kConflict);
    }
  }
}

TEST_F(ConstraintsTest, AReferenceThatIsMadeMeanwhileConflictsWithADelete) {
  for (const bool made_first : {true, false}) {
    for (const bool altered : {true, false}) {
      SCOPED_TRACE(std::string(made_first ? "made" : "deleted") + " first" +
                   (altered ? ", by an alter" : ""));
      const TableId parent = Make(PairSchema([](TableSchema*) {}));
      const TableId old_child = Make(PairSchema([](TableSchema*) {}));
      ASSERT_TRUE(Insert(parent, {{7, 0}, {8, 0}}).ok());
      ASSERT_TRUE(Insert(old_child, {{1, 7}}).ok());
      auto make = Begin();
      auto remove = Begin();
      const Reference reference{{FieldId(2)}, parent, {FieldId(1)}};
      if (altered) {
        auto schema = std::make_shared<TableSchema>(*make->Schema(old_child).ValueOrDie());
        ++schema->version;
        schema->references = {reference};
        ASSERT_TRUE(make->AlterTable(old_child, schema).ok());
      } else {
        const auto schema = PairSchema([&](TableSchema* s) { s->references = {reference}; });
        const TableId child = make->CreateTable(schema).ValueOrDie();
        ASSERT_TRUE(make->Append(child, Pairs({{1, 7}})).ok());
      }
      ASSERT_TRUE(Check(make.get()).ok());
      Delete(remove.get(), parent, 7);
      ASSERT_TRUE(Check(remove.get()).ok());
      auto& first = made_first ? make : remove;
      auto& second = made_first ? remove : make;
      ASSERT_TRUE(first->Commit().ok());
      EXPECT_EQ(Code(second->Commit().status()), ErrorCode::kConflict);
    }
  }
}

TEST_F(ConstraintsTest, WritesThatFitTogetherDoNotConflict) {
  const TableId parent = Make(PairSchema([](TableSchema*) {}));
  const TableId child = MakeChild(parent);
  ASSERT_TRUE(Insert(parent, {{7, 0}, {8, 0}, {9, 0}}).ok());
  ASSERT_TRUE(Insert(child, {{1, 9}}).ok());
  auto insert = Begin();
  auto update = Begin();
  auto remove = Begin();
  ASSERT_TRUE(insert->Append(child, Pairs({{2, 7}})).ok());
  Delete(update.get(), parent, 7);
  ASSERT_TRUE(update->Append(parent, Pairs({{7, 1}})).ok());
  Delete(remove.get(), child, 1);  // and what it referred to
  Delete(remove.get(), parent, 9);
  ASSERT_TRUE(update->Commit().ok());
  ASSERT_TRUE(insert->Commit().ok());
  ASSERT_TRUE(engine_->Flush().ok());  // older rows of the child stand in a new segment
  const auto removed = remove->Commit();
  EXPECT_TRUE(removed.ok()) << removed.status().ToString();
}

TEST_F(ConstraintsTest, AReferenceToAUniqueSetHoldsLikeOneToAKey) {
  const TableId parent = MakeUnique();
  const TableId child = Make(
      PairSchema([&](TableSchema* s) { s->references = {{{FieldId(2)}, parent, {FieldId(2)}}}; }));
  ASSERT_TRUE(Insert(parent, {{1, 7}, {2, 8}}).ok());
  EXPECT_EQ(Code(Insert(child, {{1, 1}})), ErrorCode::kConstraint);
  ASSERT_TRUE(Insert(child, {{1, 7}}).ok());
  auto insert = Begin();
  ASSERT_TRUE(insert->Append(child, Pairs({{2, 8}})).ok());
  auto txn = Begin();
  Delete(txn.get(), parent, 2);
  ASSERT_TRUE(txn->Append(parent, Pairs({{2, 9}})).ok());  // the value changes
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Code(insert->Commit().status()), ErrorCode::kConflict);
  auto refused = Begin();
  Delete(refused.get(), parent, 1);
  EXPECT_EQ(Code(refused->Commit().status()), ErrorCode::kConstraint);
}

TEST_F(ConstraintsTest, ATableMayReferToItself) {
  const TableId t = Make(PairSchema(
      [](TableSchema* s) { s->references = {{{FieldId(2)}, TableId{}, {FieldId(1)}}}; }));
  ASSERT_TRUE(Insert(t, {{1, 2}, {2, 1}, {3, 3}, {4, {}}}).ok());
  EXPECT_EQ(Code(Insert(t, {{5, 6}})), ErrorCode::kConstraint);
  auto txn = Begin();
  Delete(txn.get(), t, 1);
  EXPECT_EQ(Code(Check(txn.get())), ErrorCode::kConstraint);
  Delete(txn.get(), t, 2);
  EXPECT_TRUE(Check(txn.get()).ok());
  Delete(txn.get(), t, 3);
  EXPECT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Begin()->View(t).ValueOrDie()->num_rows(), 1);
}

TEST_F(ConstraintsTest, WhatIsReferredToIsNotDroppedMeanwhile) {
  const TableId parent = Make(PairSchema([](TableSchema*) {}));
  auto drop = Begin();
  ASSERT_TRUE(drop->DropTable(parent).ok());
  const TableId child = MakeChild(parent);
  EXPECT_EQ(Code(drop->Commit().status()), ErrorCode::kConflict);
  EXPECT_EQ(Begin()->ReferringTables(parent), std::vector<TableId>{child});

  auto insert = Begin();
  ASSERT_TRUE(Insert(parent, {{7, 0}}).ok());
  insert = Begin();
  ASSERT_TRUE(insert->Append(child, Pairs({{1, 7}})).ok());
  auto both = Begin();
  ASSERT_TRUE(both->DropTable(child).ok());
  ASSERT_TRUE(both->DropTable(parent).ok());
  ASSERT_TRUE(both->Commit().ok());
  EXPECT_EQ(Code(insert->Commit().status()), ErrorCode::kConflict);
}

TEST_F(ConstraintsTest, ReferencesHoldAfterReopening) {
  const TableId parent = Make(PairSchema([](TableSchema*) {}));
  const TableId child = MakeChild(parent);
  ASSERT_TRUE(Insert(parent, {{7, 0}}).ok());
  ASSERT_TRUE(Insert(child, {{1, 7}}).ok());
  for (const bool flushed : {false, true}) {
    if (flushed) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
    Reopen();
    EXPECT_EQ(Code(Insert(child, {{2, 8}})), ErrorCode::kConstraint);
    auto txn = Begin();
    Delete(txn.get(), parent, 7);
    EXPECT_EQ(Code(txn->Commit().status()), ErrorCode::kConstraint);
  }
}

}  // namespace
}  // namespace pyralog::lsm
