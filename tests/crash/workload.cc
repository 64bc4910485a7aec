#include "tests/crash/workload.h"

#include <algorithm>
#include <set>
#include <utility>

#include "arrow/scalar.h"
#include "pyralog/error.h"

namespace pyralog::lsm {
namespace {

constexpr size_t kMostTables = 5;
constexpr size_t kMostRows = 250;  // of a table, so that comparing stays cheap

std::shared_ptr<arrow::Field> Int32(const char* name, bool nullable = true) {
  return arrow::field(name, arrow::int32(), nullable);
}
std::shared_ptr<arrow::Field> Int64(const char* name, bool nullable = true) {
  return arrow::field(name, arrow::int64(), nullable);
}
std::shared_ptr<arrow::Field> Text(const char* name, bool nullable = true) {
  return arrow::field(name, arrow::utf8(), nullable);
}

TableSchemaPtr SchemaOfKind(uint64_t kind) {
  switch (kind) {
    case 0:
      return MakeTableSchema(arrow::schema({Int64("n"), Text("text")}), {}).ValueOrDie();
    case 1:
      return MakeTableSchema(arrow::schema({Int64("id", false), Text("v"), Int32("c")}), {0})
          .ValueOrDie();
    case 2:
      return MakeTableSchema(arrow::schema({Text("v"), Int32("a", false), Text("b", false)}),
                             {1, 2})
          .ValueOrDie();
    default:
      return MakeTableSchema(arrow::schema({Text("name", false), Int64("n")}), {0}).ValueOrDie();
  }
}

// A transaction under way, and the model as it sees the database.
class Attempt {
 public:
  Attempt(Transaction* txn, DatabaseModel model, std::mt19937_64* random, std::string* wrong)
      : txn_(txn), model_(std::move(model)), random_(*random), wrong_(*wrong) {}

  arrow::Status AnyOperation();
  arrow::Status CreateTable();
  arrow::Status CreateTable(const std::string& name, const TableSchemaPtr& schema);
  // Rows of a table of kind 0.
  arrow::Status InsertTexts(const std::string& name, int count, size_t text_size);
  arrow::Status DeleteRows(const std::string& name, const std::vector<size_t>& positions);
  // The transaction's own view of what it touched is what the model says.
  arrow::Status CheckOwnView();
  DatabaseModel Take() { return std::move(model_); }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string RandomText(size_t longest);
  Row RandomRow(const TableSchema& schema);
  std::vector<size_t> RandomPositions(size_t size, size_t count);
  // The named table of the model, to be changed.
  TableModel* Edit(const std::string& name);

  arrow::Status DropTable(const std::string& name);
  arrow::Status AlterTable(const std::string& name);
  arrow::Status ChangeMeta();
  arrow::Status Insert(const std::string& name, size_t count);
  arrow::Status InsertTwice(const std::string& name);
  arrow::Status Update(const std::string& name);
  arrow::Result<std::vector<int64_t>> RowIds(const TableModel& table,
                                             const std::vector<size_t>& positions);
  void AddColumn(TableSchema* schema, std::vector<Row>* rows);
  static void DropColumn(TableSchema* schema, std::vector<Row>* rows, int column);

  Transaction* const txn_;
  DatabaseModel model_;
  std::mt19937_64& random_;
  std::string& wrong_;
};

std::string Attempt::RandomText(size_t longest) {
  std::string text(Below(longest + 1), 'a');
  for (char& c : text) c = static_cast<char>('a' + Below(26));
  return text;
}

Row Attempt::RandomRow(const TableSchema& schema) {
  Row row;
  for (int i = 0; i < schema.num_fields(); ++i) {
    const bool text = schema.arrow->field(i)->type()->id() == arrow::Type::STRING;
    const bool is_key = std::count(schema.key.begin(), schema.key.end(), i) > 0;
    const uint64_t domain = schema.key.size() > 1 ? 20 : 300;
    if (is_key && text) {
      // Keys that begin alike, hold a zero byte, or are empty.
      const uint64_t n = Below(domain);
      row.emplace_back(n == 0 ? std::string()
                              : "key" + std::string(n % 3, '\0') + std::to_string(n));
    } else if (is_key) {
      row.emplace_back(std::to_string(Below(domain)));
    } else if (schema.arrow->field(i)->nullable() && Below(8) == 0) {
      row.emplace_back(std::nullopt);
    } else {
      row.emplace_back(text ? RandomText(60)
                            : std::to_string(static_cast<int64_t>(Below(2000000)) - 1000000));
    }
  }
  return row;
}

std::vector<size_t> Attempt::RandomPositions(size_t size, size_t count) {
  std::set<size_t> positions;
  for (size_t i = 0; i < count && size > 0; ++i) positions.insert(Below(size));
  return {positions.begin(), positions.end()};
}

TableModel* Attempt::Edit(const std::string& name) {
  auto copy = std::make_shared<TableModel>(*model_.tables.at(name));
  TableModel* table = copy.get();
  model_.tables[name] = std::move(copy);
  return table;
}

arrow::Status Attempt::CreateTable() {
  std::string name = "t" + std::to_string(Below(100));
  while (model_.tables.contains(name)) name += "x";
  return CreateTable(name, SchemaOfKind(Below(4)));
}

arrow::Status Attempt::CreateTable(const std::string& name, const TableSchemaPtr& schema) {
  ARROW_ASSIGN_OR_RAISE(const TableId id, txn_->CreateTable(schema));
  model_.tables[name] = std::make_shared<TableModel>(TableModel{id, schema, {}});
  model_.meta[kTablePrefix + name] = std::to_string(id.value());
  return txn_->PutMeta(kTablePrefix + name, std::to_string(id.value()));
}

arrow::Status Attempt::DropTable(const std::string& name) {
  ARROW_RETURN_NOT_OK(txn_->DropTable(model_.tables.at(name)->id));
  model_.tables.erase(name);
  model_.meta.erase(kTablePrefix + name);
  return txn_->DeleteMeta(kTablePrefix + name);
}

void Attempt::AddColumn(TableSchema* schema, std::vector<Row>* rows) {
  const auto at = static_cast<int>(Below(schema->num_fields() + 1));
  const std::string name = "c" + std::to_string(schema->next_field_id.value());
  const bool text = Below(2) == 0;
  const Cell missing = Below(3) == 0 ? std::nullopt : Cell(text ? "was not there" : "7");
  std::shared_ptr<arrow::Scalar> scalar;
  if (missing) scalar = text ? arrow::MakeScalar(*missing) : arrow::MakeScalar(int32_t{7});
  const auto field = text ? Text(name.c_str()) : Int32(name.c_str());
  schema->arrow = schema->arrow->AddField(at, field).ValueOrDie();
  schema->field_ids.insert(schema->field_ids.begin() + at, schema->next_field_id);
  schema->missing.insert(schema->missing.begin() + at, std::move(scalar));
  schema->next_field_id = schema->next_field_id.Next();
  for (int& key : schema->key) key += key >= at ? 1 : 0;
  for (Row& row : *rows) row.insert(row.begin() + at, missing);
}

void Attempt::DropColumn(TableSchema* schema, std::vector<Row>* rows, int column) {
  schema->arrow = schema->arrow->RemoveField(column).ValueOrDie();
  schema->field_ids.erase(schema->field_ids.begin() + column);
  schema->missing.erase(schema->missing.begin() + column);
  for (int& key : schema->key) key -= key > column ? 1 : 0;
  for (Row& row : *rows) row.erase(row.begin() + column);
}

arrow::Status Attempt::AlterTable(const std::string& name) {
  TableModel* table = Edit(name);
  auto schema = std::make_shared<TableSchema>(*table->schema);
  ++schema->version;
  const auto column = static_cast<int>(Below(schema->num_fields()));
  const auto& field = schema->arrow->field(column);
  const bool is_key = std::count(schema->key.begin(), schema->key.end(), column) > 0;
  if (Below(2) == 0) {
    AddColumn(schema.get(), &table->rows);
  } else if (!is_key && schema->num_fields() > 2 && Below(2) == 0) {
    DropColumn(schema.get(), &table->rows, column);
  } else if (!is_key && field->type()->id() == arrow::Type::INT32) {
    schema->arrow = schema->arrow->SetField(column, field->WithType(arrow::int64())).ValueOrDie();
    if (auto& missing = schema->missing[column]) missing = arrow::MakeScalar(int64_t{7});
  } else {
    schema->arrow =
        schema->arrow->SetField(column, field->WithName(field->name() + "r")).ValueOrDie();
  }
  table->schema = schema;
  return txn_->AlterTable(table->id, schema);
}

arrow::Status Attempt::ChangeMeta() {
  const std::string key = "m" + std::to_string(Below(6));
  if (model_.meta.contains(key) && Below(3) == 0) {
    model_.meta.erase(key);
    return txn_->DeleteMeta(key);
  }
  model_.meta[key] = RandomText(40);
  return txn_->PutMeta(key, model_.meta[key]);
}

arrow::Status Attempt::Insert(const std::string& name, size_t count) {
  TableModel* table = Edit(name);
  std::vector<Row> rows;
  std::set<Row> keys;
  for (size_t i = 0; i < count && table->rows.size() + rows.size() < kMostRows; ++i) {
    Row row = RandomRow(*table->schema);
    if (table->schema->keyed()) {
      Row key = table->KeyOf(row);
      if (table->Find(key) >= 0 || !keys.insert(std::move(key)).second) continue;
    }
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(txn_->Append(table->id, ToBatch(*table->schema->arrow, rows)));
  table->rows.insert(table->rows.end(), rows.begin(), rows.end());
  return arrow::Status::OK();
}

arrow::Status Attempt::InsertTexts(const std::string& name, int count, size_t text_size) {
  TableModel* table = Edit(name);
  std::vector<Row> rows;
  for (int i = 0; i < count; ++i) {
    std::string text(text_size, 'a');
    for (char& c : text) c = static_cast<char>('a' + Below(26));
    rows.push_back({std::to_string(i), std::move(text)});
  }
  table->rows.insert(table->rows.end(), rows.begin(), rows.end());
  return txn_->Append(table->id, ToBatch(*table->schema->arrow, rows));
}

// A key that is there already must be refused, and the other row of its batch with it.
arrow::Status Attempt::InsertTwice(const std::string& name) {
  const TableModel& table = *model_.tables.at(name);
  if (!table.schema->keyed() || table.rows.empty()) return arrow::Status::OK();
  const std::vector<Row> rows = {RandomRow(*table.schema), table.rows[Below(table.rows.size())]};
  const arrow::Status status = txn_->Append(table.id, ToBatch(*table.schema->arrow, rows));
  if (GetErrorCode(status) == ErrorCode::kConstraint) return arrow::Status::OK();
  if (status.ok()) wrong_ = "table " + name + ": took a key twice";
  return status;
}

arrow::Result<std::vector<int64_t>> Attempt::RowIds(const TableModel& table,
                                                    const std::vector<size_t>& positions) {
  ARROW_ASSIGN_OR_RAISE(auto view, txn_->View(table.id));
  std::vector<int64_t> ids;
  if (table.schema->keyed()) {
    std::vector<Row> rows;
    for (size_t position : positions) rows.push_back(table.rows[position]);
    ARROW_ASSIGN_OR_RAISE(const KeyBatch keys, ToKeys(*table.schema, rows));
    ARROW_RETURN_NOT_OK(view->Lookup(keys, &ids));
    if (std::count(ids.begin(), ids.end(), -1) > 0)
      wrong_ = "a key that should be there is not found";
  } else {
    const std::vector<int64_t> all = VisibleRowIds(*view);
    if (all.size() != table.rows.size()) {
      wrong_ = std::to_string(all.size()) + " rows are visible instead of " +
               std::to_string(table.rows.size());
      return ids;
    }
    for (size_t position : positions) ids.push_back(all[position]);
  }
  return ids;
}

arrow::Status Attempt::DeleteRows(const std::string& name, const std::vector<size_t>& positions) {
  TableModel* table = Edit(name);
  ARROW_ASSIGN_OR_RAISE(const std::vector<int64_t> ids, RowIds(*table, positions));
  if (!wrong_.empty()) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const int64_t deleted, txn_->Delete(table->id, ids));
  if (deleted != static_cast<int64_t>(ids.size()))
    wrong_ = "a delete counted rows that were not there";
  for (auto it = positions.rbegin(); it != positions.rend(); ++it) {
    table->rows.erase(table->rows.begin() + static_cast<int64_t>(*it));
  }
  return arrow::Status::OK();
}

arrow::Status Attempt::Update(const std::string& name) {
  const std::vector<Row> before = model_.tables.at(name)->rows;
  const std::vector<size_t> positions = RandomPositions(before.size(), Below(6) + 1);
  if (positions.empty()) return arrow::Status::OK();
  ARROW_RETURN_NOT_OK(DeleteRows(name, positions));
  TableModel* table = Edit(name);
  std::vector<Row> rows;
  for (size_t position : positions) {
    Row row = RandomRow(*table->schema);
    for (int column : table->schema->key) row[column] = before[position][column];
    rows.push_back(std::move(row));
  }
  ARROW_RETURN_NOT_OK(txn_->Append(table->id, ToBatch(*table->schema->arrow, rows)));
  table->rows.insert(table->rows.end(), rows.begin(), rows.end());
  return arrow::Status::OK();
}

arrow::Status Attempt::AnyOperation() {
  const uint64_t what = Below(100);
  if (what < 8) return ChangeMeta();
  if (model_.tables.size() < 2 || (what < 12 && model_.tables.size() < kMostTables))
    return CreateTable();
  const std::string name =
      std::next(model_.tables.begin(), static_cast<int64_t>(Below(model_.tables.size())))->first;
  const size_t rows = model_.tables.at(name)->rows.size();
  if (what < 14) return DropTable(name);
  if (what < 19) return AlterTable(name);
  if (what < 22) return InsertTwice(name);
  if (what < 45) return Insert(name, Below(8) + 1);
  if (what < 55) return Insert(name, Below(80) + 40);
  if (what < 78) return Update(name);
  if (what < 83) return DeleteRows(name, RandomPositions(rows, rows));
  return DeleteRows(name, RandomPositions(rows, Below(8) + 1));
}

arrow::Status Attempt::CheckOwnView() {
  ARROW_ASSIGN_OR_RAISE(const DatabaseModel seen, ReadDatabase(txn_));
  if (wrong_.empty()) wrong_ = Difference(model_, seen);
  if (!wrong_.empty()) wrong_ = "a transaction's own view: " + wrong_;
  return arrow::Status::OK();
}

}  // namespace

EngineOptions SmallOptions() {
  EngineOptions options;
  options.memtable_bytes = 12 << 10;
  options.spill_bytes = 6 << 10;
  options.wal_bytes = 64 << 10;
  options.wal_preallocate_bytes = 16 << 10;
  options.reserve_bytes = 32 << 10;
  options.merge_fanin = 3;
  options.background_work = false;
  return options;
}

arrow::Status Database::Open() {
  engine.reset();
  ARROW_ASSIGN_OR_RAISE(engine, Engine::Open(env, "db", options));
  return arrow::Status::OK();
}

Workload::Workload(uint64_t seed) : random_(seed), states_{std::make_shared<DatabaseModel>()} {}

arrow::Status Workload::CommitAttempt(Transaction* txn, DatabaseModel next) {
  if (!wrong_.empty()) return arrow::Status::Invalid(wrong_);
  states_.resize(acknowledged_ + 1);
  states_.push_back(std::make_shared<const DatabaseModel>(std::move(next)));
  ARROW_ASSIGN_OR_RAISE(const CommitNumber commit, txn->Commit());
  if (commit.value() == 0) {
    // Nothing was written in the end; the model must not have changed either.
    wrong_ = Difference(*states_[acknowledged_], *states_[acknowledged_ + 1]);
    states_.pop_back();
  } else if (commit.value() == acknowledged_ + 1) {
    ++acknowledged_;
  } else {
    wrong_ = "commit " + std::to_string(acknowledged_ + 1) + " got number " +
             std::to_string(commit.value());
  }
  return wrong_.empty() ? arrow::Status::OK() : arrow::Status::Invalid(wrong_);
}

arrow::Status Workload::Commit(Engine* engine) {
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  Attempt attempt(txn.get(), model(), &random_, &wrong_);
  for (uint64_t n = random_() % 4 + 1; n > 0; --n) ARROW_RETURN_NOT_OK(attempt.AnyOperation());
  if (random_() % 4 == 0) ARROW_RETURN_NOT_OK(attempt.CheckOwnView());
  return CommitAttempt(txn.get(), attempt.Take());
}

arrow::Status Workload::CommitRows(Engine* engine, int commits, size_t text_size, int rows) {
  const bool create = !model().tables.contains("rows");
  for (int i = create ? -1 : 0; i < commits; ++i) {
    ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
    Attempt attempt(txn.get(), model(), &random_, &wrong_);
    ARROW_RETURN_NOT_OK(i < 0 ? attempt.CreateTable("rows", SchemaOfKind(0))
                              : attempt.InsertTexts("rows", rows, text_size));
    ARROW_RETURN_NOT_OK(CommitAttempt(txn.get(), attempt.Take()));
  }
  return arrow::Status::OK();
}

arrow::Status Workload::DeleteMost(Engine* engine) {
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  Attempt attempt(txn.get(), model(), &random_, &wrong_);
  for (const auto& [name, table] : model().tables) {
    std::vector<size_t> positions;
    for (size_t i = 0; i < table->rows.size(); ++i) {
      if (i % 10 != 0) positions.push_back(i);
    }
    ARROW_RETURN_NOT_OK(attempt.DeleteRows(name, positions));
  }
  return CommitAttempt(txn.get(), attempt.Take());
}

arrow::Status Workload::Step(Database* database) {
  const uint64_t what = random_() % 100;
  if (what < 3 || database->engine == nullptr) return database->Open();
  Engine* engine = database->engine.get();
  if (what < 8) {
    ARROW_RETURN_NOT_OK(engine->Flush());
    flushed_ = acknowledged_;
    return arrow::Status::OK();
  }
  if (what < 12) return engine->DrainBackgroundWork();
  if (what >= 17) return Commit(engine);
  // A transaction that is rolled back.
  ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
  Attempt attempt(txn.get(), model(), &random_, &wrong_);
  for (int n = 0; n < 3; ++n) ARROW_RETURN_NOT_OK(attempt.AnyOperation());
  return arrow::Status::OK();
}

std::string Workload::Adopt(Engine* engine) { return Adopt(engine, acknowledged_); }

std::string Workload::Adopt(Engine* engine, uint64_t least) {
  const uint64_t recovered = engine->last_durable().value();
  if (recovered < least || recovered >= states_.size()) {
    return "commit " + std::to_string(recovered) + " was recovered, " + std::to_string(least) +
           " to " + std::to_string(states_.size() - 1) + " were expected";
  }
  acknowledged_ = recovered;
  states_.resize(acknowledged_ + 1);
  wrong_.clear();
  return Check(engine);
}

std::string Workload::Check(Engine* engine) const {
  auto check = [&]() -> arrow::Result<std::string> {
    ARROW_ASSIGN_OR_RAISE(auto txn, engine->Begin());
    ARROW_ASSIGN_OR_RAISE(const DatabaseModel seen, ReadDatabase(txn.get()));
    if (std::string text = Difference(model(), seen); !text.empty()) {
      return "as of commit " + std::to_string(acknowledged_) + ", " + text;
    }
    return LookupDifference(txn.get(), model());
  };
  const auto text = check();
  return text.ok() ? *text : text.status().ToString();
}

}  // namespace pyralog::lsm
