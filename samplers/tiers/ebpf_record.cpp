#include "samplers/tiers/ebpf_record.hpp"

#include <algorithm>
#include <cstring>

namespace sampan {
namespace {

// Records lie at 8-byte steps in the ring, but nothing promises it to the compiler.
void copy_words(Bytes bytes, std::vector<std::uint64_t>& out) {
  out.resize(bytes.size() / 8);
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), out.size() * 8);
}

}  // namespace

void RecordReader::take_registers(const sampan_registers& raw) {
  registers_ = {};
  std::copy(std::begin(raw.general), std::end(raw.general), registers_.general);
  registers_.pc = raw.pc;
  registers_.fp = raw.general[sampan_native.fp];
  registers_.sp = raw.general[sampan_native.sp];
  if constexpr (sampan_native.link_register) registers_.lr = raw.general[sampan_native.ra];
  registers_.thread_pointer = raw.thread_pointer;
}

bool RecordReader::read(const sampan_record& record, Bytes rest, ThreadSnapshot& snapshot) {
  snapshot.tid = static_cast<pid_t>(record.tid);
  snapshot.inner_tid = static_cast<pid_t>(record.inner_tid);
  snapshot.rooted = (record.flags & SAMPAN_ROOTED) != 0;
  snapshot.inferred = (record.flags & SAMPAN_INFERRED) != 0;
  std::size_t user_bytes = std::size_t{record.frames} * 8;
  const bool stack = record.stack_bytes != 0;
  if (stack) {
    if (rest.size() < sizeof(sampan_registers)) return false;
    sampan_registers raw{};
    std::memcpy(&raw, rest.data(), sizeof raw);
    take_registers(raw);
    rest = rest.subspan(sizeof raw);
    user_bytes = record.stack_bytes;
  }
  const std::size_t kernel_bytes = std::size_t{record.kernel} * 8;
  if (rest.size() < user_bytes || rest.size() - user_bytes < kernel_bytes) return false;
  if (stack) {
    snapshot.registers = &registers_;
    snapshot.stack = rest.first(user_bytes);
  } else {
    copy_words(rest.first(user_bytes), addresses_);
    snapshot.addresses = addresses_;
  }
  copy_words(rest.subspan(user_bytes, kernel_bytes), kernel_);
  snapshot.kernel = kernel_;
  rest = rest.subspan(user_bytes + kernel_bytes);
  if (rest.size() < record.interpreter) return false;
  snapshot.interpreter = rest.first(record.interpreter);
  return true;
}

}  // namespace sampan
