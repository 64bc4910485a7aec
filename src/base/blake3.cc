#include "base/blake3.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/endian.h"

namespace pyralog {
namespace {

constexpr uint32_t kChunkStart = 1;
constexpr uint32_t kChunkEnd = 2;
constexpr uint32_t kParent = 4;
constexpr uint32_t kRoot = 8;

// The first words of SHA-256, as the specification has it.
constexpr std::array<uint32_t, 8> kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

constexpr std::array<size_t, 16> kPermutation = {2, 6,  3,  10, 7, 0,  4,  13,
                                                 1, 11, 12, 5,  9, 14, 15, 8};

using State = std::array<uint32_t, 16>;

void Mix(State* state, size_t a, size_t b, size_t c, size_t d, uint32_t x, uint32_t y) {
  State& v = *state;
  v[a] = v[a] + v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] = v[a] + v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] = v[c] + v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

// Columns, then diagonals.
void Round(State* state, const State& message) {
  for (size_t i = 0; i < 4; ++i) {
    Mix(state, i, 4 + i, 8 + i, 12 + i, message[2 * i], message[2 * i + 1]);
  }
  for (size_t i = 0; i < 4; ++i) {
    Mix(state, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, message[8 + 2 * i],
        message[9 + 2 * i]);
  }
}

State Permuted(const State& message) {
  State out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = message[kPermutation[i]];
  return out;
}

}  // namespace

const Blake3::Words Blake3::kStart = kInitial;

std::array<uint32_t, 16> Blake3::Compress(const Output& input) {
  State state;
  std::copy(input.chaining.begin(), input.chaining.end(), state.begin());
  std::copy(kInitial.begin(), kInitial.begin() + 4, state.begin() + 8);
  state[12] = static_cast<uint32_t>(input.counter);
  state[13] = static_cast<uint32_t>(input.counter >> 32);
  state[14] = input.length;
  state[15] = input.flags;
  State message = input.block;
  for (int round = 0; round < 7; ++round) {
    Round(&state, message);
    message = Permuted(message);
  }
  for (size_t i = 0; i < 8; ++i) {
    state[i] ^= state[i + 8];
    state[i + 8] ^= input.chaining[i];
  }
  return state;
}

Blake3::Words Blake3::Chain(const Output& input) {
  const State state = Compress(input);
  Words words;
  std::copy(state.begin(), state.begin() + 8, words.begin());
  return words;
}

Blake3::Output Blake3::Parent(const Words& left, const Words& right) {
  Output output{
      .chaining = kInitial, .block = {}, .counter = 0, .length = kBlock, .flags = kParent};
  std::copy(left.begin(), left.end(), output.block.begin());
  std::copy(right.begin(), right.end(), output.block.begin() + 8);
  return output;
}

// The chunk's last block so far.
Blake3::Output Blake3::ChunkOutput() const {
  Output output{.chaining = chaining_,
                .block = {},
                .counter = chunks_,
                .length = static_cast<uint32_t>(in_block_),
                .flags = kChunkEnd | (in_chunk_ == 0 ? kChunkStart : 0)};
  std::array<unsigned char, kBlock> padded = {};
  std::copy(block_.begin(), block_.begin() + static_cast<std::ptrdiff_t>(in_block_),
            padded.begin());
  for (size_t i = 0; i < 16; ++i) output.block[i] = LoadLittle<uint32_t>(padded.data() + 4 * i);
  return output;
}

// A full block that is not the chunk's last.
void Blake3::PutBlock() {
  Output output = ChunkOutput();
  output.flags &= ~kChunkEnd;
  chaining_ = Chain(output);
  in_chunk_ += kBlock;
  in_block_ = 0;
}

// Joins the chunk with the complete subtrees of its size: as many as its number has zeros at its
// end.
void Blake3::EndChunk() {
  Words subtree = Chain(ChunkOutput());
  ++chunks_;
  for (uint64_t number = chunks_; (number & 1) == 0; number >>= 1) {
    subtree = Chain(Parent(stack_[--stacked_], subtree));
  }
  stack_[stacked_++] = subtree;
  chaining_ = kInitial;
  in_chunk_ = 0;
  in_block_ = 0;
}

void Blake3::Update(std::string_view bytes) {
  while (!bytes.empty()) {
    // A full block waits until more comes: only then is it known not to be the last.
    if (in_block_ == kBlock) {
      if (in_chunk_ + kBlock == kChunk) {
        EndChunk();
      } else {
        PutBlock();
      }
    }
    const size_t count = std::min(kBlock - in_block_, bytes.size());
    std::memcpy(block_.data() + in_block_, bytes.data(), count);
    in_block_ += count;
    bytes.remove_prefix(count);
  }
}

std::string Blake3::HexDigest() const {
  Output output = ChunkOutput();
  for (size_t i = stacked_; i-- > 0;) output = Parent(stack_[i], Chain(output));
  output.flags |= kRoot;
  output.counter = 0;
  std::string hex;
  const State words = Compress(output);
  for (size_t i = 0; i < 32; ++i) {
    const uint32_t byte = (words[i / 4] >> (8 * (i % 4))) & 0xff;
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

}  // namespace pyralog
