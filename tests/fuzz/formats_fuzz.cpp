// Frames of any kind and any bytes, through every format, each read by another's parser: the picture by expat,
// speedscope's file by nlohmann's, pprof's by protozero.
#include <expat.h>
#include <fuzzer/FuzzedDataProvider.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>

#include "flamegraph/diff.hpp"
#include "flamegraph/formats/folded.hpp"
#include "flamegraph/formats/pprof.hpp"
#include "flamegraph/formats/speedscope.hpp"
#include "flamegraph/svg/svg.hpp"

namespace {

using namespace sampan;

void demand(bool good) {
  if (!good) std::abort();
}

std::string text(FuzzedDataProvider& data) {
  std::string out = data.ConsumeRandomLengthString(48);
  if (data.ConsumeIntegralInRange(0, 15) == 0 && !out.empty()) {
    const std::string piece = out;
    while (out.size() < 5000) out += piece;
  }
  return out;
}

Frame frame(FuzzedDataProvider& data, std::string& name, std::string& file) {
  name = text(data);
  file = data.ConsumeBool() ? text(data) : "";
  const auto kind = static_cast<FrameKind>(data.ConsumeIntegralInRange<int>(0, static_cast<int>(FrameKind::Note)));
  return {kind, name, file, data.ConsumeIntegral<std::uint16_t>(), data.ConsumeBool() ? data.ConsumeIntegral<std::uint64_t>() : 0};
}

Profile profile(FuzzedDataProvider& data) {
  Profile out;
  std::vector<FrameId> known, stack;
  std::string name, file;
  while (data.remaining_bytes() > 2 && known.size() < 200) {
    known.push_back(out.intern(frame(data, name, file)));
    stack.resize(data.ConsumeIntegralInRange<std::size_t>(0, stack.size()));
    stack.push_back(known.back());
    if (data.ConsumeBool()) stack.push_back(known[data.ConsumeIntegralInRange<std::size_t>(0, known.size() - 1)]);
    out.add(stack, data.ConsumeIntegralInRange<std::uint64_t>(0, std::uint64_t{1} << 40));
  }
  return out;
}

struct Xml {
  int scripts = 0;
};

void XMLCALL element(void* user, const XML_Char* name, const XML_Char** attributes) {
  if (std::strcmp(name, "script") == 0) ++static_cast<Xml*>(user)->scripts;
  demand(std::strcmp(name, "a") != 0 && std::strcmp(name, "image") != 0 && std::strcmp(name, "foreignObject") != 0);
  for (; *attributes != nullptr; attributes += 2) {
    demand(std::strncmp(*attributes, "on", 2) != 0 && std::strstr(*attributes, "href") == nullptr && std::strcmp(*attributes, "style") != 0);
  }
}

void read_picture(const std::string& svg) {
  Xml xml;
  XML_Parser parser = XML_ParserCreate("UTF-8");
  XML_SetUserData(parser, &xml);
  XML_SetStartElementHandler(parser, element);
  demand(XML_Parse(parser, svg.data(), static_cast<int>(svg.size()), 1) == XML_STATUS_OK);
  XML_ParserFree(parser);
  demand(xml.scripts == 1);
}

void read_speedscope(const std::string& file) {
  const auto json = nlohmann::json::parse(file, nullptr, false);
  demand(!json.is_discarded());
  const std::size_t frames = json["shared"]["frames"].size();
  demand(!json["profiles"].empty());
  for (const auto& p : json["profiles"]) {
    demand(p["samples"].size() == p["weights"].size());
    std::uint64_t sum = 0;
    for (const auto& weight : p["weights"]) sum += weight.get<std::uint64_t>();
    demand(sum == p["endValue"].get<std::uint64_t>());
    for (const auto& sample : p["samples"]) {
      for (const auto& at : sample) demand(at.get<std::size_t>() < frames);
    }
  }
}

std::string gunzip(const std::string& bytes) {
  z_stream stream{};
  demand(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out;
  std::vector<char> block(1 << 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(block.data());
    stream.avail_out = static_cast<uInt>(block.size());
    status = inflate(&stream, Z_NO_FLUSH);
    out.append(block.data(), block.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  demand(status == Z_STREAM_END);
  return out;
}

// Numbers of profile.proto. Every reference must lead somewhere.
void read_pprof(const std::string& file) {
  const std::string bytes = gunzip(file);
  std::uint64_t strings = 0;
  std::set<std::uint64_t> locations, functions, used_locations, used_functions, used_strings;
  const auto each = [](protozero::data_view message, auto take) {
    for (protozero::pbf_reader reader(message); reader.next();) take(reader);
  };
  const auto strings_of = [&](protozero::data_view message, std::set<std::uint32_t> tags) {
    each(message, [&](auto& r) {
      if (tags.contains(r.tag())) used_strings.insert(r.get_uint64());
      else r.skip();
    });
  };
  each(protozero::data_view(bytes), [&](auto& r) {
    switch (r.tag()) {
      case 1: case 11: strings_of(r.get_view(), {1, 2}); break;
      case 2: each(r.get_view(), [&](auto& s) {
          if (s.tag() == 1) { for (const auto id : s.get_packed_uint64()) used_locations.insert(id); }
          else if (s.tag() == 3) strings_of(s.get_view(), {1, 2});
          else s.skip();
        });
        break;
      case 3: strings_of(r.get_view(), {5, 6}); break;
      case 4: each(r.get_view(), [&](auto& l) {
          if (l.tag() == 1) locations.insert(l.get_uint64());
          else if (l.tag() == 4) each(l.get_view(), [&](auto& n) { if (n.tag() == 1) used_functions.insert(n.get_uint64()); else n.skip(); });
          else l.skip();
        });
        break;
      case 5: each(r.get_view(), [&](auto& f) {
          if (f.tag() == 1) functions.insert(f.get_uint64());
          else if (f.tag() <= 4) used_strings.insert(f.get_uint64());
          else f.skip();
        });
        break;
      case 6: ++strings; r.skip(); break;
      case 13: case 14: used_strings.insert(r.get_uint64()); break;
      default: r.skip();
    }
  });
  demand(used_strings.empty() || *used_strings.rbegin() < strings);
  for (const auto id : used_locations) demand(locations.contains(id));
  for (const auto id : used_functions) demand(functions.contains(id));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  FuzzedDataProvider data(bytes, size);
  Picture picture{data.ConsumeBool(), data.ConsumeBool(), data.ConsumeBool() ? 2.0 : 0.0, data.ConsumeBool() ? std::size_t{4} : 0};
  Description description;
  description.title = text(data);
  description.subtitle = text(data);
  description.notes = {text(data), text(data)};
  description.unit = data.ConsumeBool() ? "nanoseconds" : "samples";
  description.rate = data.ConsumeIntegralInRange(0, 10'000);
  Profile made = profile(data);
  made.description = description;
  read_picture(render_svg(made, picture));
  read_speedscope(to_speedscope(made));
  read_pprof(to_pprof(made, [](std::string_view file) { return std::string(file); }));
  Profile again;
  demand(add_folded(again, to_folded(made)).bad == 0 && again.total() == made.total());
  read_picture(render_svg(diff(again, made), picture));
  return 0;
}
