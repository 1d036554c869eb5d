// Files that many processes map: parsed once, and tried again where a process before could not open them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "samplers/elf/elf_file.hpp"

namespace sampan {
namespace {

namespace fs = std::filesystem;

class ElfCacheTest : public testing::Test {
 protected:
  ElfCacheTest() {
    std::string name = (fs::temp_directory_path() / "elf-cache-XXXXXX").string();
    base_ = mkdtemp(name.data());
    fs::create_directories(base_ / "root/elf-cache-test");
    fs::create_directories(base_ / "bare");
    fs::copy_file("/proc/self/exe", base_ / "root" / kPath);
  }
  ~ElfCacheTest() override { fs::remove_all(base_); }

  Process process(const char* root, pid_t pid) {
    Process one;
    one.id.pid = pid;
    one.root = UniqueFd(::open((base_ / root).c_str(), O_PATH | O_DIRECTORY));
    return one;
  }
  Mapping mapping() {
    struct stat status {};
    EXPECT_EQ(::stat((base_ / "root" / kPath).c_str(), &status), 0);
    Mapping m;
    m.file = {status.st_dev, status.st_ino};
    m.path = std::string("/") + kPath;
    return m;
  }

  static constexpr const char* kPath = "elf-cache-test/program";
  static constexpr pid_t kNobody = 0x7ffffffe;
  fs::path base_;
  ElfCache cache_;
};

TEST_F(ElfCacheTest, OneFileIsParsedOnce) {
  const Process one = process("root", kNobody), two = process("root", kNobody - 1);
  const auto file = cache_.get(one, mapping());
  ASSERT_TRUE(file);
  EXPECT_EQ(cache_.get(two, mapping()), file);
  EXPECT_EQ(cache_.get(process("bare", kNobody - 2), mapping()), file);   // it maps that very file, though it sees no path to it
}

TEST_F(ElfCacheTest, WhatCouldNotBeOpenedIsTriedAgain) {
  EXPECT_FALSE(cache_.get(process("bare", kNobody), mapping()));
  EXPECT_TRUE(cache_.get(process("root", kNobody - 1), mapping()));
}

TEST_F(ElfCacheTest, WhatIsNoElfMayBecomeOne) {
  std::ofstream(base_ / "root" / kPath, std::ios::trunc) << "text";
  const Process one = process("root", kNobody);
  EXPECT_FALSE(cache_.get(one, mapping()));
  std::ofstream to(base_ / "root" / kPath, std::ios::trunc);
  to << std::ifstream("/proc/self/exe").rdbuf();
  to.close();
  EXPECT_TRUE(cache_.get(one, mapping()));
}

}  // namespace
}  // namespace sampan
