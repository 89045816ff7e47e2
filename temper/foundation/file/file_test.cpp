#include "temper/foundation/file/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "temper/foundation/error/error.h"

namespace temper::file {

namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "temper_file_" + std::to_string(::getpid());
    remove_folder(folder_);
    make_folder(folder_ + "/");
  }
  void TearDown() override { remove_folder(folder_); }
  std::string folder_;
};

template <class Act>
ErrorParts error_of(Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error.parts();
  }
  ADD_FAILURE() << "no error was thrown";
  return {};
}

TEST_F(Files, AWrittenFileReadsBackAndLeavesNothingElse) {
  std::string bytes(300'000, 'x');
  bytes[7] = '\0';
  write_atomically(folder_ + "/a", "old");
  write_atomically(folder_ + "/a", bytes);
  EXPECT_EQ(read_file(folder_ + "/a"), bytes);
  EXPECT_EQ(names_in(folder_), std::vector<std::string>{"a"});
  EXPECT_GT(read_file("/proc/self/status").size(), 10u)
      << "files without a size are read to their end";
}

TEST_F(Files, FailuresNamePathReasonAndRemedy) {
  ErrorParts missing = error_of([&] { read_file(folder_ + "/none"); });
  EXPECT_EQ(missing.what, "cannot read: No such file or directory");
  EXPECT_EQ(missing.where, folder_ + "/none");
  EXPECT_FALSE(missing.try_.empty());
  EXPECT_EQ(error_of([&] { read_file(folder_); }).what, "cannot read: Is a directory");
  EXPECT_EQ(error_of([&] { MappedFile::open(folder_); }).what, "cannot read: Is a directory");
  ErrorParts no_folder = error_of([&] { write_atomically(folder_ + "/no/a", "x"); });
  EXPECT_EQ(no_folder.where, folder_ + "/no/a");
  write_atomically(folder_ + "/a", "x");
  EXPECT_EQ(error_of([&] { make_folder(folder_ + "/a/b"); }).what,
            "cannot make the folder: Not a directory");
  EXPECT_EQ(error_of([&] { make_folder(folder_ + "/a"); }).what,
            "cannot make the folder: Not a directory");
  EXPECT_EQ(error_of([&] { AppendFile::open(folder_ + "/no/log"); }).where, folder_ + "/no/log");
  EXPECT_EQ(error_of([&] { names_in(folder_ + "/no"); }).where, folder_ + "/no");
}

// A limit on file size stands in for a full disk: the same code path, without needing one.
TEST_F(Files, AFullDiskLeavesTheOldFile) {
  write_atomically(folder_ + "/a", "old");
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  ErrorParts full = error_of([&] { write_atomically(folder_ + "/a", std::string(5000, 'x')); });
  ErrorParts log = error_of([&] {
    AppendFile file = AppendFile::open(folder_ + "/log");
    file.write(std::string(5000, 'x'));
    file.flush();
  });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(full.what, "cannot write: File too large");
  EXPECT_NE(full.try_.find("disk space"), std::string::npos);
  EXPECT_EQ(log.where, folder_ + "/log");
  EXPECT_EQ(read_file(folder_ + "/a"), "old");
  EXPECT_EQ(names_in(folder_), (std::vector<std::string>{"a", "log"}));
}

TEST_F(Files, ALogGrowsIsCutAndGrowsAgain) {
  const std::string path = folder_ + "/log";
  {
    AppendFile log = AppendFile::open(path);
    log.write("one\n");
    EXPECT_EQ(log.size(), 4);
    EXPECT_EQ(read_file(path), "") << "it waits in the buffer";
    log.flush();
    EXPECT_EQ(read_file(path), "one\n");
    log.write("two\n");
  }
  EXPECT_EQ(read_file(path), "one\ntwo\n");
  AppendFile log = AppendFile::open(path);
  EXPECT_EQ(log.size(), 8);
  log.truncate(4);
  AppendFile moved = std::move(log);
  moved.write(std::string(200'000, 'x'));
  moved.write("end");
  moved.sync();
  EXPECT_EQ(moved.size(), 200'007);
  EXPECT_EQ(read_file(path).substr(0, 6), "one\nxx");
}

TEST_F(Files, AMappedFileHasItsBytes) {
  write_atomically(folder_ + "/a", "abc");
  MappedFile file = MappedFile::open(folder_ + "/a");
  MappedFile moved = std::move(file);
  ASSERT_EQ(moved.bytes().size(), 3u);
  EXPECT_EQ(static_cast<char>(moved.bytes()[2]), 'c');
  write_atomically(folder_ + "/a", "");
  EXPECT_TRUE(MappedFile::open(folder_ + "/a").bytes().empty());
}

TEST_F(Files, AFolderIsReplacedWhole) {
  for (std::string text : {"first", "second"}) {
    make_folder(folder_ + "/new/deep");
    write_atomically(folder_ + "/new/deep/a", text);
    replace_folder(folder_ + "/new/", folder_ + "/final");
    EXPECT_EQ(read_file(folder_ + "/final/deep/a"), text);
    EXPECT_EQ(names_in(folder_), std::vector<std::string>{"final"});
  }
  EXPECT_EQ(error_of([&] { replace_folder(folder_ + "/none", folder_ + "/final"); }).where,
            folder_ + "/none");
  EXPECT_TRUE(is_folder(folder_ + "/final"));
  EXPECT_FALSE(exists(folder_ + "/none"));
}

TEST_F(Files, RemovingDoesNotFollowLinks) {
  make_folder(folder_ + "/keep");
  write_atomically(folder_ + "/keep/a", "x");
  make_folder(folder_ + "/gone");
  std::filesystem::create_symlink(folder_ + "/keep", folder_ + "/gone/link");
  remove_folder(folder_ + "/gone");
  remove_folder(folder_ + "/gone");
  EXPECT_FALSE(exists(folder_ + "/gone"));
  EXPECT_EQ(read_file(folder_ + "/keep/a"), "x");
}

TEST_F(Files, FreeSpaceIsAskedOfTheNearestFolderThere) {
  EXPECT_GT(free_bytes(folder_), 0);
  EXPECT_GT(free_bytes(folder_ + "/not/yet/made"), 0);
  EXPECT_GT(free_bytes("not_yet_made"), 0);
}

}  // namespace
}  // namespace temper::file
