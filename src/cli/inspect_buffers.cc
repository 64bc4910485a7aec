#include "cli/inspect_buffers.h"

#include <memory>
#include <utility>
#include <vector>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/type.h"
#include "cli/display_width.h"
#include "cli/interrupts.h"
#include "fmt/format.h"
#include "pyralog/error.h"

namespace pyralog::cli {
namespace {

// Bytes of the buffers of one array, or of arrays of one column.
struct BufferSizes {
  int64_t values = 0;
  int64_t nulls = 0;
  int64_t validity = 0;
  int64_t offsets = 0;
  int64_t data = 0;
};

// A column, or an array within it, over all batches.
struct ArrayFacts {
  std::string name;
  std::shared_ptr<arrow::DataType> type;
  BufferSizes sizes;
  std::vector<ArrayFacts> children;
};

// Whether the second buffer says where values begin.
bool HasOffsets(const arrow::DataType& type) {
  switch (type.id()) {
    case arrow::Type::STRING:
    case arrow::Type::BINARY:
    case arrow::Type::LARGE_STRING:
    case arrow::Type::LARGE_BINARY:
    case arrow::Type::LIST:
    case arrow::Type::LARGE_LIST:
    case arrow::Type::MAP:
      return true;
    default:
      return false;
  }
}

ArrayFacts FactsOf(std::string name, const std::shared_ptr<arrow::DataType>& type) {
  ArrayFacts facts{.name = std::move(name), .type = type, .sizes = {}, .children = {}};
  if (type->id() == arrow::Type::EXTENSION) {
    const auto& extension = static_cast<const arrow::ExtensionType&>(*type);
    facts.children = FactsOf("", extension.storage_type()).children;
  }
  if (type->id() == arrow::Type::DICTIONARY) {
    const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
    facts.children.push_back(FactsOf("dictionary", dictionary.value_type()));
  }
  for (const auto& field : type->fields()) {
    facts.children.push_back(FactsOf(field->name(), field->type()));
  }
  return facts;
}

void AddArray(const arrow::ArrayData& array, ArrayFacts* facts) {
  const arrow::DataType& type =
      array.type->id() == arrow::Type::EXTENSION
          ? *static_cast<const arrow::ExtensionType&>(*array.type).storage_type()
          : *array.type;
  facts->sizes.values += array.length;
  facts->sizes.nulls += array.GetNullCount();
  const arrow::DataTypeLayout layout = type.layout();
  const bool has_validity =
      !layout.buffers.empty() && layout.buffers[0].kind == arrow::DataTypeLayout::BITMAP;
  for (size_t i = 0; i < array.buffers.size(); ++i) {
    if (array.buffers[i] == nullptr) continue;
    int64_t* total = &facts->sizes.data;
    if (i == 0 && has_validity) total = &facts->sizes.validity;
    if (i == 1 && HasOffsets(type)) total = &facts->sizes.offsets;
    *total += array.buffers[i]->size();
  }
  std::vector<const arrow::ArrayData*> children;
  if (array.dictionary != nullptr) children.push_back(array.dictionary.get());
  for (const auto& child : array.child_data) children.push_back(child.get());
  for (size_t i = 0; i < children.size() && i < facts->children.size(); ++i) {
    AddArray(*children[i], &facts->children[i]);
  }
}

void AppendRows(const ArrayFacts& facts, const std::string& indent,
                std::vector<std::vector<std::string>>* rows) {
  const BufferSizes& sizes = facts.sizes;
  rows->push_back({indent + facts.name, facts.type->ToString(), fmt::to_string(sizes.values),
                   fmt::to_string(sizes.nulls), fmt::to_string(sizes.validity),
                   fmt::to_string(sizes.offsets), fmt::to_string(sizes.data)});
  for (const ArrayFacts& child : facts.children) AppendRows(child, indent + "  ", rows);
}

arrow::Result<int64_t> AddRelation(formats::Relation& relation, std::vector<ArrayFacts>* columns) {
  ARROW_ASSIGN_OR_RAISE(const formats::ScanPlan plan, relation.Scan({}));
  int64_t batches = 0;
  for (const auto& task : plan.tasks) {
    ARROW_ASSIGN_OR_RAISE(const auto reader, task->Open());
    while (true) {
      std::shared_ptr<arrow::RecordBatch> batch;
      ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
      if (batch == nullptr) break;
      if (Interrupts::Get().requested()) {
        return MakeError(ErrorCode::kInterrupted, "cancelled by Ctrl-C");
      }
      ++batches;
      for (size_t i = 0; i < columns->size(); ++i) {
        AddArray(*batch->column_data(static_cast<int>(i)), &(*columns)[i]);
      }
    }
  }
  return batches;
}

int64_t BytesOf(const ArrayFacts& facts) {
  int64_t bytes = facts.sizes.validity + facts.sizes.offsets + facts.sizes.data;
  for (const ArrayFacts& child : facts.children) bytes += BytesOf(child);
  return bytes;
}

}  // namespace

arrow::Result<std::string> DescribeBuffers(formats::Dataset& dataset) {
  const formats::FormatInfo& format = dataset.format();
  if (!format.can.zero_copy) {
    return MakeError(ErrorCode::kNotSupported,
                     "--buffers shows files whose bytes are Arrow's or "
                     "an array's; " +
                         format.title + " has none");
  }
  std::string text;
  for (const formats::Member& member : dataset.members()) {
    ARROW_ASSIGN_OR_RAISE(const auto relation, dataset.OpenRelation(member.name));
    std::vector<ArrayFacts> columns;
    for (const auto& field : relation->schema()->fields()) {
      columns.push_back(FactsOf(field->name(), field->type()));
    }
    ARROW_ASSIGN_OR_RAISE(const int64_t batches, AddRelation(*relation, &columns));
    int64_t bytes = 0;
    std::vector<std::vector<std::string>> rows = {
        {"column", "type", "values", "nulls", "validity", "offsets", "data"}};
    for (const ArrayFacts& column : columns) {
      bytes += BytesOf(column);
      AppendRows(column, "", &rows);
    }
    text += fmt::format("{:<16}{} bytes in {} {}\n", "buffers", bytes, batches,
                        batches == 1 ? "batch" : "batches");
    text += AlignedText(rows);
  }
  return text;
}

}  // namespace pyralog::cli
