// The start of a text file, decompressed where it is compressed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "arrow/buffer.h"
#include "arrow/result.h"
#include "formats/format.h"
#include "formats/source.h"

namespace pyralog::formats {

struct TextHead {
  std::shared_ptr<arrow::Buffer> text;
  bool whole = false;       // there is no more of it
  std::string compression;  // "gzip", "zstd" or "": what the first bytes say
};

// At most `most` bytes of text, from the limits' pool. kDamaged when the name has the suffix of a
// compression that the bytes do not have.
arrow::Result<TextHead> ReadTextHead(const Source& source, int64_t most);

// Reads a compressed file to its end: kDamaged when it is cut, or its checksums do not fit,
// kInterrupted as the limits say. DuckDB's text readers take what they get.
arrow::Status CheckCompressed(const Source& source);

// The option that DuckDB's text readers need for a file whose compression its name does not tell.
Options CompressionOption(const Source& source, const TextHead& head);

}  // namespace pyralog::formats
