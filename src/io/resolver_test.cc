#include "io/resolver.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "io/testing.h"

namespace pyralog::io {
namespace {

namespace fs = std::filesystem;

// secret, root/ { a, d/b, fifo, socket, links in and out, hard link }, opened as Root.
class ResolverTest : public testing::TestWithParam<Root::Method> {
 protected:
  void SetUp() override {
    ASSERT_OK(WriteWholeFile(PosixEnv(), dir_ / "secret", "secret"));
    fs::create_directories(dir_ / "root/d");
    ASSERT_OK(WriteWholeFile(PosixEnv(), dir_ / "root/a", "A"));
    ASSERT_OK(WriteWholeFile(PosixEnv(), dir_ / "root/d/b", "B"));
    ASSERT_OK(WriteWholeFile(PosixEnv(), dir_ / "root/empty", ""));
    ASSERT_EQ(::mkfifo((dir_ / "root/fifo").c_str(), 0600), 0);
    fs::create_symlink("a", dir_ / "root/link");
    fs::create_symlink("../secret", dir_ / "root/link_out");
    fs::create_symlink(dir_ / "secret", dir_ / "root/link_absolute");
    fs::create_directory_symlink("d", dir_ / "root/link_folder");
    fs::create_symlink("loop", dir_ / "root/loop");
    fs::create_symlink("nowhere", dir_ / "root/lost");
    fs::create_hard_link(dir_ / "secret", dir_ / "root/hard");
  }

  Root OpenRoot() { return *Root::Open(dir_ / "root", GetParam()); }

  static std::string Content(const Root& root, std::string_view relative) {
    auto file = root.OpenBeneath(relative);
    if (!file.ok()) return file.status().ToString();
    std::string bytes(*(*file)->Size(), '\0');
    EXPECT_EQ(*(*file)->ReadAt(0, bytes.size(), bytes.data()), bytes.size());
    return bytes;
  }

  void ExpectRefused(std::string_view relative, std::string_view why) {
    ExpectError(OpenRoot().OpenBeneath(relative), ErrorCode::kInvalidArgument, why);
    ExpectError(OpenRoot().MapBeneath(relative), ErrorCode::kInvalidArgument, why);
  }

  TempDir dir_;
};

TEST_P(ResolverTest, OpensFilesBeneath) {
  const Root root = OpenRoot();
  EXPECT_EQ(Content(root, "a"), "A");
  EXPECT_EQ(Content(root, "d/b"), "B");
  EXPECT_EQ(Content(root, "./d//./b"), "B");
  EXPECT_EQ((*root.MapBeneath("d/b"))->ToString(), "B");
  EXPECT_EQ((*root.MapBeneath("empty"))->size(), 0);
  ASSERT_OK_AND_ASSIGN(auto file, root.OpenBeneath("a"));
  EXPECT_FALSE(file->WriteAt(0, "x").ok());
}

TEST_P(ResolverTest, MissingFilesAreNotFound) {
  ExpectError(OpenRoot().OpenBeneath("no"), ErrorCode::kNotFound, "root/no");
  ExpectError(OpenRoot().OpenBeneath("no/b"), ErrorCode::kNotFound);
  ExpectError(OpenRoot().OpenBeneath("a/b"), ErrorCode::kNotFound);
  ExpectError(Root::Open(dir_ / "no", GetParam()), ErrorCode::kNotFound);
  ExpectError(Root::Open(dir_ / "secret", GetParam()), ErrorCode::kNotFound);
}

TEST_P(ResolverTest, RefusesNamesThatCouldLeave) {
  ExpectRefused("", "names no file");
  ExpectRefused(".", "names no file");
  ExpectRefused("/etc/passwd", "absolute");
  ExpectRefused("..", "'..'");
  ExpectRefused("../secret", "'..'");
  ExpectRefused("d/../a", "'..'");
  ExpectRefused("d/..", "'..'");
  ExpectRefused(std::string_view("a\0b", 3), "NUL");
  EXPECT_NE(Content(OpenRoot(), "...").find("No such file"), std::string::npos);
}

TEST_P(ResolverTest, RefusesSymbolicLinks) {
  for (const char* name : {"link", "link_out", "link_absolute", "link_folder/b", "link_folder",
                           "loop", "loop/b", "lost", "d/../link"}) {
    ExpectError(OpenRoot().OpenBeneath(name), ErrorCode::kInvalidArgument, "");
  }
  ExpectRefused("link_out", "symbolic link");
  ExpectRefused("link_folder/b", "symbolic link");
}

TEST_P(ResolverTest, RefusesWhatIsNoRegularFileWithoutWaiting) {
  ExpectRefused("d", "a folder");
  ExpectRefused("d/", "a folder");
  ExpectRefused("fifo", "a FIFO");
  ExpectError(Root::Open("/dev", GetParam())->OpenBeneath("null"), ErrorCode::kInvalidArgument,
              "a device");
  ExpectError(Root::Open("/proc/self", GetParam())->OpenBeneath("fd/0"),
              ErrorCode::kInvalidArgument, "link");
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (dir_ / "root/socket").c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ExpectRefused("socket", "socket");
  ::close(fd);
}

TEST_P(ResolverTest, HardLinksAreRefusedOnDemand) {
  const Root root = OpenRoot();
  EXPECT_EQ(Content(root, "hard"), "secret");
  ExpectError(root.OpenBeneath("hard", Root::Links::kOne), ErrorCode::kInvalidArgument,
              "2 names (hard links)");
  ExpectError(root.MapBeneath("hard", Root::Links::kOne), ErrorCode::kInvalidArgument);
  ASSERT_OK(root.OpenBeneath("a", Root::Links::kOne).status());
}

TEST_P(ResolverTest, TheRootStaysTheSameFolder) {
  const Root root = OpenRoot();
  fs::rename(dir_ / "root", dir_ / "moved");
  fs::create_directory_symlink("/etc", dir_ / "root");
  EXPECT_EQ(Content(root, "a"), "A");
  EXPECT_EQ(Content(root, "d/b"), "B");
  // A link that the user names is followed.
  fs::create_directory_symlink("moved", dir_ / "alias");
  EXPECT_EQ(Content(*Root::Open(dir_ / "alias", GetParam()), "a"), "A");
}

INSTANTIATE_TEST_SUITE_P(Both, ResolverTest,
                         testing::Values(Root::Method::kKernel, Root::Method::kWalk),
                         [](const testing::TestParamInfo<Root::Method>& info) {
                           return info.param == Root::Method::kWalk ? "Walk" : "Kernel";
                         });

TEST(CheckRegularFile, TakesFilesAndLinksToThemOnly) {
  TempDir dir;
  ASSERT_OK(WriteWholeFile(PosixEnv(), dir / "a", ""));
  fs::create_symlink("a", dir / "link");
  fs::create_symlink("nowhere", dir / "lost");
  ASSERT_EQ(::mkfifo((dir / "fifo").c_str(), 0600), 0);
  ASSERT_OK(CheckRegularFile(dir / "a"));
  ASSERT_OK(CheckRegularFile(dir / "link"));
  ExpectError(CheckRegularFile(dir / "lost"), ErrorCode::kNotFound);
  ExpectError(CheckRegularFile(dir / "no"), ErrorCode::kNotFound, dir / "no");
  ExpectError(CheckRegularFile(dir / "fifo"), ErrorCode::kInvalidArgument, "a FIFO");
  ExpectError(CheckRegularFile(dir.path()), ErrorCode::kInvalidArgument, "a folder");
  ExpectError(CheckRegularFile("/dev/zero"), ErrorCode::kInvalidArgument, "a device");
  ExpectError(CheckRegularFile(std::string("a\0", 2)), ErrorCode::kInvalidArgument, "NUL");
}

}  // namespace
}  // namespace pyralog::io
