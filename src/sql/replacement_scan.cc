#include "sql/replacement_scan.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "duckdb/function/replacement_scan.hpp"
#include "duckdb/main/config.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/tableref/table_function_ref.hpp"
#include "formats/registry.h"
#include "io/glob.h"
#include "io/uri.h"
#include "sql/errors.h"
#include "sql/external_scan.h"

namespace pyralog::sql {
namespace {

// Whether a name that is no table's can only be a path: it has a folder, a scheme, a wildcard or a
// format's suffix.
bool LooksLikePath(const std::string& name) {
  return name.find('/') != std::string::npos || io::HasWildcard(name) ||
         formats::FormatOfPath(name) != nullptr;
}

// Throws what is wrong with the path; nullptr for what is no path.
const formats::Format* FormatOfName(duckdb::ClientContext& context, const std::string& name) {
  std::error_code ignored;
  const bool scheme = !io::UriScheme(name).empty();
  if (!scheme && !LooksLikePath(name)) {
    if (name.empty() || !std::filesystem::is_regular_file(name, ignored)) return nullptr;
  }
  const std::string path = ValueOrThrow(io::LocalPath(name));
  // The suffix of what is asked for tells it without a look, unless it is one file, which tells
  // better itself.
  const bool single = std::filesystem::is_regular_file(path, ignored);
  if (!single) {
    if (const formats::Format* format = formats::FormatOfPath(path)) return format;
    // DuckDB then says that there is no such table.
    if (!scheme && !std::filesystem::exists(path, ignored) && !io::HasWildcard(path))
      return nullptr;
  }
  const auto files = FilesOf(context, duckdb::Value(name), nullptr);
  const auto source = ValueOrThrow(formats::Source::Open(io::PosixEnv(), files.front()));
  return ValueOrThrow(formats::DetectFormat(*source));
}

duckdb::unique_ptr<duckdb::TableRef> ReplaceByFile(
    duckdb::ClientContext& context, duckdb::ReplacementScanInput& input,
    duckdb::optional_ptr<duckdb::ReplacementScanData> data) {
  const std::string name = duckdb::ReplacementScan::GetFullPath(input);
  const formats::Format* format = FormatOfName(context, name);
  if (format == nullptr) return nullptr;
  auto call = duckdb::make_uniq<duckdb::FunctionExpression>(
      ReaderOf(format->info().name),
      duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>());
  call->children.push_back(duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value(name)));
  auto ref = duckdb::make_uniq<duckdb::TableFunctionRef>();
  ref->function = std::move(call);
  if (!io::HasWildcard(name)) ref->alias = std::filesystem::path(name).stem().string();
  return ref;
}

}  // namespace

std::string ReaderOf(const std::string& format) {
  const formats::Format* found = formats::FindFormat(format);
  if (found == nullptr || found->info().sql_reader.empty()) return "read_" + format;
  return found->info().sql_reader;
}

void RegisterReplacementScan(duckdb::DatabaseInstance& instance) {
  auto& scans = duckdb::DBConfig::GetConfig(instance).replacement_scans;
  scans.insert(scans.begin(), duckdb::ReplacementScan(ReplaceByFile));
}

}  // namespace pyralog::sql
