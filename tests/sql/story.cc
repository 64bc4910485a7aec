#include "tests/sql/story.h"

#include <charconv>
#include <utility>

#include "pyralog/error.h"

namespace pyralog::tests {
namespace {

constexpr std::string_view kError = "statement error";
constexpr std::string_view kPlanHas = "plan has ";
constexpr std::string_view kPlanLacks = "plan lacks ";
constexpr std::string_view kCount = "statement count ";
constexpr std::string_view kConnection = "connection ";
constexpr std::string_view kQuery = "query ";
constexpr std::string_view kSorted = " rowsort";

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// Reads records off a list of lines.
class StoryParser {
 public:
  explicit StoryParser(std::string_view text) : lines_(SplitLines(text)) {}

  arrow::Result<Story> Parse();

 private:
  bool AtEnd() const { return next_ >= lines_.size(); }
  std::string_view Line() const { return lines_[next_]; }
  arrow::Status Fail(const std::string& what) const {
    return MakeError(ErrorCode::kInvalidArgument,
                     "line " + std::to_string(next_ + 1) + ": " + what);
  }

  // The line that says what is expected of the next statement.
  arrow::Status ParseHead(StoryRecord* record) const;
  // The statement, and the rows below it.
  void ParseBody(StoryRecord* record);

  const std::vector<std::string_view> lines_;
  size_t next_ = 0;
};

arrow::Status StoryParser::ParseHead(StoryRecord* record) const {
  std::string_view line = Line();
  record->line = static_cast<int>(next_ + 1);
  if (line == "statement ok") return arrow::Status::OK();
  if (line == "flush") {
    record->kind = StoryRecord::Kind::kFlush;
    return arrow::Status::OK();
  }
  if (line.starts_with(kCount)) {
    line.remove_prefix(kCount.size());
    record->kind = StoryRecord::Kind::kCount;
    const auto [end, error] =
        std::from_chars(line.data(), line.data() + line.size(), record->count);
    return error == std::errc() && end == line.data() + line.size() ? arrow::Status::OK()
                                                                    : Fail("not a number");
  }
  if (line.starts_with(kError)) {
    line.remove_prefix(std::min(line.size(), kError.size() + 1));
    if (line.empty()) return Fail("which error?");
    record->kind = StoryRecord::Kind::kError;
    record->pattern = line;
    return arrow::Status::OK();
  }
  if (line.starts_with(kPlanHas) || line.starts_with(kPlanLacks)) {
    const bool has = line.starts_with(kPlanHas);
    record->kind = has ? StoryRecord::Kind::kPlanHas : StoryRecord::Kind::kPlanLacks;
    record->pattern = line.substr(has ? kPlanHas.size() : kPlanLacks.size());
    return arrow::Status::OK();
  }
  if (line.starts_with(kQuery)) {
    record->kind = StoryRecord::Kind::kQuery;
    line.remove_prefix(kQuery.size());
    record->sorted = line.ends_with(kSorted);
    if (record->sorted) line.remove_suffix(kSorted.size());
    record->types = line;
    return line.find_first_not_of("IRT") == std::string_view::npos ? arrow::Status::OK()
                                                                   : Fail("types are I, R and T");
  }
  return Fail("this begins no record");
}

void StoryParser::ParseBody(StoryRecord* record) {
  for (; !AtEnd() && !Line().empty() && Line() != "----"; ++next_) {
    if (!record->sql.empty()) record->sql += '\n';
    record->sql += Line();
  }
  if (AtEnd() || Line().empty()) return;
  for (++next_; !AtEnd() && !Line().empty(); ++next_) record->rows.emplace_back(Line());
}

arrow::Result<Story> StoryParser::Parse() {
  Story story;
  std::string connection;
  for (; !AtEnd(); ++next_) {
    if (Line().empty() || Line().starts_with('#')) continue;
    if (Line() == "require session") {
      story.needs_session = true;
      continue;
    }
    if (Line().starts_with(kConnection)) {
      connection = Line().substr(kConnection.size());
      continue;
    }
    StoryRecord record;
    record.connection = std::exchange(connection, "");
    ARROW_RETURN_NOT_OK(ParseHead(&record));
    ++next_;
    ParseBody(&record);
    story.records.push_back(std::move(record));
  }
  return story;
}

}  // namespace

arrow::Result<Story> ParseStory(std::string_view text) { return StoryParser(text).Parse(); }

}  // namespace pyralog::tests
