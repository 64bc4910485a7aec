#include "formats/format.h"

#include <algorithm>
#include <set>
#include <utility>

#include "arrow/compute/initialize.h"
#include "pyralog/error.h"

namespace pyralog::formats {

arrow::Result<std::unique_ptr<BatchWriter>> Format::Create(
    const std::shared_ptr<arrow::io::OutputStream>& out,
    const std::shared_ptr<arrow::Schema>& schema, const Options& options) const {
  return MakeError(ErrorCode::kNotSupported, info().title + " can be read, but not written");
}

arrow::Status CheckOptionNames(const FormatInfo& format, const Options& options,
                               const std::vector<std::string>& known) {
  for (const auto& [name, value] : options) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string names;
    for (const std::string& k : known) names += (names.empty() ? "" : ", ") + k;
    return MakeError(ErrorCode::kInvalidArgument, "format " + format.name + " has no option '" +
                                                      name + "'; it has " +
                                                      (names.empty() ? "none" : names));
  }
  return arrow::Status::OK();
}

arrow::Result<std::vector<int>> ColumnPositions(const arrow::Schema& schema,
                                                const batch::ScanRequest& request) {
  std::vector<int> positions;
  if (!request.columns) {
    for (int i = 0; i < schema.num_fields(); ++i) positions.push_back(i);
    return positions;
  }
  for (const std::string& name : *request.columns) {
    const std::vector<int> found = schema.GetAllFieldIndices(name);
    if (found.empty()) return MakeError(ErrorCode::kNotFound, "there is no column '" + name + "'");
    positions.push_back(found.front());
  }
  return positions;
}

arrow::Result<arrow::compute::Expression> BindFilter(const arrow::compute::Expression& filter,
                                                     const arrow::Schema& schema) {
  // Arrow's comparisons are not there before somebody asks for them.
  static const arrow::Status kernels = arrow::compute::Initialize();
  ARROW_RETURN_NOT_OK(kernels);
  return filter.Bind(schema);
}

std::shared_ptr<arrow::Schema> ProjectSchema(const arrow::Schema& schema,
                                             const std::vector<int>& positions) {
  arrow::FieldVector fields;
  for (const int position : positions) fields.push_back(schema.field(position));
  return arrow::schema(std::move(fields), schema.metadata());
}

std::shared_ptr<arrow::Schema> WithDistinctNames(const std::shared_ptr<arrow::Schema>& schema) {
  std::set<std::string> names;
  arrow::FieldVector fields;
  bool changed = false;
  for (const auto& field : schema->fields()) {
    std::string name = field->name();
    for (int i = 1; !names.insert(name).second; ++i) name = field->name() + "_" + std::to_string(i);
    changed = changed || name != field->name();
    fields.push_back(field->WithName(name));
  }
  return changed ? arrow::schema(std::move(fields), schema->metadata()) : schema;
}

}  // namespace pyralog::formats
