// External formats: what each can do, and how a foreign file becomes relations.
// docs/architecture/formats.md
//
// A format is one folder src/formats/NAME and one line PYRALOG_FORMAT(NAME) in formats.def; the
// folder defines `const Format& NAME_format()`. Everything else (SQL, the command line, Python)
// finds it through registry.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/io/interfaces.h"
#include "arrow/record_batch.h"
#include "arrow/result.h"
#include "batch/scan_request.h"
#include "formats/source.h"

namespace pyralog::formats {

// Options by lower-case name, as OPTIONS (key value) and --option key=value give them.
using Options = std::map<std::string, std::string>;

// Bytes that every file of a format has: `head` at `offset`, `tail` at the end (either may be
// empty).
struct Signature {
  uint64_t offset = 0;
  std::string head;
  std::string tail;
};

// What users are told by `pyralog formats`. All of it is promised by the conformance tests.
struct Capabilities {
  bool read = true;
  bool write = false;
  bool projection = false;  // columns that are not wanted are not read
  bool filter = false;      // parts of the file that cannot match are not read
  bool zero_copy = false;   // the file's bytes are a batch's as they are, nothing is decoded
  bool chunked = false;     // parts can be read independently, by several threads
  bool nulls = true;        // a null that is written is one again when it is read
};

struct FormatInfo {
  std::string name;                  // as in formats.def, STORED AS and --format
  std::string title;                 // "Apache Parquet"
  std::vector<std::string> aliases;  // other names that STORED AS takes
  // Lower case, with the dot; may be followed by a compression's suffix.
  std::vector<std::string> suffixes;
  // Each is enough; none: the format is recognised by suffix only.
  std::vector<Signature> signatures;
  std::vector<std::string> compressions;  // ".gz", ".zst": read through when they follow a suffix
  Capabilities can;
  std::string sql_reader;  // table function of the SQL engine that reads it; empty: its relations
                           // are scanned
  std::string sql_copy;    // FORMAT name of COPY TO; empty: none
  bool sql_batch_rows = false;  // COPY TO takes ROW_GROUP_SIZE: where batches are cut
  std::string readers;          // who else can read it
  std::string concurrency;      // what happens when two processes write one target
};

// One part of a scan, independent of the others: may be opened and read on any thread, once.
class ScanTask {
 public:
  virtual ~ScanTask() = default;
  // Batches of the plan's schema, validated: offsets, indices and text can be trusted.
  virtual arrow::Result<std::shared_ptr<arrow::RecordBatchReader>> Open() = 0;
};

struct ScanPlan {
  std::shared_ptr<arrow::Schema> schema;         // the requested columns, in the requested order
  std::vector<std::shared_ptr<ScanTask>> tasks;  // in the order of the rows
  bool filter_is_exact = false;                  // every row that comes satisfies the filter
};

// Rows of one schema. Thread-safe: scans may run side by side.
class Relation {
 public:
  virtual ~Relation() = default;
  virtual const std::shared_ptr<arrow::Schema>& schema() const = 0;
  // Rows, where the file says so without being read through.
  virtual std::optional<int64_t> row_count() const { return std::nullopt; }
  // kNotFound names a requested column that is not there.
  virtual arrow::Result<ScanPlan> Scan(const batch::ScanRequest& request) = 0;
};

// One thing in a dataset that can be selected by name.
struct Member {
  std::string name;  // "" for the only one
  std::string kind;  // "table"
};

// An opened source. Nothing but headers and footers has been read and checked.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual const FormatInfo& format() const = 0;
  virtual std::vector<Member> members() const { return {Member{"", "table"}}; }
  // The rows of a member. nullptr: only the SQL engine's reader (FormatInfo::sql_reader) can give
  // them.
  virtual arrow::Result<std::shared_ptr<Relation>> OpenRelation(const std::string& member) = 0;
  // Why the SQL engine's reader must not read this file although it is intact, or empty. Then the
  // relation is scanned.
  virtual std::string sql_reader_obstacle() const { return ""; }
  // Options that the SQL engine's reader needs to read this file as it is meant.
  virtual Options sql_reader_options() const { return {}; }
  // Facts for `pyralog inspect`, in order: "row groups" -> "4".
  virtual std::vector<std::pair<std::string, std::string>> Describe() const { return {}; }
};

// A stream whose written bytes can be changed: for formats whose header tells what follows it.
class PatchableOutput : public arrow::io::OutputStream {
 public:
  // Overwrites bytes that were written. The end of the stream stays where it is.
  virtual arrow::Status WriteAt(int64_t position, const void* data, int64_t nbytes) = 0;
};

// Writes batches of one schema to a stream. Not thread-safe.
class BatchWriter {
 public:
  virtual ~BatchWriter() = default;
  virtual arrow::Status Write(const arrow::RecordBatch& batch) = 0;
  // Writes what ends a file. The stream stays open. Nothing may be written afterwards.
  virtual arrow::Status Finish() = 0;
};

class Format {
 public:
  virtual ~Format() = default;
  virtual const FormatInfo& info() const = 0;
  // Checks what foreign bytes claim before anything relies on it: kDamaged, kNotSupported and
  // kFormatVersion name the file and what is wrong with it. Cost: headers and footers, not the
  // data, unless the format's page says otherwise.
  virtual arrow::Result<std::shared_ptr<Dataset>> Open(const SourcePtr& source,
                                                       const Options& options) const = 0;
  // kNotSupported for formats that cannot be written; kInvalidArgument names an option.
  virtual arrow::Result<std::unique_ptr<BatchWriter>> Create(
      const std::shared_ptr<arrow::io::OutputStream>& out,
      const std::shared_ptr<arrow::Schema>& schema, const Options& options) const;
};

// kInvalidArgument names the first option that is not in `known`.
arrow::Status CheckOptionNames(const FormatInfo& format, const Options& options,
                               const std::vector<std::string>& known);

// The positions of the requested columns in `schema`: all when the request names none.
arrow::Result<std::vector<int>> ColumnPositions(const arrow::Schema& schema,
                                                const batch::ScanRequest& request);
// The filter bound to `schema`; an error when it names what is not there or compares what cannot be
// compared.
arrow::Result<arrow::compute::Expression> BindFilter(const arrow::compute::Expression& filter,
                                                     const arrow::Schema& schema);
// The fields at these positions.
std::shared_ptr<arrow::Schema> ProjectSchema(const arrow::Schema& schema,
                                             const std::vector<int>& positions);

// The schema with every name once: the second "a" is "a_1". Requests name columns, so relations
// offer them so.
std::shared_ptr<arrow::Schema> WithDistinctNames(const std::shared_ptr<arrow::Schema>& schema);

}  // namespace pyralog::formats
