// The distinct strings of one column of a segment, in the order of their first rows, and the codes
// that stand for them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/array.h"
#include "arrow/result.h"

namespace pyralog::lsm {

// With one for NULL as many as DuckDB's operators treat as codes; they fit the 16 bits of a code.
constexpr int64_t kMaxDictionaryStrings = 19998;

// Whether columns of this type (a StorageType) may be written as codes: texts.
bool MayBeDictionary(const arrow::DataType& stored);
// The type of such a column in the file.
std::shared_ptr<arrow::DataType> DictionaryStorageType();

class StringDictionary {
 public:
  // A dictionary that has the strings of `first`, when codes for these rows are clearly smaller;
  // nullptr when not. REQUIRES: MayBeDictionary.
  static std::unique_ptr<StringDictionary> TryMake(const arrow::Array& first);

  // The rows as DictionaryStorageType, whose dictionary is empty: Values() at the end has all.
  // nullptr when there are too many strings; the dictionary has some of them then.
  arrow::Result<std::shared_ptr<arrow::Array>> Encode(const arrow::Array& strings);
  // Strings by code.
  arrow::Result<std::shared_ptr<arrow::Array>> Values() const;

 private:
  StringDictionary();
  // -1 when there is no room.
  int32_t CodeOf(std::string_view text);
  void Grow();

  std::vector<int32_t> slots_;     // codes by hash, -1: free; a power of two of them
  std::vector<uint64_t> hashes_;   // by code
  std::vector<uint32_t> offsets_;  // of code c in bytes_: [c, c + 1)
  std::string bytes_;
};

// The strings of an array (utf8, as Values() gives them) as views of its bytes.
arrow::Result<std::shared_ptr<arrow::Array>> ViewsOfStrings(const arrow::Array& strings);

// Rows of `codes` (DictionaryStorageType, or the same over views) as an array of `logical`, which
// is a type of strings.
arrow::Result<std::shared_ptr<arrow::Array>> DecodeStrings(
    const arrow::DictionaryArray& codes, const std::shared_ptr<arrow::DataType>& logical);

}  // namespace pyralog::lsm
