#include "formats/parquet/footer.h"

#include <algorithm>
#include <utility>

#include "base/endian.h"
#include "parquet/exception.h"
#include "parquet/file_reader.h"
#include "parquet/schema.h"

namespace pyralog::formats {
namespace {

constexpr std::string_view kMagic = "PAR1";
constexpr std::string_view kEncryptedMagic = "PARE";
constexpr uint64_t kTrailerBytes = 8;  // footer length and magic

arrow::Status CheckMagic(const Source& source) {
  if (source.size() < kMagic.size() + kTrailerBytes) {
    return source.Error(ErrorCode::kDamaged, "it has " + std::to_string(source.size()) +
                                                 " bytes, too few for a Parquet file");
  }
  ARROW_ASSIGN_OR_RAISE(const std::string head, source.Read(0, kMagic.size()));
  ARROW_ASSIGN_OR_RAISE(const std::string tail,
                        source.Read(source.size() - kTrailerBytes, kTrailerBytes));
  const std::string_view magic = std::string_view(tail).substr(4);
  if (magic == kEncryptedMagic) {
    return source.Error(ErrorCode::kNotSupported,
                        "its footer is encrypted; encrypted Parquet files cannot be read");
  }
  if (magic != kMagic || head != kMagic) {
    return source.Error(
        ErrorCode::kDamaged,
        "it is not a Parquet file, or it was cut: the bytes PAR1 are missing at its " +
            std::string(magic != kMagic ? "end" : "start"));
  }
  const auto length = LoadLittle<uint32_t>(tail.data());
  if (length > source.size() - kMagic.size() - kTrailerBytes) {
    return source.Error(ErrorCode::kDamaged, "its footer claims " + std::to_string(length) +
                                                 " bytes, the file has " +
                                                 std::to_string(source.size()));
  }
  return arrow::Status::OK();
}

arrow::Status CheckChunk(const Source& source, const ::parquet::ColumnChunkMetaData& chunk,
                         int64_t rows, const std::string& where) {
  const int64_t data = chunk.data_page_offset();
  const int64_t dictionary = chunk.has_dictionary_page() ? chunk.dictionary_page_offset() : 0;
  if (!chunk.file_path().empty()) {
    return source.Error(ErrorCode::kNotSupported, where + " lies in another file");
  }
  // Writers put anything where there are no pages.
  if (rows == 0 && chunk.num_values() == 0) return arrow::Status::OK();
  // Some writers put 0 where there is no dictionary; a page cannot start before the magic bytes.
  const int64_t start = dictionary > 0 ? std::min(data, dictionary) : data;
  const int64_t size = chunk.total_compressed_size();
  const auto file_size = static_cast<int64_t>(source.size());
  if (start < 4 || size < 0 || start > file_size || size > file_size - start) {
    return source.Error(ErrorCode::kDamaged, where + " lies outside the file");
  }
  if (chunk.num_values() < 0) {
    return source.Error(ErrorCode::kDamaged, where + " claims a negative number of values");
  }
  const bool flat = chunk.path_in_schema()->ToDotVector().size() == 1;
  if (flat && chunk.num_values() < rows) {
    return source.Error(ErrorCode::kDamaged, where + " has fewer values than its row group rows");
  }
  return arrow::Status::OK();
}

arrow::Status CheckRowGroups(const Source& source, const ::parquet::FileMetaData& footer) {
  for (int g = 0; g < footer.num_row_groups(); ++g) {
    const auto group = footer.RowGroup(g);
    if (group->num_rows() < 0 || group->num_columns() != footer.num_columns()) {
      return source.Error(ErrorCode::kDamaged,
                          "row group " + std::to_string(g) + " does not fit the schema");
    }
    for (int c = 0; c < group->num_columns(); ++c) {
      const auto chunk = group->ColumnChunk(c);
      if (chunk->crypto_metadata() != nullptr) {
        return source.Error(ErrorCode::kNotSupported,
                            "its column " + chunk->path_in_schema()->ToDotString() +
                                " is encrypted; encrypted Parquet files cannot be read");
      }
      ARROW_RETURN_NOT_OK(CheckChunk(source, *chunk, group->num_rows(),
                                     "column " + chunk->path_in_schema()->ToDotString() +
                                         " of row group " + std::to_string(g)));
    }
  }
  return arrow::Status::OK();
}

bool HasField(const ::parquet::schema::GroupNode& group, const std::string& name) {
  return group.FieldIndex(name) >= 0;
}

// A shredded variant holds its values in `typed_value` beside or in place of `value`, at any depth.
bool IsShredded(const ::parquet::schema::Node& node) {
  if (!node.is_group()) return false;
  const auto& group = static_cast<const ::parquet::schema::GroupNode&>(node);
  return HasField(group, "typed_value") && HasField(group, "metadata");
}

// The first thing in the schema that the SQL engine's reader cannot take.
std::string SchemaObstacle(const ::parquet::schema::Node& node) {
  if (!node.is_group()) return "";
  const auto& group = static_cast<const ::parquet::schema::GroupNode&>(node);
  const bool is_variant = node.logical_type() != nullptr && node.logical_type()->is_variant();
  if (is_variant && IsShredded(node)) return "column " + node.name() + " is a shredded variant";
  const bool is_map = node.logical_type() != nullptr && node.logical_type()->is_map();
  if (is_map && group.field_count() == 1 && group.field(0)->is_group() &&
      static_cast<const ::parquet::schema::GroupNode&>(*group.field(0)).field_count() == 1) {
    return "column " + node.name() + " is a map without values";
  }
  for (int i = 0; i < group.field_count(); ++i) {
    if (std::string found = SchemaObstacle(*group.field(i)); !found.empty()) return found;
  }
  return "";
}

std::string ChunkObstacle(const ::parquet::ColumnChunkMetaData& chunk) {
  const std::string column = "column " + chunk.path_in_schema()->ToDotString();
  if (chunk.compression() == ::arrow::Compression::LZ4_HADOOP) {
    return column + " is compressed with Hadoop's LZ4";
  }
  const auto& encodings = chunk.encodings();
  const bool split = std::find(encodings.begin(), encodings.end(),
                               ::parquet::Encoding::BYTE_STREAM_SPLIT) != encodings.end();
  if (split && chunk.type() != ::parquet::Type::FLOAT && chunk.type() != ::parquet::Type::DOUBLE) {
    return column + " is byte-stream split, but not of floating-point numbers";
  }
  return "";
}

// Writers that make page checksums make them for every page, so the first page of each column
// speaks for it.
arrow::Result<bool> HasChecksums(const Source& source, const ::parquet::FileMetaData& footer) {
  if (footer.num_row_groups() == 0) return false;
  const auto group = footer.RowGroup(0);
  for (int c = 0; c < group->num_columns(); ++c) {
    const auto chunk = group->ColumnChunk(c);
    if (chunk->num_values() == 0) continue;
    const auto offset = static_cast<uint64_t>(chunk->data_page_offset());
    // Three numbers of at most five bytes, their field headers, and the next one.
    constexpr uint64_t kEnough = 24;
    ARROW_ASSIGN_OR_RAISE(const std::string header,
                          source.Read(offset, std::min<uint64_t>(kEnough, source.size() - offset)));
    if (PageHeaderHasChecksum(header)) return true;
  }
  return false;
}

arrow::Result<ParquetObstacle> FindObstacle(const Source& source,
                                            const ::parquet::FileMetaData& footer) {
  BEGIN_PARQUET_CATCH_EXCEPTIONS
  if (std::string found = SchemaObstacle(*footer.schema()->schema_root()); !found.empty()) {
    return ParquetObstacle{found};
  }
  for (int g = 0; g < footer.num_row_groups(); ++g) {
    const auto group = footer.RowGroup(g);
    for (int c = 0; c < group->num_columns(); ++c) {
      if (std::string found = ChunkObstacle(*group->ColumnChunk(c)); !found.empty()) {
        return ParquetObstacle{found};
      }
    }
  }
  // The SQL engine's reader would count the rows by the footer.
  if (ParquetRows(footer) != footer.num_rows()) {
    return ParquetObstacle{"its footer miscounts its rows"};
  }
  ARROW_ASSIGN_OR_RAISE(const bool checksums, HasChecksums(source, footer));
  return ParquetObstacle{checksums ? "its pages carry checksums" : "", !checksums};
  END_PARQUET_CATCH_EXCEPTIONS
}

}  // namespace

int64_t ParquetRows(const ::parquet::FileMetaData& footer) {
  int64_t rows = 0;
  for (int g = 0; g < footer.num_row_groups(); ++g) rows += footer.RowGroup(g)->num_rows();
  return rows;
}

bool PageHeaderHasChecksum(std::string_view header) {
  // struct PageHeader { 1: i32 type, 2: i32 uncompressed size, 3: i32 compressed size, 4: optional
  // i32 crc, ... } A field header of the compact protocol is (distance from the last id) << 4 |
  // type; type 5 is i32.
  constexpr unsigned char kNextFieldIsI32 = 0x15;
  size_t at = 0;
  for (int field = 1; field <= 3; ++field) {
    if (at >= header.size() || static_cast<unsigned char>(header[at]) != kNextFieldIsI32)
      return false;
    ++at;
    while (at < header.size() && (static_cast<unsigned char>(header[at]) & 0x80) != 0) ++at;
    ++at;
  }
  return at < header.size() && static_cast<unsigned char>(header[at]) == kNextFieldIsI32;
}

arrow::Result<std::shared_ptr<::parquet::FileMetaData>> ReadParquetFooter(const Source& source) {
  ARROW_RETURN_NOT_OK(CheckMagic(source));
  auto read = [&]() -> arrow::Result<std::shared_ptr<::parquet::FileMetaData>> {
    PARQUET_CATCH_AND_RETURN(
        ::parquet::ParquetFileReader::Open(source.AsRandomAccess(),
                                           ::parquet::ReaderProperties(source.limits().pool))
            ->metadata());
  };
  auto footer = read();
  if (!footer.ok()) return source.Wrap(footer.status());
  auto check = [&]() -> arrow::Status {
    BEGIN_PARQUET_CATCH_EXCEPTIONS
    return CheckRowGroups(source, **footer);
    END_PARQUET_CATCH_EXCEPTIONS
  };
  ARROW_RETURN_NOT_OK(source.Wrap(check()));
  return footer;
}

arrow::Result<ParquetObstacle> ParquetSqlObstacle(const Source& source,
                                                  const ::parquet::FileMetaData& footer) {
  auto found = FindObstacle(source, footer);
  if (!found.ok()) return source.Wrap(found.status());
  return found;
}

}  // namespace pyralog::formats
