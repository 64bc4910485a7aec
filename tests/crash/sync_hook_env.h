// An Env that calls a function before and after each sync of a file or a folder: the moments at
// which a concurrent reader could see what is not durable yet. Everything else passes through.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "io/env.h"

namespace pyralog::lsm {

class SyncHookEnv final : public io::Env {
 public:
  // `hook` may use the env; syncs that it causes call it no further.
  SyncHookEnv(io::Env* base, std::function<void()> hook) : base_(base), hook_(std::move(hook)) {}

  arrow::Result<std::unique_ptr<io::File>> Open(const std::string& path,
                                                io::OpenMode mode) override {
    ARROW_ASSIGN_OR_RAISE(auto file, base_->Open(path, mode));
    return std::make_unique<HookedFile>(this, std::move(file));
  }
  arrow::Status SyncDir(const std::string& path) override {
    return Around([&] { return base_->SyncDir(path); });
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Map(const std::string& path) override {
    return base_->Map(path);
  }
  arrow::Status Rename(const std::string& from, const std::string& to) override {
    return base_->Rename(from, to);
  }
  arrow::Status RemoveFile(const std::string& path) override { return base_->RemoveFile(path); }
  arrow::Status RemoveDir(const std::string& path) override { return base_->RemoveDir(path); }
  arrow::Status CreateDir(const std::string& path) override { return base_->CreateDir(path); }
  arrow::Result<std::vector<io::DirEntry>> List(const std::string& path) override {
    return base_->List(path);
  }
  arrow::Result<bool> Exists(const std::string& path) override { return base_->Exists(path); }
  arrow::Result<uint64_t> FileSize(const std::string& path) override {
    return base_->FileSize(path);
  }
  arrow::Result<std::unique_ptr<io::FileLock>> Lock(const std::string& path) override {
    return base_->Lock(path);
  }
  arrow::Result<uint64_t> FreeSpace(const std::string& path) override {
    return base_->FreeSpace(path);
  }

 private:
  class HookedFile final : public io::File {
   public:
    HookedFile(SyncHookEnv* env, std::unique_ptr<io::File> file)
        : env_(env), file_(std::move(file)) {}
    arrow::Status WriteAt(uint64_t offset, std::string_view data) override {
      return file_->WriteAt(offset, data);
    }
    arrow::Result<size_t> ReadAt(uint64_t offset, size_t size, void* out) const override {
      return file_->ReadAt(offset, size, out);
    }
    arrow::Status Sync() override {
      return env_->Around([&] { return file_->Sync(); });
    }
    arrow::Status Truncate(uint64_t size) override { return file_->Truncate(size); }
    arrow::Result<uint64_t> Size() const override { return file_->Size(); }
    arrow::Status Close() override { return file_->Close(); }

   private:
    SyncHookEnv* const env_;
    const std::unique_ptr<io::File> file_;
  };

  arrow::Status Around(const std::function<arrow::Status()>& sync) {
    if (std::exchange(inside_, true)) return sync();
    hook_();
    const arrow::Status status = sync();
    hook_();
    inside_ = false;
    return status;
  }

  io::Env* const base_;
  const std::function<void()> hook_;
  bool inside_ = false;
};

}  // namespace pyralog::lsm
