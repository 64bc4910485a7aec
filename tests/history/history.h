// What concurrent sessions did and saw, and whether that was snapshot isolation.
//
// The database holds lists of numbers. A transaction appends numbers, each of which is appended
// once in the whole history, and reads lists. So a read tells which transactions it saw and in what
// order they wrote, without a word from the database about its own order (the idea of Elle:
// Kingsbury and Alvaro, "Elle: inferring isolation anomalies from experimental observations",
// PVLDB 14(3), 2020).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace pyralog::history {

using List = std::vector<int64_t>;
using Lists = std::map<int64_t, List>;  // by key; a key that is not there is the empty list

struct Operation {
  enum class Kind { kAppend, kRead };
  Kind kind;
  int64_t key;
  int64_t number = 0;  // that was appended
  List seen;           // by the read
};

struct TransactionRecord {
  int session;
  uint64_t begin;  // ticks of one clock for all sessions: before its first operation was sent ...
  uint64_t end;    // ... and after its end was acknowledged
  enum class Outcome { kCommitted, kConflict, kRolledBack };
  Outcome outcome;
  std::vector<Operation> operations;
};

using History = std::vector<TransactionRecord>;

// "" when the history, whose lists in the end are `last`, is one of snapshot isolation with first
// committer wins; otherwise the first thing that is not, in words. Checked are: nothing
// acknowledged is lost and nothing rolled back is seen; reads see whole transactions' lists and the
// reader's own appends; no conflict without another transaction that wrote the same list meanwhile;
// and the criterion of Cerone and Gotsman ("Analysing snapshot isolation", JACM 65(2), 2018,
// theorem 9): with WW, WR and RW the write, read and anti-dependencies and RT "committed before the
// other began", (WW | WR | RT) ; RW? has no cycle.
std::string CheckSnapshotIsolation(const History& history, const Lists& last);

}  // namespace pyralog::history
