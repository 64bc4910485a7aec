#include "io/uri.h"

#include <algorithm>

#include "io/system_error.h"
#include "pyralog/error.h"

namespace pyralog::io {
namespace {

// <cctype> depends on the locale; URIs do not.
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSchemeCharacter(char c) {
  return IsLetter(c) || IsDigit(c) || c == '+' || c == '-' || c == '.';
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kFileScheme = "file:";

// The part after "file:": "//host/path" or "/path".
arrow::Result<std::string> FileUriPath(std::string_view rest) {
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const std::string host = LowerCase(rest.substr(0, rest.find('/')));
    if (!host.empty() && host != "localhost") {
      return MakeError(ErrorCode::kNotSupported,
                       "file:// URI: host '" + host +
                           "' is not this machine; write file:///path with three slashes");
    }
    rest.remove_prefix(std::min(rest.find('/'), rest.size()));
  }
  if (rest.empty()) return MakeError(ErrorCode::kInvalidArgument, "file:// URI: has no path");
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "file:// URI: takes no query or fragment; write '?' as %3F and '#' as %23");
  }
  return PercentDecode(rest);
}

}  // namespace

std::string UriScheme(std::string_view location) {
  const size_t end = location.find("://");
  if (end == std::string_view::npos || end == 0 || !IsLetter(location[0])) return "";
  const std::string_view scheme = location.substr(0, end);
  if (!std::all_of(scheme.begin(), scheme.end(), IsSchemeCharacter)) return "";
  return LowerCase(scheme);
}

arrow::Result<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 1 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "'%' at offset " + std::to_string(i) +
                           " is not followed by two hex digits; write a plain '%' as %25");
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

arrow::Result<std::string> LocalPath(std::string_view location) {
  const std::string scheme = UriScheme(location);
  if (!scheme.empty() && scheme != "file") {
    return MakeError(ErrorCode::kNotSupported,
                     "scheme '" + scheme + "' is not supported; use a local path or file://");
  }
  std::string path(location);
  const bool is_uri = LowerCase(location.substr(0, kFileScheme.size())) == kFileScheme &&
                      location.substr(kFileScheme.size()).starts_with('/');
  if (is_uri) {
    ARROW_ASSIGN_OR_RAISE(path, FileUriPath(location.substr(kFileScheme.size())));
  }
  if (path.empty()) return MakeError(ErrorCode::kInvalidArgument, "the path is empty");
  ARROW_RETURN_NOT_OK(CheckNoNul(path));
  return path;
}

}  // namespace pyralog::io
