// What users write for "where": a path of this machine or a file:// URI (RFC 8089).
#pragma once

#include <string>
#include <string_view>

#include "arrow/result.h"

namespace pyralog::io {

// The path that `location` names: itself, or the decoded path of a file:// URI without host (or
// with host localhost). A result may hold wildcards: io/glob.h expands them. kInvalidArgument for
// an empty one, a NUL, a bad %XX; kNotSupported for every other scheme and for hosts. Error texts
// name scheme and host only, because the rest may hold credentials.
arrow::Result<std::string> LocalPath(std::string_view location);

// The scheme of something of the form scheme://..., lower case; empty for plain paths. A file whose
// own name looks so can be named as ./scheme://...
std::string UriScheme(std::string_view location);

// %XX to bytes (RFC 3986, 2.1); kInvalidArgument with the offset of a '%' without two hex digits.
arrow::Result<std::string> PercentDecode(std::string_view text);

}  // namespace pyralog::io
