// The messages of an IPC file or stream: where they are, and what their headers say.
//
// A message is its header (FlatBuffers, behind its length) and a body of buffers. A file lists its
// messages in a footer; a stream starts with the schema, and they follow each other. Headers are
// read into private memory, bodies are not touched.
// Format: the files File.fbs, Message.fbs and Schema.fbs of Apache Arrow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "arrow/result.h"
#include "arrow/type.h"
#include "arrow/util/compression.h"
#include "formats/file_arrays.h"

namespace pyralog::formats {

// The number of a field's dictionary, and the fields within it (of what the dictionary holds, if it
// has one).
struct IpcField {
  std::optional<int64_t> dictionary;
  std::vector<IpcField> children;
};

// What Arrow's schema does not tell of a file's own.
struct IpcSchema {
  bool big_endian = false;
  std::vector<IpcField> fields;
};

// Where a message is; how long it is without its body, where the footer says so.
struct IpcPlace {
  uint64_t offset = 0;
  std::optional<uint64_t> header_size;
};

struct IpcFooter {
  std::shared_ptr<arrow::Schema> columns;
  IpcSchema schema;
  std::vector<IpcPlace> dictionaries;
  std::vector<IpcPlace> batches;
};

struct IpcNode {
  int64_t length = 0;
  int64_t nulls = 0;
};

// A record batch: its arrays in the order of the fields, depth first.
struct IpcBatch {
  int64_t rows = 0;
  std::vector<IpcNode> nodes;
  std::vector<FileRange> buffers;
  std::vector<int64_t> view_buffers;  // of each array of views
  std::optional<arrow::Compression::type> compression;
  bool unions_have_validity = false;  // until version 4 of the metadata
};

enum class IpcKindOfMessage { kSchema, kDictionary, kBatch };

struct IpcMessage {
  IpcKindOfMessage kind = IpcKindOfMessage::kSchema;
  uint64_t end = 0;  // where a stream's next message starts
  IpcSchema schema;
  IpcBatch batch;  // of dictionaries: their values, as the only column
  int64_t dictionary = 0;
  bool is_delta = false;
};

arrow::Result<IpcFooter> ReadIpcFooter(const Source& source);

// kDamaged also for messages of another kind. Nothing at the end of a stream.
arrow::Result<std::optional<IpcMessage>> ReadIpcMessage(const Source& source, IpcPlace place);

}  // namespace pyralog::formats
