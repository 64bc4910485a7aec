// Names of constraints: as CONSTRAINT gave them, or made of the names of table and columns as
// PostgreSQL makes them (t_pkey, t_c_key, t_c_check, t_c_fkey). DuckDB's parser drops the former.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "catalog/entries.h"
#include "duckdb.hpp"
#include "duckdb/parser/constraint.hpp"

namespace pyralog::sql {

// The constraint with a name that goes with it wherever it is copied to and shown; "": as it is.
duckdb::unique_ptr<duckdb::Constraint> Named(duckdb::unique_ptr<duckdb::Constraint> constraint,
                                             const std::string& name);
// "" when it has none.
std::string NameOf(const duckdb::Constraint& constraint);

enum class ConstraintKind { kNotNull, kKey, kUnique, kCheck, kForeignKey };

struct ConstraintName {
  ConstraintKind kind;
  int position = 0;  // of the column (kNotNull); in unique, checks or foreign_keys
  std::string name;  // no other of the table has it
};

// All constraints of a table, in the order in which TableEntry has them. NOT NULL of the primary
// key's columns is among them.
std::vector<ConstraintName> NamesOfConstraints(const catalog::TableDef& table);

// Where the constraint keeps the name that was given to it. REQUIRES: not kNotNull.
std::string* GivenName(const ConstraintName& constraint, catalog::TableDef* table);

// Gives the constraints of parsed CREATE TABLE statements the names that their text gives them.
void NameConstraints(duckdb::SQLStatement* statement);

// kAlreadyExists when two constraints were given one name.
arrow::Status CheckGivenNames(const catalog::TableDef& table);

// duckdb_constraints(), and the views over it, have these names.
void ShowConstraintNames(duckdb::DatabaseInstance& instance);

}  // namespace pyralog::sql
