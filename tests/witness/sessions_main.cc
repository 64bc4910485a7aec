// Several sessions of one database for a test in another language: reads a line {"session", "sql"}
// after the other, answers each with a line {"rows"} or {"error", "message"}. `sessions FOLDER`
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

#include "arrow/array.h"
#include "arrow/record_batch.h"
#include "arrow/scalar.h"
#include "pyralog/database.h"

namespace pyralog::tests {
namespace {

using nlohmann::json;

// Numbers as numbers, truth values as such, all else as text.
json ValueOf(const arrow::Scalar& value) {
  if (!value.is_valid) return nullptr;
  const std::string text = value.ToString();
  if (value.type->id() == arrow::Type::BOOL) return text == "true";
  if (arrow::is_integer(value.type->id())) return std::stoll(text);
  return text;
}

arrow::Result<json> RowsOf(arrow::RecordBatchReader& reader) {
  json rows = json::array();
  while (true) {
    ARROW_ASSIGN_OR_RAISE(const auto batch, reader.Next());
    if (batch == nullptr) return rows;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      json values = json::array();
      for (const auto& column : batch->columns()) {
        ARROW_ASSIGN_OR_RAISE(const auto value, column->GetScalar(row));
        values.push_back(ValueOf(*value));
      }
      rows.push_back(std::move(values));
    }
  }
}

arrow::Result<json> Run(Session& session, const std::string& sql) {
  ARROW_ASSIGN_OR_RAISE(const auto reader, session.Query(sql));
  return RowsOf(*reader);
}

int Serve(const std::string& folder) {
  const auto database = Database::Open(folder, {.durability = Durability::kNormal});
  if (!database.ok()) {
    std::cerr << database.status().ToString() << "\n";
    return 1;
  }
  std::map<std::string, std::unique_ptr<Session>> sessions;
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line);
    auto& session = sessions[request.at("session").get<std::string>()];
    if (session == nullptr) session = (*database)->Connect().ValueOrDie();
    const auto rows = Run(*session, request.at("sql").get<std::string>());
    json answer;
    if (rows.ok()) {
      answer["rows"] = *rows;
    } else {
      answer["error"] = std::string(ErrorCodeName(GetErrorCode(rows.status())));
      answer["message"] = rows.status().message();
    }
    std::cout << answer.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace pyralog::tests

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: sessions FOLDER\n";
    return 2;
  }
  return pyralog::tests::Serve(argv[1]);
}
