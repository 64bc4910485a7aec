#include "cli/box_writer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "arrow/type_traits.h"
#include "cli/display_width.h"

namespace pyralog::cli {
namespace {

// A column narrower than this tells too little to be worth its frame.
constexpr int kNarrowest = 6;
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

class BoxWriter : public formats::BatchWriter {
 public:
  BoxWriter(std::shared_ptr<arrow::io::OutputStream> out,
            std::vector<std::unique_ptr<formats::ValueText>> texts, const arrow::Schema& schema,
            BoxLimits limits)
      : out_(std::move(out)), texts_(std::move(texts)), limits_(limits) {
    std::vector<std::string> names;
    for (const auto& field : schema.fields()) {
      names.push_back(Printable(field->name(), LineBreaks::kEscape));
      right_aligned_.push_back(IsRightAligned(*field->type()));
      widths_.push_back(0);
    }
    Keep(std::move(names));
  }

  arrow::Status Write(const arrow::RecordBatch& batch) override {
    for (int64_t row = 0; row < batch.num_rows(); ++row) {
      if (limits_.max_rows > 0 && row_count_ + row >= limits_.max_rows) break;
      KeepRow(batch, row);
    }
    row_count_ += batch.num_rows();
    return arrow::Status::OK();
  }

  arrow::Status Finish() override {
    const std::vector<int> widths = FitWidths(widths_, limits_.width);
    std::string text;
    AppendEdge(kTop, widths, &text);
    AppendLine(lines_.front(), widths, &text);
    AppendEdge(kBetween, widths, &text);
    for (size_t i = 1; i < lines_.size(); ++i) AppendLine(lines_[i], widths, &text);
    AppendEdge(kBottom, widths, &text);
    AppendNote(widths.size(), &text);
    return out_->Write(text.data(), static_cast<int64_t>(text.size()));
  }

 private:
  using Line = std::vector<std::string>;

  void KeepRow(const arrow::RecordBatch& batch, int64_t row) {
    Line line;
    for (int i = 0; i < batch.num_columns(); ++i) {
      const arrow::Array& array = *batch.column(i);
      std::string value;
      if (array.IsNull(row)) {
        value = "NULL";
      } else {
        texts_[static_cast<size_t>(i)]->Append(array, row, &value);
      }
      line.push_back(Printable(value, LineBreaks::kEscape));
    }
    Keep(std::move(line));
  }

  void Keep(Line line) {
    for (size_t i = 0; i < line.size(); ++i) {
      widths_[i] = std::max(widths_[i], DisplayWidth(line[i]));
    }
    lines_.push_back(std::move(line));
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

  void AppendLine(const Line& line, const std::vector<int>& widths, std::string* out) const {
    for (size_t i = 0; i < widths.size(); ++i) {
      const std::string cell =
          DisplayWidth(line[i]) > widths[i] ? CutToWidth(line[i], widths[i]) : line[i];
      const auto padding = static_cast<size_t>(std::max(0, widths[i] - DisplayWidth(cell)));
      *out += "│ ";
      if (right_aligned_[i]) out->append(padding, ' ');
      *out += cell;
      if (!right_aligned_[i]) out->append(padding, ' ');
      *out += ' ';
    }
    *out += leaves_out_columns(widths.size()) ? "│ … │\n" : "│\n";
  }

  // What is not in the picture; nothing when all is.
  void AppendNote(size_t drawn_columns, std::string* out) const {
    const auto drawn_rows = static_cast<int64_t>(lines_.size()) - 1;
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
  const std::vector<std::unique_ptr<formats::ValueText>> texts_;
  const BoxLimits limits_;
  std::vector<bool> right_aligned_;
  std::vector<int> widths_;  // of the widest value or name of each column
  std::vector<Line> lines_;  // names, then the rows that are drawn
  int64_t row_count_ = 0;    // of all rows
};

}  // namespace

bool IsRightAligned(const arrow::DataType& type) {
  return arrow::is_numeric(type.id()) || arrow::is_decimal(type.id());
}

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

std::unique_ptr<formats::BatchWriter> MakeBoxWriter(
    std::shared_ptr<arrow::io::OutputStream> out,
    std::vector<std::unique_ptr<formats::ValueText>> columns, const arrow::Schema& schema,
    BoxLimits limits) {
  return std::make_unique<BoxWriter>(std::move(out), std::move(columns), schema, limits);
}

}  // namespace pyralog::cli
