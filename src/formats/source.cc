#include "formats/source.h"

#include <algorithm>
#include <utility>

#include "arrow/util/future.h"

namespace pyralog::formats {
namespace {

// io::File as Arrow's readers know files. The position is the only state, and only Read and Seek
// use it.
class RandomAccess : public arrow::io::RandomAccessFile {
 public:
  RandomAccess(std::shared_ptr<io::File> file, uint64_t size, arrow::MemoryPool* pool)
      : file_(std::move(file)), size_(static_cast<int64_t>(size)), pool_(pool) {
    set_mode(arrow::io::FileMode::READ);
  }

  arrow::Status Close() override {
    closed_ = true;
    return arrow::Status::OK();
  }
  bool closed() const override { return closed_; }
  arrow::Result<int64_t> Tell() const override { return position_; }
  arrow::Result<int64_t> GetSize() override { return size_; }
  arrow::Status Seek(int64_t position) override {
    if (position < 0) return MakeError(ErrorCode::kDamaged, "a position before the file's start");
    position_ = position;
    return arrow::Status::OK();
  }

  arrow::Result<int64_t> ReadAt(int64_t position, int64_t nbytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, Available(position, nbytes));
    ARROW_ASSIGN_OR_RAISE(const size_t got, file_->ReadAt(static_cast<uint64_t>(position),
                                                          static_cast<size_t>(count), out));
    return static_cast<int64_t>(got);
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t nbytes) override {
    // What the file does not hold is never allocated, whatever a header claims.
    ARROW_ASSIGN_OR_RAISE(const int64_t count, Available(position, nbytes));
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(count, pool_));
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position, count, buffer->mutable_data()));
    if (got < count) ARROW_RETURN_NOT_OK(buffer->Resize(got));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }

  arrow::Result<int64_t> Read(int64_t nbytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t got, ReadAt(position_, nbytes, out));
    position_ += got;
    return got;
  }

  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t nbytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, nbytes));
    position_ += buffer->size();
    return buffer;
  }

 private:
  arrow::Result<int64_t> Available(int64_t position, int64_t nbytes) const {
    if (position < 0 || nbytes < 0) {
      return MakeError(ErrorCode::kDamaged, "a range outside the file");
    }
    return std::min(nbytes, std::max<int64_t>(0, size_ - position));
  }

  const std::shared_ptr<io::File> file_;
  const int64_t size_;
  arrow::MemoryPool* const pool_;
  int64_t position_ = 0;
  bool closed_ = false;
};

}  // namespace

Source::Source(std::string path, Limits limits, std::shared_ptr<io::File> file, uint64_t size,
               int64_t last_write)
    : path_(std::move(path)),
      limits_(limits),
      file_(std::move(file)),
      size_(size),
      last_write_(last_write) {}

arrow::Result<std::shared_ptr<Source>> Source::Open(io::Env* env, const std::string& path,
                                                    const Limits& limits) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<io::File> file, env->Open(path, io::OpenMode::kRead));
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file->Size());
  ARROW_ASSIGN_OR_RAISE(const int64_t last_write, file->LastWrite());
  return std::shared_ptr<Source>(new Source(path, limits, std::move(file), size, last_write));
}

arrow::Status Source::CheckRange(uint64_t offset, uint64_t size) const {
  if (offset <= size_ && size <= size_ - offset) return arrow::Status::OK();
  return Error(ErrorCode::kDamaged, "it has " + std::to_string(size_) + " bytes, but " +
                                        std::to_string(size) + " bytes at " +
                                        std::to_string(offset) + " are asked for");
}

arrow::Status Source::ReadInto(uint64_t offset, uint64_t size, void* out) const {
  ARROW_RETURN_NOT_OK(CheckRange(offset, size));
  if (size == 0) return arrow::Status::OK();
  ARROW_ASSIGN_OR_RAISE(const size_t got, file_->ReadAt(offset, size, out));
  if (got == size) return arrow::Status::OK();
  return Error(
      ErrorCode::kDamaged,
      "it was shortened while it was read; write a new file and rename it over the old one");
}

arrow::Result<std::string> Source::Read(uint64_t offset, uint64_t size) const {
  ARROW_RETURN_NOT_OK(CheckRange(offset, size));
  std::string out(size, '\0');
  ARROW_RETURN_NOT_OK(ReadInto(offset, size, out.data()));
  return out;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> Source::ReadBuffer(uint64_t offset,
                                                                 uint64_t size) const {
  ARROW_RETURN_NOT_OK(CheckRange(offset, size));
  ARROW_ASSIGN_OR_RAISE(auto buffer,
                        arrow::AllocateBuffer(static_cast<int64_t>(size), limits_.pool));
  ARROW_RETURN_NOT_OK(ReadInto(offset, size, buffer->mutable_data()));
  buffer->ZeroPadding();
  return std::shared_ptr<arrow::Buffer>(std::move(buffer));
}

arrow::Result<std::string> Source::Head(uint64_t size) const {
  return Read(0, std::min(size, size_));
}

std::shared_ptr<arrow::io::RandomAccessFile> Source::AsRandomAccess() const {
  return std::make_shared<RandomAccess>(file_, size_, limits_.pool);
}

arrow::Status Source::CheckUnchanged() const {
  ARROW_ASSIGN_OR_RAISE(const uint64_t size, file_->Size());
  ARROW_ASSIGN_OR_RAISE(const int64_t last_write, file_->LastWrite());
  if (size == size_ && last_write == last_write_) return arrow::Status::OK();
  std::string what = "it was written over while it was read";
  if (size != size_) {
    what += ": it has " + std::to_string(size) + " bytes, and had " + std::to_string(size_);
  }
  return Error(ErrorCode::kDamaged, what + "; write a new file and rename it over the old one");
}

arrow::Status Source::Error(ErrorCode code, std::string_view what) const {
  return MakeError(code, path_ + ": " + std::string(what));
}

arrow::Status Source::Wrap(const arrow::Status& status, ErrorCode fallback) const {
  if (status.ok()) return status;
  ErrorCode code = GetErrorCode(status);
  const bool keeps = code == ErrorCode::kMemoryLimit || code == ErrorCode::kInterrupted ||
                     code == ErrorCode::kNotSupported || status.detail() != nullptr;
  if (!keeps) code = fallback;
  // Libraries break their texts into lines and add their own traces behind the first blank one.
  std::string text = status.message();
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.starts_with(path_)) return MakeError(code, std::move(text));
  return Error(code, text);
}

}  // namespace pyralog::formats
