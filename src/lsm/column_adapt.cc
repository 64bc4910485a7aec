#include "lsm/column_adapt.h"

#include "arrow/array/util.h"
#include "arrow/compute/cast.h"

namespace pyralog::lsm {

ColumnMap::ColumnMap(TableSchemaPtr stored, TableSchemaPtr wanted)
    : stored_schema_(std::move(stored)), wanted_schema_(std::move(wanted)) {
  const bool same =
      stored_schema_ == wanted_schema_ || stored_schema_->version == wanted_schema_->version;
  for (int i = 0; i < wanted_schema_->num_fields(); ++i) {
    const int at = same ? i : stored_schema_->PositionOf(wanted_schema_->field_ids[i]);
    stored_.push_back(at);
    identical_.push_back(at >= 0 && (same || stored_schema_->arrow->field(at)->type()->Equals(
                                                 *wanted_schema_->arrow->field(i)->type())));
  }
}

arrow::Result<std::shared_ptr<arrow::Array>> ColumnMap::Adapt(
    int wanted_column, std::shared_ptr<arrow::Array> stored) const {
  if (identical_[wanted_column]) return stored;
  arrow::compute::ExecContext context;
  context.set_use_threads(false);
  return arrow::compute::Cast(*stored, wanted_schema_->arrow->field(wanted_column)->type(),
                              arrow::compute::CastOptions::Safe(), &context);
}

arrow::Result<std::shared_ptr<arrow::Array>> ColumnMap::Missing(int wanted_column,
                                                                int64_t rows) const {
  const auto& value = wanted_schema_->missing[wanted_column];
  if (value) return arrow::MakeArrayFromScalar(*value, rows);
  return arrow::MakeArrayOfNull(wanted_schema_->arrow->field(wanted_column)->type(), rows);
}

}  // namespace pyralog::lsm
