#include "cli/box_writer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "cli/display_width.h"

namespace pyralog::cli {
namespace {

// A column narrower than this tells too little to be worth its frame.
constexpr int kNarrowest = 10;
// A column is not made wider than this only for the name of its type.
constexpr int kWidestType = 24;
// "│ " before each column and " " behind it, and the last "│".
constexpr int kFramePerColumn = 3;
// The column "…" that stands for those left out.
constexpr int kRestColumn = 1 + kFramePerColumn;

struct Edge {
  std::string_view left, middle, right;
};
constexpr Edge kTop = {"┌", "┬", "┐"};
constexpr Edge kBetween = {"├", "┼", "┤"};
constexpr Edge kBottom = {"└", "┴", "┘"};

// How a terminal sets apart what is no value (ECMA-48, SGR).
constexpr std::string_view kPlain, kBold = "\x1b[1m", kFaint = "\x1b[2m";
constexpr std::string_view kStyleEnd = "\x1b[0m";

class BoxWriter : public RowWriter {
 public:
  BoxWriter(std::shared_ptr<arrow::io::OutputStream> out, std::vector<ColumnShape> columns,
            const Display& display)
      : out_(std::move(out)), columns_(std::move(columns)), display_(display) {
    for (ColumnShape& column : columns_) {
      column.name = Printable(column.name, LineBreaks::kEscape);
      column.type = Printable(column.type, LineBreaks::kEscape);
      widths_.push_back(
          std::max(DisplayWidth(column.name), std::min(kWidestType, DisplayWidth(column.type))));
    }
  }

  bool wants_rows() const override {
    return display_.max_rows == 0 || static_cast<int64_t>(rows_.size()) < display_.max_rows;
  }

  arrow::Status Write(const arrow::RecordBatch& text) override {
    for (int64_t row = 0; row < text.num_rows() && wants_rows(); ++row) KeepRow(text, row);
    row_count_ += text.num_rows();
    return arrow::Status::OK();
  }

  void Skip(int64_t rows) override { row_count_ += rows; }

  arrow::Status Finish() override {
    std::vector<int> wanted = widths_;
    for (size_t i = 0; i < std::min(wanted.size(), display_.widths.size()); ++i) {
      if (display_.widths[i] > 0) wanted[i] = std::min(wanted[i], display_.widths[i]);
    }
    const std::vector<int> widths = FitWidths(wanted, display_.width);
    std::string text;
    AppendEdge(kTop, widths, &text);
    if (display_.headers) AppendHeader(widths, &text);
    for (const Row& row : rows_) {
      AppendLine(widths, &text, [&](size_t i) { return row[i]; });
    }
    AppendEdge(kBottom, widths, &text);
    AppendNote(widths.size(), &text);
    return out_->Write(text.data(), static_cast<int64_t>(text.size()));
  }

 private:
  struct Cell {
    std::string text;
    std::string_view style = kPlain;
  };
  using Row = std::vector<Cell>;

  void KeepRow(const arrow::RecordBatch& batch, int64_t at) {
    Row row;
    for (int i = 0; i < batch.num_columns(); ++i) {
      const auto& values = static_cast<const arrow::LargeStringArray&>(*batch.column(i));
      Cell& cell = row.emplace_back();
      if (values.IsNull(at)) {
        cell = {display_.null_text.value_or("NULL"), kFaint};
      } else {
        cell.text = Printable(values.GetView(at), LineBreaks::kEscape);
      }
      int& width = widths_[static_cast<size_t>(i)];
      width = std::max(width, DisplayWidth(cell.text));
    }
    rows_.push_back(std::move(row));
  }

  bool leaves_out_columns(size_t drawn) const { return drawn < widths_.size(); }

  void AppendEdge(const Edge& edge, const std::vector<int>& widths, std::string* out) const {
    const size_t cells = widths.size() + (leaves_out_columns(widths.size()) ? 1 : 0);
    for (size_t i = 0; i < cells; ++i) {
      *out += i == 0 ? edge.left : edge.middle;
      const int width = i < widths.size() ? widths[i] : 1;
      for (int j = 0; j < width + 2; ++j) *out += "─";
    }
    *out += edge.right;
    *out += '\n';
  }

  void AppendHeader(const std::vector<int>& widths, std::string* out) const {
    AppendLine(widths, out, [&](size_t i) { return Cell{columns_[i].name, kBold}; });
    AppendLine(widths, out, [&](size_t i) { return Cell{columns_[i].type, kFaint}; });
    AppendEdge(kBetween, widths, out);
  }

  template <class CellAt>
  void AppendLine(const std::vector<int>& widths, std::string* out, CellAt cell_at) const {
    for (size_t i = 0; i < widths.size(); ++i) {
      Cell cell = cell_at(i);
      if (DisplayWidth(cell.text) > widths[i]) cell.text = CutToWidth(cell.text, widths[i]);
      const auto padding = static_cast<size_t>(std::max(0, widths[i] - DisplayWidth(cell.text)));
      *out += "│ ";
      if (columns_[i].is_number) out->append(padding, ' ');
      AppendStyled(cell, out);
      if (!columns_[i].is_number) out->append(padding, ' ');
      *out += ' ';
    }
    *out += leaves_out_columns(widths.size()) ? "│ … │\n" : "│\n";
  }

  void AppendStyled(const Cell& cell, std::string* out) const {
    const bool styled = display_.styled && !cell.style.empty();
    if (styled) *out += cell.style;
    *out += cell.text;
    if (styled) *out += kStyleEnd;
  }

  // What is not in the picture; nothing when all is.
  void AppendNote(size_t drawn_columns, std::string* out) const {
    const auto drawn_rows = static_cast<int64_t>(rows_.size());
    std::string note;
    if (drawn_rows < row_count_) {
      note =
          "... " + std::to_string(row_count_) + " rows (" + std::to_string(drawn_rows) + " shown)";
    } else if (row_count_ == 0) {
      note = "0 rows";
    }
    if (leaves_out_columns(drawn_columns)) {
      note += (note.empty() ? "... " : ", ") + std::to_string(widths_.size()) + " columns (" +
              std::to_string(drawn_columns) + " shown)";
    }
    if (!note.empty()) *out += note + '\n';
  }

  const std::shared_ptr<arrow::io::OutputStream> out_;
  std::vector<ColumnShape> columns_;
  const Display display_;
  std::vector<int> widths_;  // of the widest value, name or type of each column
  std::vector<Row> rows_;    // that are drawn
  int64_t row_count_ = 0;    // of all rows
};

}  // namespace

std::vector<int> FitWidths(std::span<const int> widths, int available) {
  std::vector<int> fitted(widths.begin(), widths.end());
  if (available <= 0 || fitted.empty()) return fitted;
  const auto total = [&](size_t columns, int widest) {
    int sum = 1;
    for (size_t i = 0; i < columns; ++i) sum += std::min(widths[i], widest) + kFramePerColumn;
    return sum;
  };
  size_t columns = widths.size();
  if (total(columns, kNarrowest) > available) {
    while (columns > 1 && total(columns, kNarrowest) + kRestColumn > available) --columns;
  }
  const int room = columns < widths.size() ? available - kRestColumn : available;
  int widest = *std::max_element(widths.begin(), widths.end());
  for (int low = kNarrowest; low < widest;) {  // the largest cut that fits
    const int middle = low + (widest - low + 1) / 2;
    if (total(columns, middle) <= room) {
      low = middle;
    } else {
      widest = middle - 1;
    }
  }
  fitted.resize(columns);
  for (int& width : fitted) width = std::min(width, widest);
  return fitted;
}

std::unique_ptr<RowWriter> MakeBoxWriter(std::shared_ptr<arrow::io::OutputStream> out,
                                         std::vector<ColumnShape> columns, const Display& display) {
  return std::make_unique<BoxWriter>(std::move(out), std::move(columns), display);
}

}  // namespace pyralog::cli
