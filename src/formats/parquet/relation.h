// The rows of a Parquet file through Arrow's reader: page checksums are verified, row groups are
// the scan tasks.
#pragma once

#include <memory>

#include "arrow/result.h"
#include "formats/format.h"
#include "parquet/metadata.h"

namespace pyralog::formats {

// nullptr when Arrow cannot express the file's schema; the SQL engine's reader may.
arrow::Result<std::shared_ptr<Relation>> OpenParquetRelation(
    const SourcePtr& source, const std::shared_ptr<::parquet::FileMetaData>& footer);

}  // namespace pyralog::formats
