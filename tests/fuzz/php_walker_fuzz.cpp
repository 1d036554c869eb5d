// PHP's walker on a small process whose memory is spoilt and changes while it is read: it ends, whatever it meets.
#include "samplers/php/walker.hpp"
#include "tests/fuzz/mutations.hpp"
#include "tests/fuzz/sent_frames.hpp"
#include "tests/samplers/php/fake_php.hpp"

using namespace sampan;
using namespace sampan::php;

namespace {

void build(FakePhp& php) {
  const auto scope = php.klass("App\\Basket");
  php.push(php.user("", 0, "/app/index.php", 1, 50), 7);
  php.push(php.user("fill", scope, "/app/shop.php", 20, 40), 33);
  const auto generator = php.image.allocate(256), frame = php.image.allocate(128);
  php.put_frame(frame, php.user("numbers", 0, "/app/g.php", 1, 9), 4, 0);
  php.image.put(generator + php.layout.generator_frame, frame);
  php.image.put(generator + php.layout.generator_frame + kGeneratorParent, generator);
  const auto stand_in = php.push(0);
  php.image.put(stand_in + kFrameThis, generator);
  php.image.put<std::uint32_t>(stand_in + kFrameThisType, 8);
  php.push(php.internal("array_map", scope));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8) return 0;
  FakePhp php(layouts()[data[0] % layouts().size()]);
  build(php);
  FakeThreads threads(php.image);
  for (const pid_t tid : {77, 78}) threads.add(0, tid);
  const Mutations mutations(php.image, std::as_bytes(std::span(data + 1, size - 1)));
  Profile profile;
  const Options options;
  Context context{profile, options, {}};
  PhpWalker walker(context, php.open(), 77);
  std::vector<FrameId> frames;
  for (int i = 0; i < 3; ++i) {
    ThreadSnapshot snapshot;
    snapshot.inner_tid = 77;
    frames.clear();
    walker.walk(snapshot, frames);
    for (const FrameId id : frames) profile.frame(id);
    walker.refresh();
  }
  walk_sent(walker, data, size, frames);
  Php with_threads{php.image, php.layout, true, 256, 0, {threads.variable}, {}};
  PthreadIds pthreads;
  list_globals(with_threads, pthreads, 77);
  return 0;
}
