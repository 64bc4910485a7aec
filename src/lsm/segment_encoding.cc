#include "lsm/segment_encoding.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "arrow/array/builder_primitive.h"
#include "arrow/array/concatenate.h"
#include "arrow/array/util.h"
#include "arrow/buffer_builder.h"
#include "arrow/compute/api_vector.h"
#include "arrow/compute/cast.h"
#include "arrow/extension_type.h"
#include "arrow/util/bit_util.h"
#include "arrow/util/checked_cast.h"
#include "batch/narrow_integers.h"
#include "lsm/row_selection.h"
#include "lsm/string_dictionary.h"

namespace pyralog::lsm {
namespace {

using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;
using arrow::internal::checked_cast;

// Arrow's compute functions must not start threads of their own: they run inside the caller's.
arrow::compute::ExecContext SingleThreaded() {
  arrow::compute::ExecContext context;
  context.set_use_threads(false);
  return context;
}

bool IsView(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING_VIEW || type.id() == arrow::Type::BINARY_VIEW;
}

// Run ends of 16 bits, which reach kMostShortRuns rows.
constexpr int64_t kMostShortRuns = std::numeric_limits<int16_t>::max();
bool HasShortRuns(const arrow::DataType& type) {
  return type.id() == arrow::Type::RUN_END_ENCODED &&
         type.field(0)->type()->id() == arrow::Type::INT16;
}

// Whether ToStorage changes arrays of this type: some view, dictionary or short run end in it.
bool NeedsRewrite(const arrow::DataType& type) {
  if (type.id() == arrow::Type::DICTIONARY || IsView(type) || HasShortRuns(type)) return true;
  if (type.id() == arrow::Type::EXTENSION) {
    return NeedsRewrite(*checked_cast<const arrow::ExtensionType&>(type).storage_type());
  }
  for (const auto& field : type.fields()) {
    if (NeedsRewrite(*field->type())) return true;
  }
  return false;
}

// Whether `is_one` holds of the type or of one inside it.
template <class IsOne>
bool Contains(const arrow::DataType& type, IsOne is_one) {
  if (is_one(type)) return true;
  if (type.id() == arrow::Type::EXTENSION) {
    return Contains(*checked_cast<const arrow::ExtensionType&>(type).storage_type(), is_one);
  }
  return std::ranges::any_of(type.fields(),
                             [&](const auto& field) { return Contains(*field->type(), is_one); });
}

bool IsDictionary(const arrow::DataType& type) { return type.id() == arrow::Type::DICTIONARY; }

// A nested type with other children. Types whose children cannot differ from themselves are
// returned as they are.
std::shared_ptr<arrow::DataType> WithChildren(const std::shared_ptr<arrow::DataType>& type,
                                              arrow::FieldVector fields) {
  switch (type->id()) {
    case arrow::Type::LIST:
      return arrow::list(fields[0]);
    case arrow::Type::LARGE_LIST:
      return arrow::large_list(fields[0]);
    case arrow::Type::LIST_VIEW:
      return arrow::list_view(fields[0]);
    case arrow::Type::LARGE_LIST_VIEW:
      return arrow::large_list_view(fields[0]);
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(
          fields[0], checked_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::STRUCT:
      return arrow::struct_(fields);
    case arrow::Type::MAP:
      return std::make_shared<arrow::MapType>(
          fields[0], checked_cast<const arrow::MapType&>(*type).keys_sorted());
    case arrow::Type::SPARSE_UNION:
      return arrow::sparse_union(std::move(fields),
                                 checked_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::DENSE_UNION:
      return arrow::dense_union(std::move(fields),
                                checked_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::RUN_END_ENCODED:
      return arrow::run_end_encoded(fields[0]->type(), fields[1]->type());
    default:
      return type;
  }
}

// Copies the long values of a view array one after the other into fresh buffers, as few as 31-bit
// offsets allow.
class ViewGatherer {
 public:
  arrow::Result<ArrayDataPtr> Gather(const arrow::ArrayData& data) {
    using View = arrow::BinaryViewType::c_type;
    const auto* views = data.GetValues<View>(1);
    ARROW_ASSIGN_OR_RAISE(auto buffer,
                          arrow::AllocateBuffer(data.length * static_cast<int64_t>(sizeof(View))));
    auto* out = reinterpret_cast<View*>(buffer->mutable_data());
    for (int64_t i = 0; i < data.length; ++i) {
      // What stands under a null is not looked at: it may point anywhere.
      if (data.IsNull(i)) {
        std::memset(&out[i], 0, sizeof(View));
        continue;
      }
      out[i] = views[i];
      if (!views[i].is_inline()) ARROW_RETURN_NOT_OK(Move(data, &out[i]));
    }
    ARROW_RETURN_NOT_OK(Rotate());
    std::shared_ptr<arrow::Buffer> validity;
    if (data.GetNullCount() != 0) {
      ARROW_ASSIGN_OR_RAISE(
          validity, arrow::internal::CopyBitmap(arrow::default_memory_pool(),
                                                data.buffers[0]->data(), data.offset, data.length));
    }
    std::vector<std::shared_ptr<arrow::Buffer>> buffers{std::move(validity), std::move(buffer)};
    buffers.insert(buffers.end(), finished_.begin(), finished_.end());
    return arrow::ArrayData::Make(data.type, data.length, std::move(buffers), data.GetNullCount());
  }

 private:
  arrow::Status Move(const arrow::ArrayData& data, arrow::BinaryViewType::c_type* view) {
    const int32_t size = view->ref.size;
    if (current_.length() > std::numeric_limits<int32_t>::max() - size)
      ARROW_RETURN_NOT_OK(Rotate());
    const uint8_t* from = data.buffers[2 + view->ref.buffer_index]->data() + view->ref.offset;
    view->ref.buffer_index = static_cast<int32_t>(finished_.size());
    view->ref.offset = static_cast<int32_t>(current_.length());
    return current_.Append(from, size);
  }
  arrow::Status Rotate() {
    if (current_.length() == 0) return arrow::Status::OK();
    ARROW_ASSIGN_OR_RAISE(auto buffer, current_.Finish());
    finished_.push_back(std::move(buffer));
    return arrow::Status::OK();
  }

  arrow::BufferBuilder current_;
  std::vector<std::shared_ptr<arrow::Buffer>> finished_;
};

arrow::Result<ArrayDataPtr> Rewrite(const ArrayDataPtr& data);

arrow::Result<ArrayDataPtr> DecodeDictionary(const arrow::ArrayData& data) {
  const auto& type = checked_cast<const arrow::DictionaryType&>(*data.type);
  auto indices = data.Copy();
  indices->type = type.index_type();
  indices->dictionary = nullptr;
  auto context = SingleThreaded();
  auto taken = arrow::compute::Take(arrow::Datum(data.dictionary), arrow::Datum(indices),
                                    arrow::compute::TakeOptions::NoBoundsCheck(), &context);
  if (taken.status().IsNotImplemented()) {
    const arrow::DictionaryArray encoded(data.Copy());
    std::vector<int64_t> rows;
    for (int64_t i = 0; i < data.length; ++i)
      rows.push_back(encoded.IsValid(i) ? encoded.GetValueIndex(i) : -1);
    taken = TakeRowsOrNull(encoded.dictionary(), rows);
  }
  ARROW_ASSIGN_OR_RAISE(const arrow::Datum values, std::move(taken));
  return Rewrite(values.array());
}

// Run ends, which are never null, as another integer type that holds them.
arrow::Result<ArrayDataPtr> CastEnds(const ArrayDataPtr& ends,
                                     const std::shared_ptr<arrow::DataType>& type) {
  auto context = SingleThreaded();
  ARROW_ASSIGN_OR_RAISE(
      const arrow::Datum cast,
      arrow::compute::Cast(ends, type, arrow::compute::CastOptions::Safe(), &context));
  return cast.array();
}

// Children keep offset and length of their own, so the parent's buffers still fit.
arrow::Result<ArrayDataPtr> Rewrite(const ArrayDataPtr& data) {
  if (!NeedsRewrite(*data->type)) return data;
  if (IsView(*data->type)) return ViewGatherer().Gather(*data);
  if (data->type->id() == arrow::Type::DICTIONARY) return DecodeDictionary(*data);
  if (data->type->id() == arrow::Type::EXTENSION) {
    auto storage = data->Copy();
    storage->type = checked_cast<const arrow::ExtensionType&>(*data->type).storage_type();
    ARROW_ASSIGN_OR_RAISE(auto rewritten, Rewrite(storage));
    auto result = rewritten->Copy();
    result->type = StorageType(data->type);
    return result;
  }
  auto result = data->Copy();
  result->type = StorageType(data->type);
  for (auto& child : result->child_data) {
    ARROW_ASSIGN_OR_RAISE(child, Rewrite(child));
  }
  if (HasShortRuns(*data->type)) {
    ARROW_ASSIGN_OR_RAISE(result->child_data[0], CastEnds(result->child_data[0], arrow::int32()));
  }
  return result;
}

// A number for each distinct view, in order of appearance; `first` gets a row of each.
arrow::Result<std::shared_ptr<arrow::Array>> NumbersOfViews(const arrow::BinaryViewArray& views,
                                                            std::vector<int64_t>* first) {
  std::unordered_map<std::string_view, int32_t> seen;
  arrow::Int32Builder numbers;
  for (int64_t i = 0; i < views.length(); ++i) {
    if (views.IsNull(i)) {
      ARROW_RETURN_NOT_OK(numbers.AppendNull());
      continue;
    }
    const auto [it, added] = seen.emplace(views.GetView(i), static_cast<int32_t>(first->size()));
    if (added) first->push_back(i);
    ARROW_RETURN_NOT_OK(numbers.Append(it->second));
  }
  return numbers.Finish();
}

// Every value becomes an entry of its own, where Arrow cannot tell which are equal.
arrow::Result<std::shared_ptr<arrow::Array>> RowNumbers(const arrow::Array& values) {
  arrow::Int32Builder numbers;
  for (int64_t i = 0; i < values.length(); ++i) {
    ARROW_RETURN_NOT_OK(values.IsNull(i) ? numbers.AppendNull()
                                         : numbers.Append(static_cast<int32_t>(i)));
  }
  return numbers.Finish();
}

arrow::Result<std::shared_ptr<arrow::Array>> EncodeDictionary(
    const std::shared_ptr<arrow::Array>& stored, const std::shared_ptr<arrow::DataType>& logical) {
  const auto& type = checked_cast<const arrow::DictionaryType&>(*logical);
  ARROW_ASSIGN_OR_RAISE(auto entries, FromStorage(stored, type.value_type()));
  auto context = SingleThreaded();
  const auto encoded = arrow::compute::DictionaryEncode(
      entries, arrow::compute::DictionaryEncodeOptions::Defaults(), &context);
  std::shared_ptr<arrow::Array> indices;
  if (IsView(*entries->type())) {
    std::vector<int64_t> rows;
    ARROW_ASSIGN_OR_RAISE(
        indices, NumbersOfViews(checked_cast<const arrow::BinaryViewArray&>(*entries), &rows));
    ARROW_ASSIGN_OR_RAISE(entries, TakeRows(entries, rows));
  } else if (encoded.ok()) {
    const auto array = encoded->make_array();
    const auto& dictionary = checked_cast<const arrow::DictionaryArray&>(*array);
    indices = dictionary.indices();
    entries = dictionary.dictionary();
  } else {
    ARROW_ASSIGN_OR_RAISE(indices, RowNumbers(*entries));
  }
  const auto fitting = arrow::compute::Cast(*indices, type.index_type(),
                                            arrow::compute::CastOptions::Safe(), &context);
  if (fitting.ok()) indices = *fitting;
  return arrow::DictionaryArray::FromArrays(
      arrow::dictionary(indices->type(), entries->type(), type.ordered()), indices, entries);
}

// Codes of a segment's dictionary as a dictionary of the logical type.
arrow::Result<std::shared_ptr<arrow::Array>> CodesAsDictionary(
    const arrow::Array& stored, const std::shared_ptr<arrow::DataType>& logical) {
  const auto& codes = checked_cast<const arrow::DictionaryArray&>(stored);
  const auto& type = checked_cast<const arrow::DictionaryType&>(*logical);
  auto context = SingleThreaded();
  ARROW_ASSIGN_OR_RAISE(const auto entries, FromStorage(codes.dictionary(), type.value_type()));
  auto indices = arrow::compute::Cast(*codes.indices(), type.index_type(),
                                      arrow::compute::CastOptions::Safe(), &context);
  if (!indices.ok()) {
    indices = arrow::compute::Cast(*codes.indices(), arrow::int32(),
                                   arrow::compute::CastOptions::Safe(), &context);
  }
  ARROW_ASSIGN_OR_RAISE(const auto fitting, std::move(indices));
  return arrow::DictionaryArray::FromArrays(
      arrow::dictionary(fitting->type(), entries->type(), type.ordered()), fitting, entries);
}

// A nested array of other children, whose rows stay where they are.
arrow::Result<std::shared_ptr<arrow::Array>> ChildrenFromStorage(
    const arrow::Array& stored, const std::shared_ptr<arrow::DataType>& logical) {
  auto data = stored.data()->Copy();
  data->type = logical;
  arrow::FieldVector fields = logical->fields();
  bool fits = true;
  for (int i = 0; i < logical->num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const auto child,
                          FromStorage(arrow::MakeArray(data->child_data[i]), fields[i]->type()));
    fits = fits && child->type()->Equals(fields[i]->type());
    fields[i] = fields[i]->WithType(child->type());
    data->child_data[i] = child->data();
  }
  if (!fits) data->type = WithChildren(logical, std::move(fields));
  return arrow::MakeArray(data);
}

// Runs with the ends of the logical type where these reach as far as the rows, else with 32 bits.
arrow::Result<std::shared_ptr<arrow::Array>> RunsFromStorage(
    const arrow::RunEndEncodedArray& stored, const std::shared_ptr<arrow::DataType>& logical) {
  const auto& type = checked_cast<const arrow::RunEndEncodedType&>(*logical);
  // The ends count from the array's first row, and the last one ends with its last.
  ARROW_ASSIGN_OR_RAISE(auto ends, stored.LogicalRunEnds(arrow::default_memory_pool()));
  ARROW_ASSIGN_OR_RAISE(const auto values, FromStorage(stored.LogicalValues(), type.value_type()));
  auto end_type = type.run_end_type();
  if (stored.length() > kMostShortRuns) end_type = arrow::int32();
  ARROW_ASSIGN_OR_RAISE(const auto fitting, CastEnds(ends->data(), end_type));
  return arrow::RunEndEncodedArray::Make(arrow::run_end_encoded(end_type, values->type()),
                                         stored.length(), arrow::MakeArray(fitting), values);
}

}  // namespace

std::shared_ptr<arrow::DataType> StorageType(const std::shared_ptr<arrow::DataType>& logical) {
  if (!NeedsRewrite(*logical) || IsView(*logical)) return logical;
  if (logical->id() == arrow::Type::DICTIONARY) {
    return StorageType(checked_cast<const arrow::DictionaryType&>(*logical).value_type());
  }
  if (logical->id() == arrow::Type::EXTENSION) {
    const auto& storage = checked_cast<const arrow::ExtensionType&>(*logical).storage_type();
    const auto stored = StorageType(storage);
    return stored->Equals(storage) ? logical : stored;
  }
  arrow::FieldVector fields;
  for (const auto& field : logical->fields())
    fields.push_back(field->WithType(StorageType(field->type())));
  if (HasShortRuns(*logical)) fields[0] = fields[0]->WithType(arrow::int32());
  return WithChildren(logical, std::move(fields));
}

arrow::Result<std::shared_ptr<arrow::Array>> ToStorage(const std::shared_ptr<arrow::Array>& array) {
  if (!NeedsRewrite(*array->type())) return array;
  ARROW_ASSIGN_OR_RAISE(auto data, Rewrite(array->data()));
  return arrow::MakeArray(data);
}

bool FitsLogicalType(const std::shared_ptr<arrow::DataType>& stored,
                     const std::shared_ptr<arrow::DataType>& logical) {
  const auto plain = StorageType(logical);
  if (stored->Equals(logical) || stored->Equals(plain)) return true;
  if (stored->Equals(DictionaryStorageType())) return MayBeDictionary(*plain);
  return arrow::compute::CanCast(*stored, *logical);
}

arrow::Result<std::shared_ptr<arrow::Array>> FromStorage(
    const std::shared_ptr<arrow::Array>& stored, const std::shared_ptr<arrow::DataType>& logical) {
  if (stored->type()->Equals(logical)) return stored;
  if (batch::IsNarrowerInteger(*stored->type(), *logical))
    return batch::WidenIntegers(*stored, logical);
  if (stored->type_id() == arrow::Type::DICTIONARY) {
    const auto plain = StorageType(logical);
    if (logical->id() == arrow::Type::DICTIONARY) return CodesAsDictionary(*stored, logical);
    ARROW_ASSIGN_OR_RAISE(
        auto decoded, DecodeStrings(checked_cast<const arrow::DictionaryArray&>(*stored), plain));
    return FromStorage(decoded, logical);
  }
  if (logical->id() == arrow::Type::DICTIONARY) return EncodeDictionary(stored, logical);
  if (logical->id() == arrow::Type::EXTENSION) {
    const auto& type = checked_cast<const arrow::ExtensionType&>(*logical);
    ARROW_ASSIGN_OR_RAISE(auto storage, FromStorage(stored, type.storage_type()));
    if (!storage->type()->Equals(type.storage_type())) return storage;
    return arrow::ExtensionType::WrapArray(logical, storage);
  }
  if (HasShortRuns(*logical) && stored->type_id() == arrow::Type::RUN_END_ENCODED) {
    return RunsFromStorage(checked_cast<const arrow::RunEndEncodedArray&>(*stored), logical);
  }
  if (stored->type_id() == logical->id() && logical->num_fields() > 0 &&
      stored->type()->num_fields() == logical->num_fields()) {
    return ChildrenFromStorage(*stored, logical);
  }
  auto context = SingleThreaded();
  ARROW_ASSIGN_OR_RAISE(
      arrow::Datum cast,
      arrow::compute::Cast(stored, logical, arrow::compute::CastOptions::Safe(), &context));
  return cast.make_array();
}

arrow::Result<std::shared_ptr<arrow::Array>> Concatenated(const arrow::ArrayVector& parts) {
  if (parts.size() == 1) return parts[0];
  const bool short_runs = std::ranges::any_of(
      parts, [](const auto& part) { return Contains(*part->type(), HasShortRuns); });
  if (!short_runs) {
    auto joined = arrow::Concatenate(parts);
    if (joined.ok() || !Contains(*parts[0]->type(), IsDictionary)) return joined;
  }
  arrow::ArrayVector stored;
  for (const auto& part : parts) {
    ARROW_ASSIGN_OR_RAISE(auto plain, ToStorage(part));
    stored.push_back(std::move(plain));
  }
  ARROW_ASSIGN_OR_RAISE(const auto whole, arrow::Concatenate(stored));
  return FromStorage(whole, parts[0]->type());
}

}  // namespace pyralog::lsm
