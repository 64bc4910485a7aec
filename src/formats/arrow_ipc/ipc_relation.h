// The rows of an Arrow IPC file or stream, read slice by slice into private memory, each validated in
// full before it leaves.
#pragma once

#include <memory>

#include "arrow/result.h"
#include "formats/format.h"

namespace pyralog::formats {

enum class IpcKind { kFile, kStream, kFeather1 };

// By the first bytes: "ARROW1" is a file, "FEA1" Feather version 1, everything else a stream.
arrow::Result<IpcKind> IpcKindOf(const Source& source);

// Reads the schema (and, of files, the footer). A file's record batches, or parts of them, are its
// scan tasks; a stream is one. Only the wanted columns of a slice of rows are read at once, but of
// batches that are compressed, of the other byte order, or of types whose rows lie anywhere
// (CanReadRows): these are read batch by batch.
arrow::Result<std::shared_ptr<Relation>> OpenIpcRelation(const SourcePtr& source, IpcKind kind);

// Record batches of a file; nothing for a stream, which has to be read to know.
std::optional<int64_t> IpcBatchCount(const Relation& relation);

}  // namespace pyralog::formats
