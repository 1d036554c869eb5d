#include "samplers/php/find.hpp"

#include <array>
#include <set>

#include "samplers/elf/library.hpp"
#include "samplers/elf/thread_pointer.hpp"

namespace sampan::php {
namespace {

constexpr std::size_t kMostVariables = std::size_t{64} << 20;
constexpr std::size_t kFirstSlots = 64, kMostSlots = 4096, kMostThreads = 16'384;

std::optional<Library> find_defining(const Process& process, ElfCache& elfs, const char* symbol) {
  return find_library(process, elfs, "php", [symbol](const ElfFile& elf) { return elf.symbol(symbol).has_value(); });
}

// The file with PHP's code: of its variables a program that embeds it may hold copies, which are the ones that count then.
std::optional<Library> find_php(const Process& process, ElfCache& elfs) { return find_defining(process, elfs, "execute_ex"); }

std::optional<std::uint64_t> find_variable(const Process& process, ElfCache& elfs, const char* symbol) {
  const auto holder = find_defining(process, elfs, symbol);
  return holder ? holder->address(symbol) : std::nullopt;
}

// The loop's own function is exported; its `.cold` part is named only where .symtab is left.
std::vector<AddressRange> find_loop(const Library& library) {
  std::vector<AddressRange> found;
  const auto add = [&](const ElfSymbol& symbol) { found.push_back({symbol.address + library.bias, symbol.address + library.bias + symbol.size}); };
  if (const auto loop = library.elf->symbol("execute_ex")) add(*loop);
  library.elf->each_symbol([&](const ElfSymbol& symbol) {
    if (symbol.name.starts_with("execute_ex.")) add(symbol);
  });
  return found;
}

sampan_php_registers find_registers(const Library& library) {
  constexpr sampan_php_registers kRows[] = {{sampan_x86_64.machine, 14, 15}, {sampan_aarch64.machine, 27, 28}};
  for (const auto& row : kRows) {
    if (row.machine == library.elf->architecture().machine) return row;
  }
  return {};
}

std::string read_text(Memory& memory, std::uint64_t address) {
  std::array<char, 24> text{};
  memory.read(address, std::as_writable_bytes(std::span(text)));
  return {text.data(), strnlen(text.data(), text.size())};
}

struct Module {
  std::uint32_t api = 0;
  bool thread_safe = false;
  std::string version;
};

// The entry of the module `standard`, whose version is PHP's own.
std::optional<Module> find_module(Memory& memory, std::span<const Variables> variables) {
  for (const Variables& part : variables) {
    const Bytes bytes = part.bytes();
    for (std::size_t at = 0; at + kModuleSize <= bytes.size(); at += 8) {
      if (read_at<std::uint16_t>(bytes, at) != kModuleSize) continue;
      const auto api = read_at<std::uint32_t>(bytes, at + kModuleApi);
      if (api < 20'000'000 || api > 21'000'000) continue;   // a date
      if (read_text(memory, read_at<std::uint64_t>(bytes, at + kModuleName)) != "standard") continue;
      return Module{api, read_at<std::uint8_t>(bytes, at + kModuleThreadSafe) != 0,
                    read_text(memory, read_at<std::uint64_t>(bytes, at + kModuleVersion))};
    }
  }
  return {};
}

// tsrm_tls_entry {storage, count, thread id, next}, one a thread, in the slots of a hash table (TSRM/TSRM.c).
struct Entry {
  std::uint64_t storage, count, thread, next;
};

// The variables that point into anonymous memory, as that of TSRM's table does.
std::vector<std::uint64_t> find_heap_pointers(const Process& process, std::span<const Variables> variables) {
  std::vector<std::uint64_t> found;
  for (const Variables& part : variables) {
    for (std::size_t i = 0; i < part.words.size(); ++i) {
      if (!is_pointer(part.words[i])) continue;
      const Mapping* mapping = find_mapping(process.maps, part.words[i]);
      if (mapping && mapping->file.inode == 0 && mapping->writable) found.push_back(part.start + i * 8);
    }
  }
  return found;
}

// A thread's descriptor points to itself (tcbhead_t and struct pthread, in glibc on x86_64 and in musl). That of glibc on
// arm64 is a link of the list of all stacks: the one ahead of it points to it (nptl/descr.h).
bool is_descriptor(Memory& memory, std::uint64_t address) {
  constexpr std::uint64_t kList = 192, kNext = 0, kPrevious = 8;
  if (!is_pointer(address)) return false;
  if (memory.read_as<std::uint64_t>(address) == address) return true;
  const auto previous = memory.read_as<std::uint64_t>(address + kList + kPrevious);
  return is_pointer(previous) && memory.read_as<std::uint64_t>(previous + kNext) == address + kList;
}

bool is_entry(Memory& memory, std::uint64_t at, Entry& entry) {
  return is_pointer(at) && memory.read_into(at, entry) && (entry.count & 0xffffffff) - 1 < 4096 && is_pointer(entry.storage) &&
         is_descriptor(memory, entry.thread);
}

// Visits the entries of a table whose number of slots is not known: they end at a word that is neither empty nor an entry.
template <typename Visit>
void each_entry(Memory& memory, std::uint64_t table, std::size_t slots, Visit visit) {
  std::set<std::uint64_t> seen;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    std::uint64_t at = 0;
    Entry entry{};
    if (!memory.read_into(table + slot * 8, at) || (at != 0 && !is_entry(memory, at, entry))) return;
    for (; at != 0 && seen.size() < kMostThreads && is_entry(memory, at, entry) && seen.insert(at).second; at = entry.next) visit(at, entry);
  }
}

bool holds_main(Memory& memory, std::uint64_t table, PthreadIds& pthreads, pid_t inner_pid) {
  bool found = false;
  each_entry(memory, table, kFirstSlots, [&](std::uint64_t, const Entry& entry) {
    if (!pthreads.known()) pthreads.learn(memory, {&entry.thread, 1}, {inner_pid});
    found = found || pthreads.tid(memory, entry.thread) == inner_pid;
  });
  return found;
}

}  // namespace

bool holds_php(const Process& process, ElfCache& elfs) { return find_php(process, elfs).has_value(); }

Result<Php> open_php(const Process& process, ElfCache& elfs) {
  Memory& memory = *process.memory;
  const auto library = find_php(process, elfs);
  if (!library) return fail(Exit::CannotSample, "process {}: its PHP library cannot be read", process.id.pid);
  const auto variables = read_variables(memory, *library, kMostVariables);
  const auto module = find_module(memory, variables);
  if (!module) return fail(Exit::CannotSample, "process {}: PHP's release is not to be found in it", process.id.pid);
  const Layout* layout = find_layout(module->api);
  if (!layout) return fail(Exit::CannotSample, "process {}: PHP {} is older than 7.0, the first that is known", process.id.pid, module->version);
  Php php{memory, *layout, module->thread_safe, 0, 0, {}, {}, find_loop(*library), find_registers(*library)};
  if (!php.thread_safe) {
    const auto globals = find_variable(process, elfs, "executor_globals");
    if (!globals) return fail(Exit::CannotSample, "process {}: PHP {} hides its executor_globals", process.id.pid, module->version);
    php.globals = *globals;
    return php;
  }
  const auto offset = find_variable(process, elfs, "executor_globals_offset");
  if (!offset) return fail(Exit::CannotSample, "process {}: thread-safe PHP {} hides its executor_globals_offset", process.id.pid, module->version);
  php.globals = memory.read_as<std::uint64_t>(*offset);
  if (php.globals == 0) return fail(Exit::CannotSample, "process {}: its PHP {} has not started yet", process.id.pid, module->version);
  php.descriptor = descriptor_distance(process, elfs);
  if (const auto table = library->address("tsrm_tls_table")) php.variables = {*table};
  else php.variables = find_heap_pointers(process, variables);
  return php;
}

std::map<pid_t, std::uint64_t> list_globals(Php& php, PthreadIds& pthreads, pid_t inner_pid) {
  if (!php.thread_safe) return {{inner_pid, php.globals}};
  std::map<pid_t, std::uint64_t> globals;
  const auto find_table = [&] {
    for (const std::uint64_t variable : php.variables) {
      const auto table = php.memory.read_as<std::uint64_t>(variable);
      if (is_pointer(table) && holds_main(php.memory, table, pthreads, inner_pid)) return variable;
    }
    return std::uint64_t{0};
  };
  if (php.table == 0) php.table = find_table();
  if (php.table == 0) return {};
  each_entry(php.memory, php.memory.read_as<std::uint64_t>(php.table), kMostSlots, [&](std::uint64_t at, const Entry& entry) {
    if (const auto tid = pthreads.tid(php.memory, entry.thread)) globals[*tid] = at + php.globals;
  });
  return globals;
}

}  // namespace sampan::php
