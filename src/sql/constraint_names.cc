#include "sql/constraint_names.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "duckdb/catalog/catalog_entry/table_function_catalog_entry.hpp"
#include "duckdb/function/table_function.hpp"
#include "duckdb/parser/constraints/list.hpp"
#include "duckdb/parser/parsed_data/create_table_info.hpp"
#include "duckdb/parser/statement/create_statement.hpp"
#include "pyralog/error.h"
#include "sql/catalog.h"
#include "sql/column_refs.h"
#include "sql/dependents.h"
#include "sql/errors.h"
#include "sql/sql_tokens.h"
#include "sql/table_entry.h"
#include "sql/transaction.h"

namespace pyralog::sql {
namespace {

std::string ListOfNames(const duckdb::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "(" : ", ") + duckdb::KeywordHelper::WriteOptionallyQuoted(name);
  return list + ")";
}

template <class Constraint>
std::string TextOfConstraint(const Constraint& constraint) {
  return constraint.Constraint::ToString();
}

// DuckDB leaves out quotes of the table's name, and has no text for a table that refers to itself.
template <>
std::string TextOfConstraint(const duckdb::ForeignKeyConstraint& constraint) {
  const auto& to = constraint.info;
  const bool plain = to.schema.empty() || to.schema == DEFAULT_SCHEMA;
  return "FOREIGN KEY " + ListOfNames(constraint.fk_columns) + " REFERENCES " +
         (plain ? duckdb::KeywordHelper::WriteOptionallyQuoted(to.table)
                : QualifiedText(to.schema, to.table)) +
         (constraint.pk_columns.empty() ? "" : ListOfNames(constraint.pk_columns));
}

class HasName {
 public:
  explicit HasName(std::string name) : name_(std::move(name)) {}
  virtual ~HasName() = default;
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
};

// DuckDB's Cast takes the constraint for the base, which comes first.
template <class Base>
class NamedConstraint final : public Base, public HasName {
 public:
  NamedConstraint(Base&& base, std::string name)
      : Base(std::move(base)), HasName(std::move(name)) {}

  std::string ToString() const override {
    std::string text = TextOfConstraint<Base>(*this);
    if (name().empty()) return text;
    return "CONSTRAINT " + duckdb::KeywordHelper::WriteOptionallyQuoted(name()) + " " + text;
  }
  duckdb::unique_ptr<duckdb::Constraint> Copy() const override {
    const auto copy = Base::Copy();
    return duckdb::make_uniq<NamedConstraint>(std::move(copy->template Cast<Base>()), name());
  }
};

template <class Base>
duckdb::unique_ptr<duckdb::Constraint> WithName(duckdb::Constraint& constraint,
                                                const std::string& name) {
  return duckdb::make_uniq<NamedConstraint<Base>>(std::move(constraint.Cast<Base>()), name);
}

// ---- Made names ----

const char* SuffixOf(ConstraintKind kind) {
  switch (kind) {
    case ConstraintKind::kNotNull:
      return "_not_null";
    case ConstraintKind::kKey:
      return "_pkey";
    case ConstraintKind::kUnique:
      return "_key";
    case ConstraintKind::kCheck:
      return "_check";
    case ConstraintKind::kForeignKey:
      return "_fkey";
  }
  return "";
}

std::string MadeName(const catalog::TableDef& table, const ConstraintName& constraint) {
  std::vector<int> columns;
  switch (constraint.kind) {
    case ConstraintKind::kNotNull:
      columns = {constraint.position};
      break;
    case ConstraintKind::kKey:
      break;
    case ConstraintKind::kUnique:
      columns = table.unique[constraint.position].columns;
      break;
    case ConstraintKind::kForeignKey:
      columns = table.foreign_keys[constraint.position].columns;
      break;
    case ConstraintKind::kCheck: {
      const auto check = ParseExpressionText(table.checks[constraint.position].sql);
      if (!check.ok()) break;
      const std::set<int> read = ColumnsRead(**check, table);
      if (read.size() == 1) columns.assign(read.begin(), read.end());
    }
  }
  std::string name = table.name;
  for (const int column : columns) name += "_" + table.columns[column].name;
  return name + SuffixOf(constraint.kind);
}

std::vector<ConstraintName> UnnamedConstraints(const catalog::TableDef& table) {
  std::vector<ConstraintName> all;
  for (int i = 0; i < static_cast<int>(table.columns.size()); ++i) {
    if (!table.columns[i].nullable) all.push_back({ConstraintKind::kNotNull, i, ""});
  }
  if (!table.key.empty()) all.push_back({ConstraintKind::kKey, 0, ""});
  for (int i = 0; i < static_cast<int>(table.unique.size()); ++i) {
    if (table.unique[i].index.empty()) all.push_back({ConstraintKind::kUnique, i, ""});
  }
  for (int i = 0; i < static_cast<int>(table.checks.size()); ++i)
    all.push_back({ConstraintKind::kCheck, i, ""});
  for (int i = 0; i < static_cast<int>(table.foreign_keys.size()); ++i)
    all.push_back({ConstraintKind::kForeignKey, i, ""});
  return all;
}

// ---- CREATE TABLE ----

struct GivenConstraint {
  ConstraintKind kind;
  std::string name;
};

// The constraints of a CREATE TABLE, NOT NULL aside, in the order of their text.
std::vector<GivenConstraint> GivenConstraints(std::string_view sql) {
  const std::vector<SqlToken> tokens = TokensOf(sql);
  TokenCursor at(sql, tokens, 0, tokens.size());
  std::vector<GivenConstraint> given;
  while (!at.AtEnd() && !at.Is("(")) at.Skip();
  if (at.AtEnd()) return given;
  at.Skip();
  std::string name;
  bool refers = false;  // within a FOREIGN KEY, whose REFERENCES is a part of it
  const auto add = [&](ConstraintKind kind) { given.push_back({kind, std::exchange(name, "")}); };
  while (!at.AtEnd() && !at.Is(")")) {
    if (at.Take("CONSTRAINT")) {
      name = at.TakeName();
      continue;
    }
    if (at.Is(",")) {
      name.clear();
      refers = false;
    } else if (at.Is("PRIMARY")) {
      add(ConstraintKind::kKey);
    } else if (at.Is("UNIQUE")) {
      add(ConstraintKind::kUnique);
    } else if (at.Is("CHECK")) {
      add(ConstraintKind::kCheck);
    } else if (at.Is("FOREIGN") || (at.Is("REFERENCES") && !refers)) {
      refers = at.Is("FOREIGN");
      add(ConstraintKind::kForeignKey);
    } else if (at.Is("NOT") || at.Is("NULL") || at.Is("DEFAULT")) {
      name.clear();
    }
    at.SkipWhole();
  }
  return given;
}

ConstraintKind KindOf(const duckdb::Constraint& constraint) {
  switch (constraint.type) {
    case duckdb::ConstraintType::CHECK:
      return ConstraintKind::kCheck;
    case duckdb::ConstraintType::FOREIGN_KEY:
      return ConstraintKind::kForeignKey;
    case duckdb::ConstraintType::UNIQUE:
      return constraint.Cast<duckdb::UniqueConstraint>().IsPrimaryKey() ? ConstraintKind::kKey
                                                                        : ConstraintKind::kUnique;
    default:
      return ConstraintKind::kNotNull;
  }
}

// ---- duckdb_constraints() ----

// Columns of the function.
constexpr duckdb::idx_t kDatabaseColumn = 0;
constexpr duckdb::idx_t kSchemaColumn = 2;
constexpr duckdb::idx_t kTableColumn = 4;
constexpr duckdb::idx_t kTextColumn = 8;
constexpr duckdb::idx_t kNameColumn = 12;

// DuckDB's own function.
struct OriginalFunction : duckdb::TableFunctionInfo {
  explicit OriginalFunction(duckdb::TableFunction f) : function(std::move(f)) {}
  duckdb::TableFunction function;
};

struct NamedListData : duckdb::TableFunctionData {
  duckdb::shared_ptr<duckdb::TableFunctionInfo> original;
};

struct NamedListState : duckdb::GlobalTableFunctionState {
  duckdb::unique_ptr<duckdb::GlobalTableFunctionState> inner;
  std::array<std::string, 3> table;  // database, schema and name, of the last row
  std::vector<std::string> names;    // of that table's constraints
  size_t next = 0;
};

const duckdb::TableFunction& OriginalOf(const duckdb::FunctionData& data) {
  return data.Cast<NamedListData>().original->Cast<OriginalFunction>().function;
}

duckdb::unique_ptr<duckdb::FunctionData> BindNamedList(duckdb::ClientContext& context,
                                                       duckdb::TableFunctionBindInput& input,
                                                       duckdb::vector<duckdb::LogicalType>& types,
                                                       duckdb::vector<std::string>& names) {
  auto data = duckdb::make_uniq<NamedListData>();
  data->original = input.table_function.function_info;
  OriginalOf(*data).bind(context, input, types, names);
  return data;
}

duckdb::unique_ptr<duckdb::GlobalTableFunctionState> BeginNamedList(
    duckdb::ClientContext& context, duckdb::TableFunctionInitInput& input) {
  auto state = duckdb::make_uniq<NamedListState>();
  state->inner = OriginalOf(*input.bind_data).init_global(context, input);
  return state;
}

std::vector<std::string> NamesOfTable(duckdb::ClientContext& context, const std::string& schema,
                                      const std::string& name) {
  auto& own = SqlTransaction::Get(context, duckdb::Catalog::GetCatalog(context, kCatalogName));
  const auto entry = ValueOrThrow(own.state().Find(schema, name));
  std::vector<std::string> names;
  if (entry == nullptr || entry->table == nullptr) return names;
  for (const ConstraintName& constraint : NamesOfConstraints(*entry->table))
    names.push_back(constraint.name);
  return names;
}

void GiveNamedList(duckdb::ClientContext& context, duckdb::TableFunctionInput& input,
                   duckdb::DataChunk& output) {
  auto& state = input.global_state->Cast<NamedListState>();
  duckdb::TableFunctionInput inner(nullptr, input.local_state, state.inner.get());
  OriginalOf(*input.bind_data).function(context, inner, output);
  const auto text = [&](duckdb::idx_t column, duckdb::idx_t row) {
    return output.GetValue(column, row).ToString();
  };
  for (duckdb::idx_t row = 0; row < output.size(); ++row) {
    const std::array<std::string, 3> table = {text(kDatabaseColumn, row), text(kSchemaColumn, row),
                                              text(kTableColumn, row)};
    if (table != state.table) {
      state.table = table;
      state.next = 0;
      state.names.clear();
      if (table[0] == kCatalogName) state.names = NamesOfTable(context, table[1], table[2]);
    }
    if (state.next >= state.names.size()) continue;
    const std::string& name = state.names[state.next++];
    output.SetValue(kNameColumn, row, duckdb::Value(name));
    const std::string prefix =
        "CONSTRAINT " + duckdb::KeywordHelper::WriteOptionallyQuoted(name) + " ";
    const std::string shown = text(kTextColumn, row);
    if (shown.starts_with(prefix))
      output.SetValue(kTextColumn, row, duckdb::Value(shown.substr(prefix.size())));
  }
}

}  // namespace

duckdb::unique_ptr<duckdb::Constraint> Named(duckdb::unique_ptr<duckdb::Constraint> constraint,
                                             const std::string& name) {
  const bool foreign_key = constraint->type == duckdb::ConstraintType::FOREIGN_KEY;
  if (name.empty() && !foreign_key) return constraint;
  switch (constraint->type) {
    case duckdb::ConstraintType::CHECK:
      return WithName<duckdb::CheckConstraint>(*constraint, name);
    case duckdb::ConstraintType::UNIQUE:
      return WithName<duckdb::UniqueConstraint>(*constraint, name);
    case duckdb::ConstraintType::FOREIGN_KEY:
      return WithName<duckdb::ForeignKeyConstraint>(*constraint, name);
    default:
      return constraint;
  }
}

std::string NameOf(const duckdb::Constraint& constraint) {
  const auto* named = dynamic_cast<const HasName*>(&constraint);
  return named == nullptr ? "" : named->name();
}

std::string* GivenName(const ConstraintName& constraint, catalog::TableDef* table) {
  switch (constraint.kind) {
    case ConstraintKind::kUnique:
      return &table->unique[constraint.position].name;
    case ConstraintKind::kCheck:
      return &table->checks[constraint.position].name;
    case ConstraintKind::kForeignKey:
      return &table->foreign_keys[constraint.position].name;
    default:
      return &table->key_name;
  }
}

std::vector<ConstraintName> NamesOfConstraints(const catalog::TableDef& table) {
  std::vector<ConstraintName> all = UnnamedConstraints(table);
  catalog::TableDef names = table;
  std::set<std::string> taken;
  for (ConstraintName& constraint : all) {
    if (constraint.kind == ConstraintKind::kNotNull) continue;
    constraint.name = *GivenName(constraint, &names);
    taken.insert(duckdb::StringUtil::Lower(constraint.name));
  }
  for (ConstraintName& constraint : all) {
    if (!constraint.name.empty()) continue;
    const std::string made = MadeName(table, constraint);
    constraint.name = made;
    for (int i = 1; !taken.insert(duckdb::StringUtil::Lower(constraint.name)).second; ++i)
      constraint.name = made + std::to_string(i);
  }
  return all;
}

arrow::Status CheckGivenNames(const catalog::TableDef& table) {
  catalog::TableDef names = table;
  std::set<std::string> taken;
  for (const ConstraintName& constraint : UnnamedConstraints(table)) {
    if (constraint.kind == ConstraintKind::kNotNull) continue;
    const std::string& name = *GivenName(constraint, &names);
    if (name.empty() || taken.insert(duckdb::StringUtil::Lower(name)).second) continue;
    return MakeError(ErrorCode::kAlreadyExists,
                     "table \"" + table.name + "\" has two constraints \"" + name + "\"");
  }
  return arrow::Status::OK();
}

void NameConstraints(duckdb::SQLStatement* statement) {
  if (statement->type != duckdb::StatementType::CREATE_STATEMENT) return;
  auto& created = *statement->Cast<duckdb::CreateStatement>().info;
  if (created.type != duckdb::CatalogType::TABLE_ENTRY) return;
  auto& info = created.Cast<duckdb::CreateTableInfo>();
  std::string_view text = statement->query;
  text.remove_prefix(std::min<size_t>(statement->stmt_location, text.size()));
  if (statement->stmt_length > 0) text = text.substr(0, statement->stmt_length);
  const auto given = GivenConstraints(text);
  auto next = given.begin();
  for (auto& constraint : info.constraints) {
    const ConstraintKind kind = KindOf(*constraint);
    if (kind == ConstraintKind::kNotNull) continue;
    if (next == given.end() || next->kind != kind) return;
    constraint = Named(std::move(constraint), next->name);
    ++next;
  }
}

void ShowConstraintNames(duckdb::DatabaseInstance& instance) {
  const auto transaction = duckdb::CatalogTransaction::GetSystemTransaction(instance);
  auto& schema = duckdb::Catalog::GetSystemCatalog(instance).GetSchema(transaction, DEFAULT_SCHEMA);
  const std::string name = "duckdb_constraints";
  const duckdb::EntryLookupInfo lookup(duckdb::CatalogType::TABLE_FUNCTION_ENTRY, name);
  auto& entry = schema.LookupEntry(transaction, lookup)->Cast<duckdb::TableFunctionCatalogEntry>();
  duckdb::TableFunction& function = entry.functions.GetFunctionReferenceByOffset(0);
  auto original = duckdb::make_shared_ptr<OriginalFunction>(function);
  function.function_info = std::move(original);
  function.bind = BindNamedList;
  function.init_global = BeginNamedList;
  function.function = GiveNamedList;
}

}  // namespace pyralog::sql
