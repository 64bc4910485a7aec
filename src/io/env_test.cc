// What every Env promises, run over real files, files in memory, and the disk model.
#include "io/env.h"

#include <atomic>
#include <functional>
#include <thread>

#include "io/fault_env.h"
#include "io/testing.h"

namespace pyralog::io {
namespace {

enum class Kind { kPosix, kMemory, kFault };

std::string KindName(const testing::TestParamInfo<Kind>& info) {
  switch (info.param) {
    case Kind::kPosix:
      return "Posix";
    case Kind::kMemory:
      return "Memory";
    case Kind::kFault:
      return "Fault";
  }
  return "";
}

class EnvTest : public testing::TestWithParam<Kind> {
 protected:
  EnvTest() {
    if (GetParam() == Kind::kMemory) owned_ = NewMemEnv();
    if (GetParam() == Kind::kFault) owned_ = FaultEnv::Make();
    env_ = owned_ ? owned_.get() : PosixEnv();
    root_ = GetParam() == Kind::kPosix ? temp_.path() : "/";
  }

  std::string Path(std::string_view name) const { return JoinPath(root_, name); }
  std::string Content(std::string_view name) {
    return ReadFileToString(env_, Path(name)).ValueOr("(unreadable)");
  }
  std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    const auto entries = env_->List(path).ValueOr(std::vector<DirEntry>());
    for (const auto& entry : entries) names.push_back(entry.name);
    return names;
  }

  TempDir temp_;
  std::unique_ptr<Env> owned_;
  Env* env_ = nullptr;
  std::string root_;
};

using Strings = std::vector<std::string>;

TEST_P(EnvTest, ReadsWhatWasWrittenAtAnyOffset) {
  ASSERT_OK_AND_ASSIGN(auto file, env_->Open(Path("a"), OpenMode::kCreateExclusive));
  ASSERT_OK(file->WriteAt(0, "hello"));
  ASSERT_OK(file->WriteAt(10000, "world"));
  ASSERT_OK(file->WriteAt(3, "LO"));
  ASSERT_OK(file->Sync());
  EXPECT_EQ(*file->Size(), 10005);
  std::string bytes(20000, 'x');
  ASSERT_OK_AND_ASSIGN(size_t count, file->ReadAt(0, bytes.size(), bytes.data()));
  ASSERT_EQ(count, 10005);
  EXPECT_EQ(bytes.substr(0, count), "helLO" + std::string(9995, '\0') + "world");
  EXPECT_EQ(*file->ReadAt(10003, 5, bytes.data()), 2);
  EXPECT_EQ(*file->ReadAt(10005, 5, bytes.data()), 0);
  EXPECT_EQ(*file->ReadAt(1 << 30, 5, bytes.data()), 0);
  ASSERT_OK(file->Close());
}

TEST_P(EnvTest, TruncateCutsAndExtendsWithZeros) {
  ASSERT_OK_AND_ASSIGN(auto file, env_->Open(Path("a"), OpenMode::kCreate));
  ASSERT_OK(file->WriteAt(0, "abcdef"));
  ASSERT_OK(file->Truncate(2));
  ASSERT_OK(file->Truncate(5000));
  EXPECT_EQ(Content("a"), "ab" + std::string(4998, '\0'));
  ASSERT_OK(file->Truncate(0));
  ASSERT_OK(file->WriteAt(3, "x"));
  EXPECT_EQ(Content("a"), std::string(3, '\0') + "x");
}

TEST_P(EnvTest, OpenModes) {
  ExpectError(env_->Open(Path("a"), OpenMode::kRead), ErrorCode::kNotFound, Path("a"));
  ExpectError(env_->Open(Path("a"), OpenMode::kReadWrite), ErrorCode::kNotFound);
  ASSERT_OK(env_->Open(Path("a"), OpenMode::kCreateExclusive).status());
  ExpectError(env_->Open(Path("a"), OpenMode::kCreateExclusive), ErrorCode::kAlreadyExists);
  ASSERT_OK(WriteWholeFile(env_, Path("a"), "kept"));
  ASSERT_OK(env_->Open(Path("a"), OpenMode::kCreate).status());
  ASSERT_OK_AND_ASSIGN(auto both, env_->Open(Path("a"), OpenMode::kReadWrite));
  ASSERT_OK(both->WriteAt(4, "!"));
  EXPECT_EQ(Content("a"), "kept!");
  ASSERT_OK_AND_ASSIGN(auto reader, env_->Open(Path("a"), OpenMode::kRead));
  EXPECT_FALSE(reader->WriteAt(0, "x").ok());
  EXPECT_FALSE(reader->Truncate(0).ok());
  ExpectError(env_->Open(Path("no/a"), OpenMode::kCreate), ErrorCode::kNotFound);
  ExpectError(env_->Open(Path("a/b"), OpenMode::kCreate), ErrorCode::kNotFound);
  ExpectError(env_->Open(Path(std::string_view("a\0b", 3)), OpenMode::kCreate),
              ErrorCode::kInvalidArgument, "NUL");
}

TEST_P(EnvTest, AClosedFileAnswersNothing) {
  ASSERT_OK_AND_ASSIGN(auto file, env_->Open(Path("a"), OpenMode::kCreate));
  ASSERT_OK(file->Close());
  char byte;
  EXPECT_FALSE(file->WriteAt(0, "x").ok());
  EXPECT_FALSE(file->ReadAt(0, 1, &byte).ok());
  EXPECT_FALSE(file->Sync().ok());
  EXPECT_FALSE(file->Truncate(0).ok());
  EXPECT_FALSE(file->Size().ok());
  EXPECT_FALSE(file->Close().ok());
}

TEST_P(EnvTest, AFolderIsNoFile) {
  ASSERT_OK(env_->CreateDir(Path("d")));
  ExpectError(env_->Open(Path("d"), OpenMode::kRead), ErrorCode::kInvalidArgument, "folder");
  ExpectError(env_->Open(Path("d"), OpenMode::kCreate), ErrorCode::kInvalidArgument, "folder");
  ExpectError(env_->Map(Path("d")), ErrorCode::kInvalidArgument, "folder");
  ExpectError(env_->FileSize(Path("d")), ErrorCode::kInvalidArgument, "folder");
  ExpectError(env_->RemoveFile(Path("d")), ErrorCode::kIo);
}

TEST_P(EnvTest, FoldersAreCreatedListedAndRemoved) {
  ASSERT_OK(env_->CreateDir(Path("d")));
  ExpectError(env_->CreateDir(Path("d")), ErrorCode::kAlreadyExists);
  ExpectError(env_->CreateDir(Path("no/d")), ErrorCode::kNotFound);
  ASSERT_OK(CreateDirIfMissing(env_, Path("d")));
  ASSERT_OK(WriteWholeFile(env_, Path("d/b"), "12345"));
  ASSERT_OK(WriteWholeFile(env_, Path("d/a"), ""));
  ASSERT_OK(env_->CreateDir(Path("d/c")));
  ASSERT_OK_AND_ASSIGN(auto entries, env_->List(Path("d")));
  ASSERT_EQ(entries.size(), 3);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[1].kind, EntryKind::kFile);
  EXPECT_EQ(entries[1].size, 5);
  EXPECT_EQ(entries[2].kind, EntryKind::kDirectory);
  ExpectError(env_->RemoveDir(Path("d")), ErrorCode::kIo, "not empty");
  ExpectError(env_->RemoveDir(Path("d/a")), ErrorCode::kNotFound);
  ASSERT_OK(env_->RemoveFile(Path("d/a")));
  ExpectError(env_->RemoveFile(Path("d/a")), ErrorCode::kNotFound);
  ASSERT_OK(env_->RemoveFile(Path("d/b")));
  ASSERT_OK(env_->RemoveDir(Path("d/c")));
  ASSERT_OK(env_->SyncDir(Path("d")));
  ASSERT_OK(env_->RemoveDir(Path("d")));
  ExpectError(env_->List(Path("d")), ErrorCode::kNotFound);
  ExpectError(env_->SyncDir(Path("d")), ErrorCode::kNotFound);
  ASSERT_OK(WriteWholeFile(env_, Path("f"), ""));
  EXPECT_FALSE(CreateDirIfMissing(env_, Path("f")).ok());
}

TEST_P(EnvTest, RenameReplaces) {
  ASSERT_OK(WriteWholeFile(env_, Path("a"), "A"));
  ASSERT_OK(WriteWholeFile(env_, Path("b"), "B"));
  ASSERT_OK(env_->CreateDir(Path("d")));
  ASSERT_OK(env_->Rename(Path("a"), Path("b")));
  EXPECT_EQ(Content("b"), "A");
  EXPECT_EQ(Names(root_), (Strings{"b", "d"}));
  ASSERT_OK(env_->Rename(Path("b"), Path("d/c")));
  ASSERT_OK(env_->Rename(Path("d/c"), Path("d/c")));
  EXPECT_EQ(Names(Path("d")), Strings{"c"});
  ASSERT_OK(env_->Rename(Path("d"), Path("e")));
  EXPECT_EQ(Content("e/c"), "A");
  ExpectError(env_->Rename(Path("no"), Path("x")), ErrorCode::kNotFound, Path("no"));
  ExpectError(env_->Rename(Path("e/c"), Path("no/x")), ErrorCode::kNotFound);
  ASSERT_OK(env_->CreateDir(Path("e/f")));
  EXPECT_FALSE(env_->Rename(Path("e"), Path("e/f/g")).ok());
  EXPECT_FALSE(env_->Rename(Path("e/c"), Path("e/f")).ok());
  EXPECT_FALSE(env_->Rename(Path("e/f"), Path("e/c")).ok());
}

TEST_P(EnvTest, ExistsAndFileSize) {
  EXPECT_FALSE(*env_->Exists(Path("a")));
  EXPECT_FALSE(*env_->Exists(Path("no/a")));
  ASSERT_OK(WriteWholeFile(env_, Path("a"), "123"));
  EXPECT_TRUE(*env_->Exists(Path("a")));
  EXPECT_FALSE(*env_->Exists(Path("a/b")));
  EXPECT_TRUE(*env_->Exists(root_));
  EXPECT_EQ(*env_->FileSize(Path("a")), 3);
  ExpectError(env_->FileSize(Path("b")), ErrorCode::kNotFound);
  EXPECT_GT(*env_->FreeSpace(root_), 0);
}

TEST_P(EnvTest, AMappingOutlivesTheFileAndItsName) {
  const std::string content(10000, 'm');
  ASSERT_OK(WriteWholeFile(env_, Path("a"), content));
  ASSERT_OK_AND_ASSIGN(auto mapping, env_->Map(Path("a")));
  EXPECT_EQ(mapping->ToString(), content);
  EXPECT_FALSE(mapping->is_mutable());
  EXPECT_EQ(mapping->address() % 64, 0);
  // Appending is allowed beside a mapping; it shows the file as it was.
  {
    ASSERT_OK_AND_ASSIGN(auto file, env_->Open(Path("a"), OpenMode::kReadWrite));
    ASSERT_OK(file->WriteAt(content.size(), "more"));
  }
  auto slice = arrow::SliceBuffer(mapping, 9000, 10);
  ASSERT_OK(env_->RemoveFile(Path("a")));
  mapping = nullptr;
  EXPECT_EQ(slice->ToString(), "mmmmmmmmmm");
}

TEST_P(EnvTest, AnEmptyFileMapsToAnEmptyBuffer) {
  ASSERT_OK(WriteWholeFile(env_, Path("a"), ""));
  ASSERT_OK_AND_ASSIGN(auto mapping, env_->Map(Path("a")));
  EXPECT_EQ(mapping->size(), 0);
  ExpectError(env_->Map(Path("b")), ErrorCode::kNotFound);
}

TEST_P(EnvTest, ALockIsHeldOnceUntilItGoes) {
  ASSERT_OK_AND_ASSIGN(auto lock, env_->Lock(Path("LOCK")));
  EXPECT_TRUE(*env_->Exists(Path("LOCK")));
  ExpectError(env_->Lock(Path("LOCK")), ErrorCode::kLocked, Path("LOCK"));
  // Closing another handle of the file does not release it (as a POSIX lock would).
  ASSERT_OK(env_->Open(Path("LOCK"), OpenMode::kReadWrite).status());
  ExpectError(env_->Lock(Path("LOCK")), ErrorCode::kLocked);
  ASSERT_OK(env_->Lock(Path("OTHER")).status());
  lock = nullptr;
  ASSERT_OK(env_->Lock(Path("LOCK")).status());
  ExpectError(env_->Lock(Path("no/LOCK")), ErrorCode::kNotFound);
}

TEST_P(EnvTest, AtomicWriteReplacesAndLeavesNothing) {
  ASSERT_OK(WriteFileAtomically(env_, Path("a"), "one"));
  ASSERT_OK(WriteWholeFile(env_, Path("a.tmp"), "a leftover that is longer"));
  ASSERT_OK(WriteFileAtomically(env_, Path("a"), "two"));
  EXPECT_EQ(Content("a"), "two");
  EXPECT_EQ(Names(root_), Strings{"a"});
  ExpectError(WriteFileAtomically(env_, Path("no/a"), "x"), ErrorCode::kNotFound);
}

TEST_P(EnvTest, ReadersRunBesideTheWriter) {
  ASSERT_OK_AND_ASSIGN(auto file, env_->Open(Path("a"), OpenMode::kCreate));
  constexpr uint64_t kSteps = 2000;
  std::atomic<uint64_t> written = 0;
  std::atomic<int> wrong = 0;
  std::thread reader([&] {
    while (written < kSteps) {
      const uint64_t last = written;
      uint64_t value = 0;
      if (last == 0) continue;
      if (*file->ReadAt((last - 1) * 8, 8, &value) != 8 || value != last) ++wrong;
    }
  });
  for (uint64_t i = 1; i <= kSteps; ++i) {
    ASSERT_OK(file->WriteAt((i - 1) * 8, {reinterpret_cast<const char*>(&i), 8}));
    written = i;
  }
  reader.join();
  EXPECT_EQ(wrong, 0);
}

INSTANTIATE_TEST_SUITE_P(All, EnvTest, testing::Values(Kind::kPosix, Kind::kMemory, Kind::kFault),
                         KindName);

TEST(MemEnv, MappedBytesDoNotChange) {
  auto env = NewMemEnv();
  ASSERT_OK(WriteWholeFile(env.get(), "a", "first"));
  ASSERT_OK_AND_ASSIGN(auto before, env->Map("a"));
  ASSERT_OK(WriteWholeFile(env.get(), "a", "other"));
  ASSERT_OK_AND_ASSIGN(auto after, env->Map("a"));
  {
    ASSERT_OK_AND_ASSIGN(auto file, env->Open("a", OpenMode::kReadWrite));
    ASSERT_OK(file->Truncate(0));
    ASSERT_OK(file->WriteAt(0, "XX"));
  }
  EXPECT_EQ(before->ToString(), "first");
  EXPECT_EQ(after->ToString(), "other");
  EXPECT_EQ(*ReadFileToString(env.get(), "./d/.././a"), "XX");
  env = nullptr;
  EXPECT_EQ(after->ToString(), "other");
}

TEST(Paths, JoinAndParent) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("a/", "b"), "a/b");
  EXPECT_EQ(JoinPath("", "b"), "b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(ParentPath("a/b"), "a");
  EXPECT_EQ(ParentPath("a/b//"), "a");
  EXPECT_EQ(ParentPath("a"), ".");
  EXPECT_EQ(ParentPath("/a"), "/");
  EXPECT_EQ(ParentPath("/"), "/");
  EXPECT_EQ(ParentPath("a//b"), "a");
}

}  // namespace
}  // namespace pyralog::io
