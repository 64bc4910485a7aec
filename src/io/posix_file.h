// Reading, writing and mapping through a descriptor that somebody has opened and checked.
#pragma once

#include <memory>
#include <string>

#include "io/descriptor.h"
#include "io/env.h"

namespace pyralog::io {

// `path` is for error texts only.
std::unique_ptr<File> MakePosixFile(std::string path, Descriptor fd);

// The whole file, as Env::Map. The descriptor may be closed afterwards.
arrow::Result<std::shared_ptr<arrow::Buffer>> MapDescriptor(const std::string& path,
                                                            const Descriptor& fd);

}  // namespace pyralog::io
