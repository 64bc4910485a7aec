// What only real files show: kinds of files, permissions, locks across fork.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "io/system_error.h"
#include "io/testing.h"

namespace pyralog::io {
namespace {

TEST(PosixEnv, RefusesWhatIsNoRegularFileWithoutWaiting) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  ExpectError(PosixEnv()->Open(dir / "fifo", OpenMode::kRead), ErrorCode::kInvalidArgument,
              "a FIFO");
  ExpectError(PosixEnv()->Open(dir / "fifo", OpenMode::kReadWrite), ErrorCode::kInvalidArgument);
  ExpectError(PosixEnv()->Map(dir / "fifo"), ErrorCode::kInvalidArgument);
  ExpectError(PosixEnv()->Open("/dev/null", OpenMode::kRead), ErrorCode::kInvalidArgument,
              "a device");
}

TEST(PosixEnv, ListTellsLinksFromFiles) {
  TempDir dir;
  ASSERT_OK(WriteWholeFile(PosixEnv(), dir / "file", "123"));
  std::filesystem::create_symlink("file", dir / "link");
  std::filesystem::create_symlink("nowhere", dir / "lost");
  ASSERT_OK_AND_ASSIGN(auto entries, PosixEnv()->List(dir.path()));
  ASSERT_EQ(entries.size(), 3);
  EXPECT_EQ(entries[0].kind, EntryKind::kFile);
  EXPECT_EQ(entries[1].kind, EntryKind::kOther);
  EXPECT_EQ(entries[2].kind, EntryKind::kOther);
  EXPECT_TRUE(*PosixEnv()->Exists(dir / "link"));
  EXPECT_FALSE(*PosixEnv()->Exists(dir / "lost"));
}

TEST(PosixEnv, ErrorsNamePathAndReason) {
  TempDir dir;
  const std::string path = dir / std::string(300, 'n');
  ExpectError(PosixEnv()->Open(path, OpenMode::kRead), ErrorCode::kIo,
              "open " + path + ": File name too long");
}

TEST(SystemErrors, NameTheRemedy) {
  ExpectError(SystemError("write", "a", ENOSPC), ErrorCode::kNoSpace,
              "write a: No space left on device; free space");
  ExpectError(SystemError("write", "a", EDQUOT), ErrorCode::kNoSpace);
  ExpectError(SystemError("open", "a", EACCES), ErrorCode::kIo, "check the permissions");
  ExpectError(SystemError("open", "a", EEXIST), ErrorCode::kAlreadyExists);
  ExpectError(SystemError("open", "a", ENOTDIR), ErrorCode::kNotFound);
}

// What Lock answers in a child of this process.
ErrorCode LockInChild(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(static_cast<int>(GetErrorCode(PosixEnv()->Lock(path).status())));
  int state = 0;
  ::waitpid(child, &state, 0);
  return static_cast<ErrorCode>(WEXITSTATUS(state));
}

TEST(PosixEnv, ALockHoldsAgainstOtherProcesses) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto lock, PosixEnv()->Lock(dir / "LOCK"));
  EXPECT_EQ(LockInChild(dir / "LOCK"), ErrorCode::kLocked);
  lock = nullptr;
  EXPECT_EQ(LockInChild(dir / "LOCK"), ErrorCode::kUnknown);
}

TEST(PosixEnv, AForkedChildNeitherKeepsNorReleasesALock) {
  TempDir dir;
  ASSERT_OK_AND_ASSIGN(auto lock, PosixEnv()->Lock(dir / "LOCK"));
  int go[2];
  ASSERT_EQ(::pipe(go), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    lock = nullptr;  // the child's copy; must not unlock the parent's
    char byte;
    ::close(go[1]);
    ::_exit(::read(go[0], &byte, 1) < 0 ? 1 : 0);  // lives until the parent closes its end
  }
  ::close(go[0]);
  ExpectError(PosixEnv()->Lock(dir / "LOCK"), ErrorCode::kLocked);
  lock = nullptr;
  ASSERT_OK(PosixEnv()->Lock(dir / "LOCK").status());
  ::close(go[1]);
  int state = 0;
  ::waitpid(child, &state, 0);
  EXPECT_EQ(state, 0);
}

TEST(PosixEnv, TellsWhenAFileWasLastWritten) {
  const TempDir dir;
  ASSERT_OK(WriteWholeFile(PosixEnv(), dir / "a", "x"));
  ASSERT_OK_AND_ASSIGN(const auto file, PosixEnv()->Open(dir / "a", OpenMode::kRead));
  ASSERT_OK_AND_ASSIGN(const int64_t before, file->LastWrite());
  std::filesystem::last_write_time(
      dir / "a", std::filesystem::last_write_time(dir / "a") + std::chrono::seconds(1));
  ASSERT_OK_AND_ASSIGN(const int64_t after, file->LastWrite());
  EXPECT_EQ(after - before, 1'000'000'000);
}

}  // namespace
}  // namespace pyralog::io
