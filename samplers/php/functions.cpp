#include "samplers/php/functions.hpp"

#include <algorithm>
#include <array>

namespace sampan::php {
namespace {

constexpr std::size_t kMostFunctions = 1 << 17;
constexpr std::size_t kFunctionHead = 24;
constexpr std::size_t kMostName = 512, kMostPath = 4096;

// The kernel may not have been able to read either hash: what the target itself has not looked at is not mapped yet.
bool bears(const Function& function, std::uint64_t check) {
  const Fingerprint& is = function.is;
  std::uint64_t head = 0;
  for (const std::uint64_t word : {is.type, is.name, is.scope}) head = sampan_php_check(head, word);
  for (const std::uint64_t name_hash : {function.name_hash, std::uint64_t{0}}) {
    const std::uint64_t named = sampan_php_check(head, name_hash);
    if (!function.user()) {
      if (named == check) return true;
      continue;
    }
    const std::uint64_t placed = sampan_php_check(sampan_php_check(named, is.file), std::uint64_t{is.last_line} << 32 | is.first_line);
    if (sampan_php_check(placed, function.file_hash) == check || sampan_php_check(placed, 0) == check) return true;
  }
  return false;
}

}  // namespace

Fingerprint Functions::fingerprint(Bytes bytes) const {
  Fingerprint is;
  is.type = read_at<std::uint8_t>(bytes, 0);
  is.name = read_at<std::uint64_t>(bytes, kFunctionName);
  is.scope = read_at<std::uint64_t>(bytes, kFunctionScope);
  if (is.type != SAMPAN_PHP_USER && is.type != SAMPAN_PHP_EVAL) return is;
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
    if ((is.type == SAMPAN_PHP_USER || is.type == SAMPAN_PHP_EVAL) && seen.bytes.size() == kFunctionHead) {   // new, or internal when last seen
      seen.bytes.resize(layout_.filename + 16u);
      memory_.read(seen.address, seen.bytes);
      is = fingerprint(seen.bytes);
    }
    if (is != known.is || seen.name_hash != known.name_hash || seen.file_hash != known.file_hash) learn(known, is);
  }
  for (Call& call : calls) {
    call.known = seen_[index_[call.function]].function;
    judge_line(call);
  }
}

void Functions::judge_line(Call& call) {
  const Fingerprint& is = call.known->is;
  const bool inside = call.line >= is.first_line && call.line <= is.last_line;
  if (!call.known->user() || (!inside && !call.known->script())) call.line = 0;
}

void Functions::recall(std::vector<Call>& calls) {
  if (sent_.size() > kMostFunctions) sent_.clear();
  for (Call& call : calls) {
    if (call.function == 0) continue;
    call.known = find_sent(call.function, call.check);
    if (call.known) judge_line(call);
  }
}

Function* Functions::find_sent(std::uint64_t address, std::uint64_t check) {
  const std::uint64_t key = sampan_php_check(check, address);
  if (const auto known = sent_.find(key); known != sent_.end()) return &known->second;
  std::vector<std::byte> bytes(kFunctionHead);
  if (!memory_.read(address, bytes)) return nullptr;
  Function function;
  function.is = fingerprint(bytes);
  if (function.user()) {
    bytes.resize(layout_.filename + 16u);
    if (!memory_.read(address, bytes)) return nullptr;
  }
  learn(function, fingerprint(bytes));
  return bears(function, check) ? &(sent_[key] = std::move(function)) : nullptr;
}

}  // namespace sampan::php
