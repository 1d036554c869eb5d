// Where a stripped file's names went: its debug file, or the small copy that it carries itself.
#include <lzma.h>
#include <sys/mman.h>

#include "samplers/symbols/symbol_table.hpp"

namespace sampan {
namespace {

constexpr std::uint64_t kMostMiniDebug = std::uint64_t{64} << 20;

bool write_whole(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

// Decompresses block by block; false where it is damaged or larger than allowed.
bool decompress(Bytes packed, int fd) {
  lzma_stream stream = LZMA_STREAM_INIT;
  if (lzma_stream_decoder(&stream, std::uint64_t{64} << 20, 0) != LZMA_OK) return false;
  stream.next_in = reinterpret_cast<const std::uint8_t*>(packed.data());
  stream.avail_in = packed.size();
  std::vector<std::byte> block(64 * 1024);
  lzma_ret state = LZMA_OK;
  bool good = true;
  while (state == LZMA_OK && good && stream.total_out <= kMostMiniDebug) {
    stream.next_out = reinterpret_cast<std::uint8_t*>(block.data());
    stream.avail_out = block.size();
    state = lzma_code(&stream, LZMA_FINISH);
    good = write_whole(fd, Bytes(block).first(block.size() - stream.avail_out));
  }
  lzma_end(&stream);
  return good && state == LZMA_STREAM_END;
}

std::shared_ptr<ElfFile> open_candidate(int root, const std::string& path, const std::string& build_id) {
  auto fd = open_target_file(root, path);
  if (!fd) return nullptr;
  auto file = ElfFile::open(std::move(*fd));
  if (!file || (!build_id.empty() && (*file)->build_id() != build_id)) return nullptr;
  return *file;
}

}  // namespace

std::shared_ptr<ElfFile> open_minidebug(const ElfFile& file) {
  const ElfSection* section = file.section(".gnu_debugdata");
  if (!section) return nullptr;
  const auto packed = file.bytes(*section);
  UniqueFd fd(memfd_create("debugdata", MFD_CLOEXEC));
  if (packed.empty() || !fd || !decompress(packed, fd.get())) return nullptr;
  auto inner = ElfFile::open(std::move(fd));
  return inner ? *inner : nullptr;
}

std::shared_ptr<ElfFile> open_debug_file(const ElfFile& file, int root, const std::string& path) {
  const std::string& id = file.build_id();
  if (id.size() > 2) {
    if (auto found = open_candidate(root, "/usr/lib/debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug", id)) return found;
  }
  const ElfSection* section = file.section(".gnu_debuglink");
  if (!section) return nullptr;
  const auto bytes = file.bytes(*section);
  Cursor cursor(bytes);
  const std::string name(cursor.string());
  if (cursor.bad() || name.empty() || name.find('/') != std::string::npos) return nullptr;
  const std::string folder = path.substr(0, path.rfind('/'));
  for (const std::string& at : {folder + "/.debug/" + name, "/usr/lib/debug" + folder + "/" + name, folder + "/" + name}) {
    if (at == path) continue;
    if (auto found = open_candidate(root, at, id)) return found;
  }
  return nullptr;
}

}  // namespace sampan
