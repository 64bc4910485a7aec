// Concurrent random transactions, checked against the order that the engine states: every read is
// the state at the transaction's snapshot plus its own writes, the first committer of a key wins
// (unless the key came and went, which leaves it as absent as it was),
// no conflict is without a winner, and a snapshot has all that was acknowledged before it began.
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "arrow/api.h"
#include "io/fault_env.h"
#include "lsm/engine.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr int64_t kKeys = 48;

using Value = std::optional<int64_t>;  // nullopt: no row
using Rows = std::map<int64_t, int64_t>;

TableSchemaPtr PairSchema() {
  return MakeTableSchema(arrow::schema({arrow::field("k", arrow::int64(), false),
                                        arrow::field("v", arrow::int64())}),
                         {0})
      .ValueOrDie();
}

std::shared_ptr<arrow::RecordBatch> Pair(int64_t key, int64_t value) {
  return arrow::RecordBatch::Make(
      PairSchema()->arrow, 1,
      {arrow::MakeArrayFromScalar(arrow::Int64Scalar(key), 1).ValueOrDie(),
       arrow::MakeArrayFromScalar(arrow::Int64Scalar(value), 1).ValueOrDie()});
}

int64_t RowOfKey(const TableView& view, int64_t key) {
  KeyBatch keys;
  EXPECT_TRUE(keys.Append(KeyColumns(*Pair(key, 0), {0})).ok());
  std::vector<int64_t> rows;
  EXPECT_TRUE(view.Lookup(keys, &rows).ok());
  return rows[0];
}

int64_t Integer(const arrow::Array& array, int64_t i) {
  return static_cast<const arrow::Int64Array&>(array).Value(i);
}

Value ReadKey(const TableView& view, int64_t key) {
  const int64_t row = RowOfKey(view, key);
  if (row < 0) return std::nullopt;
  int64_t offset = 0;
  const auto array = view.ColumnAt(row, 1, &offset).ValueOrDie();
  return Integer(*array, offset);
}

Rows Scan(const TableView& view) {
  Rows rows;
  MaskWords mask;
  for (size_t unit = 0; unit < view.units().size(); ++unit) {
    view.Mask(unit, &mask);
    const auto keys = view.Column(unit, 0).ValueOrDie();
    const auto values = view.Column(unit, 1).ValueOrDie();
    for (int64_t i = 0; i < view.units()[unit].rows; ++i) {
      if (((mask[i >> 6] >> (i & 63)) & 1) == 0) continue;
      EXPECT_TRUE(rows.emplace(Integer(*keys, i), Integer(*values, i)).second) << "a key twice";
    }
  }
  EXPECT_EQ(view.num_rows(), static_cast<int64_t>(rows.size()));
  return rows;
}

struct Attempt {
  CommitNumber snapshot, commit;  // commit: 0 when it met a conflict, or only read
  CommitNumber acknowledged;      // the greatest before it began
  bool conflict = false;
  std::map<int64_t, Value> writes;               // the last of each key
  std::set<int64_t> replaced;                    // keys whose committed row it deleted
  std::vector<std::pair<int64_t, Value>> reads;  // of keys that it had not written
  std::vector<Rows> scans;                       // without the keys that it had written
  size_t operations = 0;
};

class Writer {
 public:
  Writer(Engine* engine, TableId table, std::atomic<uint64_t>* acknowledged, uint64_t number)
      : engine_(engine),
        table_(table),
        acknowledged_(*acknowledged),
        number_(number),
        random_(number) {}

  void Run(size_t operations) {
    for (size_t done = 0; done < operations;) {
      attempts.push_back(Transact());
      done += attempts.back().operations;
    }
  }

  std::vector<Attempt> attempts;

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  Attempt Transact() {
    Attempt attempt;
    attempt.acknowledged = CommitNumber(acknowledged_.load());
    auto txn = engine_->Begin().ValueOrDie();
    attempt.snapshot = txn->snapshot();
    const uint64_t count = 1 + Below(6);
    for (uint64_t i = 0; i < count; ++i) {
      const auto key = static_cast<int64_t>(Below(kKeys));
      const uint64_t what = Below(10);
      if (what < 3) {
        Read(*txn->View(table_).ValueOrDie(), key, &attempt);
      } else if (what < 4) {
        ScanAll(*txn->View(table_).ValueOrDie(), &attempt);
      } else {
        Write(txn.get(), key, what == 9, &attempt);
      }
      ++attempt.operations;
    }
    if (Below(10) == 0) {
      txn->Rollback();
      return attempt;
    }
    const auto commit = txn->Commit();
    if (commit.ok()) {
      attempt.commit = *commit;
      uint64_t before = acknowledged_.load();
      while (before < commit->value() &&
             !acknowledged_.compare_exchange_weak(before, commit->value())) {
      }
    } else {
      EXPECT_EQ(GetErrorCode(commit.status()), ErrorCode::kConflict) << commit.status().ToString();
      attempt.conflict = true;
    }
    return attempt;
  }

  static void Read(const TableView& view, int64_t key, Attempt* attempt) {
    const Value value = ReadKey(view, key);
    const auto own = attempt->writes.find(key);
    if (own == attempt->writes.end()) {
      attempt->reads.emplace_back(key, value);
    } else {
      EXPECT_EQ(value, own->second) << "its own write of key " << key;
    }
  }

  static void ScanAll(const TableView& view, Attempt* attempt) {
    Rows rows = Scan(view);
    for (const auto& [key, value] : attempt->writes) {
      const auto row = rows.find(key);
      EXPECT_EQ(row == rows.end() ? Value() : Value(row->second), value) << "its own write";
      if (row != rows.end()) rows.erase(row);
    }
    attempt->scans.push_back(std::move(rows));
  }

  void Write(Transaction* txn, int64_t key, bool remove, Attempt* attempt) {
    const int64_t row = RowOfKey(*txn->View(table_).ValueOrDie(), key);
    if (row >= 0) {
      EXPECT_EQ(txn->Delete(table_, {&row, 1}).ValueOrDie(), 1);
    }
    if (row >= 0 && attempt->writes.count(key) == 0) attempt->replaced.insert(key);
    if (remove) {
      // Deleting nothing, or what it had inserted itself, is no write.
      if (attempt->replaced.count(key) > 0) {
        attempt->writes[key] = std::nullopt;
      } else {
        attempt->writes.erase(key);
      }
      return;
    }
    const auto value = static_cast<int64_t>(++values_ * 16 + number_);
    const arrow::Status appended = txn->Append(table_, Pair(key, value));
    EXPECT_TRUE(appended.ok()) << appended.ToString();
    attempt->writes[key] = value;
  }

  Engine* const engine_;
  const TableId table_;
  std::atomic<uint64_t>& acknowledged_;
  const uint64_t number_;
  std::mt19937_64 random_;
  uint64_t values_ = 0;
};

// All versions of all keys, by the commits' numbers.
class Versions {
 public:
  explicit Versions(const std::vector<Attempt>& attempts) {
    for (const Attempt& attempt : attempts) {
      if (attempt.commit.value() == 0) continue;
      for (const auto& [key, value] : attempt.writes) {
        EXPECT_TRUE(keys_[key].emplace(attempt.commit, value).second)
            << "two commits have the number " << attempt.commit.value();
      }
    }
  }

  Value At(int64_t key, CommitNumber snapshot) const {
    const auto versions = keys_.find(key);
    if (versions == keys_.end()) return std::nullopt;
    auto version = versions->second.upper_bound(snapshot);
    return version == versions->second.begin() ? std::nullopt : std::prev(version)->second;
  }
  Rows AllAt(CommitNumber snapshot) const {
    Rows rows;
    for (const auto& [key, versions] : keys_) {
      if (const Value value = At(key, snapshot)) rows[key] = *value;
    }
    return rows;
  }
  // What commits did to a key after a snapshot, for a failure's message.
  std::string History(int64_t key, CommitNumber snapshot, CommitNumber end) const {
    std::string text = "key " + std::to_string(key) + " at snapshot " +
                       std::to_string(snapshot.value()) + ", then";
    const auto& versions = keys_.at(key);
    for (auto version = versions.upper_bound(snapshot);
         version != versions.end() && version->first <= end; ++version) {
      text += " " + std::to_string(version->first.value()) + ": " +
              (version->second ? std::to_string(*version->second) : "gone");
    }
    return text;
  }
  // Commits of the key after `snapshot` and before `end`.
  bool IsWritten(int64_t key, CommitNumber snapshot, CommitNumber end) const {
    const auto versions = keys_.find(key);
    if (versions == keys_.end()) return false;
    const auto version = versions->second.upper_bound(snapshot);
    return version != versions->second.end() && version->first < end;
  }

 private:
  std::map<int64_t, std::map<CommitNumber, Value>> keys_;
};

void Check(const Attempt& attempt, const Versions& versions) {
  ASSERT_GE(attempt.snapshot, attempt.acknowledged);
  for (const auto& [key, value] : attempt.reads) {
    ASSERT_EQ(value, versions.At(key, attempt.snapshot))
        << "key " << key << " at snapshot " << attempt.snapshot.value();
  }
  for (const Rows& scan : attempt.scans) {
    Rows expected = versions.AllAt(attempt.snapshot);
    for (const auto& [key, value] : attempt.writes) expected.erase(key);
    // A scan before a write has the key still.
    Rows seen = scan;
    for (const auto& [key, value] : attempt.writes) seen.erase(key);
    ASSERT_EQ(seen, expected) << "a scan at snapshot " << attempt.snapshot.value();
  }
  bool overwritten = false;
  for (const auto& [key, value] : attempt.writes) {
    const bool committed = attempt.commit.value() > 0;
    const CommitNumber end = committed ? attempt.commit : CommitNumber::Max();
    const bool written = versions.IsWritten(key, attempt.snapshot, end);
    overwritten = overwritten || written;
    if (!committed || !written) continue;
    ASSERT_EQ(attempt.replaced.count(key), 0u) << versions.History(key, attempt.snapshot, end);
    ASSERT_EQ(versions.At(key, CommitNumber(end.value() - 1)), std::nullopt)
        << versions.History(key, attempt.snapshot, end);
  }
  if (attempt.conflict) {
    ASSERT_TRUE(overwritten) << "a conflict with nobody, snapshot " << attempt.snapshot.value();
  }
}

TEST(HistoryTest, ConcurrentTransactionsAreSnapshotIsolation) {
  const auto env = io::FaultEnv::Make();
  EngineOptions options;
  options.memtable_bytes = 64 << 10;
  options.spill_bytes = 512;  // the larger transactions spill
  options.wal_preallocate_bytes = 64 << 10;
  options.merge_fanin = 3;
  auto engine = Engine::Open(env.get(), "db", options).ValueOrDie();
  TableId table;
  {
    auto txn = engine->Begin().ValueOrDie();
    table = txn->CreateTable(PairSchema()).ValueOrDie();
    ASSERT_TRUE(txn->Commit().ok());
  }
  std::atomic<uint64_t> acknowledged{0};
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::thread> threads;
  for (uint64_t number = 1; number <= 4; ++number) {
    writers.push_back(std::make_unique<Writer>(engine.get(), table, &acknowledged, number));
    threads.emplace_back([writer = writers.back().get()] { writer->Run(5000); });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<Attempt> attempts;
  for (const auto& writer : writers)
    attempts.insert(attempts.end(), writer->attempts.begin(), writer->attempts.end());
  const Versions versions(attempts);
  size_t conflicts = 0, commits = 0;
  for (const Attempt& attempt : attempts) {
    conflicts += attempt.conflict ? 1 : 0;
    commits += attempt.commit.value() > 0 ? 1 : 0;
    ASSERT_NO_FATAL_FAILURE(Check(attempt, versions));
  }
  EXPECT_GT(conflicts, 20u);
  EXPECT_GT(commits, 1000u);
  const Rows last = versions.AllAt(CommitNumber::Max());
  EXPECT_EQ(Scan(*engine->Begin().ValueOrDie()->View(table).ValueOrDie()), last);
  engine.reset();
  engine = Engine::Open(env.get(), "db", options).ValueOrDie();
  EXPECT_EQ(Scan(*engine->Begin().ValueOrDie()->View(table).ValueOrDie()), last) << "reopened";
}

}  // namespace
}  // namespace pyralog::lsm
