#include "formats/view_pieces.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "arrow/type.h"
#include "arrow/util/bit_util.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

using View = arrow::BinaryViewType::c_type;

// A read costs about as much as copying so many bytes.
constexpr int64_t kGap = 1024;
// Of a run and of a buffer; offsets in views have 31 bits.
constexpr int64_t kMaxRun = int64_t{512} << 20;

// Bytes of one data buffer that views name.
struct Piece {
  int32_t buffer;
  int64_t begin;
  int64_t end;
  View* view;

  bool operator<(const Piece& other) const {
    return buffer != other.buffer ? buffer < other.buffer : begin < other.begin;
  }
};

// Pieces [first, last) that are read at once.
struct Run {
  size_t first;
  size_t last;
  int64_t end;  // in the data buffer
};

// What of one data buffer lies between the first and the last byte that views name.
struct Span {
  int64_t begin = INT64_MAX;
  int64_t end = 0;
  int32_t index = -1;  // of the buffer that it is read to
};

// Empties the views of nulls, checks the others and finds what they name. Returns the sum of their
// bytes, inline ones left out.
arrow::Result<int64_t> FindSpans(const std::vector<FileRange>& data, const uint8_t* validity,
                                 std::span<View> views, std::vector<Span>* spans) {
  spans->resize(data.size());
  int64_t named = 0;
  for (size_t i = 0; i < views.size(); ++i) {
    View& view = views[i];
    if (validity != nullptr && !arrow::bit_util::GetBit(validity, static_cast<int64_t>(i))) {
      view = View{};
    }
    if (view.size() < 0) return MakeError(ErrorCode::kDamaged, "a view has a negative size");
    if (view.is_inline()) continue;
    const auto buffer = static_cast<size_t>(view.ref.buffer_index);  // huge where it is negative
    const int64_t begin = view.ref.offset;
    const int64_t end = begin + view.size();
    if (buffer >= data.size() || begin < 0 || end > data[buffer].size) {
      return MakeError(ErrorCode::kDamaged, "a view leads outside of its data");
    }
    Span& span = (*spans)[buffer];
    span.begin = std::min(span.begin, begin);
    span.end = std::max(span.end, end);
    named += view.size();
  }
  return named;
}

// Reads the spans whole.
arrow::Result<arrow::BufferVector> ReadSpans(const Source& source,
                                             const std::vector<FileRange>& data,
                                             std::span<View> views, std::vector<Span>* spans) {
  arrow::BufferVector buffers;
  for (size_t i = 0; i < spans->size(); ++i) {
    Span& span = (*spans)[i];
    if (span.end == 0) continue;
    span.index = static_cast<int32_t>(buffers.size());
    ARROW_ASSIGN_OR_RAISE(buffers.emplace_back(),
                          source.ReadBuffer(data[i].offset + static_cast<uint64_t>(span.begin),
                                            static_cast<uint64_t>(span.end - span.begin)));
  }
  for (View& view : views) {
    if (view.is_inline()) continue;
    const Span& span = (*spans)[static_cast<size_t>(view.ref.buffer_index)];
    view.ref.buffer_index = span.index;
    view.ref.offset = static_cast<int32_t>(view.ref.offset - span.begin);
  }
  return buffers;
}

// What the views name, in its order in the file. REQUIRES: FindSpans has checked them.
std::vector<Piece> PiecesOf(std::span<View> views) {
  std::vector<Piece> pieces;
  for (View& view : views) {
    if (view.is_inline()) continue;
    pieces.push_back({.buffer = view.ref.buffer_index,
                      .begin = view.ref.offset,
                      .end = int64_t{view.ref.offset} + view.size(),
                      .view = &view});
  }
  std::sort(pieces.begin(), pieces.end());
  return pieces;
}

std::vector<Run> RunsOf(const std::vector<Piece>& pieces) {
  std::vector<Run> runs;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    if (!runs.empty()) {
      Run& run = runs.back();
      const Piece& start = pieces[run.first];
      if (piece.buffer == start.buffer && piece.begin - run.end <= kGap &&
          piece.begin - start.begin <= kMaxRun) {
        run.last = i + 1;
        run.end = std::max(run.end, piece.end);
        continue;
      }
    }
    runs.push_back({.first = i, .last = i + 1, .end = piece.end});
  }
  return runs;
}

// Reads these runs into one buffer, the `index`-th.
arrow::Result<std::shared_ptr<arrow::Buffer>> ReadRuns(const Source& source,
                                                       const std::vector<FileRange>& data,
                                                       std::span<const Piece> pieces,
                                                       std::span<const Run> runs, int64_t bytes,
                                                       int32_t index) {
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateBuffer(bytes, source.limits().pool));
  int64_t at = 0;
  for (const Run& run : runs) {
    const Piece& start = pieces[run.first];
    const uint64_t offset = data[static_cast<size_t>(start.buffer)].offset;
    ARROW_RETURN_NOT_OK(source.ReadInto(offset + static_cast<uint64_t>(start.begin),
                                        static_cast<uint64_t>(run.end - start.begin),
                                        buffer->mutable_data() + at));
    for (const Piece& piece : pieces.subspan(run.first, run.last - run.first)) {
      piece.view->ref.buffer_index = index;
      piece.view->ref.offset = static_cast<int32_t>(at + piece.begin - start.begin);
    }
    at += run.end - start.begin;
  }
  buffer->ZeroPadding();
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

}  // namespace

arrow::Result<arrow::BufferVector> ReadViewPieces(const Source& source,
                                                  const std::vector<FileRange>& data,
                                                  const uint8_t* validity, arrow::Buffer* views) {
  const std::span<View> all = views->mutable_span_as<View>();
  std::vector<Span> spans;
  ARROW_ASSIGN_OR_RAISE(const int64_t named, FindSpans(data, validity, all, &spans));
  int64_t spanned = 0;
  for (const Span& span : spans) spanned += span.end == 0 ? 0 : span.end - span.begin;
  if (spanned / 2 <= named) return ReadSpans(source, data, all, &spans);

  const std::vector<Piece> pieces = PiecesOf(all);
  const std::vector<Run> runs = RunsOf(pieces);
  arrow::BufferVector buffers;
  for (size_t first = 0; first < runs.size();) {
    int64_t bytes = 0;
    size_t last = first;
    while (last < runs.size() && bytes <= kMaxRun) {
      bytes += runs[last].end - pieces[runs[last].first].begin;
      ++last;
    }
    const auto index = static_cast<int32_t>(buffers.size());
    ARROW_ASSIGN_OR_RAISE(
        buffers.emplace_back(),
        ReadRuns(source, data, pieces, std::span(runs).subspan(first, last - first), bytes, index));
    first = last;
  }
  return buffers;
}

}  // namespace pyralog::formats
