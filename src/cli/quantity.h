// Sizes and durations as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "arrow/result.h"

namespace pyralog::cli {

// "1GiB", "1.5 GB", "512M", "4096": bytes. KB, MB, GB, TB are powers of 1000; K, M, G, T and KiB,
// MiB, GiB, TiB of 1024; in any case. kInvalidArgument quotes what is none.
arrow::Result<uint64_t> ParseSize(std::string_view text);

// "20s", "500ms", "2m", "1.5h"; a bare number is seconds.
arrow::Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// 1536 -> "1.5 KiB".
std::string SizeText(uint64_t bytes);

}  // namespace pyralog::cli
