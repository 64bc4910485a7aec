// The worked examples of docs/formats: a page's first ```hex block, which tests compare with the
// bytes that the code writes.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace pyralog::lsm {

// The bytes of the example in docs/formats/`page`. Each line is an offset, two spaces, bytes, and
// perhaps a remark behind ';', all in hexadecimal; what no line holds is zero. `size`: of the
// whole.
inline std::string WorkedExample(const std::string& page, size_t size) {
  const char* source = std::getenv("PYRALOG_SOURCE_DIR");
  std::ifstream file(std::string(source != nullptr ? source : ".") + "/docs/formats/" + page);
  EXPECT_TRUE(file.good()) << "run this with PYRALOG_SOURCE_DIR, or in the source folder: " << page;
  std::string bytes(size, '\0');
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == "```hex") {
      inside = true;
    } else if (line == "```" && inside) {
      break;
    } else if (inside) {
      std::istringstream words(line.substr(0, line.find(';')));
      size_t at = 0;
      words >> std::hex >> at;
      for (unsigned byte = 0; words >> byte; ++at) {
        if (at >= size) ADD_FAILURE() << page << ": the example is longer than " << size;
        if (at < size) bytes[at] = static_cast<char>(byte);
      }
    }
  }
  EXPECT_TRUE(inside) << page << " has no example";
  return bytes;
}

// `bytes` as a page would show them, for the message of a failed comparison.
inline std::string AsHex(std::string_view bytes) {
  std::string text;
  char word[32];
  for (size_t at = 0; at < bytes.size(); at += 16) {
    const std::string_view line = bytes.substr(at, 16);
    if (line.find_first_not_of('\0') == line.npos) continue;
    std::snprintf(word, sizeof(word), "%04zx ", at);
    text += word;
    for (char byte : line) {
      std::snprintf(word, sizeof(word), " %02x", static_cast<unsigned char>(byte));
      text += word;
    }
    text += '\n';
  }
  return text;
}

}  // namespace pyralog::lsm
