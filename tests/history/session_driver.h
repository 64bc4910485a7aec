// Sessions that make a history: each in a thread of its own, with random transactions.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "pyralog/database.h"
#include "tests/history/history.h"

namespace pyralog::history {

struct DriverOptions {
  int sessions = 4;
  int operations = 100'000;  // of all sessions together
  uint64_t seed = 1;
  // The known-bad control: each read is a transaction of its own, as in read committed.
  bool reads_outside = false;
};

// Makes the tables of the lists. Lists of even keys are a table with a key of one column, those of
// odd keys a table with a key of two.
arrow::Status MakeTables(Session* session);
// What is in the tables now.
arrow::Result<Lists> ReadLists(Session* session);
// Ends with the first error that is not a conflict.
arrow::Result<History> MakeHistory(Database* database, const DriverOptions& options);

}  // namespace pyralog::history
