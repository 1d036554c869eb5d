#include "samplers/unwind/function_finder.hpp"

#include "samplers/unwind/x86_code.hpp"

namespace sampan {

void FunctionFinder::add_start(std::uint64_t address) {
  if (!code_.at(address).empty() && starts_.insert(address).second) unexplored_.push_back(address);
}

void FunctionFinder::add_pointer(std::uint64_t address) {
  if (!explored_.contains(address) && !code_.at(address).empty()) add_start(address), explore();
}

void FunctionFinder::explore() {
  while (!unexplored_.empty()) {
    std::uint64_t at = unexplored_.back();
    unexplored_.pop_back();
    for (Bytes code = code_.at(at); !ends_code(code) && budget_ > 0 && explored_.insert(at).second; code = code_.at(at)) {
      --budget_;
      const X86Instruction i = decode_x86(code);
      if (i.length == 0 || i.effect == X86Effect::Return || i.effect == X86Effect::IndirectJump) break;
      const std::uint64_t next = at + i.length, target = next + static_cast<std::uint64_t>(i.amount);
      if (i.effect == X86Effect::Call && i.amount != 0) add_start(target);
      if (i.effect == X86Effect::LoadAddress) pointers_.push_back(target);
      if (i.effect == X86Effect::Branch) unexplored_.push_back(target);
      at = i.effect == X86Effect::Jump ? target : next;
    }
  }
}

void FunctionFinder::search(std::uint64_t from, std::uint64_t to) {
  Bytes code = code_.anywhere(from);
  while (from < to && budget_ > 0 && !code.empty()) {
    --budget_;
    const X86Instruction i = decode_x86(code);
    if (i.length == 0) return;
    from += i.length;
    code = code.subspan(i.length);
    if (i.effect == X86Effect::Call && i.amount != 0) add_start(from + static_cast<std::uint64_t>(i.amount));
    if (i.effect == X86Effect::LoadAddress) pointers_.push_back(from + static_cast<std::uint64_t>(i.amount));
  }
}

void FunctionFinder::take_pointers() {
  while (!pointers_.empty()) {
    const std::uint64_t address = pointers_.back();
    pointers_.pop_back();
    const Bytes before = code_.anywhere(address - 1);   // what runs on into it is no function
    const bool apart = address % 16 == 0 || is_padding(before) || is_return(before);
    if (apart) add_pointer(address);
  }
}

}  // namespace sampan
