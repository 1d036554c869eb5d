// A small Ruby in an Image, laid out as a row of the layouts says: classes, methods, line tables, frames.
#pragma once

#include <bit>
#include <string>
#include <utility>

#include "samplers/ruby/walker.hpp"
#include "tests/samplers/image.hpp"

namespace sampan::ruby {

class FakeRuby {
 public:
  using Lines = std::vector<std::pair<std::uint32_t, std::uint32_t>>;   // position -> line
  static constexpr std::uint64_t kMethod = 0x11110001, kBlock = 0x22220001, kCfunc = 0x55550001, kDummy = 0x79990001, kLocal = 2;
  static constexpr std::size_t kStackWords = 4096;

  explicit FakeRuby(const Layout& row) : layout(row) {
    vm = image.allocate(2048);
    thread = image.allocate(256);
    context = image.allocate(256);
    native = image.allocate(256);
    descriptor = image.allocate(1024);
    space = image.allocate(64);
    stack = image.allocate(kStackWords * 8);
    frame = stack + kStackWords * 8;
    value = stack + 32;
    link_threads();
    image.put(context, stack);
    image.put<std::uint64_t>(context + 8, kStackWords);
    image.put(context + layout.ec_thread, thread);
    image.put<pid_t>(descriptor + 720, 77);
    image.put(vm + layout.vm.objspace, space);
    make_symbols();
    end_frames();
  }

  Value string(std::string_view text) {
    const bool embedded = text.size() < 16;
    const Value at = image.allocate(40 + text.size());
    std::uint64_t flags = kString | (embedded ? 0 : 1u << 13);
    if (embedded && !layout.string_long_header) {
      flags |= text.size() << 14;
      image.put_text(at + 16, text);
    } else {
      image.put<std::uint64_t>(at + 16, text.size());
      image.put_text(embedded ? at + 24 : at + 40, text);
      if (!embedded) image.put<std::uint64_t>(at + 24, at + 40);
    }
    image.put(at, flags);
    return at;
  }

  Value array(const std::vector<Value>& values) {
    const Value at = image.allocate(48);
    const std::uint64_t data = image.allocate(values.size() * 8);
    image.put<std::uint64_t>(at, kArray);
    image.put<std::uint64_t>(at + 16, values.size());
    image.put(at + 32, data);
    for (std::size_t i = 0; i < values.size(); ++i) image.put(data + i * 8, values[i]);
    return at;
  }

  // The id of a new symbol.
  std::uint64_t symbol(std::string_view text) {
    image.put(symbol_page + ++last_symbol * 16, string(text));
    return last_symbol << 4;
  }

  Value klass(std::string_view name) { return make_class(name.empty() ? 0 : string(name), 0, false); }
  Value singleton(Value of) { return make_class(0, of, true); }

  Value method(Value owner, std::string_view name, std::uint64_t iseq) {
    const Value entry = image.allocate(40);
    const std::uint64_t definition = image.allocate(48);
    image.put<std::uint64_t>(entry, kImemo | kMethodEntry << 12);
    image.put(entry + 16, definition);
    image.put(entry + 32, owner);
    image.put(definition + 8, iseq);
    image.put(definition + 32, symbol(name));
    return entry;
  }

  // Instructions; `local` is the method's own, 0: these are.
  std::uint64_t iseq(std::string_view label, std::string_view path, const Lines& lines, std::uint64_t local = 0) {
    const std::uint64_t at = image.allocate(40), body = image.allocate(384), code = image.allocate(8 * 4096);
    image.put(at + 16, body);
    image.put<std::uint32_t>(body + 4, 4096);
    image.put(body + 8, code);
    image.put(body + 64, array({string(path), string(path)}));
    image.put(body + 64 + 16, string(label));
    image.put(body + layout.body.local_iseq, local == 0 ? at : local);
    put_lines(body, lines);
    return at;
  }
  std::uint64_t pc(std::uint64_t iseq_address, std::uint64_t position) {
    const auto body = image.read_as<std::uint64_t>(iseq_address + 16);
    return image.read_as<std::uint64_t>(body + 8) + (position + 1) * 8;   // of the next instruction
  }

  // Calls: a frame inside the last one. Returns its environment.
  std::uint64_t push(std::uint64_t kind, std::uint64_t iseq_address, std::uint64_t at, Value me, std::uint64_t outer = 0) {
    const std::uint64_t ep = value + 16;
    image.put(ep - 16, me);
    image.put(ep - 8, outer | 1);
    image.put(ep, kind);
    value = ep + 16;
    push_with(iseq_address, at, ep);
    return ep;
  }
  void push_with(std::uint64_t iseq_address, std::uint64_t at, std::uint64_t ep) {
    frame -= layout.frame_size;
    image.put(frame, at);
    image.put(frame + 16, iseq_address);
    image.put(frame + 32, ep);
    end_frames();
  }
  void end_frames() { image.put(context + 16, frame); }

  void collect_garbage() {
    image.put<std::uint32_t>(space + layout.vm.collecting, 1u << 5);
    image.put(running, layout.ractor.node == kNone ? thread : context);
  }

  std::unique_ptr<Vm> open() {
    auto opened = std::make_unique<Vm>(Vm{image, layout, vm, Objects(image, layout)});
    opened->objects.take_symbols(symbols);
    return opened;
  }

  Image image;
  const Layout& layout;
  std::uint64_t vm, thread, context, native, descriptor, space, stack, frame, value, running = 0;
  Value symbols = 0;

 private:
  void link_threads() {
    const auto ring = [&](std::uint64_t head, std::uint64_t node) {
      image.put(head, node);
      image.put(node, head);
    };
    image.put(vm + layout.vm.main_thread, thread);
    image.put(thread + layout.thread.vm, vm);
    image.put(thread + layout.thread.ec, context);
    std::uint64_t holder = thread;
    if (layout.thread.native != kNone) {
      holder = native;
      image.put(thread + layout.thread.native, native);
    }
    image.put(holder + layout.thread.descriptor, descriptor);
    if (layout.thread.tid != kNone) image.put<pid_t>(holder + layout.thread.tid, 1);   // stale: a fork ago
    if (layout.ractor.node == kNone) {
      ring(vm + layout.vm.threads, thread);
      running = vm + layout.ractor.running;
      return;
    }
    const std::uint64_t ractor = image.allocate(1024);
    ring(vm + layout.vm.threads, ractor + layout.ractor.node);
    ring(ractor + layout.ractor.threads, thread);
    running = ractor + layout.ractor.running;
  }

  void make_symbols() {
    symbol_page = image.allocate(1024 * 8);
    const Value page = image.allocate(48);
    image.put<std::uint64_t>(page, kArray);
    image.put<std::uint64_t>(page + 16, 1024);
    image.put(page + 32, symbol_page);
    image.put(symbol_page + '+' * 16, string("+"));
    image.put(symbol_page + '-' * 16, string("-"));
    symbols = array({page});
    class_path_id = symbol("__classpath__");
    attached_id = symbol("__attached__");
  }

  Value make_class(Value path, Value attached, bool is_singleton) {
    const Value at = image.allocate(192);
    image.put<std::uint64_t>(at, kClass | std::uint64_t{is_singleton} << layout.klass.singleton_bit);
    if (layout.klass.extension != kNone) {
      if (path != 0) image.put(at + layout.klass.extension + layout.klass.path, path);
      if (layout.klass.attached != kNone) image.put(at + layout.klass.extension + layout.klass.attached, attached);
      return at;
    }
    const std::uint64_t extension = image.allocate(96), table = image.allocate(56), entries = image.allocate(48);
    image.put(at + 24, extension);
    image.put(extension + 8, table);
    image.put<std::uint64_t>(table + 40, 2);
    image.put(table + 48, entries);
    image.put<std::uint64_t>(entries, ~std::uint64_t{0});   // a deleted entry
    image.put(entries + 32, is_singleton ? attached_id : class_path_id);
    image.put(entries + 40, is_singleton ? attached : path);
    return at;
  }

  void put_lines(std::uint64_t body, const Lines& lines) {
    const std::uint64_t entries = image.allocate(lines.size() * layout.body.entry_size);
    image.put(body + layout.body.insns, entries);
    image.put<std::uint32_t>(body + layout.body.insns_size, static_cast<std::uint32_t>(lines.size()));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::uint64_t at = entries + i * layout.body.entry_size;
      if (layout.body.insns_index == kNone) image.put(at, lines[i].first);
      image.put(at + layout.body.entry_line, lines[i].second);
    }
    if (layout.body.insns_index != kNone) image.put(body + layout.body.insns_index, make_index(lines));
  }

  // As succ_index_table_create (iseq.c) lays it out: ranks of the first 54 positions, then blocks of 512.
  std::uint64_t make_index(const Lines& lines) {
    const std::uint32_t last = lines.empty() ? 0 : lines.back().first;
    const std::uint64_t table = image.allocate(48 + (last / 512 + 2) * 80);
    std::uint64_t rank = 0;
    std::size_t next = 0;
    for (std::uint32_t at = 0; at < 54; ++at) {
      if (next < lines.size() && lines[next].first == at) ++rank, ++next;
      image.put(table + at / 9 * 8, image.read_as<std::uint64_t>(table + at / 9 * 8) | rank << at % 9 * 7);
    }
    for (std::uint32_t block = 0; block * 512 + 54 <= last; ++block) {
      const std::uint64_t at = table + 48 + block * 80;
      image.put<std::uint32_t>(at, static_cast<std::uint32_t>(rank));
      std::uint64_t ranks = 0, before = 0;
      for (std::uint32_t word = 0; word < 8; ++word) {
        if (word > 0) ranks |= before << (word - 1) * 9;
        std::uint64_t bits = 0;
        const std::uint32_t from = 54 + block * 512 + word * 64;
        while (next < lines.size() && lines[next].first < from + 64) bits |= std::uint64_t{1} << (lines[next++].first - from);
        image.put(at + 16 + word * 8, bits);
        before += static_cast<std::uint64_t>(std::popcount(bits));
      }
      image.put(at + 8, ranks);
      rank += before;
    }
    return table;
  }

  std::uint64_t symbol_page = 0, last_symbol = 200, class_path_id = 0, attached_id = 0;
};

}  // namespace sampan::ruby
