// The engine as its users see it, over memory: transactions, snapshots, flush, merge, recovery.
#include "lsm/engine.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>

#include "arrow/api.h"
#include "io/fault_env.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

std::shared_ptr<arrow::RecordBatch> Rows(const std::vector<std::pair<int64_t, std::string>>& rows) {
  arrow::Int64Builder keys;
  arrow::StringBuilder values;
  for (const auto& [key, value] : rows) {
    EXPECT_TRUE(keys.Append(key).ok());
    EXPECT_TRUE(values.Append(value).ok());
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("v", arrow::utf8())}),
      static_cast<int64_t>(rows.size()),
      {keys.Finish().ValueOrDie(), values.Finish().ValueOrDie()});
}

TableSchemaPtr KeyedSchema() {
  return MakeTableSchema(arrow::schema({arrow::field("k", arrow::int64(), false),
                                        arrow::field("v", arrow::utf8())}),
                         {0})
      .ValueOrDie();
}

class EngineTest : public ::testing::Test {
 protected:
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

  TableId MakeTable(TableSchemaPtr schema = KeyedSchema()) {
    auto txn = Begin();
    const TableId id = txn->CreateTable(std::move(schema)).ValueOrDie();
    EXPECT_TRUE(txn->PutMeta("t", std::to_string(id.value())).ok());
    EXPECT_TRUE(txn->Commit().ok());
    return id;
  }

  void Insert(TableId table, const std::vector<std::pair<int64_t, std::string>>& rows) {
    auto txn = Begin();
    const auto appended = txn->Append(table, Rows(rows));
    ASSERT_TRUE(appended.ok()) << appended.ToString();
    const auto committed = txn->Commit();
    ASSERT_TRUE(committed.ok()) << committed.status().ToString();
  }

  static int64_t FindKey(const TableView& view, int64_t key) {
    KeyBatch keys;
    EXPECT_TRUE(keys.Append(KeyColumns(*Rows({{key, ""}}), {0})).ok());
    std::vector<int64_t> rows;
    EXPECT_TRUE(view.Lookup(keys, &rows).ok());
    return rows[0];
  }

  static arrow::Status Upsert(Transaction* txn, TableId table, int64_t key,
                              const std::string& value) {
    ARROW_ASSIGN_OR_RAISE(auto view, txn->View(table));
    if (const int64_t row = FindKey(*view, key); row >= 0) {
      ARROW_RETURN_NOT_OK(txn->Delete(table, {&row, 1}).status());
    }
    return txn->Append(table, Rows({{key, value}}));
  }

  static std::map<int64_t, std::string> Read(Transaction* txn, TableId table) {
    std::map<int64_t, std::string> rows;
    const auto view = txn->View(table).ValueOrDie();
    MaskWords mask;
    int64_t visible = 0;
    for (size_t u = 0; u < view->units().size(); ++u) {
      visible += view->Mask(u, &mask);
      const auto keys = view->Column(u, 0).ValueOrDie();
      const auto values = view->Column(u, 1).ValueOrDie();
      for (int64_t i = 0; i < view->units()[u].rows; ++i) {
        if (!((mask[i >> 6] >> (i & 63)) & 1)) continue;
        const bool fresh =
            rows.emplace(static_cast<const arrow::Int64Array&>(*keys).Value(i),
                         static_cast<const arrow::StringArray&>(*values).GetString(i))
                .second;
        EXPECT_TRUE(fresh) << "a key twice";
      }
    }
    EXPECT_EQ(visible, static_cast<int64_t>(rows.size()));
    EXPECT_EQ(view->num_rows(), static_cast<int64_t>(rows.size()));
    return rows;
  }
  std::map<int64_t, std::string> Read(TableId table) { return Read(Begin().get(), table); }

  using Map = std::map<int64_t, std::string>;
  std::unique_ptr<io::FaultEnv> env_;
  EngineOptions options_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, RowsAreThereAfterCommitFlushMergeAndReopening) {
  const TableId table = MakeTable();
  Map expected;
  for (int64_t i = 0; i < 40; ++i) {
    Insert(table, {{i, "v" + std::to_string(i)}, {1000 + i, "w"}});
    expected[i] = "v" + std::to_string(i);
    expected[1000 + i] = "w";
    if (i % 3 == 0) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
  }
  EXPECT_EQ(Read(table), expected);
  ASSERT_TRUE(engine_->DrainBackgroundWork().ok());
  EXPECT_EQ(Read(table), expected);
  EXPECT_LT(engine_->Files().size(), 30u);
  Reopen();
  EXPECT_EQ(Read(table), expected);
  EXPECT_TRUE(engine_->Verify().ok());
}

TEST_F(EngineTest, AnUpdateReplacesWhereverTheRowIs) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}, {2, "b"}, {3, "c"}});
  for (int round = 0; round < 3; ++round) {
    auto txn = Begin();
    ASSERT_TRUE(Upsert(txn.get(), table, 2, "b" + std::to_string(round)).ok());
    EXPECT_EQ(Read(txn.get(), table).at(2), "b" + std::to_string(round));
    ASSERT_TRUE(txn->Commit().ok());
    EXPECT_EQ(Read(table), (Map{{1, "a"}, {2, "b" + std::to_string(round)}, {3, "c"}}));
    if (round == 0) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
    if (round == 1) Reopen();
  }
}

TEST_F(EngineTest, ADuplicateKeyIsRefusedByName) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}});
  ASSERT_TRUE(engine_->Flush().ok());
  auto txn = Begin();
  const auto status = txn->Append(table, Rows({{2, "x"}, {1, "y"}}));
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kConstraint);
  EXPECT_NE(status.message().find("k = 1"), std::string::npos) << status.message();
  EXPECT_EQ(GetErrorCode(txn->Append(table, Rows({{5, "x"}, {5, "y"}}))), ErrorCode::kConstraint);
  EXPECT_EQ(Read(txn.get(), table), (Map{{1, "a"}}));
}

TEST_F(EngineTest, TheFirstCommitterWins) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}});
  auto first = Begin();
  auto second = Begin();
  auto inserter = Begin();
  ASSERT_TRUE(Upsert(first.get(), table, 1, "first").ok());
  ASSERT_TRUE(Upsert(second.get(), table, 1, "second").ok());
  ASSERT_TRUE(first->Append(table, Rows({{7, "first"}})).ok());
  ASSERT_TRUE(inserter->Append(table, Rows({{7, "inserter"}})).ok());
  ASSERT_TRUE(first->Commit().ok());
  ASSERT_TRUE(engine_->Flush().ok());
  EXPECT_TRUE(IsConflict(second->Commit().status()));
  EXPECT_TRUE(IsConflict(inserter->Commit().status()));
  EXPECT_EQ(Read(table), (Map{{1, "first"}, {7, "first"}}));
}

TEST_F(EngineTest, AKeyThatCameAndWentIsAbsent) {
  const TableId table = MakeTable();
  for (int64_t key : {1, 2, 3}) {
    auto inserter = Begin();
    ASSERT_TRUE(inserter->Append(table, Rows({{key, "late"}})).ok());
    Insert(table, {{key, "early"}});
    if (key == 2) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
    auto remover = Begin();
    const int64_t row = FindKey(*remover->View(table).ValueOrDie(), key);
    ASSERT_EQ(remover->Delete(table, {&row, 1}).ValueOrDie(), 1);
    ASSERT_TRUE(remover->Commit().ok());
    if (key == 3) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
    EXPECT_TRUE(inserter->Commit().ok()) << key;
  }
  EXPECT_EQ(Read(table), (Map{{1, "late"}, {2, "late"}, {3, "late"}}));
}

TEST_F(EngineTest, ASnapshotStaysThroughUpdatesFlushesAndMerges) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}, {2, "b"}});
  ASSERT_TRUE(engine_->Flush().ok());
  Insert(table, {{3, "c"}});
  auto reader = Begin();
  const Map before = Read(reader.get(), table);
  for (int i = 0; i < 20; ++i) {
    auto txn = Begin();
    ASSERT_TRUE(Upsert(txn.get(), table, i % 4, "new" + std::to_string(i)).ok());
    ASSERT_TRUE(txn->Commit().ok());
    if (i % 2 == 0) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
    EXPECT_EQ(Read(reader.get(), table), before);
  }
  ASSERT_TRUE(engine_->DrainBackgroundWork().ok());
  EXPECT_EQ(Read(reader.get(), table), before);
  EXPECT_EQ(Read(table).size(), 4u);
}

TEST_F(EngineTest, ADeleteFindsItsRowAfterAFlush) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}, {2, "b"}, {3, "c"}});
  auto txn = Begin();
  const int64_t row = FindKey(*txn->View(table).ValueOrDie(), 2);
  ASSERT_EQ(txn->Delete(table, {&row, 1}).ValueOrDie(), 1);
  ASSERT_EQ(txn->Delete(table, {&row, 1}).ValueOrDie(), 0);
  ASSERT_TRUE(engine_->Flush().ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Read(table), (Map{{1, "a"}, {3, "c"}}));
  Reopen();
  EXPECT_EQ(Read(table), (Map{{1, "a"}, {3, "c"}}));
}

TEST_F(EngineTest, ABigTransactionSpillsAndCommitsAtomically) {
  options_.spill_bytes = 4096;
  Reopen();
  const TableId table = MakeTable();
  Insert(table, {{-1, "kept"}});
  auto txn = Begin();
  Map expected = {{-1, "kept"}};
  for (int64_t i = 0; i < 2000; ++i) {
    const std::string value = "value " + std::to_string(i);
    ASSERT_TRUE(txn->Append(table, Rows({{i, value}})).ok());
    expected[i] = value;
    if (i % 10 == 9) {
      ASSERT_TRUE(Upsert(txn.get(), table, i - 9, "again").ok());
      expected[i - 9] = "again";
    }
  }
  EXPECT_EQ(GetErrorCode(txn->Append(table, Rows({{5, "twice"}}))), ErrorCode::kConstraint);
  EXPECT_EQ(Read(txn.get(), table), expected);
  EXPECT_EQ(Read(table).size(), 1u);
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Read(table), expected);
  Reopen();
  EXPECT_EQ(Read(table), expected);
  ASSERT_TRUE(engine_->Flush().ok());
  ASSERT_TRUE(engine_->DrainBackgroundWork().ok());
  EXPECT_EQ(Read(table), expected);
  Reopen();
  EXPECT_EQ(Read(table), expected);
}

TEST_F(EngineTest, ARolledBackSpillLeavesNoFile) {
  options_.spill_bytes = 4096;
  Reopen();
  const TableId table = MakeTable();
  const size_t files = engine_->Files().size();
  {
    auto txn = Begin();
    for (int64_t i = 0; i < 1000; ++i) ASSERT_TRUE(txn->Append(table, Rows({{i, "x"}})).ok());
    EXPECT_FALSE(env_->List("db/hot/1").ValueOrDie().empty());
  }
  EXPECT_TRUE(env_->List("db/hot/1").ValueOrDie().empty());
  EXPECT_EQ(engine_->Files().size(), files);
}

TEST_F(EngineTest, AColumnIsAddedAndDroppedWithoutTouchingSegments) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}});
  ASSERT_TRUE(engine_->Flush().ok());
  Insert(table, {{2, "b"}});
  auto schema = std::make_shared<TableSchema>(*KeyedSchema());
  schema->version = 2;
  schema->arrow =
      arrow::schema({arrow::field("n", arrow::int32()), arrow::field("k", arrow::int64(), false)});
  schema->field_ids = {schema->next_field_id, schema->field_ids[0]};
  schema->next_field_id = schema->next_field_id.Next();
  schema->missing = {arrow::MakeScalar(int32_t{7}), nullptr};
  schema->key = {1};
  auto old_reader = Begin();
  auto txn = Begin();
  ASSERT_TRUE(txn->AlterTable(table, schema).ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Read(old_reader.get(), table), (Map{{1, "a"}, {2, "b"}}));
  old_reader.reset();
  for (int round = 0; round < 3; ++round) {
    const auto view = Begin()->View(table).ValueOrDie();
    ASSERT_EQ(view->num_rows(), 2);
    for (size_t u = 0; u < view->units().size(); ++u) {
      const auto added = view->Column(u, 0).ValueOrDie();
      for (int64_t i = 0; i < added->length(); ++i) {
        EXPECT_EQ(static_cast<const arrow::Int32Array&>(*added).Value(i), 7);
      }
    }
    if (round == 0) Reopen();
    if (round == 1) {
      ASSERT_TRUE(engine_->Flush().ok());
    }
  }
}

TEST_F(EngineTest, OffersAreLeftOutWhereTheyConflict) {
  auto a = Begin();
  auto b = Begin();
  auto c = Begin();
  ASSERT_TRUE(a->OfferMeta("x", "a").ok());
  ASSERT_TRUE(b->OfferMeta("x", "b").ok());
  ASSERT_TRUE(b->PutMeta("y", "b").ok());
  ASSERT_TRUE(c->OfferMeta("x", "offered").ok());
  ASSERT_TRUE(c->PutMeta("x", "c").ok());
  ASSERT_TRUE(a->Commit().ok());
  EXPECT_EQ(b->GetMeta("x"), "b");
  ASSERT_TRUE(b->Commit().ok());
  EXPECT_EQ(GetErrorCode(c->Commit().status()), ErrorCode::kConflict);
  EXPECT_EQ(Begin()->GetMeta("x"), "a");
  EXPECT_EQ(Begin()->GetMeta("y"), "b");
}

TEST_F(EngineTest, MetadataIsTransactionalAndConflicts) {
  auto a = Begin();
  auto b = Begin();
  ASSERT_TRUE(a->PutMeta("x", "a").ok());
  ASSERT_TRUE(b->PutMeta("x", "b").ok());
  ASSERT_TRUE(a->Commit().ok());
  EXPECT_TRUE(IsConflict(b->Commit().status()));
  auto c = Begin();
  EXPECT_EQ(c->GetMeta("x"), "a");
  ASSERT_TRUE(c->DeleteMeta("x").ok());
  EXPECT_EQ(c->GetMeta("x"), std::nullopt);
  auto guard = Begin();
  guard->GuardMeta("x");
  ASSERT_TRUE(guard->PutMeta("y", "1").ok());
  ASSERT_TRUE(c->Commit().ok());
  EXPECT_TRUE(IsConflict(guard->Commit().status()));
  Reopen();
  EXPECT_EQ(Begin()->GetMeta("x"), std::nullopt);
}

// Columns of a table as unit arrays: the smallest type that one of them is stored in, by column.
std::vector<int> StoredWidths(const TableView& view) {
  std::vector<int> widths(static_cast<size_t>(view.schema()->num_fields()), 99);
  for (size_t unit = 0; unit < view.units().size(); ++unit) {
    for (size_t column = 0; column < widths.size(); ++column) {
      const auto array = view.Encoded(unit, static_cast<int>(column)).ValueOrDie();
      widths[column] = std::min(widths[column], array->type()->byte_width());
    }
  }
  return widths;
}

TEST_F(EngineTest, MergesNarrowIntegersAndEveryWayToReadThemWidens) {
  options_.merge_fanin = 4;
  Reopen();
  const auto schema = arrow::schema(
      {arrow::field("k", arrow::int64(), false), arrow::field("small", arrow::int64()),
       arrow::field("none", arrow::uint32()), arrow::field("wide", arrow::int64())});
  const TableId table = MakeTable(MakeTableSchema(schema, {0}).ValueOrDie());
  constexpr int64_t kRows = 1000;
  const auto wide_value = [](int64_t i) { return i * 5'000'000'000; };
  const auto append = [&](Transaction* txn, int64_t begin, int64_t end, int64_t small) {
    arrow::Int64Builder keys, smalls, wides;
    for (int64_t i = begin; i < end; ++i) {
      ASSERT_TRUE(keys.Append(i).ok() && wides.Append(wide_value(i)).ok());
      ASSERT_TRUE(i % 7 == 0 ? smalls.AppendNull().ok() : smalls.Append(small).ok());
    }
    ASSERT_TRUE(
        txn->Append(table, arrow::RecordBatch::Make(
                               schema, end - begin,
                               {keys.Finish().ValueOrDie(), smalls.Finish().ValueOrDie(),
                                arrow::MakeArrayOfNull(arrow::uint32(), end - begin).ValueOrDie(),
                                wides.Finish().ValueOrDie()}))
            .ok());
  };
  for (int64_t part = 0; part < 4; ++part) {
    auto txn = Begin();
    append(txn.get(), part * kRows, (part + 1) * kRows, part * 40 - 100);
    ASSERT_TRUE(txn->Commit().ok());
    ASSERT_TRUE(engine_->Flush().ok());
  }
  EXPECT_EQ(StoredWidths(*Begin()->View(table).ValueOrDie()), (std::vector{8, 8, 4, 8}));
  ASSERT_TRUE(engine_->DrainBackgroundWork().ok());
  const auto check = [&](int64_t changed_key, int64_t changed) {
    const auto view = Begin()->View(table).ValueOrDie();
    std::vector<int64_t> ids(4 * kRows, -1);
    MaskWords mask;
    for (size_t unit = 0; unit < view->units().size(); ++unit) {
      view->Mask(unit, &mask);
      const auto keys = view->Column(unit, 0).ValueOrDie();
      const auto smalls = view->Column(unit, 1).ValueOrDie();
      ASSERT_EQ(smalls->type_id(), arrow::Type::INT64);
      for (int64_t i = 0; i < keys->length(); ++i) {
        if (!((mask[i >> 6] >> (i & 63)) & 1)) continue;
        const int64_t key = static_cast<const arrow::Int64Array&>(*keys).Value(i);
        ids[static_cast<size_t>(key)] = view->units()[unit].first_row_id + i;
        ASSERT_EQ(smalls->IsNull(i), key % 7 == 0);
        if (key % 7 == 0) continue;
        const int64_t expected = key == changed_key ? changed : key / kRows * 40 - 100;
        ASSERT_EQ(static_cast<const arrow::Int64Array&>(*smalls).Value(i), expected) << key;
      }
    }
    for (const int64_t key : {int64_t{8}, 2 * kRows + 1, 4 * kRows - 1, changed_key}) {
      int64_t offset = 0;
      const int64_t id = ids[static_cast<size_t>(key)];
      const auto array = view->ColumnAt(id, 1, &offset).ValueOrDie();
      const int64_t expected = key == changed_key ? changed : key / kRows * 40 - 100;
      ASSERT_EQ(static_cast<const arrow::Int64Array&>(*array).Value(offset), expected) << key;
      const int columns[] = {1, 3};
      const auto row = view->Fetch({&id, 1}, columns).ValueOrDie();
      ASSERT_EQ(static_cast<const arrow::Int64Array&>(*row->column(0)).Value(0), expected);
      ASSERT_EQ(static_cast<const arrow::Int64Array&>(*row->column(1)).Value(0), wide_value(key));
    }
  };
  EXPECT_EQ(StoredWidths(*Begin()->View(table).ValueOrDie()), (std::vector{8, 1, 1, 8}));
  check(1, -100);
  // A value beyond the type: it stands in memory, then in a segment of its own, then they merge.
  auto txn = Begin();
  const int64_t row = FindKey(*txn->View(table).ValueOrDie(), 1);
  ASSERT_EQ(txn->Delete(table, {&row, 1}).ValueOrDie(), 1);
  append(txn.get(), 1, 2, 70'000);
  ASSERT_TRUE(txn->Commit().ok());
  check(1, 70'000);
  for (int64_t part = 4; part < 8; ++part) {
    auto more = Begin();
    append(more.get(), part * kRows, part * kRows + 1, 0);
    ASSERT_TRUE(more->Commit().ok());
    ASSERT_TRUE(engine_->Flush().ok());
    const auto gone = Begin();
    const int64_t id = FindKey(*gone->View(table).ValueOrDie(), part * kRows);
    ASSERT_EQ(gone->Delete(table, {&id, 1}).ValueOrDie(), 1);
    ASSERT_TRUE(gone->Commit().ok());
  }
  ASSERT_TRUE(engine_->DrainBackgroundWork().ok());
  check(1, 70'000);
  Reopen();
  check(1, 70'000);
  EXPECT_TRUE(engine_->Verify().ok());
}

TEST_F(EngineTest, ADroppedTableGivesItsSpaceBack) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}});
  ASSERT_TRUE(engine_->Flush().ok());
  auto reader = Begin();
  auto txn = Begin();
  ASSERT_TRUE(txn->DropTable(table).ok());
  ASSERT_TRUE(txn->Commit().ok());
  EXPECT_EQ(Read(reader.get(), table), (Map{{1, "a"}}));
  reader.reset();
  ASSERT_TRUE(engine_->Flush().ok());
  EXPECT_TRUE(env_->List("db/hot/1").ValueOrDie().empty());
  Reopen();
  EXPECT_FALSE(Begin()->View(table).ok());
}

TEST_F(EngineTest, DeletedRowsGiveTheirSpaceBack) {
  const TableId table = MakeTable();
  for (int64_t i = 0; i < 100; ++i) Insert(table, {{i, std::string(1000, 'x')}});
  ASSERT_TRUE(engine_->Flush().ok());
  auto txn = Begin();
  const auto view = txn->View(table).ValueOrDie();
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < 95; ++i) rows.push_back(FindKey(*view, i));
  ASSERT_EQ(txn->Delete(table, rows).ValueOrDie(), 95);
  ASSERT_TRUE(txn->Commit().ok());
  ASSERT_TRUE(engine_->DrainBackgroundWork().ok());
  uint64_t bytes = 0;
  for (const FileInfo& file : engine_->Files()) {
    if (file.kind == "segment") bytes += file.bytes;
  }
  EXPECT_LT(bytes, 20000u);
  EXPECT_EQ(Read(table).size(), 5u);
  Reopen();
  EXPECT_EQ(Read(table).size(), 5u);
}

TEST_F(EngineTest, AFolderInUseIsRefusedByName) {
  const auto second = Engine::Open(env_.get(), "db", options_);
  EXPECT_EQ(GetErrorCode(second.status()), ErrorCode::kLocked);
}

TEST_F(EngineTest, ReadOnlyTakesNoWrites) {
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}});
  options_.read_only = true;
  Reopen();
  EXPECT_EQ(Read(table), (Map{{1, "a"}}));
  auto txn = Begin();
  ASSERT_TRUE(txn->Append(table, Rows({{2, "b"}})).ok());
  EXPECT_EQ(GetErrorCode(txn->Commit().status()), ErrorCode::kReadOnly);
}

TEST_F(EngineTest, WithoutALogWhatWasClosedOrFlushedSurvives) {
  options_.durability = Durability::kOff;
  Reopen();
  const TableId table = MakeTable();
  Insert(table, {{1, "a"}});
  ASSERT_TRUE(engine_->Flush().ok());
  Insert(table, {{2, "b"}});
  auto cut = env_->Clone();
  cut->Crash(io::CrashMode::kLoseAll, 1);
  {
    auto reopened = Engine::Open(cut.get(), "db", options_).ValueOrDie();
    auto txn = reopened->Begin().ValueOrDie();
    EXPECT_EQ(Read(txn.get(), table), (Map{{1, "a"}}));
  }
  Reopen();
  EXPECT_EQ(Read(table), (Map{{1, "a"}, {2, "b"}}));
}

TEST_F(EngineTest, ARandomWorkloadAgreesWithAMap) {
  options_.memtable_bytes = 4096;
  options_.background_work = false;
  options_.merge_fanin = 3;
  Reopen();
  const TableId table = MakeTable();
  Map expected;
  std::mt19937_64 random(7);
  for (int step = 0; step < 1500; ++step) {
    auto txn = Begin();
    Map changed = expected;
    for (uint64_t n = random() % 4 + 1; n > 0; --n) {
      const int64_t key = static_cast<int64_t>(random() % 200);
      if (random() % 3 == 0) {
        const int64_t row = FindKey(*txn->View(table).ValueOrDie(), key);
        EXPECT_EQ(row >= 0, changed.contains(key));
        if (row >= 0) {
          ASSERT_TRUE(txn->Delete(table, {&row, 1}).ok());
        }
        changed.erase(key);
      } else {
        const std::string value = std::to_string(random());
        ASSERT_TRUE(Upsert(txn.get(), table, key, value).ok());
        changed[key] = value;
      }
    }
    if (random() % 5 == 0) continue;  // rolls back
    const auto committed = txn->Commit();
    ASSERT_TRUE(committed.ok()) << committed.status().ToString();
    expected = std::move(changed);
    if (random() % 100 == 0) Reopen();
    if (step % 50 == 0) {
      ASSERT_EQ(Read(table), expected) << step;
    }
  }
  EXPECT_EQ(Read(table), expected);
  EXPECT_TRUE(engine_->Verify().ok());
}

}  // namespace
}  // namespace pyralog::lsm
