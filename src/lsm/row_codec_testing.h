// Random Arrow arrays of every type, as awkward as valid arrays get: garbage under nulls, gaps
// before and between the elements of lists, lists that share elements, unused dictionary entries.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "arrow/array.h"
#include "arrow/builder.h"
#include "arrow/extension_type.h"
#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/checked_cast.h"

namespace pyralog::lsm {

using Random = std::mt19937_64;

// An extension type of the tests over a struct.
class PairType : public arrow::ExtensionType {
 public:
  PairType()
      : arrow::ExtensionType(
            arrow::struct_({arrow::field("a", arrow::int32()), arrow::field("b", arrow::utf8())})) {
  }
  std::string extension_name() const override { return "pyralog.test_pair"; }
  bool ExtensionEquals(const arrow::ExtensionType& other) const override {
    return other.extension_name() == extension_name();
  }
  std::shared_ptr<arrow::Array> MakeArray(std::shared_ptr<arrow::ArrayData> data) const override {
    return std::make_shared<arrow::ExtensionArray>(std::move(data));
  }
  arrow::Result<std::shared_ptr<arrow::DataType>> Deserialize(std::shared_ptr<arrow::DataType>,
                                                              const std::string&) const override {
    return std::make_shared<PairType>();
  }
  std::string Serialize() const override { return ""; }
};

inline arrow::DataTypeVector FlatTypes() {
  using namespace arrow;  // NOLINT: a list of nothing but Arrow's names
  return {null(),
          boolean(),
          int8(),
          int16(),
          int32(),
          int64(),
          uint8(),
          uint16(),
          uint32(),
          uint64(),
          float16(),
          float32(),
          float64(),
          date32(),
          date64(),
          time32(TimeUnit::MILLI),
          time64(TimeUnit::NANO),
          timestamp(TimeUnit::MICRO, "UTC"),
          duration(TimeUnit::NANO),
          month_interval(),
          day_time_interval(),
          month_day_nano_interval(),
          decimal32(7, 2),
          decimal64(15, 3),
          decimal128(30, 4),
          decimal256(60, 5),
          fixed_size_binary(5),
          fixed_size_binary(0),
          utf8(),
          binary(),
          large_utf8(),
          large_binary(),
          utf8_view(),
          binary_view()};
}

inline arrow::DataTypeVector NestedTypes() {
  using namespace arrow;  // NOLINT: a list of nothing but Arrow's names
  const auto pair = struct_({field("x", int32()), field("y", utf8())});
  return {list(int32()),
          list(utf8()),
          large_list(boolean()),
          list_view(int16()),
          large_list_view(binary()),
          fixed_size_list(int64(), 3),
          fixed_size_list(utf8(), 0),
          map(utf8(), int32()),
          pair,
          struct_(FieldVector{}),
          list(pair),
          struct_({field("l", list(list(float64()))), field("d", dictionary(int8(), utf8()))}),
          sparse_union({field("i", int32()), field("s", utf8())}, {3, 7}),
          dense_union({field("i", int32()), field("s", utf8()), field("n", null())}, {0, 5, 9}),
          list(dense_union({field("i", int8()), field("l", list(int8()))})),
          dictionary(int8(), utf8()),
          dictionary(uint16(), int64()),
          dictionary(int32(), pair),
          dictionary(int64(), list_view(utf8_view())),
          run_end_encoded(int16(), utf8()),
          run_end_encoded(int32(), boolean()),
          run_end_encoded(int64(), pair),
          std::make_shared<PairType>(),
          list(std::make_shared<PairType>())};
}

class RandomArrays {
 public:
  // With `nulls`, about a third of the values of each array are null where the type allows it.
  RandomArrays(uint64_t seed, bool nulls) : random_(seed), nulls_(nulls) {}

  std::shared_ptr<arrow::Array> Make(const std::shared_ptr<arrow::DataType>& type, int64_t length) {
    return arrow::MakeArray(Data(type, length));
  }
  int64_t Below(int64_t exclusive_max) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(exclusive_max));
  }

 private:
  using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;
  using BufferPtr = std::shared_ptr<arrow::Buffer>;
  using TypePtr = std::shared_ptr<arrow::DataType>;

  template <class T>
  static BufferPtr FromVector(const std::vector<T>& values) {
    return arrow::Buffer::FromString(
        std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
  }
  BufferPtr Noise(int64_t size) {
    std::string bytes(static_cast<size_t>(size), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return arrow::Buffer::FromString(std::move(bytes));
  }
  BufferPtr Validity(int64_t length) {
    if (!nulls_) return nullptr;
    std::string bits(static_cast<size_t>(arrow::bit_util::BytesForBits(length)), '\0');
    for (int64_t i = 0; i < length; ++i) {
      arrow::bit_util::SetBitTo(reinterpret_cast<uint8_t*>(bits.data()), i, Below(3) != 0);
    }
    return arrow::Buffer::FromString(std::move(bits));
  }
  std::string Text(int64_t max) {
    std::string text(static_cast<size_t>(Below(max + 1)), '\0');
    // Few letters, so that values meet; zeros, because keys escape them.
    for (char& letter : text) letter = "\0\1aZ~"[Below(5)];
    return text;
  }
  // Ends of `length` lists or texts in `total` elements, as offsets; the first is not always 0.
  template <class Offset>
  std::vector<Offset> Offsets(int64_t length, int64_t total) {
    std::vector<Offset> offsets(static_cast<size_t>(length) + 1);
    for (Offset& offset : offsets) offset = static_cast<Offset>(Below(total + 1));
    std::sort(offsets.begin(), offsets.end());
    return offsets;
  }
  template <class Offset>
  ArrayDataPtr Binary(const TypePtr& type, int64_t length) {
    std::string text;
    while (static_cast<int64_t>(text.size()) < length * 4) text += Text(8) + "x";
    const auto total = static_cast<int64_t>(text.size());
    return arrow::ArrayData::Make(type, length,
                                  {Validity(length), FromVector(Offsets<Offset>(length, total)),
                                   arrow::Buffer::FromString(std::move(text))});
  }
  ArrayDataPtr Views(const TypePtr& type, int64_t length) {
    std::unique_ptr<arrow::ArrayBuilder> any;
    EXPECT_TRUE(arrow::MakeBuilder(arrow::default_memory_pool(), type, &any).ok());
    auto& builder = arrow::internal::checked_cast<arrow::BinaryViewBuilder&>(*any);
    for (int64_t i = 0; i < length; ++i) {
      const bool null = nulls_ && Below(3) == 0;
      EXPECT_TRUE((null ? builder.AppendNull() : builder.Append(Text(30))).ok());
    }
    return (*builder.Finish())->data();
  }
  template <class Offset>
  ArrayDataPtr List(const TypePtr& type, int64_t length) {
    const int64_t elements = length * 2 + 1;
    return arrow::ArrayData::Make(type, length,
                                  {Validity(length), FromVector(Offsets<Offset>(length, elements))},
                                  {Data(type->field(0)->type(), elements)});
  }
  ArrayDataPtr Map(const TypePtr& type, int64_t length) {
    const bool nulls = std::exchange(nulls_, false);  // no map's entry or key is null
    const auto& entries = *type->field(0)->type();
    auto keys = Data(entries.field(0)->type(), length * 2);
    nulls_ = nulls;
    auto child = arrow::ArrayData::Make(type->field(0)->type(), length * 2, {nullptr},
                                        {keys, Data(entries.field(1)->type(), length * 2)});
    return arrow::ArrayData::Make(
        type, length, {Validity(length), FromVector(Offsets<int32_t>(length, length * 2))},
        {child});
  }
  template <class Offset>
  ArrayDataPtr ListView(const TypePtr& type, int64_t length) {
    const int64_t elements = length * 2 + 1;
    std::vector<Offset> offsets(length), sizes(length);
    for (int64_t i = 0; i < length; ++i) {
      offsets[i] = static_cast<Offset>(Below(elements + 1));
      sizes[i] = static_cast<Offset>(Below(std::min<int64_t>(4, elements - offsets[i] + 1)));
    }
    return arrow::ArrayData::Make(type, length,
                                  {Validity(length), FromVector(offsets), FromVector(sizes)},
                                  {Data(type->field(0)->type(), elements)});
  }
  ArrayDataPtr Children(const TypePtr& type, int64_t length, std::vector<BufferPtr> buffers) {
    arrow::ArrayDataVector children;
    for (const auto& field : type->fields())
      children.push_back(Data(field->type(), length + 1)->Slice(1, length));
    const int64_t null_count = type->id() == arrow::Type::STRUCT ? arrow::kUnknownNullCount : 0;
    return arrow::ArrayData::Make(type, length, std::move(buffers), std::move(children),
                                  null_count);
  }
  std::vector<int8_t> TypeCodes(const TypePtr& type, int64_t length) {
    const auto& codes = arrow::internal::checked_cast<const arrow::UnionType&>(*type).type_codes();
    std::vector<int8_t> chosen(length);
    for (int8_t& code : chosen) code = codes[Below(static_cast<int64_t>(codes.size()))];
    return chosen;
  }
  ArrayDataPtr DenseUnion(const TypePtr& type, int64_t length) {
    const auto codes = TypeCodes(type, length);
    std::vector<int32_t> offsets(length), next(128);
    // Elements of a child are named in order, but not all of them.
    for (int64_t i = 0; i < length; ++i) {
      offsets[i] = next[codes[i]] + static_cast<int32_t>(Below(2));
      next[codes[i]] = offsets[i] + 1;
    }
    auto data = Children(type, length * 2 + 1, {nullptr, FromVector(codes), FromVector(offsets)});
    data->length = length;
    return data;
  }
  template <class RunEnd>
  ArrayDataPtr RunEnds(const TypePtr& type, int64_t length) {
    std::vector<RunEnd> ends;
    for (int64_t end = 0; end < length;) {
      end = std::min(length, end + 1 + Below(4));
      ends.push_back(static_cast<RunEnd>(end));
    }
    const auto runs = static_cast<int64_t>(ends.size());
    auto run_ends =
        arrow::ArrayData::Make(type->field(0)->type(), runs, {nullptr, FromVector(ends)});
    return arrow::ArrayData::Make(type, length, {nullptr},
                                  {run_ends, Data(type->field(1)->type(), runs)}, 0);
  }
  ArrayDataPtr Dictionary(const TypePtr& type, int64_t length) {
    const auto& dictionary = arrow::internal::checked_cast<const arrow::DictionaryType&>(*type);
    const int width = dictionary.index_type()->byte_width();
    const int64_t entries = 1 + Below(60);
    std::string indices;
    for (int64_t i = 0; i < length; ++i) {
      const int64_t index = Below(entries);
      indices.append(reinterpret_cast<const char*>(&index), width);
    }
    auto data = arrow::ArrayData::Make(
        type, length, {Validity(length), arrow::Buffer::FromString(std::move(indices))});
    data->dictionary = Data(dictionary.value_type(), entries);
    return data;
  }
  // Values that Arrow's full validation takes: whole days, times of a day, digits within precision.
  ArrayDataPtr Fixed(const TypePtr& type, int64_t length) {
    BufferPtr values = Noise(length * type->byte_width());
    auto* bytes = const_cast<uint8_t*>(values->data());
    for (int64_t i = 0; i < length; ++i) {
      uint8_t* value = bytes + i * type->byte_width();
      const int64_t small = Below(2000) - 1000;
      const bool narrow = arrow::is_decimal(type->id()) || Below(2) == 0;
      if (type->id() == arrow::Type::DATE64 || arrow::is_time(type->id())) {
        const int64_t whole = type->id() == arrow::Type::DATE64 ? small * 86'400'000 : small + 1000;
        std::memcpy(value, &whole, type->byte_width());
      } else if (narrow && arrow::is_decimal(type->id())) {
        std::memset(value, small < 0 ? 0xFF : 0, type->byte_width());
        std::memcpy(value, &small, std::min(type->byte_width(), 8));
      } else if (narrow && arrow::is_integer(type->id())) {
        std::memset(value + 1, value[0] < 128 ? 0 : 0xFF, type->byte_width() - 1);
      }
    }
    return arrow::ArrayData::Make(type, length, {Validity(length), std::move(values)});
  }
  ArrayDataPtr Data(const TypePtr& type, int64_t length) {
    using arrow::Type;
    switch (type->id()) {
      case Type::NA:
        return arrow::ArrayData::Make(type, length, {nullptr}, length);
      case Type::BOOL:
        return arrow::ArrayData::Make(type, length, {Validity(length), Noise(length / 8 + 1)});
      case Type::STRING:
      case Type::BINARY:
        return Binary<int32_t>(type, length);
      case Type::LARGE_STRING:
      case Type::LARGE_BINARY:
        return Binary<int64_t>(type, length);
      case Type::STRING_VIEW:
      case Type::BINARY_VIEW:
        return Views(type, length);
      case Type::LIST:
        return List<int32_t>(type, length);
      case Type::LARGE_LIST:
        return List<int64_t>(type, length);
      case Type::MAP:
        return Map(type, length);
      case Type::LIST_VIEW:
        return ListView<int32_t>(type, length);
      case Type::LARGE_LIST_VIEW:
        return ListView<int64_t>(type, length);
      case Type::FIXED_SIZE_LIST: {
        const auto& list = arrow::internal::checked_cast<const arrow::FixedSizeListType&>(*type);
        return arrow::ArrayData::Make(type, length, {Validity(length)},
                                      {Data(list.value_type(), length * list.list_size())});
      }
      case Type::STRUCT:
        return Children(type, length, {Validity(length)});
      case Type::SPARSE_UNION:
        return Children(type, length, {nullptr, FromVector(TypeCodes(type, length))});
      case Type::DENSE_UNION:
        return DenseUnion(type, length);
      case Type::RUN_END_ENCODED:
        switch (type->field(0)->type()->id()) {
          case Type::INT16:
            return RunEnds<int16_t>(type, length);
          case Type::INT32:
            return RunEnds<int32_t>(type, length);
          default:
            return RunEnds<int64_t>(type, length);
        }
      case Type::DICTIONARY:
        return Dictionary(type, length);
      case Type::EXTENSION: {
        const auto& extension = arrow::internal::checked_cast<const arrow::ExtensionType&>(*type);
        auto data = Data(extension.storage_type(), length);
        data->type = type;
        return data;
      }
      default:
        return Fixed(type, length);
    }
  }

  Random random_;
  bool nulls_;
};

}  // namespace pyralog::lsm
