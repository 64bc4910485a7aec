#include "sql/table_scan.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arrow/array/array_primitive.h"
#include "arrow/array/concatenate.h"
#include "arrow/compute/api_scalar.h"
#include "arrow/compute/expression.h"
#include "arrow/util/bit_util.h"
#include "lsm/segment_encoding.h"
#include "pyralog/error.h"
#include "sql/select_rows.h"

namespace pyralog::sql {
namespace {

namespace cp = arrow::compute;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool SameName(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

// Which stored columns a scan reads, and what it does with them.
struct Plan {
  std::vector<int> stored;  // positions in the table: those to emit, then those only to filter by
  int emitted = 0;          // how many of `stored` are emitted
  std::shared_ptr<arrow::Schema> schema;  // of `stored`
  std::optional<cp::Expression> filter;   // bound to `schema`
  int64_t limit = INT64_MAX;
};

// The filter's column names as the table spells them.
arrow::Result<cp::Expression> WithTableNames(const cp::Expression& filter,
                                             const arrow::Schema& table) {
  if (const arrow::FieldRef* ref = filter.field_ref()) {
    if (ref->name() == nullptr) return filter;
    ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(table, *ref->name()));
    return cp::field_ref(table.field(column)->name());
  }
  const cp::Expression::Call* call = filter.call();
  if (call == nullptr) return filter;
  std::vector<cp::Expression> arguments;
  for (const cp::Expression& argument : call->arguments) {
    ARROW_ASSIGN_OR_RAISE(cp::Expression renamed, WithTableNames(argument, table));
    arguments.push_back(std::move(renamed));
  }
  return cp::call(call->function_name, std::move(arguments), call->options);
}

arrow::Status PlanFilter(const cp::Expression& filter, const arrow::Schema& table, Plan* plan) {
  ARROW_ASSIGN_OR_RAISE(const cp::Expression renamed, WithTableNames(filter, table));
  for (const arrow::FieldRef& ref : cp::FieldsInExpression(renamed)) {
    ARROW_ASSIGN_OR_RAISE(const arrow::FieldPath path, ref.FindOne(table));
    const int column = path.indices()[0];
    if (std::ranges::find(plan->stored, column) == plan->stored.end())
      plan->stored.push_back(column);
  }
  arrow::FieldVector fields;
  for (const int column : plan->stored) fields.push_back(table.field(column));
  plan->schema = arrow::schema(std::move(fields), table.metadata());
  ARROW_ASSIGN_OR_RAISE(plan->filter, renamed.Bind(*plan->schema));
  if (plan->filter->type()->id() != arrow::Type::BOOL) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "the filter " + filter.ToString() + " is of type " +
                         plan->filter->type()->ToString() + ", not boolean");
  }
  if (!plan->filter->IsScalarExpression()) {
    return MakeError(
        ErrorCode::kNotSupported,
        "the filter " + filter.ToString() + " is not one of single rows, which is not supported");
  }
  return arrow::Status::OK();
}

arrow::Result<Plan> MakePlan(const arrow::Schema& table, const ScanOptions& options) {
  Plan plan;
  for (const std::string& name : options.columns) {
    ARROW_ASSIGN_OR_RAISE(const int column, FindColumn(table, name));
    plan.stored.push_back(column);
  }
  if (options.columns.empty()) {
    for (int i = 0; i < table.num_fields(); ++i) plan.stored.push_back(i);
  }
  plan.emitted = static_cast<int>(plan.stored.size());
  arrow::FieldVector fields;
  for (const int column : plan.stored) fields.push_back(table.field(column));
  plan.schema = arrow::schema(std::move(fields), table.metadata());
  if (options.filter) ARROW_RETURN_NOT_OK(PlanFilter(*options.filter, table, &plan));
  if (options.limit) {
    if (*options.limit < 0) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "the limit " + std::to_string(*options.limit) + " is negative");
    }
    plan.limit = *options.limit;
  }
  return plan;
}

bool IsNaN(const arrow::Scalar& scalar) {
  switch (scalar.type->id()) {
    case arrow::Type::FLOAT:
      return std::isnan(static_cast<const arrow::FloatScalar&>(scalar).value);
    case arrow::Type::DOUBLE:
      return std::isnan(static_cast<const arrow::DoubleScalar&>(scalar).value);
    case arrow::Type::HALF_FLOAT:
      return true;  // compared by Arrow in ways that its version decides
    default:
      return false;
  }
}

// What is known of every row of a unit's column, or nothing.
arrow::Result<std::optional<cp::Expression>> Guarantee(const batch::ZoneMap& zone,
                                                       const arrow::Field& field) {
  const cp::Expression column = cp::field_ref(field.name());
  if (zone.rows > 0 && zone.nulls == zone.rows) return cp::is_null(column);
  if (!zone.has_range) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const auto min, batch::RawToScalar(zone.min, field.type()));
  ARROW_ASSIGN_OR_RAISE(const auto max, batch::RawToScalar(zone.max, field.type()));
  if (IsNaN(*min) || IsNaN(*max)) return std::nullopt;
  cp::Expression range = cp::and_(cp::greater_equal(column, cp::literal(min)),
                                  cp::less_equal(column, cp::literal(max)));
  if (zone.nulls == 0) return range;
  return cp::or_(std::move(range), cp::is_null(column));
}

class ScanReader final : public arrow::RecordBatchReader {
 public:
  ScanReader(lsm::TableViewPtr view, Plan plan)
      : view_(std::move(view)), plan_(std::move(plan)), left_(plan_.limit) {
    arrow::FieldVector fields(plan_.schema->fields().begin(),
                              plan_.schema->fields().begin() + plan_.emitted);
    emitted_schema_ = arrow::schema(std::move(fields), plan_.schema->metadata());
  }

  std::shared_ptr<arrow::Schema> schema() const override { return emitted_schema_; }

  arrow::Status ReadNext(std::shared_ptr<arrow::RecordBatch>* batch) override {
    batch->reset();
    while (left_ > 0) {
      if (ready_.empty()) {
        if (next_unit_ == view_->units().size()) break;
        ARROW_RETURN_NOT_OK(ReadUnit(next_unit_++));
        continue;
      }
      auto rows = std::move(ready_.front());
      ready_.pop_front();
      if (rows->num_rows() == 0) continue;
      if (rows->num_rows() > left_) rows = rows->Slice(0, left_);
      left_ -= rows->num_rows();
      *batch = std::move(rows);
      return arrow::Status::OK();
    }
    return arrow::Status::OK();
  }

 private:
  // Whether some row of the unit may pass the filter.
  arrow::Result<bool> MayMatch(size_t unit) const;
  // Puts the unit's rows into ready_.
  arrow::Status ReadUnit(size_t unit);
  // The rows of a part that are visible (null: all) and pass the filter.
  arrow::Result<std::shared_ptr<arrow::RecordBatch>> Filtered(
      const std::shared_ptr<arrow::RecordBatch>& part,
      const std::shared_ptr<arrow::Array>& visible) const;
  // The visible rows of the unit as booleans; null when all are.
  std::shared_ptr<arrow::BooleanArray> VisibleRows(size_t unit) const;

  const lsm::TableViewPtr view_;
  const Plan plan_;
  std::shared_ptr<arrow::Schema> emitted_schema_;
  size_t next_unit_ = 0;
  std::deque<std::shared_ptr<arrow::RecordBatch>> ready_;
  int64_t left_;
};

arrow::Result<bool> ScanReader::MayMatch(size_t unit) const {
  if (!plan_.filter) return true;
  cp::Expression filter = *plan_.filter;
  for (size_t i = 0; i < plan_.stored.size(); ++i) {
    ARROW_ASSIGN_OR_RAISE(const batch::ZoneMap zone, view_->Zone(unit, plan_.stored[i]));
    ARROW_ASSIGN_OR_RAISE(const auto known,
                          Guarantee(zone, *plan_.schema->field(static_cast<int>(i))));
    if (!known) continue;
    ARROW_ASSIGN_OR_RAISE(const cp::Expression bound, known->Bind(*plan_.schema));
    ARROW_ASSIGN_OR_RAISE(filter, cp::SimplifyWithGuarantee(std::move(filter), bound));
    if (!filter.IsSatisfiable()) return false;
  }
  return true;
}

std::shared_ptr<arrow::BooleanArray> ScanReader::VisibleRows(size_t unit) const {
  const lsm::Unit& described = view_->units()[unit];
  if (!described.maybe_masked) return nullptr;
  auto words = std::make_shared<lsm::MaskWords>();
  if (view_->Mask(unit, words.get()) == described.rows) return nullptr;
  // The buffer keeps the words.
  auto* data = reinterpret_cast<const uint8_t*>(words->data());
  const auto size = static_cast<int64_t>(words->size() * sizeof(uint64_t));
  const std::shared_ptr<arrow::Buffer> buffer(new arrow::Buffer(data, size),
                                              [words](const arrow::Buffer* made) { delete made; });
  return std::make_shared<arrow::BooleanArray>(described.rows, buffer);
}

arrow::Status ScanReader::ReadUnit(size_t unit) {
  ARROW_ASSIGN_OR_RAISE(const bool may_match, MayMatch(unit));
  if (!may_match) return arrow::Status::OK();
  view_->WillNeed(unit, plan_.stored);
  arrow::ArrayVector columns;
  for (const int column : plan_.stored) {
    ARROW_ASSIGN_OR_RAISE(auto array, view_->Column(unit, column));
    columns.push_back(std::move(array));
  }
  const int64_t rows = view_->units()[unit].rows;
  const auto whole = arrow::RecordBatch::Make(plan_.schema, rows, std::move(columns));
  arrow::RecordBatchVector parts;
  ARROW_RETURN_NOT_OK(AppendOfSchema(whole, &parts));
  const auto visible = VisibleRows(unit);
  int64_t begin = 0;
  for (const auto& part : parts) {
    std::shared_ptr<arrow::Array> mask;
    if (visible != nullptr) mask = visible->Slice(begin, part->num_rows());
    ARROW_ASSIGN_OR_RAISE(auto emitted, Filtered(part, mask));
    ready_.push_back(std::move(emitted));
    begin += part->num_rows();
  }
  return arrow::Status::OK();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ScanReader::Filtered(
    const std::shared_ptr<arrow::RecordBatch>& part,
    const std::shared_ptr<arrow::Array>& visible) const {
  arrow::Datum selected;
  if (plan_.filter) {
    ARROW_ASSIGN_OR_RAISE(selected,
                          cp::ExecuteScalarExpression(*plan_.filter, *plan_.schema, part));
    if (selected.is_scalar()) {
      ARROW_ASSIGN_OR_RAISE(selected,
                            arrow::MakeArrayFromScalar(*selected.scalar(), part->num_rows()));
    }
  }
  if (visible != nullptr) {
    if (selected.kind() == arrow::Datum::NONE) {
      selected = visible;
    } else {
      ARROW_ASSIGN_OR_RAISE(selected, cp::KleeneAnd(selected, visible));
    }
  }
  arrow::ArrayVector columns = part->columns();
  columns.resize(plan_.emitted);
  auto emitted = arrow::RecordBatch::Make(emitted_schema_, part->num_rows(), std::move(columns));
  if (selected.kind() == arrow::Datum::NONE) return emitted;
  return FilterRows(*emitted, *selected.array_as<arrow::BooleanArray>());
}

}  // namespace

arrow::Result<int> FindColumn(const arrow::Schema& schema, std::string_view name) {
  for (int i = 0; i < schema.num_fields(); ++i) {
    if (SameName(schema.field(i)->name(), name)) return i;
  }
  return MakeError(ErrorCode::kNotFound, "there is no column \"" + std::string(name) + "\"");
}

arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> ScanTable(lsm::TableViewPtr view,
                                                                   const ScanOptions& options) {
  ARROW_ASSIGN_OR_RAISE(Plan plan, MakePlan(*view->schema()->arrow, options));
  return std::make_shared<ScanReader>(std::move(view), std::move(plan));
}

arrow::Status AppendOfSchema(const std::shared_ptr<arrow::RecordBatch>& rows,
                             arrow::RecordBatchVector* parts) {
  arrow::ArrayVector columns = rows->columns();
  bool fits = true, same = true;
  for (int i = 0; i < rows->num_columns(); ++i) {
    const auto& type = rows->schema()->field(i)->type();
    if (columns[i]->type()->Equals(type)) continue;
    same = false;
    ARROW_ASSIGN_OR_RAISE(auto stored, lsm::ToStorage(columns[i]));
    // Leaves out the elements of lists that are in other rows.
    ARROW_ASSIGN_OR_RAISE(stored, arrow::Concatenate({stored}));
    ARROW_ASSIGN_OR_RAISE(columns[i], lsm::FromStorage(stored, type));
    fits = fits && columns[i]->type()->Equals(type);
    if (!fits && rows->num_rows() <= 1) {
      return MakeError(ErrorCode::kNotSupported, "column \"" + rows->column_name(i) +
                                                     "\" has a row that does not fit its type " +
                                                     type->ToString());
    }
  }
  if (fits) {
    parts->push_back(
        same ? rows
             : arrow::RecordBatch::Make(rows->schema(), rows->num_rows(), std::move(columns)));
    return arrow::Status::OK();
  }
  const int64_t half = rows->num_rows() / 2;
  ARROW_RETURN_NOT_OK(AppendOfSchema(rows->Slice(0, half), parts));
  return AppendOfSchema(rows->Slice(half), parts);
}

}  // namespace pyralog::sql
