#include "lsm/string_dictionary.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "arrow/array/array_binary.h"
#include "arrow/array/array_dict.h"
#include "arrow/array/util.h"
#include "arrow/buffer.h"
#include "arrow/compute/api_vector.h"
#include "arrow/compute/cast.h"
#include "arrow/util/binary_view_util.h"
#include "arrow/util/checked_cast.h"
#include "base/hash.h"
#include "lsm/row_selection.h"

namespace pyralog::lsm {
namespace {

using arrow::internal::checked_cast;
using StringView = arrow::BinaryViewType::c_type;

// Rows below which codes gain nothing worth a dictionary.
constexpr int64_t kMinRows = 2048;
// Each string of the first rows must stand in this many of them, on average.
constexpr int64_t kMinRepeats = 4;
// Bytes of all strings; 32-bit offsets allow more, but nobody wants to read them to open a segment.
constexpr size_t kMaxBytes = size_t{8} << 20;
constexpr int32_t kFree = -1;

// Calls visit(row, text) for each row that is not null, until it returns false. Returns whether it
// never did.
template <class Array, class Visit>
bool VisitStrings(const Array& strings, const Visit& visit) {
  for (int64_t row = 0; row < strings.length(); ++row) {
    if (!strings.IsNull(row) && !visit(row, strings.GetView(row))) return false;
  }
  return true;
}

template <class Visit>
bool VisitAllStrings(const arrow::Array& strings, const Visit& visit) {
  switch (strings.type_id()) {
    case arrow::Type::STRING_VIEW:
      return VisitStrings(checked_cast<const arrow::StringViewArray&>(strings), visit);
    case arrow::Type::LARGE_STRING:
      return VisitStrings(checked_cast<const arrow::LargeStringArray&>(strings), visit);
    default:
      return VisitStrings(checked_cast<const arrow::StringArray&>(strings), visit);
  }
}

arrow::Result<std::shared_ptr<arrow::Array>> GatherViews(const arrow::DictionaryArray& codes) {
  const auto& values = checked_cast<const arrow::StringViewArray&>(*codes.dictionary());
  const auto* from = values.raw_values();
  const auto& indices = checked_cast<const arrow::Int16Array&>(*codes.indices());
  const int16_t* code = indices.raw_values();
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> views,
      arrow::AllocateBuffer(codes.length() * static_cast<int64_t>(sizeof(StringView))));
  auto* to = views->mutable_data_as<StringView>();
  const bool nulls = indices.null_count() > 0;
  for (int64_t row = 0; row < codes.length(); ++row) {
    if (nulls && indices.IsNull(row)) {
      std::memset(&to[row], 0, sizeof(StringView));
    } else {
      to[row] = from[code[row]];
    }
  }
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(indices));
  std::vector<std::shared_ptr<arrow::Buffer>> buffers = {std::move(validity), std::move(views)};
  const auto& data = values.data()->buffers;
  buffers.insert(buffers.end(), data.begin() + 2, data.end());
  return arrow::MakeArray(arrow::ArrayData::Make(values.type(), codes.length(), std::move(buffers),
                                                 indices.null_count()));
}

}  // namespace

bool MayBeDictionary(const arrow::DataType& stored) {
  return stored.id() == arrow::Type::STRING_VIEW || stored.id() == arrow::Type::STRING ||
         stored.id() == arrow::Type::LARGE_STRING;
}

std::shared_ptr<arrow::DataType> DictionaryStorageType() {
  static const auto type = arrow::dictionary(arrow::int16(), arrow::utf8());
  return type;
}

StringDictionary::StringDictionary() : slots_(1024, kFree), offsets_{0} {}

std::unique_ptr<StringDictionary> StringDictionary::TryMake(const arrow::Array& first) {
  if (first.length() < kMinRows) return nullptr;
  std::unique_ptr<StringDictionary> made(new StringDictionary());
  // Half of what may come: the rows behind these have strings of their own.
  const bool few = VisitAllStrings(first, [&](int64_t, std::string_view text) {
    const int32_t code = made->CodeOf(text);
    return code >= 0 && code < kMaxDictionaryStrings / 2;
  });
  const auto strings = static_cast<int64_t>(made->hashes_.size());
  return few && strings * kMinRepeats <= first.length() ? std::move(made) : nullptr;
}

int32_t StringDictionary::CodeOf(std::string_view text) {
  const uint64_t hash = Hash64(text);
  size_t slot = hash & (slots_.size() - 1);
  for (; slots_[slot] != kFree; slot = (slot + 1) & (slots_.size() - 1)) {
    const auto code = static_cast<size_t>(slots_[slot]);
    const auto size = static_cast<size_t>(offsets_[code + 1] - offsets_[code]);
    if (hashes_[code] == hash && size == text.size() &&
        std::memcmp(bytes_.data() + offsets_[code], text.data(), size) == 0) {
      return slots_[slot];
    }
  }
  if (hashes_.size() == static_cast<size_t>(kMaxDictionaryStrings) ||
      text.size() > kMaxBytes - bytes_.size()) {
    return -1;
  }
  slots_[slot] = static_cast<int32_t>(hashes_.size());
  hashes_.push_back(hash);
  bytes_ += text;
  offsets_.push_back(static_cast<uint32_t>(bytes_.size()));
  const auto code = static_cast<int32_t>(hashes_.size()) - 1;
  if (hashes_.size() * 2 > slots_.size()) Grow();
  return code;
}

void StringDictionary::Grow() {
  slots_.assign(slots_.size() * 2, kFree);
  for (size_t code = 0; code < hashes_.size(); ++code) {
    size_t slot = hashes_[code] & (slots_.size() - 1);
    while (slots_[slot] != kFree) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<int32_t>(code);
  }
}

arrow::Result<std::shared_ptr<arrow::Array>> StringDictionary::Encode(const arrow::Array& strings) {
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> codes,
      arrow::AllocateBuffer(strings.length() * static_cast<int64_t>(sizeof(int16_t))));
  auto* code = codes->mutable_data_as<int16_t>();
  std::fill_n(code, strings.length(), int16_t{0});  // under nulls, too
  const bool fits = VisitAllStrings(strings, [&](int64_t row, std::string_view text) {
    const int32_t found = CodeOf(text);
    code[row] = static_cast<int16_t>(found);
    return found >= 0;
  });
  if (!fits) return nullptr;
  ARROW_ASSIGN_OR_RAISE(auto validity, ValidityOf(strings));
  auto data = arrow::ArrayData::Make(DictionaryStorageType(), strings.length(),
                                     {std::move(validity), std::move(codes)}, strings.null_count());
  ARROW_ASSIGN_OR_RAISE(const auto none, arrow::MakeEmptyArray(arrow::utf8()));
  data->dictionary = none->data();
  return arrow::MakeArray(data);
}

arrow::Result<std::shared_ptr<arrow::Array>> StringDictionary::Values() const {
  static_assert(sizeof(offsets_[0]) == sizeof(arrow::StringType::offset_type));
  return std::make_shared<arrow::StringArray>(
      static_cast<int64_t>(hashes_.size()),
      arrow::Buffer::FromString(std::string(reinterpret_cast<const char*>(offsets_.data()),
                                            offsets_.size() * sizeof(offsets_[0]))),
      arrow::Buffer::FromString(bytes_));
}

arrow::Result<std::shared_ptr<arrow::Array>> ViewsOfStrings(const arrow::Array& strings) {
  const auto& texts = checked_cast<const arrow::StringArray&>(strings);
  ARROW_ASSIGN_OR_RAISE(
      std::shared_ptr<arrow::Buffer> views,
      arrow::AllocateBuffer(texts.length() * static_cast<int64_t>(sizeof(StringView))));
  auto* to = views->mutable_data_as<StringView>();
  for (int64_t i = 0; i < texts.length(); ++i) {
    to[i] = arrow::util::ToBinaryView(texts.GetView(i), 0, texts.value_offset(i));
  }
  return arrow::MakeArray(arrow::ArrayData::Make(
      arrow::utf8_view(), texts.length(), {nullptr, std::move(views), texts.value_data()}, 0));
}

arrow::Result<std::shared_ptr<arrow::Array>> DecodeStrings(
    const arrow::DictionaryArray& codes, const std::shared_ptr<arrow::DataType>& logical) {
  const bool views = codes.dictionary()->type_id() == arrow::Type::STRING_VIEW;
  if (views && logical->id() == arrow::Type::STRING_VIEW) return GatherViews(codes);
  if (!views && logical->id() == arrow::Type::STRING_VIEW) {
    ARROW_ASSIGN_OR_RAISE(const auto dictionary, ViewsOfStrings(*codes.dictionary()));
    auto data = codes.data()->Copy();
    data->type = arrow::dictionary(arrow::int16(), arrow::utf8_view());
    data->dictionary = dictionary->data();
    return GatherViews(arrow::DictionaryArray(data));
  }
  arrow::compute::ExecContext context;
  context.set_use_threads(false);
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum taken,
      arrow::compute::Take(codes.dictionary(), codes.indices(),
                           arrow::compute::TakeOptions::NoBoundsCheck(), &context));
  if (taken.type()->Equals(*logical)) return taken.make_array();
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum cast,
      arrow::compute::Cast(taken, logical, arrow::compute::CastOptions::Safe(), &context));
  return cast.make_array();
}

}  // namespace pyralog::lsm
