#include "tests/history/session_driver.h"

#include <algorithm>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "arrow/array.h"
#include "arrow/table.h"
#include "pyralog/error.h"

namespace pyralog::history {
namespace {

using Outcome = TransactionRecord::Outcome;

// A list is the text of its numbers, each behind a comma.
List Parse(const std::string& text) {
  List list;
  for (size_t at = 0; at < text.size(); at = std::min(text.find(',', at + 1), text.size()))
    list.push_back(std::stoll(text.substr(at + 1)));
  return list;
}

std::string TableOf(int64_t key) { return key % 2 == 0 ? "even" : "odd"; }

// "k = 17" of the one table, "k = 17 AND part = 'p2'" of the other.
std::string Part(int64_t key) { return "'p" + std::to_string(key % 3) + "'"; }
std::string Where(int64_t key) {
  const std::string where = "k = " + std::to_string(key);
  return key % 2 == 0 ? where : where + " AND part = " + Part(key);
}
std::string RowText(int64_t key, const std::string& list) {
  return "(" + std::to_string(key) + (key % 2 == 0 ? "" : ", " + Part(key)) + ", '" + list + "')";
}

arrow::Status ReadInto(Session* session, const std::string& sql, Lists* lists) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, session->Query(sql));
  ARROW_ASSIGN_OR_RAISE(const auto table, reader->ToTable());
  ARROW_ASSIGN_OR_RAISE(const auto batch, table->CombineChunksToBatch());
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto key, batch->column(0)->GetScalar(i));
    ARROW_ASSIGN_OR_RAISE(const auto text, batch->column(1)->GetScalar(i));
    const int64_t number = std::stoll(key->ToString());
    if (!lists->emplace(number, Parse(text->ToString())).second)
      return arrow::Status::Invalid("list ", number, " is there twice");
  }
  return arrow::Status::OK();
}

struct Shared {
  explicit Shared(const DriverOptions& driver) : options(driver) {}

  const DriverOptions options;
  std::atomic<uint64_t> clock{0};
  std::atomic<int> operations{0};
  std::mutex mutex;
  History history;       // guarded by mutex
  arrow::Status failed;  // guarded by mutex
};

class Driver {
 public:
  Driver(Database* database, Shared* shared, int number)
      : shared_(*shared), number_(number), random_(shared->options.seed * 1000 + number) {
    session_ = database->Connect().ValueOrDie();
    if (shared->options.reads_outside) outside_ = database->Connect().ValueOrDie();
  }

  arrow::Status Run() {
    while (shared_.operations < shared_.options.operations) {
      TransactionRecord record{number_, ++shared_.clock, 0, Outcome::kCommitted, {}};
      arrow::Status status = Transact(&record);
      if (GetErrorCode(status) == ErrorCode::kConflict) {
        record.outcome = Outcome::kConflict;
        (void)session_->Execute("ROLLBACK");  // a commit that failed has ended already
        status = arrow::Status::OK();
      }
      ARROW_RETURN_NOT_OK(status);
      record.end = ++shared_.clock;
      shared_.operations += static_cast<int>(record.operations.size());
      const std::lock_guard lock(shared_.mutex);
      shared_.history.push_back(std::move(record));
      ARROW_RETURN_NOT_OK(shared_.failed);
    }
    return arrow::Status::OK();
  }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }

  // A few lists are used at a time, so that transactions meet; each for a while, so that none grows
  // long.
  int64_t RandomKey() {
    const int64_t era = shared_.operations / 160;
    return era * 4 + static_cast<int64_t>(Below(12));
  }

  arrow::Status Transact(TransactionRecord* record) {
    const bool single = Below(6) == 0;  // a statement on its own
    if (!single) ARROW_RETURN_NOT_OK(session_->Execute("BEGIN").status());
    const uint64_t count = single ? 1 : 1 + Below(7);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t what = Below(10);
      if (what < 5) {
        ARROW_RETURN_NOT_OK(Append(RandomKey(), single, record));
      } else if (what < 9) {
        ARROW_RETURN_NOT_OK(Read(RandomKey(), record));
      } else {
        ARROW_RETURN_NOT_OK(ReadRange(RandomKey(), record));
      }
    }
    if (single) return arrow::Status::OK();
    if (Below(12) == 0) {
      record->outcome = Outcome::kRolledBack;
      return session_->Execute("ROLLBACK").status();
    }
    return session_->Execute("COMMIT").status();
  }

  arrow::Status Append(int64_t key, bool single, TransactionRecord* record) {
    const int64_t number = static_cast<int64_t>(++numbers_) * shared_.options.sessions + number_;
    record->operations.push_back({Operation::Kind::kAppend, key, number, {}});
    const std::string table = TableOf(key), text = "," + std::to_string(number);
    const std::string upsert = "INSERT INTO " + table + " VALUES " + RowText(key, text) +
                               " ON CONFLICT DO UPDATE SET v = v || excluded.v";
    if (single || Below(2) == 0) return session_->Execute(upsert).status();
    if (Below(2) == 0) {
      ARROW_ASSIGN_OR_RAISE(const int64_t changed,
                            session_->Execute("UPDATE " + table + " SET v = v || '" + text +
                                              "' WHERE " + Where(key)));
      return changed == 1 ? arrow::Status::OK() : session_->Execute(upsert).status();
    }
    // By hand: what is there goes, and comes back longer.
    Lists lists;
    ARROW_RETURN_NOT_OK(ReadInto(session_.get(), SelectOne(key), &lists));
    std::string whole;
    for (const int64_t seen : lists[key]) whole += "," + std::to_string(seen);
    ARROW_RETURN_NOT_OK(
        session_->Execute("DELETE FROM " + table + " WHERE " + Where(key)).status());
    return session_->Execute("INSERT INTO " + table + " VALUES " + RowText(key, whole + text))
        .status();
  }

  static std::string SelectOne(int64_t key) {
    return "SELECT k, v FROM " + TableOf(key) + " WHERE " + Where(key);
  }

  Session* reader() { return outside_ ? outside_.get() : session_.get(); }

  arrow::Status Read(int64_t key, TransactionRecord* record) {
    Lists lists;
    ARROW_RETURN_NOT_OK(ReadInto(reader(), SelectOne(key), &lists));
    Note(key, lists[key], record);
    return arrow::Status::OK();
  }

  // By a scan of both tables, in one statement.
  arrow::Status ReadRange(int64_t first, TransactionRecord* record) {
    const std::string range =
        " WHERE k BETWEEN " + std::to_string(first) + " AND " + std::to_string(first + 5);
    Lists lists;
    ARROW_RETURN_NOT_OK(ReadInto(
        reader(), "SELECT k, v FROM even" + range + " UNION ALL SELECT k, v FROM odd" + range,
        &lists));
    for (int64_t key = first; key <= first + 5; ++key) Note(key, lists[key], record);
    return arrow::Status::OK();
  }

  // Another session cannot see this one's appends; the control is to fail for other reasons.
  void Note(int64_t key, List seen, TransactionRecord* record) const {
    for (const Operation& before : record->operations) {
      if (outside_ && before.kind == Operation::Kind::kAppend && before.key == key)
        seen.push_back(before.number);
    }
    record->operations.push_back({Operation::Kind::kRead, key, 0, std::move(seen)});
  }

  Shared& shared_;
  const int number_;
  std::mt19937_64 random_;
  uint64_t numbers_ = 0;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Session> outside_;
};

}  // namespace

arrow::Status MakeTables(Session* session) {
  return session
      ->Execute(
          "CREATE TABLE even (k BIGINT PRIMARY KEY, v VARCHAR NOT NULL);"
          "CREATE TABLE odd (k BIGINT, part VARCHAR, v VARCHAR NOT NULL, PRIMARY KEY (part, k))")
      .status();
}

arrow::Result<Lists> ReadLists(Session* session) {
  Lists lists;
  ARROW_RETURN_NOT_OK(
      ReadInto(session, "SELECT k, v FROM even UNION ALL SELECT k, v FROM odd", &lists));
  return lists;
}

arrow::Result<History> MakeHistory(Database* database, const DriverOptions& options) {
  Shared shared(options);
  std::vector<std::thread> threads;
  for (int i = 0; i < options.sessions; ++i) {
    threads.emplace_back([&shared, database, i] {
      const arrow::Status status = Driver(database, &shared, i).Run();
      const std::lock_guard lock(shared.mutex);
      if (shared.failed.ok()) shared.failed = status;
    });
  }
  for (std::thread& thread : threads) thread.join();
  ARROW_RETURN_NOT_OK(shared.failed);
  return std::move(shared.history);
}

}  // namespace pyralog::history
