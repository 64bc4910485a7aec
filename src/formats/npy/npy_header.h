// The header of an NPY file: what the array's elements are and how many of them there are.
//
//   "\x93NUMPY"  major, minor (1 byte each)  header length (2 bytes in version 1, else 4,
//   little-endian)  header  elements
//
// The header is the text of a Python dictionary of descr, fortran_order and shape, in Latin-1 (in
// version 3 UTF-8), filled up with blanks so that the elements start at a multiple of 64.
//
// Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"

namespace pyralog::formats {

inline constexpr std::string_view kNpyMagic("\x93NUMPY", 6);
// The longest header that is read, its first twelve bytes included.
inline constexpr uint64_t kMaxNpyHeader = 64 << 10;

struct NpyField;

// What one element is.
struct NpyType {
  // As NumPy writes it: b (boolean), i, u, f, c, S, U, V, M, m; r for a record.
  char kind = 'f';
  int64_t size = 0;  // bytes
  bool big_endian = false;
  std::string unit = {};  // of M and m: "ns"
  int64_t count = 1;      // of units: 25 in "M8[25s]"
  std::vector<NpyField> fields;
};

struct NpyField {
  std::string name;
  NpyType type;
  std::vector<int64_t> shape;  // of an array inside the record
  int64_t offset = 0;          // in the record
};

struct NpyHeader {
  int version = 1;
  std::string descr;  // as it stands in the header
  NpyType type;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  uint64_t data_offset = 0;

  // The first dimension; an array without any is one row.
  int64_t rows() const { return shape.empty() ? 1 : shape.front(); }
};

// `head` is the file's start, all of it or at least kMaxNpyHeader bytes. kDamaged for what is no
// header or contradicts the file's size, kNotSupported for types by name.
arrow::Result<NpyHeader> ParseNpyHeader(std::string_view head, uint64_t file_size);

// A header for `descr` (a Python literal) in C order. At least `min_size` bytes, so that a later
// one with more rows can take its place.
std::string MakeNpyHeader(const std::string& descr, const std::vector<int64_t>& shape,
                          size_t min_size = 0);

// 'text' as Python writes it.
std::string PythonText(std::string_view text);

// The product. kDamaged when it is no int64.
arrow::Result<int64_t> ProductOf(int64_t first, const std::vector<int64_t>& others);

}  // namespace pyralog::formats
