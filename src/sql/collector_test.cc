// Results that leave as Arrow, seen from sessions: order, ends, errors, interrupts, and how far ahead
// of the reader they are made.
#include "sql/collector.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "arrow/api.h"
#include "pyralog/database.h"
#include "pyralog/error.h"

namespace pyralog::sql {
namespace {

std::shared_ptr<arrow::RecordBatch> BatchOf(int64_t first, int64_t rows) {
  arrow::Int64Builder numbers;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(numbers.Append(first + i).ok());
  const auto schema = arrow::schema({arrow::field("n", arrow::int64())});
  return arrow::RecordBatch::Make(schema, rows, {numbers.Finish().ValueOrDie()});
}

int64_t FirstOf(const arrow::RecordBatch& batch) {
  return static_cast<const arrow::Int64Array&>(*batch.column(0)).Value(0);
}

class Sleeper {
 public:
  Sleeper() : signal_(duckdb::make_shared_ptr<duckdb::InterruptDoneSignalState>()) {}
  duckdb::InterruptState state() {
    return duckdb::InterruptState(duckdb::weak_ptr<duckdb::InterruptDoneSignalState>(signal_));
  }
  void Await() { signal_->Await(); }

 private:
  duckdb::shared_ptr<duckdb::InterruptDoneSignalState> signal_;
};

TEST(BatchQueueTest, PlacesComeInOrder) {
  BatchQueue queue(1 << 20);
  queue.Push(3, BatchOf(30, 2));
  queue.Push(2, BatchOf(20, 2));
  EXPECT_TRUE(queue.Take().empty());
  queue.CompleteBefore(2);
  queue.Push(2, BatchOf(22, 2));
  auto taken = queue.Take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(FirstOf(*taken[0]), 20);
  EXPECT_EQ(FirstOf(*taken[1]), 22);
  queue.CompleteBefore(9);
  taken = queue.Take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(FirstOf(*taken[0]), 30);
}

TEST(BatchQueueTest, ThreadsSleepWhileTheBoundIsReached) {
  BatchQueue queue(1000);
  Sleeper sleeper, later, unbounded;
  queue.CompleteBefore(1);
  EXPECT_TRUE(queue.MayBegin(1, sleeper.state()));
  queue.Push(1, BatchOf(0, 500));
  EXPECT_FALSE(queue.MayBegin(1, sleeper.state()));
  // What waits for its turn is counted apart, so that the first place never waits for the others.
  EXPECT_TRUE(queue.MayBegin(5, later.state()));
  queue.Push(5, BatchOf(0, 500));
  EXPECT_FALSE(queue.MayBegin(6, later.state()));
  EXPECT_EQ(queue.Take().size(), 1U);
  sleeper.Await();
  EXPECT_TRUE(queue.MayBegin(1, sleeper.state()));
  queue.CompleteBefore(5);
  later.Await();
  EXPECT_FALSE(queue.MayBegin(5, unbounded.state()));
  queue.TakeBoundAway();
  unbounded.Await();
  EXPECT_TRUE(queue.MayBegin(5, unbounded.state()));
}

class CollectorTest : public testing::Test {
 protected:
  void SetUp() override {
    DatabaseOptions options;
    options.threads = 4;
    database_ = Database::Open(":memory:", options).ValueOrDie();
    session_ = database_->Connect().ValueOrDie();
    Run("CREATE TABLE t AS SELECT i, 'text ' || i AS s FROM range(1000000) r(i)");
  }
  void Run(const std::string& sql) {
    const auto ran = session_->Execute(sql);
    ASSERT_TRUE(ran.ok()) << sql << ": " << ran.status();
  }

  std::shared_ptr<Database> database_;
  std::unique_ptr<Session> session_;
};

// Numbers 0, 1, 2 ... in the first column.
void ExpectInOrder(const arrow::RecordBatchVector& batches, int64_t rows) {
  int64_t next = 0;
  for (const auto& batch : batches) {
    ASSERT_TRUE(batch->Validate().ok());
    const auto& numbers = static_cast<const arrow::Int64Array&>(*batch->column(0));
    for (int64_t i = 0; i < numbers.length(); ++i) ASSERT_EQ(numbers.Value(i), next++);
  }
  EXPECT_EQ(next, rows);
}

TEST_F(CollectorTest, RowsKeepTheirOrder) {
  for (const std::string sql :
       {"SELECT i, s FROM t", "FROM t ORDER BY i", "SELECT i FROM t WHERE i >= 0 LIMIT 700000",
        "SELECT i // 1 FROM (SELECT i FROM t WHERE i < 500000 UNION ALL "
        "SELECT i FROM t WHERE i >= 500000)"}) {
    SCOPED_TRACE(sql);
    const int64_t rows = sql.find("700000") == std::string::npos ? 1000000 : 700000;
    ExpectInOrder(session_->Query(sql).ValueOrDie()->ToRecordBatches().ValueOrDie(), rows);
    ExpectInOrder(ReadRest(*session_->Query(sql).ValueOrDie()).ValueOrDie(), rows);
    const auto statement = session_->Prepare(sql).ValueOrDie();
    ExpectInOrder(ReadRest(*statement->Query().ValueOrDie()).ValueOrDie(), rows);
    // The first by itself, then the rest.
    const auto reader = session_->Query(sql).ValueOrDie();
    arrow::RecordBatchVector batches = {reader->Next().ValueOrDie()};
    for (const auto& batch : ReadRest(*reader).ValueOrDie()) batches.push_back(batch);
    ExpectInOrder(batches, rows);
    EXPECT_EQ(reader->Next().ValueOrDie(), nullptr);
    EXPECT_TRUE(ReadRest(*reader).ValueOrDie().empty());
  }
}

TEST_F(CollectorTest, FewRowsOfManyPlacesAreOneBatch) {
  const auto batches =
      ReadRest(*session_->Query("SELECT i FROM t WHERE i % 100000 = 7").ValueOrDie()).ValueOrDie();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0]->num_rows(), 10);
}

TEST_F(CollectorTest, ALeftResultFreesTheSession) {
  auto reader = session_->Query("SELECT a.i FROM t a, t b").ValueOrDie();
  EXPECT_EQ(GetErrorCode(session_->Execute("SELECT 1").status()), ErrorCode::kTransaction);
  ASSERT_TRUE(reader->Next().ok());
  reader.reset();
  Run("INSERT INTO t VALUES (-1, NULL)");
  // Within a transaction, which goes on.
  Run("BEGIN");
  Run("DELETE FROM t WHERE i = -1");
  session_->Query("SELECT a.i FROM t a, t b").ValueOrDie().reset();
  Run("COMMIT");
  ExpectInOrder(ReadRest(*session_->Query("FROM t").ValueOrDie()).ValueOrDie(), 1000000);
}

TEST_F(CollectorTest, AnErrorEndsTheRows) {
  const char* const sql =
      "SELECT CASE WHEN i = 999999 THEN error('no ' || i) ELSE i::VARCHAR END FROM t";
  for (const bool rest : {false, true}) {
    const auto reader = session_->Query(sql);
    const arrow::Status status = !reader.ok() ? reader.status()
                                 : rest       ? ReadRest(**reader).status()
                                              : (*reader)->ToRecordBatches().status();
    ASSERT_FALSE(status.ok());
    EXPECT_NE(status.message().find("no 999999"), std::string::npos) << status;
    Run("SELECT 1");
  }
}

TEST_F(CollectorTest, InterruptsAndTimeoutsReachIt) {
  const std::string endless = "SELECT a.i FROM t a, t b";
  for (const bool rest : {false, true}) {
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      session_->Interrupt();
    });
    // The rest is asked for where there are no rows, which would all come into memory.
    const auto reader = session_->Query(rest ? endless + " WHERE a.i + b.i = -5" : endless);
    arrow::Status status = reader.status();
    if (rest && status.ok()) status = ReadRest(**reader).status();
    for (std::shared_ptr<arrow::RecordBatch> batch; status.ok();) {
      status = (*reader)->ReadNext(&batch);
      ASSERT_FALSE(status.ok() && batch == nullptr);
    }
    other.join();
    EXPECT_EQ(GetErrorCode(status), ErrorCode::kInterrupted) << status;
  }
  Run("SET statement_timeout = '100ms'");
  const arrow::Status status = session_->Query(endless + " WHERE a.i + b.i = -5").status();
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kInterrupted) << status;
  EXPECT_NE(status.message().find("statement_timeout"), std::string::npos) << status;
  // The time that a reader takes counts too.
  const auto reader = session_->Query(endless).ValueOrDie();
  arrow::Status late;
  for (std::shared_ptr<arrow::RecordBatch> batch; late.ok();) late = reader->ReadNext(&batch);
  EXPECT_EQ(GetErrorCode(late), ErrorCode::kInterrupted) << late;
}

}  // namespace
}  // namespace pyralog::sql
