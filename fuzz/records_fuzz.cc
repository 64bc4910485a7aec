// What stands inside our files' checksummed frames: commit records, encoded rows, manifest edits,
// catalog entries, deletion packs. Any bytes are refused or taken, never trusted.
#include <array>

#include "arrow/api.h"
#include "catalog/entries.h"
#include "fuzz/format_input.h"
#include "lsm/commit_record.h"
#include "lsm/deletion_pack.h"
#include "lsm/manifest_edit.h"
#include "lsm/row_codec.h"

namespace {

using namespace pyralog;  // NOLINT(google-build-using-namespace): a program of its own

const std::shared_ptr<arrow::Schema>& RowSchema() {
  static const auto& schema = *new std::shared_ptr<arrow::Schema>(arrow::schema(
      {arrow::field("i", arrow::int64()), arrow::field("s", arrow::utf8()),
       arrow::field("b", arrow::boolean()), arrow::field("v", arrow::utf8_view()),
       arrow::field("l", arrow::list(arrow::struct_({arrow::field("x", arrow::int16()),
                                                     arrow::field("y", arrow::large_binary())}))),
       arrow::field("d", arrow::dictionary(arrow::int8(), arrow::utf8())),
       arrow::field("f", arrow::fixed_size_list(arrow::float32(), 3)),
       arrow::field("m", arrow::map(arrow::utf8(), arrow::decimal128(20, 3)))}));
  return schema;
}

void DecodeRows(std::string_view bytes) {
  size_t consumed = 0;
  const auto batch = lsm::DecodeRows(RowSchema(), bytes, &consumed);
  if (!batch.ok()) return;
  const arrow::Status whole = (*batch)->ValidateFull();
  // Text may be any bytes: UTF-8 was checked when the rows came in.
  if (!whole.ok() && whole.message().find("UTF8") == std::string::npos) {
    std::cerr << "decoded rows are invalid: " << whole.ToString() << "\n";
    std::abort();
  }
}

void ReadPack(std::string_view bytes) {
  const auto env = io::NewMemEnv();
  if (!fuzz::MakeFile(env.get(), "/pack", bytes).ok()) return;
  for (const bool verify : {true, false})
    (void)lsm::ReadDeletionPack(env.get(), "/pack", {}, 1, verify);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      (void)lsm::DecodeCommitRecord(bytes);
      break;
    case 1:
      DecodeRows(bytes);
      break;
    case 2: {
      lsm::ManifestState state;
      (void)lsm::ApplyManifestEdit(bytes, &state);
      break;
    }
    case 3:
      (void)catalog::EntryFromJson(bytes);
      break;
    default:
      ReadPack(bytes);
      break;
  }
  return 0;
}
