#include "io/posix_file.h"

#include <sys/mman.h>

#include "io/system_error.h"
#include "pyralog/error.h"

namespace pyralog::io {
namespace {

class PosixFile : public File {
 public:
  PosixFile(std::string path, Descriptor fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  arrow::Status WriteAt(uint64_t offset, std::string_view data) override {
    while (!data.empty()) {
      const ssize_t count = RetryOnSignal([&] {
        return ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
      });
      if (count < 0) return SystemError("write", path_, errno);
      offset += static_cast<uint64_t>(count);
      data.remove_prefix(static_cast<size_t>(count));
    }
    return arrow::Status::OK();
  }

  arrow::Result<size_t> ReadAt(uint64_t offset, size_t size, void* out) const override {
    size_t done = 0;
    while (done < size) {
      const ssize_t count = RetryOnSignal([&] {
        return ::pread(fd_.get(), static_cast<char*>(out) + done, size - done,
                       static_cast<off_t>(offset + done));
      });
      if (count < 0) return SystemError("read", path_, errno);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  arrow::Status Sync() override {
    return Check("sync", [&] { return ::fdatasync(fd_.get()); });
  }

  arrow::Status Truncate(uint64_t size) override {
    return Check("truncate", [&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); });
  }

  arrow::Result<uint64_t> Size() const override {
    struct stat info;
    if (::fstat(fd_.get(), &info) != 0) return SystemError("stat", path_, errno);
    return static_cast<uint64_t>(info.st_size);
  }

  arrow::Result<int64_t> LastWrite() const override {
    struct stat info;
    if (::fstat(fd_.get(), &info) != 0) return SystemError("stat", path_, errno);
    return int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  }

  arrow::Status Close() override {
    // Linux frees the descriptor even when close is interrupted, so it is never called twice.
    if (::close(fd_.Release()) != 0 && errno != EINTR) return SystemError("close", path_, errno);
    return arrow::Status::OK();
  }

 private:
  template <class Call>
  arrow::Status Check(std::string_view verb, Call call) {
    return RetryOnSignal(call) == 0 ? arrow::Status::OK() : SystemError(verb, path_, errno);
  }

  const std::string path_;
  Descriptor fd_;
};

class MappedBuffer : public arrow::Buffer {
 public:
  MappedBuffer(void* address, size_t size)
      : arrow::Buffer(static_cast<const uint8_t*>(address), static_cast<int64_t>(size)),
        address_(address),
        mapped_(size) {}
  ~MappedBuffer() override { ::munmap(address_, mapped_); }

 private:
  void* const address_;
  const size_t mapped_;
};

}  // namespace

std::unique_ptr<File> MakePosixFile(std::string path, Descriptor fd) {
  return std::make_unique<PosixFile>(std::move(path), std::move(fd));
}

arrow::Result<std::shared_ptr<arrow::Buffer>> MapDescriptor(const std::string& path,
                                                            const Descriptor& fd) {
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return SystemError("stat", path, errno);
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return std::make_shared<arrow::Buffer>(nullptr, 0);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address != MAP_FAILED) return std::make_shared<MappedBuffer>(address, size);
  if (errno != ENOMEM) return SystemError("map", path, errno);
  return MakeError(ErrorCode::kIo, "map " + path +
                                       ": no address space or too many mappings; raise "
                                       "vm.max_map_count or the memory limit of the process");
}

}  // namespace pyralog::io
