// Rows in and out of a hot table from C++: by SQL, by key, by scan. Prints what it finds.
#include <iostream>

#include "arrow/builder.h"
#include "arrow/compute/expression.h"
#include "arrow/table.h"
#include "pyralog/database.h"

namespace {

arrow::Result<std::shared_ptr<arrow::RecordBatch>> Stock(const std::vector<int32_t>& ids,
                                                         const std::vector<int32_t>& counts) {
  arrow::Int32Builder id;
  arrow::Int32Builder count;
  ARROW_RETURN_NOT_OK(id.AppendValues(ids));
  ARROW_RETURN_NOT_OK(count.AppendValues(counts));
  ARROW_ASSIGN_OR_RAISE(auto id_array, id.Finish());
  ARROW_ASSIGN_OR_RAISE(auto count_array, count.Finish());
  const auto schema =
      arrow::schema({arrow::field("id", arrow::int32()), arrow::field("count", arrow::int32())});
  return arrow::RecordBatch::Make(schema, id_array->length(), {id_array, count_array});
}

arrow::Status Run() {
  ARROW_ASSIGN_OR_RAISE(auto db, pyralog::Database::Open(":memory:"));
  ARROW_ASSIGN_OR_RAISE(auto session, db->Connect());
  ARROW_RETURN_NOT_OK(
      session->Execute("CREATE TABLE stock (id INTEGER PRIMARY KEY, count INTEGER)").status());

  // A transaction is one snapshot and its writes. Put inserts, or replaces by key.
  ARROW_ASSIGN_OR_RAISE(auto writer, db->Begin());
  ARROW_ASSIGN_OR_RAISE(auto rows, Stock({1, 2, 3}, {20, 35, 5}));
  ARROW_RETURN_NOT_OK(writer->Append("stock", rows));
  ARROW_ASSIGN_OR_RAISE(auto changed, Stock({2}, {34}));
  ARROW_RETURN_NOT_OK(writer->Put("stock", changed));
  ARROW_RETURN_NOT_OK(writer->Commit().status());

  ARROW_ASSIGN_OR_RAISE(auto reader, db->Begin());
  ARROW_ASSIGN_OR_RAISE(auto keys, Stock({2, 9}, {0, 0}));
  ARROW_ASSIGN_OR_RAISE(auto found, reader->Get("stock", keys->SelectColumns({0}).ValueOrDie()));
  std::cout << "id 2: "
            << found.rows->GetColumnByName("count")->GetScalar(0).ValueOrDie()->ToString()
            << "; id 9 is " << (found.found[1] ? "there" : "not there") << "\n";

  ARROW_RETURN_NOT_OK(reader->Rollback());

  // Two that write one row: the first to commit wins, the other may try again.
  ARROW_ASSIGN_OR_RAISE(auto first, db->Begin());
  ARROW_ASSIGN_OR_RAISE(auto second, db->Begin());
  ARROW_RETURN_NOT_OK(first->Put("stock", changed));
  ARROW_RETURN_NOT_OK(second->Put("stock", changed));
  ARROW_RETURN_NOT_OK(first->Commit().status());
  const arrow::Status late = second->Commit().status();
  std::cout << "the second: " << pyralog::ErrorCodeName(pyralog::GetErrorCode(late)) << "\n";

  pyralog::ScanOptions options;
  options.filter =
      arrow::compute::greater(arrow::compute::field_ref("count"), arrow::compute::literal(10));
  ARROW_ASSIGN_OR_RAISE(auto scan, db->Scan("stock", options));
  ARROW_ASSIGN_OR_RAISE(auto table, scan->ToTable());
  std::cout << "more than 10 of: " << table->num_rows() << "\n";
  return db->Close();
}

}  // namespace

int main() {
  const arrow::Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
