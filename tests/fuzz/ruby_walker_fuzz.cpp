// Ruby's walker on a small VM whose memory is spoilt and changes while it is read: it ends, whatever it meets.
#include "samplers/ruby/walker.hpp"
#include "tests/fuzz/mutations.hpp"
#include "tests/fuzz/sent_frames.hpp"
#include "tests/samplers/ruby/fake_ruby.hpp"

using namespace sampan;
using namespace sampan::ruby;

namespace {

void build(FakeRuby& ruby) {
  const Value owner = ruby.klass("A::B");
  const auto work = ruby.iseq("work", "/app/b.rb", {{0, 10}, {4, 11}, {60, 12}, {700, 13}});
  const auto block = ruby.iseq("block in work", "/app/b.rb", {{0, 14}}, work);
  const Value me = ruby.method(owner, "work", work);
  ruby.push(FakeRuby::kDummy | FakeRuby::kLocal, 0, 0, 0);
  const auto ep = ruby.push(FakeRuby::kMethod | FakeRuby::kLocal, work, ruby.pc(work, 61), me);
  ruby.push(FakeRuby::kCfunc | FakeRuby::kLocal, 0, 0, ruby.method(ruby.singleton(owner), "each", 0));
  ruby.push(FakeRuby::kBlock, block, ruby.pc(block, 2), 0, ep);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  FakeRuby ruby(layouts()[data[0] % layouts().size()]);
  build(ruby);
  const Mutations mutations(ruby.image, std::as_bytes(std::span(data + 1, size - 1)));
  Profile profile;
  const Options options;
  Context context{profile, options, {}};
  is_vm(ruby.image, ruby.layout, ruby.vm);
  auto vm = ruby.open();
  vm->descriptor = 0;
  RubyWalker walker(context, std::move(vm), 77);
  std::vector<FrameId> frames;
  for (const pid_t tid : {77, 77, 1}) {
    ThreadSnapshot snapshot;
    snapshot.inner_tid = tid;
    frames.clear();
    walker.walk(snapshot, frames);
    for (const FrameId id : frames) profile.frame(id);
    walker.holds_lock(snapshot);
    walker.refresh();
  }
  walk_sent(walker, data, size, frames);
  return 0;
}
