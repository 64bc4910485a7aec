// BLAKE3, the hash that content is named by: 32 bytes that nobody can make two contents for.
//
// Specification: https://github.com/BLAKE3-team/BLAKE3-specs. Portable; about one byte a cycle.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pyralog {

// The hash of bytes that come piece by piece. Not thread-safe.
class Blake3 {
 public:
  Blake3() = default;

  void Update(std::string_view bytes);
  // The hash of all bytes so far, in lower-case hexadecimal: 64 digits, as b3sum prints it.
  std::string HexDigest() const;

 private:
  using Words = std::array<uint32_t, 8>;
  static constexpr size_t kBlock = 64;
  static constexpr size_t kChunk = 1024;

  // What the last compression of a node takes: whether it is the root shows only at the end.
  struct Output {
    Words chaining;
    std::array<uint32_t, 16> block;
    uint64_t counter;
    uint32_t length;
    uint32_t flags;
  };

  static std::array<uint32_t, 16> Compress(const Output& input);
  static Words Chain(const Output& input);
  static Output Parent(const Words& left, const Words& right);
  void PutBlock();
  Output ChunkOutput() const;
  void EndChunk();

  static const Words kStart;

  Words chaining_ = kStart;  // of the blocks of this chunk so far
  std::array<unsigned char, kBlock> block_ = {};
  size_t in_block_ = 0;               // bytes of block_ that are filled
  size_t in_chunk_ = 0;               // bytes of this chunk that were put in before block_
  uint64_t chunks_ = 0;               // that are complete
  std::array<Words, 54> stack_ = {};  // complete subtrees, from the left, each smaller
  size_t stacked_ = 0;
};

}  // namespace pyralog
