#include "base/blake3.h"

#include <gtest/gtest.h>

namespace pyralog {
namespace {

std::string HexOf(std::string_view bytes, size_t step = SIZE_MAX) {
  Blake3 hash;
  for (size_t at = 0; at < bytes.size(); at += std::min(step, bytes.size() - at)) {
    hash.Update(bytes.substr(at, step));
  }
  return hash.HexDigest();
}

// The input of the specification's vectors: 0 to 250, again and again.
std::string Vector(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i % 251);
  return bytes;
}

TEST(Blake3, VectorsOfTheSpecification) {
  EXPECT_EQ(HexOf(""), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_EQ(HexOf("abc"), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
  EXPECT_EQ(HexOf(Vector(1)), "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213");
  EXPECT_EQ(HexOf(Vector(63)), "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b");
  EXPECT_EQ(HexOf(Vector(64)), "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98");
  EXPECT_EQ(HexOf(Vector(65)), "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee");
  EXPECT_EQ(HexOf(Vector(1023)),
            "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11");
  EXPECT_EQ(HexOf(Vector(1024)),
            "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7");
  EXPECT_EQ(HexOf(Vector(1025)),
            "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444");
  EXPECT_EQ(HexOf(Vector(2048)),
            "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a");
  EXPECT_EQ(HexOf(Vector(2049)),
            "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030");
  EXPECT_EQ(HexOf(Vector(3072)),
            "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2");
  EXPECT_EQ(HexOf(Vector(5120)),
            "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833");
  EXPECT_EQ(HexOf(Vector(8193)),
            "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b");
  EXPECT_EQ(HexOf(Vector(31744)),
            "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47");
  EXPECT_EQ(HexOf(Vector(102400)),
            "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085");
}

TEST(Blake3, PiecesGiveWhatTheWholeGives) {
  const std::string bytes = Vector(10'000);
  for (const size_t step : {1, 63, 64, 65, 1000, 1023, 1024, 1025, 4096}) {
    EXPECT_EQ(HexOf(bytes, step), HexOf(bytes)) << step;
  }
}

}  // namespace
}  // namespace pyralog
