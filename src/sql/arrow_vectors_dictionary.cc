#include "sql/arrow_vectors_dictionary.h"

#include <atomic>
#include <bit>
#include <cstring>
#include <string>

namespace pyralog::sql {
namespace {

constexpr uint32_t kInlineBytes = 12;
constexpr size_t kFirstSlots = 1024;

template <typename T>
T LoadBytes(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof(T));
  return value;
}

uint64_t MixWords(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Of the size and eight bytes each from the start, the middle and the end: all of them up to 24, and no branch on the
// size. `bytes` are at least 12 (shorter strings padded with zeros).
uint64_t HashString(const char* bytes, uint32_t size) {
  const uint32_t readable = std::max(size, kInlineBytes);
  const auto head = LoadBytes<uint64_t>(bytes);
  const auto middle = LoadBytes<uint64_t>(bytes + readable / 2 - 4);
  const auto tail = LoadBytes<uint64_t>(bytes + readable - 8);
  return MixWords(head ^ 0x9E3779B97F4A7C15, tail ^ (size * 0xD6E8FEB86659FD93)) ^ middle * 0xA0761D6478BD642F;
}

// Two strings of one size above kInlineBytes.
bool SameBytes(const char* a, const char* b, uint32_t size) {
  if (size > 32) return std::memcmp(a, b, size) == 0;
  using Word = unsigned __int128;
  if (size >= 16) {
    const Word differs = (LoadBytes<Word>(a) ^ LoadBytes<Word>(b)) |
                         (LoadBytes<Word>(a + size - 16) ^ LoadBytes<Word>(b + size - 16));
    return differs == 0;
  }
  return ((LoadBytes<uint64_t>(a) ^ LoadBytes<uint64_t>(b)) |
          (LoadBytes<uint64_t>(a + size - 8) ^ LoadBytes<uint64_t>(b + size - 8))) == 0;
}

uint32_t TagOf(uint64_t hash) { return static_cast<uint32_t>(hash >> 48) << 16; }

std::string NextDictionaryId() {
  static std::atomic<uint64_t> next{0};
  return "pyralog-" + std::to_string(next.fetch_add(1));
}

}  // namespace

StringDictionary::StringDictionary(const duckdb::LogicalType& type)
    : type_(type), strings_(type, kMaxSize), hashes_(kMaxSize), slots_(kFirstSlots, 0) {
  static_assert(sizeof(View) == sizeof(duckdb::string_t));
}

bool StringDictionary::Encode(const arrow::Array& array, int64_t offset, std::span<const uint64_t> mask,
                              duckdb::sel_t* codes) {
  const arrow::ArrayData& data = *array.data();
  const View* views = data.buffers[1]->data_as<View>() + array.offset() + offset;
  const uint8_t* const null_bits = array.null_count() > 0 ? array.null_bitmap_data() : nullptr;
  const char* buffer = nullptr;  // the last one used; mostly the only one
  uint32_t buffer_number = ~uint32_t{0};
  Row rows[64];
  for (const uint64_t word : mask) {
    // A word adds 64 values and a null at most.
    useful_ = useful_ && size_ + 65 <= kMaxSize;
    if (!useful_) return false;
    // First the hashes, then the look-ups, so that the misses of one row do not wait for those of another.
    int n = 0;
    for (uint64_t bits = word; bits != 0; bits &= bits - 1) {
      const int row = std::countr_zero(bits);
      const View* const view = views + row;
      const int64_t bit = array.offset() + offset + row;
      if (null_bits != nullptr && (null_bits[bit / 8] >> (bit % 8) & 1) == 0) {
        rows[n++].view = nullptr;
        continue;
      }
      const bool is_long = view->size() > kInlineBytes;
      if (is_long && static_cast<uint32_t>(view->rest) != buffer_number) [[unlikely]] {
        buffer_number = static_cast<uint32_t>(view->rest);
        buffer = data.buffers[2 + buffer_number]->data_as<char>();
      }
      const char* const bytes =
          is_long ? buffer + (view->rest >> 32) : reinterpret_cast<const char*>(view) + sizeof(uint32_t);
      rows[n++] = {view, bytes, HashString(bytes, view->size())};
    }
    for (int i = 0; i < n; ++i) *codes++ = rows[i].view == nullptr ? CodeOfNull() : CodeOf(rows[i]);
    rows_ += n;
    views += 64;
    offset += 64;
  }
  // From the next rows on.
  if (rows_ > kRowsToJudge && size_ * kRowsPerValue > rows_) useful_ = false;
  if (rows_ > kRowsToJudge && probes_ > kMaxProbes * rows_) useful_ = false;
  return true;
}

duckdb::sel_t StringDictionary::CodeOf(const Row& row) {
  const uint32_t tag = TagOf(row.hash);
  const View view = *row.view;
  const size_t last_slot = slots_.size() - 1;
  for (size_t at = row.hash & last_slot;; at = (at + 1) & last_slot) {
    const uint32_t slot = slots_[at];
    ++probes_;
    if (slot == 0) {
      slots_[at] = tag | (size_ + 1);
      return Add(row);
    }
    const duckdb::sel_t code = (slot & 0xFFFF) - 1;
    const View& known = values()[code];
    if ((slot & 0xFFFF0000) != tag || known.size_prefix != view.size_prefix) continue;
    const bool equal = view.size() > kInlineBytes
                           ? SameBytes(reinterpret_cast<const char*>(known.rest), row.bytes, view.size())
                           : known.rest == view.rest;
    if (equal) return code;
  }
}

duckdb::sel_t StringDictionary::CodeOfNull() {
  if (null_code_ < 0) {
    null_code_ = size_;
    values()[size_] = View{};
    duckdb::FlatVector::Validity(strings_).SetInvalid(size_++);
    current_.reset();
  }
  return static_cast<duckdb::sel_t>(null_code_);
}

duckdb::sel_t StringDictionary::Add(const Row& row) {
  if (row.view->size() <= kInlineBytes) {
    values()[size_] = *row.view;
  } else {
    duckdb::FlatVector::GetData<duckdb::string_t>(strings_)[size_] =
        duckdb::StringVector::AddStringOrBlob(strings_, row.bytes, row.view->size());
  }
  hashes_[size_] = row.hash;
  current_.reset();
  const duckdb::sel_t code = size_++;
  if (size_ * 2 > slots_.size()) GrowSlots();
  return code;
}

void StringDictionary::GrowSlots() {
  slots_.assign(slots_.size() * 4, 0);
  for (uint32_t code = 0; code < size_; ++code) {
    if (code == null_code_) continue;
    size_t at = hashes_[code] & (slots_.size() - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = TagOf(hashes_[code]) | (code + 1);
  }
}

void StringDictionary::SetVector(duckdb::sel_t* codes, duckdb::Vector& out) {
  if (!current_) {
    current_ = duckdb::make_buffer<duckdb::VectorChildBuffer>(duckdb::Vector(strings_));
    current_->size = size_;
    current_->id = NextDictionaryId();
  }
  out.Dictionary(current_, duckdb::SelectionVector(codes));
}

void StringDictionary::Decode(const duckdb::sel_t* codes, duckdb::idx_t count, duckdb::Vector& out) {
  const auto* const strings = duckdb::FlatVector::GetData<duckdb::string_t>(strings_);
  auto* const to = duckdb::FlatVector::GetData<duckdb::string_t>(out);
  for (duckdb::idx_t i = 0; i < count; ++i) {
    to[i] = strings[codes[i]];
    if (codes[i] == null_code_) duckdb::FlatVector::SetNull(out, i, true);
  }
  duckdb::StringVector::AddHeapReference(out, strings_);
}

}  // namespace pyralog::sql
