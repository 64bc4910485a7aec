#include "sql/dictionary_column.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "arrow/array/util.h"
#include "arrow/buffer_builder.h"
#include "arrow/extension_type.h"
#include "arrow/scalar.h"
#include "arrow/util/byte_size.h"
#include "lsm/row_selection.h"
#include "lsm/segment_encoding.h"
#include "pyralog/error.h"
#include "sql/sql_text.h"

namespace pyralog::sql {
namespace {

using ArrayPtr = std::shared_ptr<arrow::Array>;
using ArrayDataPtr = std::shared_ptr<arrow::ArrayData>;
using catalog::DictionaryEntries;
using catalog::DictionaryEntriesPtr;
using Types = std::vector<const arrow::DictionaryType*>;

// What the catalog keeps of dictionaries without an order, and of those with one.
constexpr int64_t kMostPlainEntries = 65'536;
constexpr size_t kMostPlainText = size_t{1} << 20;
constexpr size_t kMostOrderedText = size_t{16} << 20;

// The dictionaries of the type, outermost first. Those among the entries of another are the other's.
void AddDictionaries(const arrow::DataType& type, Types* types) {
  if (type.id() == arrow::Type::DICTIONARY) {
    types->push_back(static_cast<const arrow::DictionaryType*>(&type));
  } else if (type.id() == arrow::Type::EXTENSION) {
    AddDictionaries(*static_cast<const arrow::ExtensionType&>(type).storage_type(), types);
  } else {
    for (const auto& field : type.fields()) AddDictionaries(*field->type(), types);
  }
}

Types DictionariesOf(const arrow::DataType& type) {
  Types types;
  AddDictionaries(type, &types);
  return types;
}

// The arrays of DictionariesOf(type), in `data` of that type.
void AddEncoded(const ArrayDataPtr& data, const arrow::DataType& type,
                std::vector<ArrayDataPtr>* encoded) {
  if (type.id() == arrow::Type::DICTIONARY) {
    encoded->push_back(data);
  } else if (type.id() == arrow::Type::EXTENSION) {
    AddEncoded(data, *static_cast<const arrow::ExtensionType&>(type).storage_type(), encoded);
  } else {
    for (int i = 0; i < type.num_fields(); ++i)
      AddEncoded(data->child_data[i], *type.field(i)->type(), encoded);
  }
}

std::vector<ArrayDataPtr> EncodedOf(const arrow::Array& array) {
  std::vector<ArrayDataPtr> encoded;
  AddEncoded(array.data(), *array.type(), &encoded);
  return encoded;
}

// Whether an ordered dictionary is among the entries, at any depth.
bool HasOrderInside(const arrow::DictionaryType& type) {
  return std::ranges::any_of(DictionariesOf(*type.value_type()), [](const auto* inner) {
    return inner->ordered() || HasOrderInside(*inner);
  });
}

// Whether entries are an order, or have one: they are kept whatever they are.
bool HasOrder(const arrow::DictionaryType& type) { return type.ordered() || HasOrderInside(type); }

// How many entries the indices count.
int64_t MostEntries(const arrow::DictionaryType& type) {
  const int bits = type.index_type()->bit_width();
  if (bits >= 63) return std::numeric_limits<int64_t>::max();
  return int64_t{1} << (arrow::is_signed_integer(type.index_type()->id()) ? bits - 1 : bits);
}

// Calls with a number of the indices' width: they are never negative, so that is all there is to know
// of their type.
template <class Call>
void WithWidth(const arrow::DictionaryType& type, Call call) {
  switch (type.index_type()->byte_width()) {
    case 1:
      return call(uint8_t{});
    case 2:
      return call(uint16_t{});
    case 4:
      return call(uint32_t{});
    default:
      return call(uint64_t{});
  }
}

// Calls with the index of each row; -1: null.
template <class Visit>
void VisitIndices(const arrow::ArrayData& data, const arrow::DictionaryType& type, Visit visit) {
  WithWidth(type, [&]<class T>(T) {
    const T* indices = data.GetValues<T>(1);
    const bool nulls = data.MayHaveNulls();
    for (int64_t i = 0; i < data.length; ++i)
      visit(nulls && data.IsNull(i) ? -1 : static_cast<int64_t>(indices[i]));
  });
}

// Which entries of the array's dictionary some row has.
std::vector<bool> UsedEntries(const arrow::ArrayData& data, const arrow::DictionaryType& type) {
  std::vector<bool> used(data.dictionary->length);
  VisitIndices(data, type, [&](int64_t index) {
    if (index >= 0) used[index] = true;
  });
  return used;
}

std::string EntryText(const arrow::Array& values, int64_t i) {
  const auto scalar = values.GetScalar(i);
  return "'" + (scalar.ok() ? (*scalar)->ToString() : "?") + "'";
}

// Whether these are positions of entries, each behind the one before.
bool Ascend(const std::vector<int64_t>& positions) {
  int64_t last = -1;
  for (const int64_t position : positions) {
    if (position <= last) return false;
    last = position;
  }
  return true;
}

// Whether entries at these positions of others go with these: in their order, if they have one.
bool GoWith(const std::vector<int64_t>& positions, const arrow::DictionaryType& type) {
  if (type.ordered()) return Ascend(positions);
  return std::ranges::find(positions, -1) == positions.end();
}

// Whether the ordered dictionaries within `given` go with those within `kept`, which has the same
// type.
arrow::Result<bool> InnerGoWith(const arrow::Array& given, const arrow::Array& kept) {
  const Types types = DictionariesOf(*given.type());
  const std::vector<ArrayDataPtr> of_given = EncodedOf(given), of_kept = EncodedOf(kept);
  for (size_t i = 0; i < types.size(); ++i) {
    if (!HasOrder(*types[i])) continue;
    const ArrayPtr inner = arrow::MakeArray(of_given[i]->dictionary);
    const ArrayPtr inner_kept = arrow::MakeArray(of_kept[i]->dictionary);
    const auto entries = DictionaryEntries::Make(inner_kept);
    if (!entries.ok()) return false;  // a null, or a value twice
    ARROW_ASSIGN_OR_RAISE(const auto positions, (*entries)->PositionsOf(inner));
    if (!GoWith(positions, *types[i])) return false;
    ARROW_ASSIGN_OR_RAISE(const bool deeper, InnerGoWith(*inner, *inner_kept));
    if (!deeper) return false;
  }
  return true;
}

// Dictionaries of one batch, and what a column keeps of the dictionaries before.
class EntryTaker {
 public:
  EntryTaker(const catalog::ColumnDef& column, const arrow::DictionaryType& type)
      : column_(column), type_(type) {}

  // The entries to keep from now on: `kept` (nullptr: none) when nothing is new.
  arrow::Result<DictionaryEntriesPtr> Take(const arrow::ArrayData& data,
                                           const DictionaryEntriesPtr& kept) const {
    if (data.dictionary->length == 0) return kept;
    const ArrayPtr values = arrow::MakeArray(data.dictionary);
    if (kept != nullptr && kept->Equals(*values)) return kept;
    return HasOrder(type_) ? TakeOrdered(data, values, kept) : TakePlain(values, kept);
  }

 private:
  arrow::Status Refused(const std::string& why) const {
    return MakeError(ErrorCode::kInvalidArgument,
                     "column " + Quoted(column_.name) +
                         (type_.ordered() ? ": its dictionary is ordered, and "
                                          : ": a dictionary among its entries is ordered, and ") +
                         why);
  }

  arrow::Result<DictionaryEntriesPtr> TakeOrdered(const arrow::ArrayData& data,
                                                  const ArrayPtr& values,
                                                  const DictionaryEntriesPtr& kept) const {
    if (values->null_count() == values->length()) {
      // As Arrow makes it where there are no values.
      const auto used = UsedEntries(data, type_);
      if (std::ranges::find(used, true) == used.end()) return kept;
    }
    std::vector<int64_t> in_kept;
    if (kept != nullptr) {
      ARROW_ASSIGN_OR_RAISE(in_kept, kept->PositionsOf(values));
      if (GoWith(in_kept, type_)) {
        ARROW_ASSIGN_OR_RAISE(const bool inner, InnerGoWith(*values, *kept->values()));
        if (inner) return kept;
      }
    }
    auto made = DictionaryEntries::Make(values);
    if (!made.ok())
      return Refused(made.status().message() + "; give each entry one place in the order");
    if (values->length() > MostEntries(type_)) {
      return Refused("it has " + std::to_string(values->length()) + " entries, more than its " +
                     type_.index_type()->ToString() + " indices count; use wider ones");
    }
    if (kept != nullptr) {
      ARROW_ASSIGN_OR_RAISE(const auto in_made, (*made)->PositionsOf(kept->values()));
      if (!GoWith(in_made, type_))
        return Refused(Difference(*kept->values(), *values, in_kept, in_made));
      ARROW_ASSIGN_OR_RAISE(const bool inner, InnerGoWith(*kept->values(), *values));
      if (!inner) {
        return Refused(
            "the order given within the entries is another than the column's; give dictionaries "
            "that have the column's entries in their order, and perhaps more");
      }
    }
    const std::string& text = (*made)->text();
    if (text.size() > kMostOrderedText) {
      return Refused("its entries take " + std::to_string(text.size() >> 20) +
                     " MiB, and at most " + std::to_string(kMostOrderedText >> 20) +
                     " MiB are kept; use fewer, or a dictionary that is not ordered");
    }
    return made;
  }

  // How the order of the entries that are kept, and of those that are given, cannot be one order.
  std::string Difference(const arrow::Array& kept, const arrow::Array& given,
                         const std::vector<int64_t>& in_kept,
                         const std::vector<int64_t>& in_given) const {
    const std::string todo =
        "; give a dictionary that has the column's entries in their order, some or all of them, "
        "or all of them and more";
    int64_t last = -1;
    for (int64_t i = 0; i < given.length() && type_.ordered(); ++i) {
      if (in_kept[i] < 0) continue;
      if (last >= 0 && in_kept[i] < in_kept[last]) {
        return "the column's entries stand in the order " + EntryText(kept, in_kept[i]) + ", " +
               EntryText(kept, in_kept[last]) + ", and those given in the order " +
               EntryText(given, last) + ", " + EntryText(given, i) + todo;
      }
      last = i;
    }
    const auto lacking = std::ranges::find(in_given, -1) - in_given.begin();
    const auto added = std::ranges::find(in_kept, -1) - in_kept.begin();
    return "the dictionary given has " + EntryText(given, added) + " and lacks " +
           EntryText(kept, lacking) + ", so it does not say in which order they stand" + todo;
  }

  arrow::Result<DictionaryEntriesPtr> TakePlain(const ArrayPtr& values,
                                                const DictionaryEntriesPtr& kept) const {
    if (values->length() > std::min(kMostPlainEntries, MostEntries(type_))) return kept;
    if (kept != nullptr) {
      if (values->length() <= kept->size()) return kept;
      if (!kept->Equals(*values->Slice(0, kept->size()))) return kept;
    }
    ARROW_ASSIGN_OR_RAISE(const int64_t bytes, arrow::util::ReferencedBufferSize(*values));
    if (bytes > static_cast<int64_t>(kMostPlainText)) return kept;
    const auto made = DictionaryEntries::Make(values);
    if (!made.ok()) return kept;  // a null, or a value twice
    return (*made)->text().size() > kMostPlainText ? kept : *made;
  }

  const catalog::ColumnDef& column_;
  const arrow::DictionaryType& type_;
};

// Dictionary-encoded arrays of one type as arrays over entries.
class EntryEncoder {
 public:
  EntryEncoder(const arrow::DictionaryType& type, const DictionaryEntries& entries)
      : type_(type), entries_(entries) {}

  arrow::Result<ArrayDataPtr> Encode(const ArrayDataPtr& data) const {
    const ArrayPtr values = arrow::MakeArray(data->dictionary);
    ARROW_ASSIGN_OR_RAISE(std::vector<int64_t> positions, entries_.PositionsOf(values));
    auto result = data->Copy();
    result->dictionary = entries_.values()->data();
    int64_t place = 0;
    if (std::ranges::all_of(positions, [&](int64_t position) { return position == place++; }))
      return result;
    ARROW_ASSIGN_OR_RAISE(const auto others, Others(*data, *values, positions));
    if (entries_.size() + static_cast<int64_t>(others.size()) > MostEntries(type_)) return data;
    if (!others.empty()) {
      ARROW_ASSIGN_OR_RAISE(result->dictionary, WithOthers(values, others, &positions));
    }
    ARROW_RETURN_NOT_OK(SetIndices(data, positions, result.get()));
    return result;
  }

 private:
  // Used values that are no entries.
  arrow::Result<std::vector<int64_t>> Others(const arrow::ArrayData& data,
                                             const arrow::Array& values,
                                             const std::vector<int64_t>& positions) const {
    std::vector<int64_t> others;
    if (std::ranges::find(positions, -1) == positions.end()) return others;
    const std::vector<bool> used = UsedEntries(data, type_);
    for (int64_t i = 0; i < values.length(); ++i) {
      if (positions[i] >= 0 || !used[i] || values.IsNull(i)) continue;
      if (HasOrder(type_)) {
        return MakeError(ErrorCode::kDamaged, "a row has the value " + EntryText(values, i) +
                                                  ", which its ordered dictionary does not have");
      }
      others.push_back(i);
    }
    return others;
  }

  // The entries, and the others behind them.
  arrow::Result<ArrayDataPtr> WithOthers(const ArrayPtr& values, const std::vector<int64_t>& others,
                                         std::vector<int64_t>* positions) const {
    arrow::ArrayVector parts = {entries_.values()};
    for (size_t i = 0; i < others.size(); ++i) {
      (*positions)[others[i]] = entries_.size() + static_cast<int64_t>(i);
      parts.push_back(values->Slice(others[i], 1));
    }
    ARROW_ASSIGN_OR_RAISE(const auto joined, lsm::Concatenated(parts));
    return joined->data();
  }

  // The rows of `data` at these positions of another dictionary; null where there is none.
  arrow::Status SetIndices(const ArrayDataPtr& data, const std::vector<int64_t>& positions,
                           arrow::ArrayData* out) const {
    const int width = type_.index_type()->byte_width();
    ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> indices,
                          arrow::AllocateBuffer(data->length * width));
    WithWidth(type_, [&]<class T>(T) {
      std::vector<T> moved;
      for (const int64_t position : positions)
        moved.push_back(static_cast<T>(std::max<int64_t>(position, 0)));
      T* const to = reinterpret_cast<T*>(indices->mutable_data());
      const T* const from = data->GetValues<T>(1);
      if (!data->MayHaveNulls()) {
        for (int64_t i = 0; i < data->length; ++i) to[i] = moved[from[i]];
      } else {  // under a null an index may be anything
        for (int64_t i = 0; i < data->length; ++i) to[i] = data->IsNull(i) ? 0 : moved[from[i]];
      }
    });
    ARROW_ASSIGN_OR_RAISE(auto validity, Validity(data, positions));
    out->null_count = validity == nullptr ? 0 : arrow::kUnknownNullCount;
    out->buffers = {std::move(validity), std::move(indices)};
    out->offset = 0;
    return arrow::Status::OK();
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Validity(
      const ArrayDataPtr& data, const std::vector<int64_t>& positions) const {
    const ArrayPtr array = arrow::MakeArray(data);
    if (std::ranges::find(positions, -1) == positions.end()) return lsm::ValidityOf(*array);
    arrow::TypedBufferBuilder<bool> valid;
    ARROW_RETURN_NOT_OK(valid.Reserve(data->length));
    VisitIndices(*data, type_,
                 [&](int64_t index) { valid.UnsafeAppend(index >= 0 && positions[index] >= 0); });
    return valid.Finish();
  }

  const arrow::DictionaryType& type_;
  const DictionaryEntries& entries_;
};

// `data` of this type with the entries, of which it takes as many as the type has dictionaries.
arrow::Result<ArrayDataPtr> Encoded(const ArrayDataPtr& data, const arrow::DataType& type,
                                    std::span<const DictionaryEntriesPtr>* entries) {
  if (type.id() == arrow::Type::EXTENSION) {
    return Encoded(data, *static_cast<const arrow::ExtensionType&>(type).storage_type(), entries);
  }
  if (type.id() == arrow::Type::DICTIONARY) {
    const DictionaryEntriesPtr& own = entries->front();
    *entries = entries->subspan(1);
    if (own == nullptr) return data;
    return EntryEncoder(static_cast<const arrow::DictionaryType&>(type), *own).Encode(data);
  }
  ArrayDataPtr result = data;
  for (int i = 0; i < type.num_fields(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto child,
                          Encoded(data->child_data[i], *type.field(i)->type(), entries));
    if (child == data->child_data[i]) continue;
    if (result == data) result = data->Copy();
    result->child_data[i] = std::move(child);
  }
  return result;
}

}  // namespace

arrow::Status CheckDictionaries(const arrow::DataType& type) {
  for (const arrow::DictionaryType* dictionary : DictionariesOf(type)) {
    for (const arrow::DictionaryType* inner : DictionariesOf(*dictionary->value_type())) {
      ARROW_RETURN_NOT_OK(CheckDictionaries(*inner));
      // The catalog keeps entries as Arrow writes them.
      if (!HasOrder(*inner) || dictionary->value_type()->id() != arrow::Type::DICTIONARY) continue;
      return MakeError(
          ErrorCode::kNotSupported,
          "type " + type.ToString() +
              " cannot be stored, because Arrow's IPC format cannot say it: entries of "
              "a dictionary that are ordered dictionaries themselves; use a struct of "
              "one field around the inner one");
    }
  }
  return arrow::Status::OK();
}

bool HasDictionary(const catalog::ColumnDef& column) {
  return column.arrow_first && !DictionariesOf(*column.type).empty();
}

bool HasEntries(const catalog::ColumnDef& column) {
  return std::ranges::any_of(column.dictionaries, [](const auto& kept) { return kept != nullptr; });
}

arrow::Result<EntryChange> TakeEntries(const arrow::Array& array, catalog::ColumnDef* column) {
  const Types types = DictionariesOf(*column->type);
  if (types.empty()) return EntryChange::kNone;
  const std::vector<ArrayDataPtr> encoded = EncodedOf(array);
  std::vector<DictionaryEntriesPtr> kept = column->dictionaries;
  kept.resize(types.size());
  EntryChange change = EntryChange::kNone;
  for (size_t i = 0; i < types.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(auto next, EntryTaker(*column, *types[i]).Take(*encoded[i], kept[i]));
    if (next == kept[i]) continue;
    kept[i] = std::move(next);
    change = HasOrder(*types[i]) ? EntryChange::kNeeded : std::max(change, EntryChange::kMayBeLost);
  }
  if (change != EntryChange::kNone) column->dictionaries = std::move(kept);
  return change;
}

arrow::Status CheckEntries(const arrow::Array& array, const catalog::ColumnDef& column) {
  const Types types = DictionariesOf(*array.type());
  if (std::ranges::none_of(types, [](const auto* type) { return HasOrder(*type); }))
    return arrow::Status::OK();
  const std::vector<ArrayDataPtr> encoded = EncodedOf(array);
  for (size_t i = 0; i < types.size(); ++i) {
    if (!HasOrder(*types[i])) continue;
    const DictionaryEntriesPtr kept =
        column.dictionaries.empty() ? nullptr : column.dictionaries[i];
    const ArrayPtr values = arrow::MakeArray(encoded[i]->dictionary);
    std::vector<int64_t> positions(values->length(), -1);
    if (kept != nullptr) {
      ARROW_ASSIGN_OR_RAISE(positions, kept->PositionsOf(values));
    }
    const std::vector<bool> used = UsedEntries(*encoded[i], *types[i]);
    for (int64_t k = 0; k < values->length(); ++k) {
      if (positions[k] >= 0 || !used[k] || values->IsNull(k)) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "column " + Quoted(column.name) +
                           ": its dictionary is ordered, and has no entry " +
                           EntryText(*values, k) +
                           "; append a batch whose dictionary has it in its place, through the "
                           "Arrow interfaces");
    }
  }
  return arrow::Status::OK();
}

arrow::Result<ArrayPtr> WithEntries(const ArrayPtr& array, const catalog::ColumnDef& column) {
  if (!HasEntries(column)) return array;
  std::span<const DictionaryEntriesPtr> entries = column.dictionaries;
  ARROW_ASSIGN_OR_RAISE(const auto data, Encoded(array->data(), *array->type(), &entries));
  return data == array->data() ? array : arrow::MakeArray(data);
}

}  // namespace pyralog::sql
