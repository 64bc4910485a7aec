#include "tests/crash/database_model.h"

#include <algorithm>
#include <numeric>

#include "arrow/array/builder_binary.h"
#include "arrow/array/builder_primitive.h"

namespace pyralog::lsm {
namespace {

template <class Builder>
std::shared_ptr<arrow::Array> NumberColumn(const std::vector<Row>& rows, int column) {
  Builder builder;
  for (const Row& row : rows) {
    const Cell& cell = row[column];
    using Value = typename Builder::value_type;
    const auto value = cell ? static_cast<Value>(std::stoll(*cell)) : Value{0};
    EXPECT_TRUE((cell ? builder.Append(value) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

std::shared_ptr<arrow::Array> TextColumn(const std::vector<Row>& rows, int column) {
  arrow::StringBuilder builder;
  for (const Row& row : rows) {
    EXPECT_TRUE((row[column] ? builder.Append(*row[column]) : builder.AppendNull()).ok());
  }
  return builder.Finish().ValueOrDie();
}

Cell CellAt(const arrow::Array& array, int64_t i) {
  if (array.IsNull(i)) return std::nullopt;
  switch (array.type_id()) {
    case arrow::Type::INT32:
      return std::to_string(static_cast<const arrow::Int32Array&>(array).Value(i));
    case arrow::Type::INT64:
      return std::to_string(static_cast<const arrow::Int64Array&>(array).Value(i));
    default:
      return static_cast<const arrow::StringArray&>(array).GetString(i);
  }
}

// Without bytes that a terminal would not show.
std::string RowText(const Row& row) {
  std::string text = "(";
  for (const Cell& cell : row) {
    if (text.size() > 1) text += ", ";
    if (!cell) {
      text += "null";
      continue;
    }
    for (char c : cell->substr(0, 40)) text += c >= ' ' && c <= '~' ? c : '.';
  }
  return text + ")";
}

std::vector<Row> InOrder(const TableModel& table) {
  std::vector<Row> rows = table.rows;
  if (table.schema->keyed()) {
    std::sort(rows.begin(), rows.end(),
              [&](const Row& a, const Row& b) { return table.KeyOf(a) < table.KeyOf(b); });
  }
  return rows;
}

std::string RowDifference(const TableModel& expected, const TableModel& actual) {
  const std::vector<Row> wanted = InOrder(expected);
  const std::vector<Row> found = InOrder(actual);
  const size_t common = std::min(wanted.size(), found.size());
  const auto [w, f] = std::mismatch(wanted.begin(), wanted.begin() + common, found.begin());
  if (w == wanted.end() && f == found.end()) return "";
  std::string text = std::to_string(found.size()) + " rows instead of " +
                     std::to_string(wanted.size()) + "; row " + std::to_string(w - wanted.begin()) +
                     " is ";
  text += f == found.end() ? "missing" : RowText(*f);
  return text + ", expected " + (w == wanted.end() ? "none" : RowText(*w));
}

}  // namespace

Row TableModel::KeyOf(const Row& row) const {
  if (!schema->keyed()) return row;
  Row key;
  for (int column : schema->key) key.push_back(row[column]);
  return key;
}

int64_t TableModel::Find(const Row& key) const {
  const auto it =
      std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return KeyOf(row) == key; });
  return it == rows.end() ? -1 : it - rows.begin();
}

std::shared_ptr<arrow::RecordBatch> ToBatch(const arrow::Schema& schema,
                                            const std::vector<Row>& rows) {
  arrow::ArrayVector columns;
  for (int i = 0; i < schema.num_fields(); ++i) {
    switch (schema.field(i)->type()->id()) {
      case arrow::Type::INT32:
        columns.push_back(NumberColumn<arrow::Int32Builder>(rows, i));
        break;
      case arrow::Type::INT64:
        columns.push_back(NumberColumn<arrow::Int64Builder>(rows, i));
        break;
      default:
        columns.push_back(TextColumn(rows, i));
    }
  }
  return arrow::RecordBatch::Make(arrow::schema(schema.fields()), static_cast<int64_t>(rows.size()),
                                  std::move(columns));
}

std::vector<Row> ToRows(const arrow::RecordBatch& batch) {
  std::vector<Row> rows(batch.num_rows(), Row(batch.num_columns()));
  for (int c = 0; c < batch.num_columns(); ++c) {
    for (int64_t i = 0; i < batch.num_rows(); ++i) rows[i][c] = CellAt(*batch.column(c), i);
  }
  return rows;
}

arrow::Result<KeyBatch> ToKeys(const TableSchema& schema, const std::vector<Row>& rows) {
  KeyBatch keys;
  ARROW_RETURN_NOT_OK(keys.Append(KeyColumns(*ToBatch(*schema.arrow, rows), schema.key)));
  return keys;
}

std::vector<int64_t> VisibleRowIds(const TableView& view) {
  std::vector<int64_t> ids;
  MaskWords mask;
  for (size_t u = 0; u < view.units().size(); ++u) {
    const Unit& unit = view.units()[u];
    view.Mask(u, &mask);
    for (int64_t i = 0; i < unit.rows; ++i) {
      if ((mask[i >> 6] >> (i & 63)) & 1) ids.push_back(unit.first_row_id + i);
    }
  }
  return ids;
}

arrow::Result<TableModel> ReadTable(Transaction* txn, TableId id) {
  ARROW_ASSIGN_OR_RAISE(auto view, txn->View(id));
  TableModel table{id, view->schema(), {}};
  MaskWords mask;
  int64_t visible = 0;
  for (size_t u = 0; u < view->units().size(); ++u) {
    visible += view->Mask(u, &mask);
    arrow::ArrayVector columns;
    for (int c = 0; c < table.schema->num_fields(); ++c) {
      ARROW_ASSIGN_OR_RAISE(auto column, view->Column(u, c));
      columns.push_back(std::move(column));
    }
    for (int64_t i = 0; i < view->units()[u].rows; ++i) {
      if (!((mask[i >> 6] >> (i & 63)) & 1)) continue;
      Row row;
      for (const auto& column : columns) row.push_back(CellAt(*column, i));
      table.rows.push_back(std::move(row));
    }
  }
  if (visible != static_cast<int64_t>(table.rows.size()) || view->num_rows() != visible) {
    return arrow::Status::Invalid("the masks, the counts and the rows of table ", id.value(),
                                  " do not agree");
  }
  return table;
}

arrow::Result<DatabaseModel> ReadDatabase(Transaction* txn) {
  DatabaseModel database;
  txn->ScanMeta(
      "", [&](const std::string& key, const std::string& value) { database.meta[key] = value; });
  for (const auto& [key, value] : database.meta) {
    if (!key.starts_with(kTablePrefix)) continue;
    ARROW_ASSIGN_OR_RAISE(TableModel table,
                          ReadTable(txn, TableId(static_cast<uint32_t>(std::stoul(value)))));
    database.tables[key.substr(sizeof(kTablePrefix) - 1)] =
        std::make_shared<TableModel>(std::move(table));
  }
  return database;
}

arrow::Result<DatabaseModel> ReadDatabase(Engine* engine) {
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  return ReadDatabase(txn.get());
}

std::string Difference(const TableModel& expected, const TableModel& actual) {
  if (expected.id != actual.id) return "has another id";
  if (expected.schema->version != actual.schema->version ||
      !expected.schema->arrow->Equals(*actual.schema->arrow) ||
      expected.schema->field_ids != actual.schema->field_ids ||
      expected.schema->key != actual.schema->key) {
    return "has another schema";
  }
  return RowDifference(expected, actual);
}

std::string Difference(const DatabaseModel& expected, const DatabaseModel& actual) {
  for (const auto& [key, value] : expected.meta) {
    const auto it = actual.meta.find(key);
    if (it == actual.meta.end()) return "metadata '" + key + "' is missing";
    if (it->second != value)
      return "metadata '" + key + "' is '" + it->second + "', expected '" + value + "'";
  }
  if (actual.meta.size() != expected.meta.size()) return "there are metadata entries too many";
  for (const auto& [name, table] : expected.tables) {
    const auto it = actual.tables.find(name);
    if (it == actual.tables.end()) return "table " + name + " is missing";
    if (const std::string text = Difference(*table, *it->second); !text.empty())
      return "table " + name + ": " + text;
  }
  return actual.tables.size() == expected.tables.size() ? "" : "there are tables too many";
}

arrow::Result<std::string> LookupDifference(Transaction* txn, const DatabaseModel& expected) {
  for (const auto& [name, table] : expected.tables) {
    if (!table->schema->keyed() || table->rows.empty()) continue;
    ARROW_ASSIGN_OR_RAISE(auto view, txn->View(table->id));
    std::vector<Row> absent = {table->rows[0], table->rows.back()};
    for (Row& row : absent) {
      const int column = table->schema->key.back();
      *row[column] = table->schema->arrow->field(column)->type()->id() == arrow::Type::STRING
                         ? "no such key"
                         : "-77";
    }
    ARROW_ASSIGN_OR_RAISE(const KeyBatch strangers, ToKeys(*table->schema, absent));
    std::vector<int64_t> ids;
    ARROW_RETURN_NOT_OK(view->Lookup(strangers, &ids));
    if (ids != std::vector<int64_t>{-1, -1})
      return "table " + name + ": a key is found that is not there";
    ARROW_ASSIGN_OR_RAISE(const KeyBatch keys, ToKeys(*table->schema, table->rows));
    ARROW_RETURN_NOT_OK(view->Lookup(keys, &ids));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0)
        return "table " + name + ": the key of row " + RowText(table->rows[i]) + " is not found";
      if (!view->IsVisible(ids[i])) return "table " + name + ": an invisible row is found";
    }
    std::vector<int> columns(table->schema->num_fields());
    std::iota(columns.begin(), columns.end(), 0);
    ARROW_ASSIGN_OR_RAISE(auto batch, view->Fetch(ids, columns));
    if (ToRows(*batch) != table->rows)
      return "table " + name + ": rows found by key differ from the rows expected";
  }
  return "";
}

}  // namespace pyralog::lsm
