// The checked footer of a Parquet file, and what it means for the readers that could take the file.
//
//   "PAR1"  column chunks ...  footer (Thrift)  footer length (4 bytes, little-endian)  "PAR1"
//
// Format: https://github.com/apache/parquet-format
#pragma once

#include <memory>
#include <string>

#include "arrow/result.h"
#include "formats/source.h"
#include "parquet/metadata.h"

namespace pyralog::formats {

// Reads the footer through Arrow's reader and checks each row group and column chunk against the
// file's size. kDamaged for what cannot be true, kNotSupported for encrypted files.
arrow::Result<std::shared_ptr<::parquet::FileMetaData>> ReadParquetFooter(const Source& source);

// Why the SQL engine's Parquet reader should not read an intact file.
struct ParquetObstacle {
  std::string reason;  // empty: it may
  // It fails or reads wrongly; else it merely ignores the checksums that the pages carry.
  bool hard = true;
};
arrow::Result<ParquetObstacle> ParquetSqlObstacle(const Source& source,
                                                  const ::parquet::FileMetaData& footer);

// The rows of all row groups. Files exist whose footer tells another number.
int64_t ParquetRows(const ::parquet::FileMetaData& footer);

// Whether a page header (Thrift compact protocol) that starts with these bytes carries a CRC.
bool PageHeaderHasChecksum(std::string_view header);

}  // namespace pyralog::formats
