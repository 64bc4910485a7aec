// Arrow values as Python values.
//
//   Arrow                                     becomes
//   ----------------------------------------  ----------------------------------------------
//   null; bool; integers; floats              None; bool; int; float
//   decimals; decimal128(38, 0)               decimal.Decimal; int (it is how HUGEINT leaves)
//   text; binary of every kind                str; bytes
//   date; time; timestamp; with a zone        date; time; datetime; datetime with that zone
//   duration                                  timedelta
//   intervals                                 timedelta, or pyralog.Interval if they have months
//   uuid                                      uuid.UUID
//   lists of every kind; struct               list; dict
//   map                                       dict, or a list of pairs where keys are nested
//   dictionary, run-end encoded, union        the value
//   other extension types                     the value that they are stored as
//
// A value that Python cannot hold (a year above 9999, nanoseconds) is a DataError that says how to
// get it.
#pragma once

#include <nanobind/nanobind.h>

#include "arrow/record_batch.h"

namespace pyralog::python {

// Appends each row as a tuple. REQUIRES: the GIL.
void AppendRows(const arrow::RecordBatch& batch, nanobind::list* rows);

}  // namespace pyralog::python
