#include "sql/arrow_vectors_dictionary.h"

#include <atomic>
#include <bit>
#include <cstring>
#include <string>

#include "base/hash.h"

namespace pyralog::sql {
namespace {

constexpr uint32_t kInlineBytes = 12;

uint64_t Mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t Load8(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

// Of a string longer than a view. Up to 32 bytes by four loads that overlap.
uint64_t HashLong(const char* bytes, uint32_t size) {
  if (size > 32) return Hash64(bytes, size);
  const uint32_t second = size >= 16 ? 8 : size - 8;
  const uint64_t head = Mix(Load8(bytes) ^ 0x9E3779B97F4A7C15, Load8(bytes + second) ^ size);
  const uint64_t tail = Mix(Load8(bytes + (size >= 16 ? size - 16 : 0)) ^ 0xD6E8FEB86659FD93, Load8(bytes + size - 8));
  return Mix(head ^ 0xA0761D6478BD642F, tail ^ 0xE7037ED1A0B428DB);
}

std::string NextId() {
  static std::atomic<uint64_t> next{0};
  return "pyralog-" + std::to_string(next.fetch_add(1));
}

}  // namespace

// The bound views of an array.
class StringDictionary::Source {
 public:
  explicit Source(const arrow::Array& array) : data_(*array.data()) {}
  const View* views() const { return data_.buffers[1]->data_as<View>(); }
  const char* BytesOf(const View& view) const {
    return data_.buffers[2 + static_cast<uint32_t>(view.rest)]->data_as<char>() + (view.rest >> 32);
  }

 private:
  const arrow::ArrayData& data_;
};

StringDictionary::StringDictionary(const duckdb::LogicalType& type)
    : type_(type), strings_(type, kMaxSize), slots_(kSlots, 0) {
  static_assert(sizeof(View) == sizeof(duckdb::string_t));
}

bool StringDictionary::Encode(const arrow::Array& array, int64_t offset, std::span<const uint64_t> mask,
                              duckdb::sel_t* codes) {
  const Source source(array);
  const View* views = source.views() + array.offset() + offset;
  const bool nulls = array.null_count() > 0;
  for (const uint64_t word : mask) {
    // A word adds 64 values and a null at most.
    useful_ = useful_ && size_ + 65 <= kMaxSize;
    if (!useful_) return false;
    for (uint64_t bits = word; bits != 0; bits &= bits - 1) {
      const int row = std::countr_zero(bits);
      *codes++ = nulls && array.IsNull(offset + row) ? CodeOfNull() : CodeOf(views[row], source);
    }
    rows_ += std::popcount(word);
    views += 64;
    offset += 64;
  }
  if (rows_ > kRowsToJudge && size_ * kRowsPerValue > rows_) useful_ = false;  // from the next rows on
  return true;
}

duckdb::sel_t StringDictionary::CodeOf(const View& view, const Source& source) {
  const auto size = static_cast<uint32_t>(view.size_prefix);
  const bool is_long = size > kInlineBytes;
  const char* const bytes = is_long ? source.BytesOf(view) : nullptr;
  const uint64_t hash =
      is_long ? HashLong(bytes, size) : Mix(view.size_prefix ^ 0x9E3779B97F4A7C15, view.rest ^ 0xD6E8FEB86659FD93);
  const auto tag = static_cast<uint32_t>(hash >> 48) << 16;
  const auto* const known = duckdb::FlatVector::GetDataUnsafe<View>(strings_);
  for (size_t at = hash % kSlots;; at = (at + 1) % kSlots) {
    const uint32_t slot = slots_[at];
    if (slot == 0) {
      const duckdb::sel_t code = Add(view, bytes);
      slots_[at] = tag | (code + 1);
      return code;
    }
    if ((slot & 0xFFFF0000) != tag) continue;
    const duckdb::sel_t code = (slot & 0xFFFF) - 1;
    if (known[code].size_prefix != view.size_prefix) continue;
    const bool equal = is_long ? std::memcmp(reinterpret_cast<const char*>(known[code].rest), bytes, size) == 0
                               : known[code].rest == view.rest;
    if (equal) return code;
  }
}

duckdb::sel_t StringDictionary::CodeOfNull() {
  if (null_code_ < 0) {
    null_code_ = size_;
    duckdb::FlatVector::GetDataUnsafe<View>(strings_)[size_] = View{};
    duckdb::FlatVector::Validity(strings_).SetInvalid(size_++);
    current_.reset();
  }
  return static_cast<duckdb::sel_t>(null_code_);
}

duckdb::sel_t StringDictionary::Add(const View& view, const char* bytes) {
  if (bytes == nullptr) {
    duckdb::FlatVector::GetDataUnsafe<View>(strings_)[size_] = view;
  } else {
    const auto size = static_cast<uint32_t>(view.size_prefix);
    duckdb::FlatVector::GetData<duckdb::string_t>(strings_)[size_] =
        duckdb::StringVector::AddStringOrBlob(strings_, bytes, size);
  }
  current_.reset();
  return size_++;
}

void StringDictionary::SetVector(duckdb::sel_t* codes, duckdb::Vector& out) {
  if (!current_) {
    current_ = duckdb::make_buffer<duckdb::VectorChildBuffer>(duckdb::Vector(strings_));
    current_->size = size_;
    current_->id = NextId();
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
