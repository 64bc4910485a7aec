// The public C++ interface: open a database, query it with SQL, read and write by key, in
// transactions. Arrow in, Arrow out.
//
//   ARROW_ASSIGN_OR_RAISE(auto db, pyralog::Database::Open("shop"));
//   ARROW_ASSIGN_OR_RAISE(auto session, db->Connect());
//   ARROW_ASSIGN_OR_RAISE(auto reader,
//                         session->Query("SELECT * FROM orders WHERE day >= $1", {day}));
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/compute/expression.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "arrow/scalar.h"
#include "pyralog/error.h"
#include "pyralog/ids.h"

namespace pyralog {

enum class Durability {
  kFull,    // an acknowledged commit survives power loss (the default)
  kNormal,  // it survives a killed process; power loss may take the last second
  kOff,     // no log: what was flushed or closed cleanly survives
};

struct DatabaseOptions {
  Durability durability = Durability::kFull;
  bool create_if_missing = true;
  bool read_only = false;
  // Bytes for queries and caches; 0: three quarters of the machine's memory.
  uint64_t memory_limit = 0;
  int threads = 0;  // of queries; 0: as many as cores
  // Bytes of recent rows in memory before they are written to segments.
  uint64_t memtable_size = 16 << 20;
};

using Params = std::vector<std::shared_ptr<arrow::Scalar>>;

// Rows of one table by scan: which columns (empty: all), which rows, how many.
struct ScanOptions {
  std::vector<std::string> columns = {};
  std::optional<arrow::compute::Expression> filter = {};  // over column names; applied exactly
  std::optional<int64_t> limit = {};
};

// Rows from outside that SQL reads as a table of one session.
struct ArrowTable {
  std::shared_ptr<arrow::Schema> schema;
  // Opens the rows, once for each time that a statement reads them; an error where that cannot be
  // repeated. Called on any thread. The reader has at least the columns that are asked for, by
  // name; filter and limit are hints.
  std::function<arrow::Result<std::shared_ptr<arrow::RecordBatchReader>>(const ScanOptions&)> open;
  std::optional<int64_t> rows = {};  // how many, if that is known
  // Reading takes no work and no time: all batches are got at once, and scanned by many threads.
  bool in_memory = false;
};

// The rows that a name stands for, or nullptr. Called while a statement is bound, on its thread,
// for names that are no table of the catalog.
using TableResolver =
    std::function<arrow::Result<std::shared_ptr<const ArrowTable>>(std::string_view name)>;

// What one statement gave.
struct StatementResult {
  // nullptr: a statement that gives no rows (INSERT without RETURNING, CREATE, COMMIT ...).
  std::shared_ptr<arrow::RecordBatchReader> rows;
  std::optional<int64_t> changes = {};  // rows changed, by a statement that changes rows
};

// A statement that was parsed once and runs often. Belongs to its session.
class PreparedStatement {
 public:
  virtual ~PreparedStatement() = default;
  // The parameters in the order in which `params` gives them: "1", "2" for ? and $1, "name" for
  // $name.
  virtual std::vector<std::string> parameter_names() const = 0;
  virtual arrow::Result<StatementResult> Run(const Params& params = {}) = 0;
  // All rows of one execution. Parameters are cast to the types that the statement expects.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Query(
      const Params& params = {}) = 0;
  // Runs it and returns the number of rows changed (0 for statements that change none).
  virtual arrow::Result<int64_t> Execute(const Params& params = {}) = 0;
};

// The rows of a statement as people read them: each value as the SQL cast to VARCHAR writes it
// ("1 day 02:00:00", "10:00:00+01", "[1, 2]", "\\x00"). Not thread-safe.
class TextResult {
 public:
  virtual ~TextResult() = default;
  virtual const std::vector<std::string>& names() const = 0;
  // SQL types, as DESCRIBE names them.
  virtual const std::vector<std::string>& types() const = 0;
  // The next rows, every column large_utf8; NULL is a null. nullptr at the end.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatch>> Next() = 0;
  // Reads to the end without making text: the number of those rows.
  virtual arrow::Result<int64_t> CountRest() = 0;
};

enum class TransactionState {
  kNone,     // each statement is one of its own
  kOpen,     // BEGIN was said
  kAborted,  // an error ended it: only ROLLBACK is possible
};

// One user's conversation with a database: at most one statement and one open transaction at a
// time. Not thread-safe; make one session a thread.
class Session {
 public:
  virtual ~Session() = default;
  // Runs all statements of `sql` in order and returns the rows of the last one. Parameters are
  // allowed for one statement only. The reader is materialised or streams; the session can run the
  // next statement only when it was read to its end or released.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Query(
      std::string_view sql, const Params& params = {}) = 0;
  // As Query, for statements whose rows nobody wants: the number of rows changed by the last one.
  virtual arrow::Result<int64_t> Execute(std::string_view sql, const Params& params = {}) = 0;
  // As Query, and tells rows from counts of changes.
  virtual arrow::Result<StatementResult> Run(std::string_view sql, const Params& params = {}) = 0;
  virtual arrow::Result<std::unique_ptr<PreparedStatement>> Prepare(std::string_view sql) = 0;
  // Where names that are no table of the catalog are looked up, before they are taken for files.
  virtual void SetTableResolver(TableResolver resolver) = 0;
  // Whether a BEGIN awaits its COMMIT or ROLLBACK.
  virtual bool InTransaction() const = 0;
  // As Query, for people.
  virtual arrow::Result<std::unique_ptr<TextResult>> QueryText(std::string_view sql,
                                                               const Params& params = {}) = 0;
  virtual TransactionState transaction_state() = 0;
  // Cancels the running statement from another thread: it ends with kInterrupted.
  virtual void Interrupt() = 0;
  // How much of the running statement is done, from 0 to 1; from any thread. Nothing when none runs,
  // when it cannot be told, and unless the session has SET enable_progress_bar = true (with
  // enable_progress_bar_print = false and progress_bar_time = 0).
  virtual std::optional<double> Progress() = 0;
};

// One snapshot and its writes, without SQL; commit or be told why not. Table names: "t" or
// "schema.t".
class Transaction {
 public:
  virtual ~Transaction() = default;  // rolls back
  // Makes a table of any Arrow schema, with its metadata; `key` names the columns of the primary key
  // in key order. Columns keep their Arrow types exactly; docs/types.md says what SQL sees of each.
  // kAlreadyExists, or kNotSupported naming a column whose type cannot be stored or be a key.
  virtual arrow::Status CreateTable(std::string_view table,
                                    const std::shared_ptr<arrow::Schema>& schema,
                                    const std::vector<std::string>& key = {}) = 0;
  virtual arrow::Status Append(std::string_view table,
                               const std::shared_ptr<arrow::RecordBatch>& batch) = 0;
  // Inserts or replaces whole rows by primary key: `rows` has all columns of the table, by name.
  virtual arrow::Status Put(std::string_view table,
                            const std::shared_ptr<arrow::RecordBatch>& rows) = 0;
  // The rows with these keys, one row a key in the order given, all columns null for a key that is
  // absent (`found` says which). `keys` holds the primary key's columns by name.
  struct GetResult {
    std::shared_ptr<arrow::RecordBatch> rows;
    std::vector<bool> found;
  };
  virtual arrow::Result<GetResult> Get(std::string_view table,
                                       const std::shared_ptr<arrow::RecordBatch>& keys,
                                       const std::vector<std::string>& columns = {}) = 0;
  // Returns how many of the keys were there.
  virtual arrow::Result<int64_t> Delete(std::string_view table,
                                        const std::shared_ptr<arrow::RecordBatch>& keys) = 0;
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      std::string_view table, const ScanOptions& options = {}) = 0;
  virtual arrow::Result<CommitNumber> Commit() = 0;
  virtual arrow::Status Rollback() = 0;
};

class Database {
 public:
  // Opens or creates the database in this folder; ":memory:" (or "") is one that ends with the
  // handle. Opening one folder twice in a process shares one engine; from another process it is
  // kLocked.
  static arrow::Result<std::shared_ptr<Database>> Open(const std::string& path,
                                                       const DatabaseOptions& options = {});
  virtual ~Database() = default;

  virtual arrow::Result<std::unique_ptr<Session>> Connect() = 0;
  virtual arrow::Result<std::unique_ptr<Transaction>> Begin() = 0;
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Scan(
      std::string_view table, const ScanOptions& options = {}) = 0;

  // Writes recent rows to segments.
  virtual arrow::Status Flush() = 0;
  // Reads and verifies every byte at rest.
  virtual arrow::Status Verify() = 0;
  // Closes the log cleanly and reports what that said; the destructor closes silently.
  virtual arrow::Status Close() = 0;
  // One line about what opening had to repair ("a torn log tail of 512 bytes ..."), or empty.
  virtual std::string recovery_notice() const = 0;
};

// All batches that are left of a reader. Rows of a session's queries are put into memory by the
// threads that make them, which is faster than reading a large result batch by batch.
arrow::Result<arrow::RecordBatchVector> ReadRest(arrow::RecordBatchReader& reader);

std::string Version();  // "0.1.0"

}  // namespace pyralog
