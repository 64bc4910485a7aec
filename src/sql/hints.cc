#include "sql/hints.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <utility>

#include "sql/external_query.h"
#include "sql/sql_text.h"

namespace pyralog::sql {
namespace {

constexpr std::string_view kExcerpt = "\n\nLINE ";
// What DuckDB says of its settings where memory is short.
constexpr std::string_view kAdvice = "\n\nPossible solutions:";

// Whether the character of the statement that the error's last line points at ("     ^") is `c`.
bool PointsAt(std::string_view message, char c) {
  const size_t line = message.rfind('\n');
  if (line == std::string_view::npos || line == 0) return false;
  const size_t column = message.substr(line + 1).find('^');
  const size_t start = message.rfind('\n', line - 1);
  if (column == std::string_view::npos || start == std::string_view::npos) return false;
  // Columns are characters; bytes behind the first of a UTF-8 character have none.
  size_t left = column;
  for (const char found : message.substr(start + 1, line - start - 1)) {
    if ((static_cast<unsigned char>(found) & 0xC0) == 0x80) continue;
    if (left-- == 0) return found == c;
  }
  return false;
}

// A text in double quotes, which are for names.
std::string QuotesHint(std::string_view message) {
  constexpr std::string_view kReferenced = "Referenced column \"";
  if (!message.starts_with(kReferenced) || !PointsAt(message, '"')) return "";
  const std::string_view rest = message.substr(kReferenced.size());
  const size_t end = rest.find("\" ");
  if (end == std::string_view::npos) return "";
  return "Double quotes are for names; a text stands in single quotes: " +
         QuoteText(rest.substr(0, end));
}

// A date that is compared with a year.
std::string YearHint(std::string_view message) {
  if (!message.starts_with("Cannot compare values of type ") &&
      !message.starts_with("Cannot mix values of type ")) {
    return "";
  }
  const std::string_view types = message.substr(0, message.find(" - "));
  const bool has_date = types.find("DATE") != std::string_view::npos ||
                        types.find("TIMESTAMP") != std::string_view::npos;
  if (!has_date || types.find("INTEGER") == std::string_view::npos) return "";
  return "A year is compared as year(column) > 1970, a day as column > DATE '1970-12-31'";
}

// A column that an external table had and its files have no more.
std::string FilesHint(std::string_view message) {
  const std::string start = '"' + std::string(kFilesOfExternalTable);
  const size_t end = message.find("\" does not have a column named ");
  const size_t begin = message.find(start);
  if (begin == std::string_view::npos || end == std::string_view::npos) return "";
  const std::string_view table = message.substr(begin + start.size(), end - begin - start.size());
  return "The files have changed; REFRESH EXTERNAL " + QuoteName(table) +
         " takes the columns that they have now";
}

// A type of PostgreSQL's.
std::string TypeHint(std::string_view message) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"jsonb", "JSON"},
      {"money", "DECIMAL(19, 2)"},
      {"xml", "VARCHAR"},
      {"tsvector", "VARCHAR"},
      {"citext", "VARCHAR"},
      {"cidr", "VARCHAR"},
      {"macaddr", "VARCHAR"},
      {"regclass", "VARCHAR"},
      {"int4range", "two columns"},
      {"tstzrange", "two columns"},
      {"point", "STRUCT(x DOUBLE, y DOUBLE)"}};
  constexpr std::string_view kType = "Type with name ";
  if (!message.starts_with(kType)) return "";
  std::string name(message.substr(kType.size(), message.find(" does not") - kType.size()));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const auto& [type, here] : kTypes) {
    if (name == type) return "The type for it here is " + std::string(here);
  }
  return "";
}

// Constraints of a temporary table, which is DuckDB's own.
std::string TemporaryHint(std::string_view message) {
  if (!message.starts_with("SET (<options>) is not supported for DuckDB tables") &&
      message.find("Error: SET (<options>) is not supported for DuckDB tables") ==
          std::string_view::npos) {
    return "";
  }
  return "Constraints, and several changes at once, are for tables of the database: a temporary "
         "table is created with its constraints, and changed one thing at a time";
}

}  // namespace

std::string WithHint(std::string message) {
  if (const size_t advice = message.find(kAdvice); advice != std::string::npos) {
    return message.substr(0, advice) +
           "; raise memory_limit, lower threads, or let the statement use the disk "
           "(temp_directory)";
  }
  std::string hint = QuotesHint(message);
  if (hint.empty()) hint = YearHint(message);
  if (hint.empty()) hint = TypeHint(message);
  if (hint.empty()) hint = FilesHint(message);
  if (hint.empty()) hint = TemporaryHint(message);
  if (hint.empty()) return message;
  message.insert(std::min(message.find(kExcerpt), message.size()), "\n" + hint);
  return message;
}

}  // namespace pyralog::sql
