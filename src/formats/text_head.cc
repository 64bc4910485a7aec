#include "formats/text_head.h"

#include <algorithm>
#include <utility>

#include "arrow/io/compressed.h"
#include "arrow/util/compression.h"

namespace pyralog::formats {
namespace {

struct TextCompression {
  std::string_view name;
  std::string_view suffix;
  std::string_view magic;
  arrow::Compression::type type;
};

constexpr TextCompression kTextCompressions[] = {
    {"gzip", ".gz", "\x1f\x8b", arrow::Compression::GZIP},
    {"zstd", ".zst", "\x28\xb5\x2f\xfd", arrow::Compression::ZSTD},
};

arrow::Result<const TextCompression*> FindTextCompression(const Source& source) {
  ARROW_ASSIGN_OR_RAISE(const std::string magic, source.Head(4));
  for (const TextCompression& known : kTextCompressions) {
    if (magic.starts_with(known.magic)) return &known;
    if (!source.path().ends_with(known.suffix)) continue;
    return source.Error(ErrorCode::kDamaged, "its name ends in " + std::string(known.suffix) +
                                                 ", but it is not compressed so");
  }
  return nullptr;
}

arrow::Result<std::shared_ptr<arrow::io::InputStream>> Decompressed(const Source& source,
                                                                    arrow::util::Codec* codec) {
  return arrow::io::CompressedInputStream::Make(codec, source.AsRandomAccess(),
                                                source.limits().pool);
}

}  // namespace

arrow::Result<TextHead> ReadTextHead(const Source& source, int64_t most) {
  ARROW_ASSIGN_OR_RAISE(const TextCompression* compression, FindTextCompression(source));
  TextHead head;
  std::shared_ptr<arrow::io::InputStream> stream = source.AsRandomAccess();
  std::unique_ptr<arrow::util::Codec> codec;
  if (compression != nullptr) {
    head.compression = compression->name;
    ARROW_ASSIGN_OR_RAISE(codec, arrow::util::Codec::Create(compression->type));
    ARROW_ASSIGN_OR_RAISE(stream, Decompressed(source, codec.get()));
  } else {
    most = std::min(most, static_cast<int64_t>(source.size()));
  }
  ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(most, source.limits().pool));
  int64_t filled = 0;
  while (filled < most) {
    ARROW_ASSIGN_OR_RAISE(const int64_t got,
                          stream->Read(most - filled, buffer->mutable_data() + filled));
    if (got == 0) break;
    filled += got;
  }
  head.whole =
      compression != nullptr ? filled < most : static_cast<uint64_t>(filled) == source.size();
  ARROW_RETURN_NOT_OK(buffer->Resize(filled));
  head.text = std::move(buffer);
  return head;
}

arrow::Status CheckCompressed(const Source& source) {
  constexpr int64_t kStep = 1 << 20;
  ARROW_ASSIGN_OR_RAISE(const TextCompression* compression, FindTextCompression(source));
  if (compression == nullptr) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto codec, arrow::util::Codec::Create(compression->type));
  ARROW_ASSIGN_OR_RAISE(const auto stream, Decompressed(source, codec.get()));
  ARROW_ASSIGN_OR_RAISE(const auto text, arrow::AllocateBuffer(kStep, source.limits().pool));
  const std::atomic<bool>* const interrupted = source.limits().interrupted;
  while (true) {
    if (interrupted != nullptr && interrupted->load(std::memory_order_relaxed))
      return source.Error(ErrorCode::kInterrupted, "cancelled while it was checked");
    const auto got = stream->Read(kStep, text->mutable_data());
    if (!got.ok()) {
      return source.Error(ErrorCode::kDamaged,
                          "it is " + std::string(compression->name) +
                              " and cut or damaged: " + got.status().message());
    }
    if (*got == 0) return arrow::Status::OK();
  }
}

Options CompressionOption(const Source& source, const TextHead& head) {
  for (const TextCompression& known : kTextCompressions) {
    if (head.compression != known.name || source.path().ends_with(known.suffix)) continue;
    return {{"compression", std::string(known.name)}};
  }
  return {};
}

}  // namespace pyralog::formats
