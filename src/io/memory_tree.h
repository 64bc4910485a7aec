// The folder tree of the in-memory environments: paths, walking, and the errors that real file
// systems give.
//
// A Node is any type with `bool is_directory` and `std::map<std::string, std::shared_ptr<Node>>
// entries`. Relative and absolute paths mean the same: both start at the root, which is always
// there.
#pragma once

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow/result.h"
#include "io/env.h"
#include "io/system_error.h"
#include "pyralog/error.h"

namespace pyralog::io {

// The parts of a path without empty ones and "."; ".." takes the part before it away.
std::vector<std::string> SplitPath(std::string_view path);

// Whether the path of these parts is `folder` or lies below it.
bool IsBelow(const std::vector<std::string>& path, const std::vector<std::string>& folder);

// The folder that holds `path`'s last part, and that part.
template <class Node>
struct Place {
  std::shared_ptr<Node> folder;
  std::string name;

  // What stands there, or null.
  std::shared_ptr<Node> Find() const {
    const auto found = folder->entries.find(name);
    return found == folder->entries.end() ? nullptr : found->second;
  }
};

namespace internal {

template <class Node>
arrow::Result<std::shared_ptr<Node>> Descend(std::shared_ptr<Node> node,
                                             const std::vector<std::string>& parts, size_t count,
                                             std::string_view verb, const std::string& path) {
  for (size_t i = 0; i < count; ++i) {
    if (!node->is_directory) return SystemError(verb, path, ENOTDIR);
    const auto found = node->entries.find(parts[i]);
    if (found == node->entries.end()) return SystemError(verb, path, ENOENT);
    node = found->second;
  }
  return node;
}

}  // namespace internal

// The file or folder at `path`; kNotFound without one.
template <class Node>
arrow::Result<std::shared_ptr<Node>> FindNode(const std::shared_ptr<Node>& root,
                                              std::string_view verb, const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckNoNul(path));
  const std::vector<std::string> parts = SplitPath(path);
  return internal::Descend(root, parts, parts.size(), verb, path);
}

template <class Node>
arrow::Result<std::shared_ptr<Node>> FindFolder(const std::shared_ptr<Node>& root,
                                                std::string_view verb, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto node, FindNode(root, verb, path));
  if (!node->is_directory) return SystemError(verb, path, ENOTDIR);
  return node;
}

template <class Node>
arrow::Result<std::shared_ptr<Node>> FindFile(const std::shared_ptr<Node>& root,
                                              std::string_view verb, const std::string& path) {
  ARROW_ASSIGN_OR_RAISE(auto node, FindNode(root, verb, path));
  if (node->is_directory) return NotRegularFile(verb, path, "a folder");
  return node;
}

// Where `path` stands or would be created; kNotFound when its folder is missing. The root has no
// place.
template <class Node>
arrow::Result<Place<Node>> FindPlace(const std::shared_ptr<Node>& root, std::string_view verb,
                                     const std::string& path) {
  ARROW_RETURN_NOT_OK(CheckNoNul(path));
  std::vector<std::string> parts = SplitPath(path);
  if (parts.empty()) return SystemError(verb, path, path.empty() ? ENOENT : EBUSY);
  ARROW_ASSIGN_OR_RAISE(auto folder, internal::Descend(root, parts, parts.size() - 1, verb, path));
  if (!folder->is_directory) return SystemError(verb, path, ENOTDIR);
  return Place<Node>{std::move(folder), std::move(parts.back())};
}

// The two ends of a rename, checked as rename(2) does.
template <class Node>
struct RenamePlaces {
  Place<Node> from;
  Place<Node> to;
};

template <class Node>
arrow::Result<RenamePlaces<Node>> FindRename(const std::shared_ptr<Node>& root,
                                             const std::string& from, const std::string& to) {
  ARROW_ASSIGN_OR_RAISE(Place<Node> source_place, FindPlace(root, "rename", from));
  ARROW_ASSIGN_OR_RAISE(Place<Node> target_place, FindPlace(root, "rename", to));
  const std::string both = from + " to " + to;
  const auto source = source_place.Find();
  const auto target = target_place.Find();
  if (source == nullptr) return SystemError("rename", both, ENOENT);
  if (source != target && IsBelow(SplitPath(to), SplitPath(from))) {
    return SystemError("rename", both, EINVAL);
  }
  if (target != nullptr && target != source) {
    if (target->is_directory && !source->is_directory) return SystemError("rename", both, EISDIR);
    if (!target->is_directory && source->is_directory) return SystemError("rename", both, ENOTDIR);
    if (!target->entries.empty()) return SystemError("rename", both, ENOTEMPTY);
  }
  return RenamePlaces<Node>{std::move(source_place), std::move(target_place)};
}

// The place and what stands there, ready to be removed as a file or as an empty folder.
template <class Node>
arrow::Result<Place<Node>> FindRemovable(const std::shared_ptr<Node>& root, std::string_view verb,
                                         const std::string& path, bool is_directory) {
  ARROW_ASSIGN_OR_RAISE(Place<Node> place, FindPlace(root, verb, path));
  const auto node = place.Find();
  if (node == nullptr) return SystemError(verb, path, ENOENT);
  if (node->is_directory && !is_directory) return SystemError(verb, path, EISDIR);
  if (!node->is_directory && is_directory) return SystemError(verb, path, ENOTDIR);
  if (!node->entries.empty()) return SystemError(verb, path, ENOTEMPTY);
  return place;
}

}  // namespace pyralog::io
