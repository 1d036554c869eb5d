#include "samplers/ruby/vm.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "samplers/elf/library.hpp"
#include "samplers/elf/thread_pointer.hpp"

namespace sampan::ruby {
namespace {

constexpr std::size_t kMostVariables = std::size_t{32} << 20;
constexpr std::size_t kMostRactors = 4096;
constexpr std::size_t kMostThreads = 65'536;
constexpr std::uint64_t kYoung = 30'000'000'000;   // ns

// The file with Ruby's code: of its variables a program that embeds it may hold copies.
std::optional<Library> find_ruby(const Process& process, ElfCache& elfs) {
  return find_library(process, elfs, "ruby", [](const ElfFile& elf) { return elf.symbol("ruby_version") && elf.symbol("ruby_run_node"); });
}

// The pointer variable of the VM: by its symbol where that is left, else by what it points to.
std::uint64_t find_vm(Memory& memory, const Library& library, const Layout& layout, std::span<const Variables> variables) {
  if (const auto pointer = library.address("ruby_current_vm_ptr")) {
    const auto vm = memory.read_as<std::uint64_t>(*pointer);
    if (is_vm(memory, layout, vm)) return vm;
  }
  for (const Variables& part : variables) {
    for (const std::uint64_t word : part.words) {
      if (is_object(word) && is_vm(memory, layout, word)) return word;
    }
  }
  return 0;
}

// rb_symbols_t {last id (32 bits), table, ids, …}: `ids` is the array whose operators are right.
bool find_symbols(Objects& objects, std::span<const Variables> variables) {
  for (const auto& [start, words] : variables) {
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::uint64_t last = words[i - 2] & 0xffffffff;
      if (last < 500 || last > (1u << 28) || !is_object(words[i - 1]) || !is_object(words[i])) continue;
      if (objects.take_symbols(words[i])) return true;
    }
  }
  return false;
}

// A list's members: `head` is a list_head, `node` the place of the list_node in a member. Torn or spoilt, a list may
// lead back to a member: it ends there.
template <typename Visit>
void each_member(Memory& memory, std::uint64_t head, Offset node, std::size_t most, Visit visit) {
  std::set<std::uint64_t> seen{head, 0};
  for (auto at = memory.read_as<std::uint64_t>(head); seen.size() < most && seen.insert(at).second;) {
    if (!visit(at - node)) return;
    at = memory.read_as<std::uint64_t>(at);
  }
}

void list_members(const Vm& vm, std::uint64_t head, std::uint64_t running, std::vector<RubyThread>& threads) {
  each_member(vm.memory, head, 0, kMostThreads, [&](std::uint64_t address) {
    RubyThread thread{address, 0, 0, 0, running, 0};
    if (!read_thread(vm, thread)) return false;
    threads.push_back(thread);
    return threads.size() < kMostThreads;
  });
}

}  // namespace

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  for (std::uint8_t* part : {&version.major, &version.minor, &version.patch}) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *part);
    if (error != std::errc{}) return {};
    text.remove_prefix(std::min<std::size_t>(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  }
  return version;
}

bool is_vm(Memory& memory, const Layout& layout, std::uint64_t address) {
  std::uint64_t thread = 0, vm = 0, context = 0, back = 0;
  if (!is_object(address) || !memory.read_into(address + layout.vm.main_thread, thread) || !is_object(thread)) return false;
  if (!memory.read_into(thread + layout.thread.vm, vm) || vm != address) return false;
  if (!memory.read_into(thread + layout.thread.ec, context) || !is_object(context)) return false;
  return memory.read_into(context + layout.ec_thread, back) && back == thread;
}

bool read_thread(const Vm& vm, RubyThread& thread) {
  std::array<std::byte, 128> bytes;
  if (!is_object(thread.address) || !vm.memory.read(thread.address, bytes)) return false;
  const auto& at = vm.layout.thread;
  if (read_at<std::uint64_t>(bytes, at.vm) != vm.address) return false;
  thread.context = read_at<std::uint64_t>(bytes, at.ec);
  thread.native = 0;
  Bytes native = bytes;
  std::array<std::byte, 48> other{};
  if (at.native != kNone) {
    thread.native = read_at<std::uint64_t>(bytes, at.native);
    if (!is_object(thread.native) || !vm.memory.read(thread.native, other)) other.fill(std::byte{0});
    native = other;
  }
  thread.descriptor = read_at<std::uint64_t>(native, at.descriptor);
  thread.tid = at.tid == kNone ? 0 : read_at<pid_t>(native, at.tid);
  return true;
}

std::vector<RubyThread> list_threads(const Vm& vm) {
  std::vector<RubyThread> threads;
  RubyThread main{vm.memory.read_as<std::uint64_t>(vm.address + vm.layout.vm.main_thread), 0, 0, 0, 0, 0};
  if (vm.layout.ractor.node == kNone) {
    list_members(vm, vm.address + vm.layout.vm.threads, vm.address + vm.layout.ractor.running, threads);
  } else {
    each_member(vm.memory, vm.address + vm.layout.vm.threads, vm.layout.ractor.node, kMostRactors, [&](std::uint64_t ractor) {
      list_members(vm, ractor + vm.layout.ractor.threads, ractor + vm.layout.ractor.running, threads);
      return true;
    });
  }
  const auto first = std::find_if(threads.begin(), threads.end(), [&](const auto& t) { return t.address == main.address; });
  if (first != threads.end()) std::iter_swap(first, threads.begin());
  else if (read_thread(vm, main)) threads.insert(threads.begin(), main);
  return threads;
}

bool holds_ruby(const Process& process, ElfCache& elfs) { return find_ruby(process, elfs).has_value(); }

Result<std::unique_ptr<Vm>> open_vm(const Process& process, ElfCache& elfs) {
  Memory& memory = *process.memory;
  const auto library = find_ruby(process, elfs);
  std::array<char, 16> text{};
  if (!library || !memory.read(library->address("ruby_version").value_or(0), std::as_writable_bytes(std::span(text)))) {
    return fail(Exit::CannotSample, "process {}: Ruby's version cannot be read", process.id.pid);
  }
  const std::string release(text.data(), strnlen(text.data(), text.size()));
  const auto version = parse_version(release);
  const Layout* best = version ? find_layout(*version) : nullptr;
  if (!best) return fail(Exit::CannotSample, "process {}: Ruby {} is older than 2.5, the first that is known", process.id.pid, release);

  // A release that moved a field is recognised where another row of its series closes.
  std::vector<const Layout*> rows{best};
  for (const Layout& row : layouts()) {
    if (&row != best && row.since.major == best->since.major && row.since.minor == best->since.minor) rows.push_back(&row);
  }
  const auto variables = read_variables(memory, *library, kMostVariables);
  for (const Layout* row : rows) {
    const std::uint64_t address = find_vm(memory, *library, *row, variables);
    if (address == 0) continue;
    auto vm = std::make_unique<Vm>(Vm{memory, *row, address, Objects(memory, *row), descriptor_distance(process, elfs)});
    // The table of names comes after the VM: one that has just begun is looked at again.
    if (!find_symbols(vm->objects, variables) && age_ns(process.id) < kYoung) {
      return fail(Exit::CannotSample, "process {}: its Ruby {} has not started yet", process.id.pid, release);
    }
    return vm;
  }
  return fail(Exit::CannotSample, "process {}: nothing in it looks like the VM of Ruby {}: it has not started yet, or that release's layout is not known",
              process.id.pid, release);
}

}  // namespace sampan::ruby
