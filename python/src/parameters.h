// Python values as parameters of statements.
//
//   Python                                        becomes
//   --------------------------------------------  ----------------------------------------
//   None, NaT, pandas.NA                          NULL
//   bool; int                                     BOOLEAN; BIGINT, else UBIGINT, else HUGEINT
//   float; decimal.Decimal                        DOUBLE; DECIMAL of its digits (at most 38)
//   str; bytes, bytearray, memoryview             VARCHAR; BLOB
//   date; time; datetime; datetime with a zone    DATE; TIME; TIMESTAMP; TIMESTAMPTZ
//   timedelta, pyralog.Interval; UUID             INTERVAL; UUID
//   list, tuple; dict with text keys              LIST; STRUCT
//   numpy arrays and scalars                      LIST; what they hold, in their width
//   enum members                                  their value
//
// Everything else, and every value that has no exact counterpart, is an error.
#pragma once

#include <nanobind/nanobind.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arrow/result.h"
#include "pyralog/database.h"

namespace pyralog::python {

// Throws the exception that names the value's type. REQUIRES: the GIL.
std::shared_ptr<arrow::Scalar> ScalarOf(nanobind::handle value);

// What was given to a statement, by position or by name.
class Parameters {
 public:
  // Of None, a sequence, or a dict. REQUIRES: the GIL.
  static Parameters From(nanobind::handle given);

  bool empty() const { return values_.empty() && named_.empty(); }
  // The values for these parameters. kInvalidArgument names one that is missing or too many.
  arrow::Result<Params> InOrder(const std::vector<std::string>& names) const;

 private:
  arrow::Result<Params> ByName(const std::vector<std::string>& names) const;

  Params values_;
  std::map<std::string, std::shared_ptr<arrow::Scalar>> named_;  // by lower-case name
};

}  // namespace pyralog::python
