// The list of formats, and which of them a file is.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "formats/format.h"

namespace pyralog::formats {

// All formats of this build, in the order of formats.def. They live for ever.
const std::vector<const Format*>& AllFormats();

// The format of this name or alias, in any case; nullptr when there is none.
const Format* FindFormat(std::string_view name);
// As FindFormat; kNotSupported lists the names that there are.
arrow::Result<const Format*> FormatNamed(std::string_view name);

// The format whose suffix this path has (a compression's suffix may follow), or nullptr.
const Format* FormatOfPath(std::string_view path);
// What a file is: by its signature, else by its suffix. kNotSupported when neither is known.
arrow::Result<const Format*> DetectFormat(const Source& source);

// Opens a file as the named format, or, without a name, as what it is.
arrow::Result<std::shared_ptr<Dataset>> OpenDataset(const SourcePtr& source,
                                                    std::string_view format_name = {},
                                                    const Options& options = {});

}  // namespace pyralog::formats
