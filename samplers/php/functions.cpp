#include "samplers/php/functions.hpp"

#include <algorithm>
#include <array>

namespace sampan::php {
namespace {

constexpr std::size_t kMostFunctions = 1 << 17;
constexpr std::size_t kFunctionHead = 24;
constexpr std::size_t kMostName = 512, kMostPath = 4096;

}  // namespace

Fingerprint Functions::fingerprint(Bytes bytes) const {
  Fingerprint is;
  is.type = read_at<std::uint8_t>(bytes, 0);
  is.name = read_at<std::uint64_t>(bytes, kFunctionName);
  is.scope = read_at<std::uint64_t>(bytes, kFunctionScope);
  if (is.type != 2 && is.type != 4) return is;
  is.file = read_at<std::uint64_t>(bytes, layout_.filename);
  is.first_line = read_at<std::uint32_t>(bytes, layout_.filename + 8u);
  is.last_line = read_at<std::uint32_t>(bytes, layout_.filename + 12u);
  return is;
}

std::optional<std::string> Functions::string(std::uint64_t address, std::size_t most) const {
  std::uint64_t size = 0;
  if (address == 0 || !memory_.read_into(address + kStringLength, size) || size > (1u << 30)) return {};
  std::string text(std::min<std::uint64_t>(size, most), '\0');
  if (!memory_.read(address + kStringText, std::as_writable_bytes(std::span(text)))) return {};
  text.erase(std::min(text.find('\0'), text.size()));   // class@anonymous<NUL>where
  return text;
}

void Functions::learn(Function& function, const Fingerprint& is) {
  function = Function{is, memory_.read_as<std::uint64_t>(is.name + kStringHash), memory_.read_as<std::uint64_t>(is.file + kStringHash), {}, {}, {}};
  if (is.type < 1 || is.type > 4) return;
  function.name = string(is.name, kMostName).value_or("");
  if (function.user()) function.file = string(is.file, kMostPath).value_or("");
  if (is.type == 4) function.name = "eval";
  // From 8.4 on a closure's name says where it was made.
  if (is.scope == 0 || function.name.starts_with("{closure:")) return;
  const auto scope = string(memory_.read_as<std::uint64_t>(is.scope + kClassName), kMostName);
  if (scope && !scope->empty() && !function.name.empty()) function.name = *scope + "::" + function.name;
}

void Functions::check(std::vector<Call>& calls) {
  if (functions_.size() > kMostFunctions) functions_.clear();
  seen_.clear();
  index_.clear();
  for (const Call& call : calls) {
    if (!index_.try_emplace(call.function, seen_.size()).second) continue;
    Function& function = functions_[call.function];
    // Of internal functions only the head is sure to be readable.
    seen_.push_back({call.function, &function, std::vector<std::byte>(function.user() ? layout_.filename + 16u : kFunctionHead), 0, 0});
  }
  reads_.clear();
  for (Seen& seen : seen_) {
    reads_.push_back({seen.address, seen.bytes});
    if (seen.function->is.name != 0) reads_.push_back({seen.function->is.name + kStringHash, bytes_of(seen.name_hash)});
    if (seen.function->is.file != 0) reads_.push_back({seen.function->is.file + kStringHash, bytes_of(seen.file_hash)});
  }
  for (Call& call : calls) {
    if (call.opline != 0) reads_.push_back({call.opline + kOpLine, bytes_of(call.line)});
  }
  memory_.read_each(reads_);
  for (Seen& seen : seen_) {
    Fingerprint is = fingerprint(seen.bytes);
    Function& known = *seen.function;
    if ((is.type == 2 || is.type == 4) && seen.bytes.size() == kFunctionHead) {   // new, or internal when last seen
      seen.bytes.resize(layout_.filename + 16u);
      memory_.read(seen.address, seen.bytes);
      is = fingerprint(seen.bytes);
    }
    if (is != known.is || seen.name_hash != known.name_hash || seen.file_hash != known.file_hash) learn(known, is);
  }
  for (Call& call : calls) {
    call.known = seen_[index_[call.function]].function;
    const Fingerprint& is = call.known->is;
    const bool inside = call.line >= is.first_line && call.line <= is.last_line;
    if (!call.known->user() || (!inside && !call.known->script())) call.line = 0;
  }
}

}  // namespace sampan::php
