// The one way to open what a file refers to. A table format's metadata, a catalogue's manifest, an
// array's chunk list come from outside: the names in them are hostile until shown otherwise, and
// none may lead out of the folder that the user named.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "arrow/buffer.h"
#include "arrow/result.h"
#include "io/descriptor.h"
#include "io/env.h"

namespace pyralog::io {

// A folder that references are resolved in. It stays the same folder when it is renamed or its path
// is made to lead elsewhere. Any number of threads may use it.
class Root {
 public:
  enum class Method {
    kKernel,  // openat2(2), Linux 5.6; kWalk where the kernel or a sandbox does not offer it
    kWalk,    // part by part
  };
  enum class Links {
    kAnyNumber,
    kOne,  // refuses a file with further names (hard links): somebody may write it under those
  };

  // `folder` comes from the user, so links on the way to it are followed.
  static arrow::Result<Root> Open(const std::string& folder, Method method = Method::kKernel);

  // Opens a regular file for reading. `relative` is refused with kInvalidArgument when it is empty,
  // absolute, holds ".." or a NUL, passes or is a symbolic link, or names something else than a
  // regular file; kNotFound when there is nothing. Never waits, whatever the name leads to.
  arrow::Result<std::unique_ptr<File>> OpenBeneath(std::string_view relative,
                                                   Links links = Links::kAnyNumber) const;
  // The same file as a mapping (Env::Map).
  arrow::Result<std::shared_ptr<arrow::Buffer>> MapBeneath(std::string_view relative,
                                                           Links links = Links::kAnyNumber) const;

  const std::string& path() const { return path_; }

 private:
  Root(std::string path, Descriptor folder, Method method)
      : path_(std::move(path)), folder_(std::move(folder)), method_(method) {}

  arrow::Result<Descriptor> OpenDescriptor(std::string_view relative, Links links) const;

  std::string path_;
  Descriptor folder_;
  Method method_;
};

// For inputs that the user names: OK for a regular file (links to one are followed);
// kInvalidArgument for a folder, FIFO, socket or device; kNotFound. Opens nothing, so never waits.
arrow::Status CheckRegularFile(const std::string& path);

}  // namespace pyralog::io
