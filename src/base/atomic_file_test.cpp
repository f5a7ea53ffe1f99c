#include "base/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch {
namespace {

using testing::read_file;
using testing::TempDir;
using testing::write_file;

std::vector<std::string> names_in(const TempDir& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(AtomicFile, ReplacesTheOldFileAtCommit) {
  const TempDir folder;
  const std::string path = folder / "model.json";
  write_file(path, "old");
  {
    auto file = AtomicFile::create(path);
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->write("new ").ok());
    EXPECT_EQ(read_file(path), "old");
    EXPECT_TRUE(file->write("text").ok());
    EXPECT_TRUE(file->commit().ok());
  }
  EXPECT_EQ(read_file(path), "new text");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"model.json"});
}

TEST(AtomicFile, LeavesNothingWithoutCommit) {
  const TempDir folder;
  {
    auto file = AtomicFile::create(folder / "model.json");
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE(file->write("text").ok());
  }
  EXPECT_TRUE(names_in(folder).empty());
}

TEST(AtomicFile, TwoWritersOfOneName) {
  const TempDir folder;
  auto first = AtomicFile::create(folder / "a");
  auto second = AtomicFile::create(folder / "a");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(first->write("first").ok() && second->write("second").ok());
  EXPECT_TRUE(first->commit().ok());
  EXPECT_EQ(read_file(folder / "a"), "first");
  EXPECT_TRUE(second->commit().ok());
  EXPECT_EQ(read_file(folder / "a"), "second");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"a"});
}

TEST(AtomicFile, RefusesWhatItCannotReplace) {
  const TempDir folder;
  for (const std::string& path : {folder.path(), folder / "none/a", std::string("/dev/full")}) {
    const auto file = AtomicFile::create(path);
    ASSERT_FALSE(file.ok()) << path;
    EXPECT_EQ(file.error().code, ErrorCode::io);
    EXPECT_EQ(file.error().message.rfind(path + ": cannot be written: ", 0), 0U) << file.error().message;
  }
}

/// Runs `fn` in a process of its own; the status that waitpid gives.
template <class Fn>
int in_child(Fn fn) {
  const pid_t child = ::fork();
  if (child == 0) {
    fn();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(AtomicFile, AFullDiskIsToldAndLeavesTheOldFile) {
  const TempDir folder;
  const std::string path = folder / "a";
  write_file(path, "old");
  // A limit of the file's size stands for the disk's: the first write is cut short, the next one fails.
  const int status = in_child([&path] {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 5000, .rlim_max = 5000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto file = AtomicFile::create(path);
    const Status written = file->write(std::string(9000, 'x'));
    const bool told = !written.ok() && written.error().code == ErrorCode::io &&
                      written.error().message == path + ": cannot be written: File too large";
    { const AtomicFile dropped = *std::move(file); }
    ::_exit(told ? 0 : 1);
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(names_in(folder), std::vector<std::string>{"a"});
}

TEST(AtomicFile, AKilledWriterLeavesTheOldFile) {
  const TempDir folder;
  const std::string path = folder / "a";
  write_file(path, "old");
  const int status = in_child([&path] {
    auto file = AtomicFile::create(path);
    (void)file->write(std::string(100'000, 'x'));
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_file(path), "old");
}

TEST(AtomicFile, ALinkStaysAndItsFileIsReplaced) {
  const TempDir folder;
  write_file(folder / "a", "old");
  std::filesystem::create_symlink("a", folder / "link");
  auto file = AtomicFile::create(folder / "link");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->write("new").ok() && file->commit().ok());
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(folder / "a"), "new");
}

TEST(AtomicFile, KnowsWhenTheDiskIsTooSmall) {
  const TempDir folder;
  EXPECT_TRUE(check_free_space(folder / "a", 1).ok());
  const Status status = check_free_space(folder / "a", std::int64_t{1} << 60);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::io);
  EXPECT_FALSE(check_free_space(folder / "none/a", 1).ok());
}

}  // namespace
}  // namespace llorch
