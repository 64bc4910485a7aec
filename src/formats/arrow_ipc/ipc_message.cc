#include "formats/arrow_ipc/ipc_message.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "arrow/io/memory.h"
#include "arrow/ipc/reader.h"
#include "base/endian.h"
#include "formats/arrow_ipc/flat_table.h"
#include "pyralog/error.h"

namespace pyralog::formats {
namespace {

constexpr uint32_t kContinuation = 0xFFFFFFFF;  // before the length, since version 0.15
constexpr uint64_t kFileEnd = 10;               // length of the footer, "ARROW1"
constexpr int16_t kVersion4 = 3, kVersion5 = 4;
// No file has as many rows, and sums of a few such numbers fit in 64 bits.
constexpr int64_t kMaxLength = int64_t{1} << 60;

// Numbers of the fields in the three files.
namespace footer {
constexpr int kSchema = 1, kDictionaries = 2, kBatches = 3;
}
namespace schema {
constexpr int kEndianness = 0, kFields = 1;
}
namespace field {
constexpr int kDictionary = 4, kChildren = 5;
}
namespace message {
constexpr int kVersion = 0, kHeaderType = 1, kHeader = 2, kBodyLength = 3, kMetadata = 4;
}
namespace record_batch {
constexpr int kLength = 0, kNodes = 1, kBuffers = 2, kCompression = 3, kVariadicCounts = 4;
}
namespace dictionary_batch {
constexpr int kId = 0, kData = 1, kIsDelta = 2;
}

arrow::Status BadIpc(const std::string& what) { return MakeError(ErrorCode::kDamaged, what); }

// Fields of a schema. Tables may be shared, so their number is bounded by what tables take.
class FieldParser {
 public:
  FieldParser(int max_depth, size_t bytes) : max_depth_(max_depth), left_(bytes / 4) {}

  arrow::Result<std::vector<IpcField>> Parse(const std::vector<FlatTable>& tables, int depth = 0) {
    if (depth > max_depth_) return BadIpc("its types are nested too deep");
    std::vector<IpcField> fields;
    for (const FlatTable& table : tables) {
      if (left_ == 0) return BadIpc("its schema has more fields than bytes for them");
      --left_;
      IpcField& parsed = fields.emplace_back();
      ARROW_ASSIGN_OR_RAISE(const auto encoding, table.Table(field::kDictionary));
      if (encoding) {
        ARROW_ASSIGN_OR_RAISE(parsed.dictionary, encoding->Number<int64_t>(0, 0));
      }
      ARROW_ASSIGN_OR_RAISE(const auto children, table.Tables(field::kChildren));
      ARROW_ASSIGN_OR_RAISE(parsed.children, Parse(children, depth + 1));
    }
    return fields;
  }

 private:
  const int max_depth_;
  size_t left_;
};

arrow::Result<IpcSchema> ParseSchema(const Source& source, const FlatTable& table, size_t bytes) {
  IpcSchema parsed;
  ARROW_ASSIGN_OR_RAISE(const auto endianness, table.Number<int16_t>(schema::kEndianness, 0));
  parsed.big_endian = endianness != 0;
  ARROW_ASSIGN_OR_RAISE(const auto fields, table.Tables(schema::kFields));
  ARROW_ASSIGN_OR_RAISE(parsed.fields, FieldParser(source.limits().max_depth, bytes).Parse(fields));
  return parsed;
}

arrow::Result<std::vector<IpcPlace>> ParseBlocks(const FlatTable& table, int field) {
  // offset, length of the header (and 4 bytes that fill up), length of the body
  ARROW_ASSIGN_OR_RAISE(const auto blocks, table.Structs(field, 24));
  std::vector<IpcPlace> places;
  for (const std::string_view block : blocks) {
    const auto offset = LoadLittle<int64_t>(block.data());
    const auto header = LoadLittle<int32_t>(block.data() + 8);
    if (offset < 0 || header < 8) return BadIpc("its footer leads outside of the file");
    places.push_back(
        {.offset = static_cast<uint64_t>(offset), .header_size = static_cast<uint64_t>(header)});
  }
  return places;
}

// The compression of a record batch. Before it was part of the format it was told beside it.
arrow::Status ParseCompression(const FlatTable& table, const FlatTable& outer, int16_t version,
                               IpcBatch* batch) {
  ARROW_ASSIGN_OR_RAISE(const auto compression, table.Table(record_batch::kCompression));
  if (compression) {
    ARROW_ASSIGN_OR_RAISE(const auto codec, compression->Number<int8_t>(0, 0));
    ARROW_ASSIGN_OR_RAISE(const auto method, compression->Number<int8_t>(1, 0));
    if (codec < 0 || codec > 1 || method != 0) {
      return MakeError(ErrorCode::kNotSupported, "it is compressed in an unknown way");
    }
    batch->compression = codec == 0 ? arrow::Compression::LZ4_FRAME : arrow::Compression::ZSTD;
    return arrow::Status::OK();
  }
  if (version != kVersion4) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const auto pairs, outer.Tables(message::kMetadata));
  for (const FlatTable& pair : pairs) {
    ARROW_ASSIGN_OR_RAISE(const std::string_view key, pair.Text(0));
    if (key != "ARROW:experimental_compression") continue;
    ARROW_ASSIGN_OR_RAISE(const std::string_view name, pair.Text(1));
    ARROW_ASSIGN_OR_RAISE(batch->compression,
                          arrow::util::Codec::GetCompressionType(std::string(name)));
  }
  return arrow::Status::OK();
}

// `body`: where the buffers are.
arrow::Status ParseBatch(const FlatTable& table, const FileRange& body, IpcBatch* batch) {
  ARROW_ASSIGN_OR_RAISE(batch->rows, table.Number<int64_t>(record_batch::kLength, 0));
  ARROW_ASSIGN_OR_RAISE(const auto nodes, table.Structs(record_batch::kNodes, 16));
  ARROW_ASSIGN_OR_RAISE(const auto buffers, table.Structs(record_batch::kBuffers, 16));
  ARROW_ASSIGN_OR_RAISE(const auto counts, table.Structs(record_batch::kVariadicCounts, 8));
  if (batch->rows < 0 || batch->rows > kMaxLength) return BadIpc("a batch has no sensible length");
  for (const std::string_view node : nodes) {
    batch->nodes.push_back({.length = LoadLittle<int64_t>(node.data()),
                            .nulls = LoadLittle<int64_t>(node.data() + 8)});
    const int64_t length = batch->nodes.back().length;
    if (length < 0 || length > kMaxLength) return BadIpc("an array has no sensible length");
  }
  for (const std::string_view buffer : buffers) {
    const auto offset = LoadLittle<int64_t>(buffer.data());
    const auto size = LoadLittle<int64_t>(buffer.data() + 8);
    if (offset < 0 || size < 0 || offset > body.size || size > body.size - offset) {
      return BadIpc("a buffer lies outside of its message's body");
    }
    batch->buffers.push_back({body.offset + static_cast<uint64_t>(offset), size});
  }
  for (const std::string_view count : counts) {
    batch->view_buffers.push_back(LoadLittle<int64_t>(count.data()));
  }
  return arrow::Status::OK();
}

// What stands before a header.
struct Prefix {
  uint64_t size = 4;
  uint64_t header = 0;  // bytes of the header; 0 at the end of a stream
};

arrow::Result<Prefix> ReadPrefix(const Source& source, uint64_t offset) {
  if (offset >= source.size()) return Prefix{};  // streams may end without saying so
  const uint64_t left = source.size() - offset;
  ARROW_ASSIGN_OR_RAISE(const std::string bytes, source.Read(offset, std::min<uint64_t>(8, left)));
  if (left < 4) return BadIpc("a message at byte " + std::to_string(offset) + " is cut off");
  Prefix prefix;
  auto length = LoadLittle<uint32_t>(bytes.data());
  if (length == kContinuation) {
    if (left < 8) return BadIpc("a message at byte " + std::to_string(offset) + " is cut off");
    prefix.size = 8;
    length = LoadLittle<uint32_t>(bytes.data() + 4);
  }
  prefix.header = length;
  if (length > source.size() - offset - prefix.size) {
    return BadIpc("a message at byte " + std::to_string(offset) + " is cut off");
  }
  return prefix;
}

arrow::Status ParseHeader(const Source& source, const FlatTable& root, const FileRange& body,
                          size_t bytes, IpcMessage* parsed) {
  ARROW_ASSIGN_OR_RAISE(const auto version, root.Number<int16_t>(message::kVersion, 0));
  if (version < kVersion4 || version > kVersion5) {
    return MakeError(ErrorCode::kNotSupported, "it has messages of version " +
                                                   std::to_string(version + 1) +
                                                   "; versions 4 and 5 are read");
  }
  ARROW_ASSIGN_OR_RAISE(const auto type, root.Number<uint8_t>(message::kHeaderType, 0));
  ARROW_ASSIGN_OR_RAISE(auto header, root.Table(message::kHeader));
  if (!header) return BadIpc("a message has no header");
  if (type == 1) {
    parsed->kind = IpcKindOfMessage::kSchema;
    ARROW_ASSIGN_OR_RAISE(parsed->schema, ParseSchema(source, *header, bytes));
    return arrow::Status::OK();
  }
  if (type != 2 && type != 3) return BadIpc("a message is no record batch and no dictionary");
  parsed->kind = type == 2 ? IpcKindOfMessage::kDictionary : IpcKindOfMessage::kBatch;
  if (type == 2) {
    ARROW_ASSIGN_OR_RAISE(parsed->dictionary, header->Number<int64_t>(dictionary_batch::kId, 0));
    ARROW_ASSIGN_OR_RAISE(const auto delta, header->Number<uint8_t>(dictionary_batch::kIsDelta, 0));
    parsed->is_delta = delta != 0;
    ARROW_ASSIGN_OR_RAISE(header, header->Table(dictionary_batch::kData));
    if (!header) return BadIpc("a dictionary has no values");
  }
  parsed->batch.unions_have_validity = version == kVersion4;
  ARROW_RETURN_NOT_OK(ParseCompression(*header, root, version, &parsed->batch));
  return ParseBatch(*header, body, &parsed->batch);
}

// The schema of a file that ends in these bytes. Arrow gets a file of nothing but a start and this
// end, and in memory of no pool: it may let go of it on a thread of its own, at any time.
arrow::Result<std::shared_ptr<arrow::Schema>> SchemaOfFooter(const std::string& tail) {
  const auto bytes = arrow::Buffer::FromString(std::string("ARROW1\0\0", 8) + tail);
  ARROW_ASSIGN_OR_RAISE(const auto file,
                        arrow::ipc::RecordBatchFileReader::Open(
                            std::make_shared<arrow::io::BufferReader>(bytes), bytes->size()));
  return file->schema();
}

}  // namespace

arrow::Result<IpcFooter> ReadIpcFooter(const Source& source) {
  if (source.size() < kFileEnd) return BadIpc("its footer is missing");
  ARROW_ASSIGN_OR_RAISE(const std::string end, source.Read(source.size() - kFileEnd, kFileEnd));
  if (!end.ends_with("ARROW1")) return BadIpc("it does not end as an Arrow file does");
  const uint64_t length = LoadLittle<uint32_t>(end.data());
  if (length > source.size() - kFileEnd) return BadIpc("its footer is longer than the file");
  ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                        source.Read(source.size() - kFileEnd - length, length));
  IpcFooter parsed;
  ARROW_ASSIGN_OR_RAISE(parsed.columns, SchemaOfFooter(bytes + end));
  ARROW_ASSIGN_OR_RAISE(const FlatTable root, FlatTable::Root(bytes));
  ARROW_ASSIGN_OR_RAISE(const auto schema_table, root.Table(footer::kSchema));
  if (!schema_table) return BadIpc("its footer has no schema");
  ARROW_ASSIGN_OR_RAISE(parsed.schema, ParseSchema(source, *schema_table, length));
  ARROW_ASSIGN_OR_RAISE(parsed.dictionaries, ParseBlocks(root, footer::kDictionaries));
  ARROW_ASSIGN_OR_RAISE(parsed.batches, ParseBlocks(root, footer::kBatches));
  return parsed;
}

arrow::Result<std::optional<IpcMessage>> ReadIpcMessage(const Source& source, IpcPlace place) {
  ARROW_ASSIGN_OR_RAISE(const Prefix prefix, ReadPrefix(source, place.offset));
  if (prefix.header == 0) return std::nullopt;
  ARROW_ASSIGN_OR_RAISE(const std::string bytes,
                        source.Read(place.offset + prefix.size, prefix.header));
  ARROW_ASSIGN_OR_RAISE(const FlatTable root, FlatTable::Root(bytes));
  ARROW_ASSIGN_OR_RAISE(const auto body_size, root.Number<int64_t>(message::kBodyLength, 0));
  const uint64_t body = place.offset + place.header_size.value_or(prefix.size + prefix.header);
  if (body_size < 0 || body > source.size() ||
      static_cast<uint64_t>(body_size) > source.size() - body) {
    return BadIpc("the message at byte " + std::to_string(place.offset) + " is cut off");
  }
  IpcMessage parsed;
  parsed.end = body + static_cast<uint64_t>(body_size);
  ARROW_RETURN_NOT_OK(
      ParseHeader(source, root, {.offset = body, .size = body_size}, bytes.size(), &parsed));
  return parsed;
}

}  // namespace pyralog::formats
