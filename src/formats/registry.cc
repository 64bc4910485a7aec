#include "formats/registry.h"

#include <algorithm>
#include <cctype>

#include "pyralog/error.h"

namespace pyralog::formats {

#define PYRALOG_FORMAT(name) const Format& name##_format();
#include "formats/formats.def"
#undef PYRALOG_FORMAT

namespace {

std::string LowerCase(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// 0: no. Longer matches are stronger.
arrow::Result<size_t> MatchLength(const Source& source, const Signature& signature) {
  const size_t need = signature.offset + signature.head.size() + signature.tail.size();
  if (source.size() < need) return 0;
  ARROW_ASSIGN_OR_RAISE(const std::string head,
                        source.Read(signature.offset, signature.head.size()));
  if (head != signature.head) return 0;
  ARROW_ASSIGN_OR_RAISE(const std::string tail,
                        source.Read(source.size() - signature.tail.size(), signature.tail.size()));
  return tail == signature.tail ? signature.head.size() + signature.tail.size() : 0;
}

bool HasSuffix(const FormatInfo& info, std::string_view lower_path) {
  auto ends_with = [&](std::string_view path) {
    return std::any_of(info.suffixes.begin(), info.suffixes.end(), [&](const std::string& suffix) {
      return path.ends_with(suffix) && path.size() > suffix.size();
    });
  };
  if (ends_with(lower_path)) return true;
  return std::any_of(
      info.compressions.begin(), info.compressions.end(), [&](const std::string& compression) {
        return lower_path.ends_with(compression) &&
               ends_with(lower_path.substr(0, lower_path.size() - compression.size()));
      });
}

std::string KnownNames() {
  std::string names;
  for (const Format* format : AllFormats()) {
    names += (names.empty() ? "" : ", ") + format->info().name;
  }
  return names;
}

}  // namespace

const std::vector<const Format*>& AllFormats() {
  static const std::vector<const Format*>& formats = *new std::vector<const Format*>{
#define PYRALOG_FORMAT(name) &name##_format(),
#include "formats/formats.def"
#undef PYRALOG_FORMAT
  };
  return formats;
}

const Format* FindFormat(std::string_view name) {
  const std::string wanted = LowerCase(name);
  for (const Format* format : AllFormats()) {
    const FormatInfo& info = format->info();
    const auto& aliases = info.aliases;
    if (info.name == wanted || std::find(aliases.begin(), aliases.end(), wanted) != aliases.end()) {
      return format;
    }
  }
  return nullptr;
}

arrow::Result<const Format*> FormatNamed(std::string_view name) {
  if (const Format* format = FindFormat(name)) return format;
  return MakeError(ErrorCode::kNotSupported, "no format is called '" + std::string(name) +
                                                 "'; this build has " + KnownNames());
}

const Format* FormatOfPath(std::string_view path) {
  const std::string lower = LowerCase(path);
  for (const Format* format : AllFormats()) {
    if (HasSuffix(format->info(), lower)) return format;
  }
  return nullptr;
}

arrow::Result<const Format*> DetectFormat(const Source& source) {
  const Format* best = nullptr;
  size_t best_length = 0;
  for (const Format* format : AllFormats()) {
    for (const Signature& signature : format->info().signatures) {
      ARROW_ASSIGN_OR_RAISE(const size_t length, MatchLength(source, signature));
      if (length <= best_length) continue;
      best = format;
      best_length = length;
    }
  }
  if (best == nullptr) best = FormatOfPath(source.path());
  if (best != nullptr) return best;
  return source.Error(
      ErrorCode::kNotSupported,
      "neither its first bytes nor its name tell a format; name one of " + KnownNames());
}

arrow::Result<std::shared_ptr<Dataset>> OpenDataset(const SourcePtr& source,
                                                    std::string_view format_name,
                                                    const Options& options) {
  const Format* format = nullptr;
  if (format_name.empty()) {
    ARROW_ASSIGN_OR_RAISE(format, DetectFormat(*source));
  } else {
    ARROW_ASSIGN_OR_RAISE(format, FormatNamed(format_name));
  }
  return format->Open(source, options);
}

}  // namespace pyralog::formats
