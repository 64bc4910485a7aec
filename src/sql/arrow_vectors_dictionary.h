// Strings of few distinct values as DuckDB dictionary vectors.
//
// DuckDB groups, hashes and evaluates functions of a dictionary vector once a distinct value instead of once a row, and
// remembers the results as long as the dictionary's id stays the same. Segments store plain views, so the codes are made
// while scanning (3 to 8 ns a row); the dictionary lives as long as its thread's scan and stops growing after a few vectors,
// if the column is of the kind. If it is not, that is noticed early, and the column is read as plain strings.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "arrow/array.h"
#include "duckdb.hpp"

namespace pyralog::sql {

class StringDictionary {
 public:
  // `type`: VARCHAR, BLOB, or another type kept as views.
  explicit StringDictionary(const duckdb::LogicalType& type);

  // Whether more rows should be coded.
  bool useful() const { return useful_; }

  // Codes of the rows offset + i of a view array whose bit i of `mask` is set. False when there are too many distinct
  // values: then it is not useful() any more, and not all of these rows have a code.
  bool Encode(const arrow::Array& array, int64_t offset, std::span<const uint64_t> mask, duckdb::sel_t* codes);
  // Makes `out` a dictionary vector of these codes. They must stay as they are as long as `out` is used.
  void SetVector(duckdb::sel_t* codes, duckdb::Vector& out);
  // Makes the first `count` rows of `out` the plain strings of these codes.
  void Decode(const duckdb::sel_t* codes, duckdb::idx_t count, duckdb::Vector& out);

 private:
  // A value may be coded while the dictionary is smaller than this. DuckDB ignores dictionaries above 20,000.
  static constexpr uint32_t kMaxSize = 8192;
  // After so many rows there must be at least kRowsPerValue of them for each value.
  static constexpr int64_t kRowsToJudge = 4 * kMaxSize;
  static constexpr int64_t kRowsPerValue = 4;
  // Slots looked at for each row, on average, above which the hash is thought bad: it does not see every byte.
  static constexpr int64_t kMaxProbes = 4;

  struct View {
    uint64_t size_prefix;  // size in the lower half, then the first four bytes
    uint64_t rest;         // the next eight bytes, or buffer and offset; in the dictionary: or a pointer
    uint32_t size() const { return static_cast<uint32_t>(size_prefix); }
  };
  // A row on its way to a code.
  struct Row {
    const View* view;
    const char* bytes;
    uint64_t hash;
  };

  duckdb::sel_t CodeOf(const Row& row);
  duckdb::sel_t CodeOfNull();
  duckdb::sel_t Add(const Row& row);
  void GrowSlots();
  View* values() { return duckdb::FlatVector::GetDataUnsafe<View>(strings_); }

  const duckdb::LogicalType type_;
  bool useful_ = true;
  int64_t rows_ = 0;
  int64_t probes_ = 0;
  uint32_t size_ = 0;
  int64_t null_code_ = -1;
  duckdb::Vector strings_;        // room for kMaxSize; never moves
  std::vector<uint64_t> hashes_;  // of strings_
  std::vector<uint32_t> slots_;   // a power of two; upper half: upper bits of the hash; lower half: code + 1, or 0
  duckdb::buffer_ptr<duckdb::VectorChildBuffer> current_;  // strings_ as a dictionary of current size, with its id
};

}  // namespace pyralog::sql
