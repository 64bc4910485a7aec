#include "tests/history/history.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace pyralog::history {
namespace {

using Outcome = TransactionRecord::Outcome;
using Kind = Operation::Kind;

std::string Text(const List& list) {
  std::string text = "[";
  for (const int64_t number : list) text += (text.size() > 1 ? " " : "") + std::to_string(number);
  return text + "]";
}

std::string Name(size_t transaction) { return "transaction " + std::to_string(transaction); }

bool IsPrefix(const List& prefix, const List& list) {
  return prefix.size() <= list.size() && std::equal(prefix.begin(), prefix.end(), list.begin());
}

class Checker {
 public:
  Checker(const History& history, const Lists& last) : history_(history), last_(last) {}

  std::string Check() {
    for (auto step : {&Checker::IndexAppends, &Checker::CheckLast, &Checker::CheckReads,
                      &Checker::CheckConflicts, &Checker::CheckCycles}) {
      if (std::string wrong = (this->*step)(); !wrong.empty()) return wrong;
    }
    return "";
  }

 private:
  struct Append {
    size_t transaction;
    int64_t key;
    bool last_of_its_list;  // of those by this transaction to this list
  };
  using Edges = std::vector<std::vector<size_t>>;

  const List& Last(int64_t key) const {
    static const List kEmpty;
    const auto list = last_.find(key);
    return list == last_.end() ? kEmpty : list->second;
  }

  std::string IndexAppends() {
    for (size_t t = 0; t < history_.size(); ++t) {
      std::map<int64_t, int64_t> latest;  // by key
      for (const Operation& operation : history_[t].operations) {
        if (operation.kind != Kind::kAppend) continue;
        if (!appends_.emplace(operation.number, Append{t, operation.key, false}).second) {
          return "the number " + std::to_string(operation.number) + " was appended twice";
        }
        latest[operation.key] = operation.number;
      }
      for (const auto& [key, number] : latest) appends_.at(number).last_of_its_list = true;
    }
    return "";
  }

  // What is there in the end is what was committed.
  std::string CheckLast() {
    std::set<int64_t> there;
    for (const auto& [key, list] : last_) {
      for (const int64_t number : list) {
        const auto append = appends_.find(number);
        const std::string what = std::to_string(number) + " in list " + std::to_string(key);
        if (append == appends_.end() || append->second.key != key)
          return what + " was never appended";
        if (history_[append->second.transaction].outcome != Outcome::kCommitted)
          return what + " is of " + Name(append->second.transaction) + ", which did not commit";
        if (!there.insert(number).second) return what + " is there twice";
      }
    }
    for (const auto& [number, append] : appends_) {
      if (history_[append.transaction].outcome == Outcome::kCommitted && !there.contains(number)) {
        return "lost: " + std::to_string(number) + " that " + Name(append.transaction) +
               " appended to list " + std::to_string(append.key) + " and committed";
      }
    }
    return "";
  }

  // A read is a state of the list between transactions, then the reader's own appends.
  std::string CheckReads() {
    for (size_t t = 0; t < history_.size(); ++t) {
      std::map<int64_t, List> own, first_seen;
      for (const Operation& operation : history_[t].operations) {
        List& mine = own[operation.key];
        if (operation.kind == Kind::kAppend) {
          mine.push_back(operation.number);
          continue;
        }
        const List& seen = operation.seen;
        const std::string what =
            Name(t) + " read list " + std::to_string(operation.key) + " as " + Text(seen);
        if (seen.size() < mine.size() || !std::equal(mine.rbegin(), mine.rend(), seen.rbegin()))
          return what + ", without its own " + Text(mine);
        const List others(seen.begin(), seen.end() - static_cast<int64_t>(mine.size()));
        if (!IsPrefix(others, Last(operation.key)))
          return what + ", but in the end it was " + Text(Last(operation.key));
        if (!others.empty() && !appends_.at(others.back()).last_of_its_list)
          return what + ", in the midst of " + Name(appends_.at(others.back()).transaction);
        const auto [before, is_first] = first_seen.emplace(operation.key, others);
        if (!is_first && before->second != others)
          return what + ", and before that saw " + Text(before->second) + " of others";
      }
    }
    return "";
  }

  std::string CheckConflicts() {
    std::map<int64_t, std::vector<size_t>> writers;  // by key: those that committed
    for (const auto& [number, append] : appends_) {
      if (history_[append.transaction].outcome == Outcome::kCommitted)
        writers[append.key].push_back(append.transaction);
    }
    const auto is_justified = [&](const TransactionRecord& loser) {
      for (const Operation& operation : loser.operations) {
        if (operation.kind != Kind::kAppend) continue;
        for (const size_t winner : writers[operation.key]) {
          if (history_[winner].end > loser.begin && history_[winner].begin < loser.end) return true;
        }
      }
      return false;
    };
    for (size_t t = 0; t < history_.size(); ++t) {
      if (history_[t].outcome == Outcome::kConflict && !is_justified(history_[t]))
        return Name(t) + " met a conflict, but nobody wrote what it wrote";
    }
    return "";
  }

  void AddDependencies(Edges* forward, Edges* anti) const {
    for (const auto& [key, list] : last_) {
      for (size_t i = 1; i < list.size(); ++i) {
        const size_t before = appends_.at(list[i - 1]).transaction;
        const size_t after = appends_.at(list[i]).transaction;
        if (before != after) (*forward)[before].push_back(after);  // WW
      }
    }
    for (size_t t = 0; t < history_.size(); ++t) {
      // Those that did not commit read like those that did.
      std::map<int64_t, size_t> own;
      for (const Operation& operation : history_[t].operations) {
        if (operation.kind == Kind::kAppend) {
          ++own[operation.key];
          continue;
        }
        const List& all = Last(operation.key);
        const size_t seen = operation.seen.size() - own[operation.key];
        if (seen > 0) (*forward)[appends_.at(all[seen - 1]).transaction].push_back(t);  // WR
        if (seen == all.size()) continue;
        const size_t next = appends_.at(all[seen]).transaction;
        if (next != t) (*anti)[t].push_back(next);  // RW
      }
    }
  }

  // From the last transaction of each session that had ended: those before it precede that one.
  void AddRealTime(Edges* forward) const {
    std::vector<size_t> by_begin(history_.size());
    std::iota(by_begin.begin(), by_begin.end(), 0);
    std::vector<size_t> by_end = by_begin;
    std::sort(by_begin.begin(), by_begin.end(),
              [&](size_t a, size_t b) { return history_[a].begin < history_[b].begin; });
    std::sort(by_end.begin(), by_end.end(),
              [&](size_t a, size_t b) { return history_[a].end < history_[b].end; });
    std::map<int, size_t> ended;  // by session
    auto next = by_end.begin();
    for (const size_t t : by_begin) {
      for (; next != by_end.end() && history_[*next].end < history_[t].begin; ++next)
        ended[history_[*next].session] = *next;
      for (const auto& [session, before] : ended) (*forward)[before].push_back(t);
    }
  }

  // Looks for a cycle of forward edges, each followed by at most one anti-dependency. Node 2t has
  // still to take a forward edge; node 2t + 1 has taken one, and may take an anti-dependency.
  std::string CheckCycles() {
    Edges forward(history_.size()), anti(history_.size());
    AddDependencies(&forward, &anti);
    AddRealTime(&forward);
    Edges graph(2 * history_.size());
    for (size_t t = 0; t < history_.size(); ++t) {
      for (const size_t to : forward[t]) graph[2 * t].push_back(2 * to + 1);
      graph[2 * t + 1].push_back(2 * t);
      for (const size_t to : anti[t]) graph[2 * t + 1].push_back(2 * to);
    }
    enum class Mark : char { kNew, kOpen, kDone };
    std::vector<Mark> marks(graph.size(), Mark::kNew);
    std::vector<std::pair<size_t, size_t>> path;  // node, edges taken
    for (size_t start = 0; start < graph.size(); ++start) {
      if (marks[start] != Mark::kNew) continue;
      path = {{start, 0}};
      marks[start] = Mark::kOpen;
      while (!path.empty()) {
        auto& [node, taken] = path.back();
        if (taken == graph[node].size()) {
          marks[node] = Mark::kDone;
          path.pop_back();
          continue;
        }
        const size_t to = graph[node][taken++];
        if (marks[to] == Mark::kOpen) return CycleText(path, to);
        if (marks[to] == Mark::kDone) continue;
        marks[to] = Mark::kOpen;
        path.emplace_back(to, 0);
      }
    }
    return "";
  }

  static std::string CycleText(const std::vector<std::pair<size_t, size_t>>& path, size_t node) {
    std::string text = "a cycle that snapshot isolation rules out:";
    auto step = std::find_if(path.begin(), path.end(),
                             [&](const auto& taken) { return taken.first == node; });
    size_t before = path.back().first / 2;
    for (; step != path.end(); ++step) {
      if (step->first / 2 != before) text += " " + Name(step->first / 2);
      before = step->first / 2;
    }
    return text;
  }

  const History& history_;
  const Lists& last_;
  std::map<int64_t, Append> appends_;  // by number
};

}  // namespace

std::string CheckSnapshotIsolation(const History& history, const Lists& last) {
  return Checker(history, last).Check();
}

}  // namespace pyralog::history
