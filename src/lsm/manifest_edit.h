// The difference of two manifest states as bytes, and its application.
#pragma once

#include <string>
#include <string_view>

#include "lsm/manifest.h"

namespace pyralog::lsm {

arrow::Result<std::string> EncodeManifestEdit(const ManifestState& from, const ManifestState& to);
// kDamaged for bytes that are no edit, kFormatVersion for one with unknown keys.
arrow::Status ApplyManifestEdit(std::string_view edit, ManifestState* state);

}  // namespace pyralog::lsm
