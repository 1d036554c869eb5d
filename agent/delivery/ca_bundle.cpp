#include "agent/delivery/ca_bundle.hpp"

#include <zlib.h>

#include <cstdint>
#include <cstring>

extern const char ca_bundle_pem_gz[];
extern const char ca_bundle_pem_gz_end[];

namespace sampan {
namespace {

std::string unpack(const char* packed, std::size_t size) {
  std::uint32_t whole = 0;   // gzip's last word, in the machine's order on all that is built for
  std::memcpy(&whole, packed + size - sizeof whole, sizeof whole);
  std::string text(whole, '\0');
  z_stream stream{};
  constexpr int kGzip = 15 + 16;   // zlib.h: windowBits + 16 reads a gzip header
  if (inflateInit2(&stream, kGzip) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed));
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const bool done = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  inflateEnd(&stream);
  return done ? text : std::string();
}

}  // namespace

const std::string& ca_bundle() {
  static const std::string bundle = unpack(ca_bundle_pem_gz, static_cast<std::size_t>(ca_bundle_pem_gz_end - ca_bundle_pem_gz));
  return bundle;
}

}  // namespace sampan
