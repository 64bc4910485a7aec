#include "cli/text_modes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cli/display_width.h"
#include "sql/sql_text.h"

namespace pyralog::cli {
namespace {

using StreamPtr = std::shared_ptr<arrow::io::OutputStream>;
using Shapes = std::vector<ColumnShape>;

std::string OneLine(std::string_view text) { return Printable(text, LineBreaks::kEscape); }

// Writes `text` with some characters replaced.
template <class Replace>
void AppendReplaced(std::string_view text, Replace replace, std::string* out) {
  for (const char c : text) {
    const std::string_view other = replace(c);
    if (other.empty()) {
      *out += c;
    } else {
      *out += other;
    }
  }
}

class MarkdownWriter : public StreamingRowWriter {
 public:
  MarkdownWriter(StreamPtr out, const Shapes& columns, const Display& display)
      : StreamingRowWriter(std::move(out), display.null_text.value_or("NULL")) {
    for (const ColumnShape& column : columns) AppendCell(column.name);
    *pending() += "|\n";
    for (const ColumnShape& column : columns) *pending() += column.is_number ? "| ---: " : "| --- ";
    *pending() += "|\n";
  }

 protected:
  void AppendRow(const std::vector<Cell>& row) override {
    for (const Cell& cell : row) AppendCell(cell.text);
    *pending() += "|\n";
  }

 private:
  void AppendCell(std::string_view text) {
    *pending() += "| ";
    const auto replace = [](char c) { return std::string_view(c == '|' ? "\\|" : ""); };
    AppendReplaced(OneLine(text), replace, pending());
    *pending() += ' ';
  }
};

class LineWriter : public StreamingRowWriter {
 public:
  LineWriter(StreamPtr out, const Shapes& columns, const Display& display)
      : StreamingRowWriter(std::move(out), display.null_text.value_or("NULL")) {
    int widest = 0;
    for (const ColumnShape& column : columns) {
      labels_.push_back(OneLine(column.name));
      widest = std::max(widest, DisplayWidth(labels_.back()));
    }
    for (std::string& label : labels_) {
      label.insert(0, static_cast<size_t>(widest - DisplayWidth(label)), ' ');
      label += " = ";
    }
  }

 protected:
  void AppendRow(const std::vector<Cell>& row) override {
    if (!is_first_) *pending() += '\n';
    is_first_ = false;
    for (size_t i = 0; i < row.size(); ++i) {
      *pending() += labels_[i] + OneLine(row[i].text) + '\n';
    }
  }

 private:
  std::vector<std::string> labels_;
  bool is_first_ = true;
};

// Values as they are, with nothing but a separator between them: for awk and its kin.
class ListWriter : public StreamingRowWriter {
 public:
  ListWriter(StreamPtr out, const Shapes& columns, const Display& display)
      : StreamingRowWriter(std::move(out), display.null_text.value_or("")),
        separator_(display.separator) {
    if (!display.headers) return;
    for (size_t i = 0; i < columns.size(); ++i) {
      *pending() += (i > 0 ? separator_ : "") + columns[i].name;
    }
    *pending() += '\n';
  }

 protected:
  void AppendRow(const std::vector<Cell>& row) override {
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) *pending() += separator_;
      *pending() += row[i].text;
    }
    *pending() += '\n';
  }

 private:
  const std::string separator_;
};

class HtmlWriter : public StreamingRowWriter {
 public:
  HtmlWriter(StreamPtr out, const Shapes& columns, const Display& display)
      : StreamingRowWriter(std::move(out), display.null_text.value_or("NULL")) {
    for (const ColumnShape& column : columns) numbers_.push_back(column.is_number);
    *pending() += "<table>\n";
    if (!display.headers) return;
    *pending() += "<tr>";
    for (const ColumnShape& column : columns) AppendCell("th", "", column.name);
    *pending() += "</tr>\n";
  }

 protected:
  void AppendRow(const std::vector<Cell>& row) override {
    *pending() += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) {
      const char* attributes = row[i].is_null ? " class=\"null\""
                               : numbers_[i]  ? " style=\"text-align:right\""
                                              : "";
      AppendCell("td", attributes, row[i].text);
    }
    *pending() += "</tr>\n";
  }
  void AppendEnd() override { *pending() += "</table>\n"; }

 private:
  void AppendCell(std::string_view tag, std::string_view attributes, std::string_view text) {
    const auto replace = [](char c) -> std::string_view {
      return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : "";
    };
    *pending() += '<';
    *pending() += tag;
    *pending() += attributes;
    *pending() += '>';
    AppendReplaced(Printable(text, LineBreaks::kKeep), replace, pending());
    *pending() += "</";
    *pending() += tag;
    *pending() += '>';
  }

  std::vector<bool> numbers_;
};

class LatexWriter : public StreamingRowWriter {
 public:
  LatexWriter(StreamPtr out, const Shapes& columns, const Display& display)
      : StreamingRowWriter(std::move(out), display.null_text.value_or("NULL")) {
    *pending() += "\\begin{tabular}{|";
    for (const ColumnShape& column : columns) *pending() += column.is_number ? "r|" : "l|";
    *pending() += "}\n\\hline\n";
    if (!display.headers) return;
    for (size_t i = 0; i < columns.size(); ++i) AppendCell(i, columns[i].name);
    *pending() += " \\\\\n\\hline\n";
  }

 protected:
  void AppendRow(const std::vector<Cell>& row) override {
    for (size_t i = 0; i < row.size(); ++i) AppendCell(i, row[i].text);
    *pending() += " \\\\\n";
  }
  void AppendEnd() override { *pending() += "\\hline\n\\end{tabular}\n"; }

 private:
  void AppendCell(size_t column, std::string_view text) {
    const auto replace = [](char c) -> std::string_view {
      switch (c) {
        case '\\':
          return "\\textbackslash{}";
        case '~':
          return "\\textasciitilde{}";
        case '^':
          return "\\textasciicircum{}";
        case '&':
          return "\\&";
        case '%':
          return "\\%";
        case '$':
          return "\\$";
        case '#':
          return "\\#";
        case '_':
          return "\\_";
        case '{':
          return "\\{";
        case '}':
          return "\\}";
        default:
          return "";
      }
    };
    if (column > 0) *pending() += " & ";
    AppendReplaced(OneLine(text), replace, pending());
  }
};

// Statements that make the rows again: numbers and booleans bare, everything else as text that the
// column's type reads.
class InsertWriter : public StreamingRowWriter {
 public:
  InsertWriter(StreamPtr out, const Shapes& columns, const Display& display)
      : StreamingRowWriter(std::move(out), "NULL"),
        start_("INSERT INTO " + sql::QuoteName(display.insert_table) + " (") {
    for (size_t i = 0; i < columns.size(); ++i) {
      start_ += (i > 0 ? ", " : "") + sql::QuoteName(columns[i].name);
      bare_.push_back(columns[i].is_number || columns[i].type == "boolean");
    }
    start_ += ") VALUES (";
  }

 protected:
  void AppendRow(const std::vector<Cell>& row) override {
    *pending() += start_;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) *pending() += ", ";
      if (row[i].is_null || (bare_[i] && IsLiteral(row[i].text))) {
        *pending() += row[i].text;
      } else {
        *pending() += sql::QuoteText(row[i].text);
      }
    }
    *pending() += ");\n";
  }

 private:
  // nan and inf are none.
  static bool IsLiteral(std::string_view text) {
    return text == "true" || text == "false" ||
           text.find_first_not_of("0123456789.+-e") == std::string_view::npos;
  }

  std::string start_;
  std::vector<bool> bare_;
};

}  // namespace

std::unique_ptr<RowWriter> MakeTextModeWriter(StreamPtr out, const Shapes& columns,
                                              const Display& display) {
  switch (display.mode) {
    case OutputMode::kLine:
      return std::make_unique<LineWriter>(std::move(out), columns, display);
    case OutputMode::kList:
      return std::make_unique<ListWriter>(std::move(out), columns, display);
    case OutputMode::kHtml:
      return std::make_unique<HtmlWriter>(std::move(out), columns, display);
    case OutputMode::kLatex:
      return std::make_unique<LatexWriter>(std::move(out), columns, display);
    case OutputMode::kInsert:
      return std::make_unique<InsertWriter>(std::move(out), columns, display);
    default:
      return std::make_unique<MarkdownWriter>(std::move(out), columns, display);
  }
}

}  // namespace pyralog::cli
