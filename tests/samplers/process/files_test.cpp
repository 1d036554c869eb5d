// What a hostile root may hold, as open_target_file meets it.
#include "samplers/process/files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace sampan {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  Files() {
    std::string name = (fs::temp_directory_path() / "hostile-root-XXXXXX").string();
    base_ = mkdtemp(name.data());
    put("secret", "the host's");
    put("root/etc/hostname", "mine");
    root_ = UniqueFd(::open((base_ / "root").c_str(), O_PATH | O_DIRECTORY));
  }
  ~Files() override { fs::remove_all(base_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories((base_ / path).parent_path());
    std::ofstream(base_ / path) << text;
  }
  void link(const std::string& to, const std::string& path) { fs::create_symlink(to, base_ / "root" / path); }
  // The text; "" where it is refused.
  std::string open(const std::string& path) {
    auto fd = open_target_file(root_.get(), path);
    return fd ? read_file(fd->get()).value_or("") : "";
  }

  fs::path base_;
  UniqueFd root_;
};

TEST_F(Files, LinksStayInsideTheRoot) {
  EXPECT_EQ(open("/etc/hostname"), "mine");
  link("/etc/hostname", "absolute");
  link("../../../../../../etc/hostname", "dots");
  EXPECT_EQ(open("/absolute"), "mine");
  EXPECT_EQ(open("/dots"), "mine");
  EXPECT_EQ(open("/../../../../etc/hostname"), "mine");
  link((base_ / "secret").string(), "to-host");
  link("../secret", "up");
  link("/proc/self/root" + (base_ / "secret").string(), "by-proc");
  link("loop", "loop");
  for (const char* path : {"/to-host", "/up", "/by-proc", "/loop", "/../secret"}) EXPECT_EQ(open(path), "") << path;
}

TEST_F(Files, MagicLinksAreNotFollowed) {
  const UniqueFd host(::open("/", O_PATH | O_DIRECTORY));
  auto fd = open_target_file(host.get(), "/proc/self/exe");
  EXPECT_FALSE(fd);
  fd = open_target_file(host.get(), "/proc/self/root/etc/passwd");
  EXPECT_FALSE(fd);
}

TEST_F(Files, WhatIsNoRegularFileIsNotOpened) {
  const std::string root = (base_ / "root").string();
  ASSERT_EQ(::mkfifo((root + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(open("/pipe"), "");   // and it does not block
  if (::mknod((root + "/zero").c_str(), S_IFCHR | 0600, makedev(1, 5)) == 0) {
    EXPECT_EQ(open("/zero"), "");
  }
  EXPECT_EQ(open("/etc"), "");
}

TEST_F(Files, AnotherFileOfTheSameNameIsRefused) {
  struct stat status {};
  ASSERT_EQ(::stat((base_ / "root/etc/hostname").c_str(), &status), 0);
  FileId id{status.st_dev, status.st_ino};
  EXPECT_TRUE(open_target_file(root_.get(), "/etc/hostname", id));
  EXPECT_FALSE(open_target_file(root_.get(), "/etc/hostname", FileId{id.device, id.inode + 1}));
  struct stat now {};
  ASSERT_EQ(::stat("/proc/self/stat", &now), 0);
  EXPECT_FALSE(open_own_file("/proc/self/stat", {now.st_dev, now.st_ino + 1}));
}

TEST_F(Files, HugeFilesAreCutOff) {
  put("root/huge", "x");
  ASSERT_EQ(::truncate((base_ / "root/huge").c_str(), off_t{1} << 36), 0);
  auto fd = open_target_file(root_.get(), "/huge");
  ASSERT_TRUE(fd);
  EXPECT_EQ(read_file(fd->get(), 4096)->size(), 4096u);
}

TEST_F(Files, FoldersAreListedInsideTheRoot) {
  put("root/logs/a", "");
  put("host-logs/b", "");
  link((base_ / "host-logs").string(), "linked");
  const auto names = list_target_folder(root_.get(), "/logs");
  EXPECT_EQ(std::count(names.begin(), names.end(), "a"), 1);
  EXPECT_TRUE(list_target_folder(root_.get(), "/linked").empty());
  EXPECT_TRUE(list_target_folder(root_.get(), "/etc/hostname").empty());
}

}  // namespace
}  // namespace sampan
