#include "cli/result_kind.h"

#include <algorithm>
#include <cctype>

namespace pyralog::cli {
namespace {

using Words = std::vector<std::string>;

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte == '_' || byte >= 0x80;
}

size_t EndOr(std::string_view text, size_t found, size_t length) {
  return found == std::string_view::npos ? text.size() : found + length;
}

// The position behind the quote or comment that starts at `at`; `at` when none does. Escapes and
// nesting are not looked at: what is misread only makes words, and the result's columns have the
// last say.
size_t SkipQuoteOrComment(std::string_view text, size_t at) {
  const char c = text[at];
  if (c == '\'' || c == '"') return EndOr(text, text.find(c, at + 1), 1);
  if (text.substr(at).starts_with("--")) return EndOr(text, text.find('\n', at), 1);
  if (text.substr(at).starts_with("/*")) return EndOr(text, text.find("*/", at + 2), 2);
  if (c == '$') {
    size_t end = at + 1;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    if (end < text.size() && text[end] == '$') {
      const std::string_view tag = text.substr(at, end + 1 - at);
      return EndOr(text, text.find(tag, end + 1), tag.size());
    }
  }
  return at;
}

bool Contains(const Words& words, std::initializer_list<std::string_view> wanted) {
  return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
    return std::find(wanted.begin(), wanted.end(), word) != wanted.end();
  });
}

bool IsOneColumn(const arrow::Schema& schema, std::string_view name, arrow::Type::type type) {
  return schema.num_fields() == 1 && schema.field(0)->name() == name &&
         schema.field(0)->type()->id() == type;
}

bool StartsWithAnyOf(const Words& words, std::initializer_list<std::string_view> wanted) {
  return !words.empty() && std::find(wanted.begin(), wanted.end(), words.front()) != wanted.end();
}

}  // namespace

std::vector<std::string> TopLevelWords(std::string_view statement) {
  Words words;
  int depth = 0;
  for (size_t at = 0; at < statement.size();) {
    const size_t behind = SkipQuoteOrComment(statement, at);
    if (behind > at) {
      at = behind;
      continue;
    }
    const char c = statement[at];
    if (c == '(') ++depth;
    if (c == ')') --depth;
    size_t end = at + 1;
    if (IsWordByte(c)) {
      while (end < statement.size() && IsWordByte(statement[end])) ++end;
      if (depth == 0) {
        std::string word(statement.substr(at, end - at));
        std::transform(word.begin(), word.end(), word.begin(),
                       [](unsigned char b) { return static_cast<char>(std::toupper(b)); });
        words.push_back(std::move(word));
      }
    }
    at = end;
  }
  return words;
}

ResultKind ResultKindOf(std::string_view statement, const arrow::Schema& schema) {
  if (schema.num_fields() == 0) return ResultKind::kNothing;
  const Words words = TopLevelWords(statement);
  if (StartsWithAnyOf(words, {"EXPLAIN"}) && schema.num_fields() == 2 &&
      schema.field(1)->name() == "explain_value") {
    return ResultKind::kPlan;
  }
  const bool count = IsOneColumn(schema, "Count", arrow::Type::INT64);
  const bool success = IsOneColumn(schema, "Success", arrow::Type::BOOL);
  if (!count && !success) return ResultKind::kRows;
  if (Contains(words, {"RETURNING"})) return ResultKind::kRows;
  if (words.empty() ||
      StartsWithAnyOf(words, {"SELECT", "FROM", "VALUES", "TABLE", "DESCRIBE", "SHOW"})) {
    return ResultKind::kRows;
  }
  const std::initializer_list<std::string_view> changing = {"INSERT", "UPDATE", "DELETE", "MERGE"};
  if (StartsWithAnyOf(words, {"WITH"}) && !Contains(words, changing)) return ResultKind::kRows;
  if (success) return ResultKind::kNothing;
  if (StartsWithAnyOf(words, {"WITH"}) || StartsWithAnyOf(words, changing)) {
    return ResultKind::kChanges;
  }
  if (StartsWithAnyOf(words, {"COPY", "CREATE"})) return ResultKind::kWritten;
  return StartsWithAnyOf(words, {"EXECUTE", "PIVOT", "UNPIVOT"}) ? ResultKind::kRows
                                                                 : ResultKind::kNothing;
}

ResultKind ResultKindOf(std::string_view statement, const std::vector<std::string>& names,
                        const std::vector<std::string>& sql_types) {
  arrow::FieldVector fields;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto type = sql_types[i] == "BIGINT"    ? arrow::int64()
                      : sql_types[i] == "BOOLEAN" ? arrow::boolean()
                                                  : arrow::utf8();
    fields.push_back(arrow::field(names[i], type));
  }
  return ResultKindOf(statement, *arrow::schema(std::move(fields)));
}

}  // namespace pyralog::cli
