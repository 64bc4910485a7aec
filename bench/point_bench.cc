// Prepared statements by primary key on a table of 1,000,000 rows (50,000 at small scale), one
// session, against the DuckDB that Pyralog embeds over its own file database in this process.
//
//   point_select       one row by key, values read
//   point_update       one row by key, each a durable commit
//   point_upsert       INSERT ... ON CONFLICT DO UPDATE, nine of ten keys are there, each a durable
//                      commit
//   point_update_txn,  the same in one transaction, its commit included: no sync for each row
//   point_upsert_txn
//
// Keys are random and the same for both sides. After each run the table's sums are compared.
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "arrow/api.h"
#include "harness/duckdb_peer.h"
#include "harness/pyralog_side.h"
#include "harness/suite.h"

namespace pyralog::bench {
namespace {

constexpr char kCreate[] =
    "CREATE TABLE stock (id BIGINT PRIMARY KEY, name VARCHAR, price DOUBLE, pieces INTEGER)";
constexpr char kSelect[] = "SELECT name, price FROM stock WHERE id = $1";
constexpr char kUpdate[] = "UPDATE stock SET price = $2 WHERE id = $1";
constexpr char kUpsert[] =
    "INSERT INTO stock VALUES ($1, 'new', $2, 1) ON CONFLICT (id) DO UPDATE SET price = "
    "excluded.price";
constexpr char kAnswer[] = "SELECT count(*), sum(id)::BIGINT, sum(price) FROM stock";

std::string LoadStatement(int64_t rows) {
  return "INSERT INTO stock SELECT i, 'article ' || (i % 1000), i * 0.25, (i % 7)::INTEGER FROM "
         "range(" +
         std::to_string(rows) + ") r(i)";
}

enum class Operation { kSelect, kUpdate, kUpsert };

const char* StatementOf(Operation operation) {
  switch (operation) {
    case Operation::kSelect:
      return kSelect;
    case Operation::kUpdate:
      return kUpdate;
    case Operation::kUpsert:
      return kUpsert;
  }
  return "";
}

// What one side can do with its table and one prepared statement.
class Store {
 public:
  virtual ~Store() = default;
  virtual arrow::Status Execute(const std::string& sql) = 0;
  virtual arrow::Status Prepare(const char* sql) = 0;
  // A number made of the row with this key: its price and the length of its name.
  virtual arrow::Result<double> Select(int64_t id) = 0;
  virtual arrow::Status Write(int64_t id, double price) = 0;
  virtual arrow::Result<Answer> Sums() = 0;
};

class PyralogStore final : public Store {
 public:
  arrow::Status Open(const std::string& path, size_t threads) {
    ARROW_ASSIGN_OR_RAISE(side_, PyralogSide::Open(path, threads));
    return arrow::Status::OK();
  }
  arrow::Status Flush() { return side_->database().Flush(); }

  arrow::Status Execute(const std::string& sql) override { return side_->Execute(sql); }
  arrow::Status Prepare(const char* sql) override {
    return side_->session().Prepare(sql).Value(&statement_);
  }
  arrow::Result<double> Select(int64_t id) override {
    ARROW_ASSIGN_OR_RAISE(const auto reader, statement_->Query({arrow::MakeScalar(id)}));
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader->Next());
    if (batch == nullptr || batch->num_rows() != 1) return arrow::Status::Invalid("no row ", id);
    ARROW_ASSIGN_OR_RAISE(const Cell name, ReadCell(*batch->column(0), 0));
    ARROW_ASSIGN_OR_RAISE(const Cell price, ReadCell(*batch->column(1), 0));
    return std::get<double>(price) + static_cast<double>(std::get<std::string>(name).size());
  }
  arrow::Status Write(int64_t id, double price) override {
    return statement_->Execute({arrow::MakeScalar(id), arrow::MakeScalar(price)}).status();
  }
  arrow::Result<Answer> Sums() override {
    ARROW_ASSIGN_OR_RAISE(const auto batches, side_->Query(kAnswer));
    return ReadAnswer(batches);
  }

 private:
  std::unique_ptr<PyralogSide> side_;
  std::unique_ptr<PreparedStatement> statement_;
};

class DuckDBStore final : public Store {
 public:
  arrow::Status Open(const std::string& path, size_t threads) {
    ARROW_ASSIGN_OR_RAISE(peer_, DuckDBPeer::Open(path, threads));
    return arrow::Status::OK();
  }

  arrow::Status Execute(const std::string& sql) override { return peer_->Execute(sql); }
  arrow::Status Prepare(const char* sql) override {
    statement_ = peer_->connection().Prepare(sql);
    return statement_->HasError() ? arrow::Status::Invalid(statement_->GetError())
                                  : arrow::Status::OK();
  }
  arrow::Result<double> Select(int64_t id) override {
    duckdb::vector<duckdb::Value> values = {duckdb::Value::BIGINT(id)};
    const auto result = statement_->Execute(values, false);
    if (result->HasError()) return arrow::Status::Invalid(result->GetError());
    const auto chunk = result->Fetch();
    if (chunk == nullptr || chunk->size() != 1) return arrow::Status::Invalid("no row ", id);
    const auto name = duckdb::StringValue::Get(chunk->GetValue(0, 0));
    return chunk->GetValue(1, 0).GetValue<double>() + static_cast<double>(name.size());
  }
  arrow::Status Write(int64_t id, double price) override {
    duckdb::vector<duckdb::Value> values = {duckdb::Value::BIGINT(id),
                                            duckdb::Value::DOUBLE(price)};
    const auto result = statement_->Execute(values, false);
    return result->HasError() ? arrow::Status::Invalid(result->GetError()) : arrow::Status::OK();
  }
  arrow::Result<Answer> Sums() override {
    ARROW_ASSIGN_OR_RAISE(const auto result, peer_->Query(kAnswer));
    return ToAnswer(*result);
  }

 private:
  std::unique_ptr<DuckDBPeer> peer_;
  duckdb::unique_ptr<duckdb::PreparedStatement> statement_;
};

// What both sides do in a round: the same keys, which differ from round to round.
struct Work {
  Operation operation = Operation::kSelect;
  bool one_transaction = false;
  int64_t key_bound = 0;  // keys are below
  std::vector<int64_t> keys = {};
  uint64_t round = 0;

  void NextRound() {
    std::mt19937_64 random(++round);
    for (int64_t& key : keys) {
      key = static_cast<int64_t>(random() % static_cast<uint64_t>(key_bound));
    }
  }
};

arrow::Result<Sample> RunWork(const Work& work, Store* store) {
  Sample sample{.work = static_cast<double>(work.keys.size())};
  sample.latencies_us.reserve(work.keys.size());
  double sum = 0;
  const double start = Now();
  if (work.one_transaction) ARROW_RETURN_NOT_OK(store->Execute("BEGIN"));
  double before = Now();
  for (const int64_t key : work.keys) {
    if (work.operation == Operation::kSelect) {
      ARROW_ASSIGN_OR_RAISE(const double value, store->Select(key));
      sum += value;
    } else {
      ARROW_RETURN_NOT_OK(
          store->Write(key, static_cast<double>(key % 1000) + static_cast<double>(work.round)));
    }
    const double now = Now();
    sample.latencies_us.push_back((now - before) * 1e6);
    before = now;
  }
  if (work.one_transaction) ARROW_RETURN_NOT_OK(store->Execute("COMMIT"));
  sample.seconds = Now() - start;
  if (work.operation == Operation::kSelect) {
    sample.answer = {{sum}};
  } else {
    ARROW_ASSIGN_OR_RAISE(sample.answer, store->Sums());
  }
  return sample;
}

class PointPairs {
 public:
  explicit PointPairs(Suite* suite)
      : suite_(suite), rows_(suite->Scaled<int64_t>(50'000, 1'000'000)) {}

  arrow::Status Load() {
    ARROW_RETURN_NOT_OK(ours_.Open(suite_->Path("pyralog"), suite_->threads()));
    ARROW_RETURN_NOT_OK(theirs_.Open(suite_->Path("duckdb"), suite_->threads()));
    for (Store* store : std::vector<Store*>{&ours_, &theirs_}) {
      ARROW_RETURN_NOT_OK(store->Execute(kCreate));
      ARROW_RETURN_NOT_OK(store->Execute(LoadStatement(rows_)));
    }
    ARROW_RETURN_NOT_OK(ours_.Flush());
    ARROW_RETURN_NOT_OK(theirs_.Execute("CHECKPOINT"));
    WaitUntilIdle();
    return arrow::Status::OK();
  }

  arrow::Status Measure(const std::string& name, Operation operation, bool one_transaction,
                        size_t count, double goal) {
    if (!suite_->Wants(name)) return arrow::Status::OK();
    Work work{.operation = operation, .one_transaction = one_transaction};
    work.key_bound = operation == Operation::kUpsert ? rows_ / 9 * 10 : rows_;
    work.keys.resize(count);
    const char* statement = StatementOf(operation);
    ARROW_RETURN_NOT_OK(ours_.Prepare(statement));
    ARROW_RETURN_NOT_OK(theirs_.Prepare(statement));
    Pair pair;
    pair.name = name;
    pair.what = std::to_string(count) + " executions by random key over " + std::to_string(rows_) +
                " rows" + (one_transaction ? ", one transaction" : "");
    pair.measure = Measure::kRateRatio;
    pair.goal = {Direction::kAtLeast, goal};
    pair.before_round = [&work] {
      work.NextRound();
      return arrow::Status::OK();
    };
    pair.ours = {"Pyralog", [&] { return RunWork(work, &ours_); }};
    pair.peer = Side{std::string("DuckDB ") + duckdb::DuckDB::LibraryVersion(),
                     [&] { return RunWork(work, &theirs_); }};
    if (operation != Operation::kSelect && !one_transaction) {
      pair.floor = [this, count] {
        return SyncFloor(suite_->limits(), static_cast<double>(count));
      };
    }
    return suite_->Run(pair);
  }

 private:
  Suite* suite_;
  int64_t rows_;
  PyralogStore ours_;
  DuckDBStore theirs_;
};

arrow::Status Run(Suite* suite) {
  if (!suite->WantsAny({"point_select", "point_update", "point_upsert", "point_update_txn",
                        "point_upsert_txn"})) {
    return arrow::Status::OK();
  }
  PointPairs pairs(suite);
  ARROW_RETURN_NOT_OK(pairs.Load());
  const auto reads = suite->Scaled<size_t>(2'000, 20'000);
  const auto commits = suite->Scaled<size_t>(200, 3'000);
  const auto writes = suite->Scaled<size_t>(500, 10'000);
  ARROW_RETURN_NOT_OK(pairs.Measure("point_select", Operation::kSelect, false, reads, 2));
  ARROW_RETURN_NOT_OK(pairs.Measure("point_update", Operation::kUpdate, false, commits, 1));
  ARROW_RETURN_NOT_OK(pairs.Measure("point_upsert", Operation::kUpsert, false, commits, 5));
  ARROW_RETURN_NOT_OK(pairs.Measure("point_update_txn", Operation::kUpdate, true, writes, 1));
  return pairs.Measure("point_upsert_txn", Operation::kUpsert, true, writes, 5);
}

}  // namespace
}  // namespace pyralog::bench

int main(int argc, char** argv) {
  return pyralog::bench::RunSuite("point", argc, argv, pyralog::bench::Run);
}
