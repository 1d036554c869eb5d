#include "agent/delivery/spool.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "agent/contract/sink_kind.hpp"
#include "agent/delivery/files.hpp"
#include "agent/result/sha256.hpp"
#include "samplers/base/log.hpp"
#include "samplers/process/files.hpp"

namespace sampan {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kSuffix = ".spool";
constexpr std::size_t kMostEntry = std::size_t{256} << 20;
constexpr std::size_t kTime = 12, kDestination = 8;   // digits in a name: `000001764268800-0123abcd-<key>.spool`

std::string head_of(const Artifact& file, const Batch& b) {
  const Json json = {{"file", {{"name", file.name}, {"format", file.format}, {"content_type", file.content_type}, {"sha256", file.sha256}, {"part", file.part}, {"labels", file.labels}}},
                     {"batch", {{"app_name", b.app_name}, {"version_id", b.version_id}, {"pod", b.pod}, {"node", b.node}, {"started_ns", b.started_ns},
                                {"duration_ns", b.duration_ns}, {"run", b.run}, {"index", b.index}, {"rate", b.rate}, {"series", b.series}, {"parts", b.parts}}}};
  return json.dump(-1, ' ', true, Json::error_handler_t::replace) + "\n";
}

Consignment of_head(const Json& json) {
  const Json& f = json.at("file");
  const Json& b = json.at("batch");
  Consignment c;
  c.file.name = f.at("name");
  c.file.format = f.at("format");
  c.file.content_type = f.at("content_type");
  c.file.sha256 = f.at("sha256");
  c.file.part = f.at("part");
  c.file.labels = f.at("labels").get<std::map<std::string, std::string>>();
  c.batch.app_name = b.at("app_name");
  c.batch.version_id = b.at("version_id");
  c.batch.pod = b.at("pod");
  c.batch.node = b.at("node");
  c.batch.started_ns = b.at("started_ns");
  c.batch.duration_ns = b.at("duration_ns");
  c.batch.run = b.at("run");
  c.batch.index = b.at("index");
  c.batch.rate = b.at("rate");
  c.batch.series = b.at("series");
  c.batch.parts = b.at("parts");
  return c;
}

// None where it is no entry of the spool's, or not whole.
std::optional<Consignment> parse(std::string text) {
  const auto end = text.find('\n');
  if (end == std::string::npos) return {};
  try {
    Consignment c = of_head(Json::parse(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end)));
    c.file.bytes = text.erase(0, end + 1);
    if (sha256_hex(c.file.bytes) != c.file.sha256) return {};
    return c;
  } catch (const Json::exception&) {
    return {};
  }
}

std::optional<Waiting> waiting_of(const std::string& name) {
  if (!name.ends_with(kSuffix) || name.size() < kTime + kDestination + 2 || name[kTime] != '-' || name[kTime + 1 + kDestination] != '-') return {};
  Waiting waiting{name, name.substr(kTime + 1, kDestination)};
  const auto [end, error] = std::from_chars(name.data(), name.data() + kTime, waiting.started);
  if (error != std::errc{} || end != name.data() + kTime) return {};
  return waiting;
}

}  // namespace

std::string destination_of(const Upload& upload) { return sha256_hex(std::string(upload.kind ? upload.kind->name : "") + "\n" + upload.url).substr(0, kDestination); }

unsigned Spool::put(const Upload& upload, const Artifact& file, const Batch& batch) {
  const std::string name = fmt::format("{:0{}}-{}-{}{}", batch.started_ns / 1'000'000'000, kTime, destination_of(upload), idempotency_key(batch, file), kSuffix);
  const std::string bytes = head_of(file, batch) + file.bytes;
  for (unsigned dropped = 0;; ++dropped) {
    const auto written = write_whole(dir_, name, bytes);
    if (written) return dropped;
    const auto older = list();
    if (older.empty()) {
      log_warning("spool_dir: {}", written.error().message);
      return dropped + 1;
    }
    remove(older.front());
  }
}

unsigned Spool::trim(std::uint64_t now_seconds) {
  auto all = list();
  std::uint64_t bytes = 0;
  for (const Waiting& one : all) bytes += one.bytes;
  unsigned dropped = 0;
  for (const Waiting& one : all) {
    const bool old = one.started + most_seconds_ < now_seconds;
    if (!old && bytes <= most_bytes_) break;
    remove(one);
    bytes -= one.bytes;
    ++dropped;
  }
  return dropped;
}

std::vector<Waiting> Spool::list() const {
  std::vector<Waiting> all;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(dir_.c_str()), ::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    auto waiting = waiting_of(entry->d_name);
    struct stat status {};
    if (!waiting || ::fstatat(::dirfd(folder.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode)) continue;
    waiting->bytes = static_cast<std::uint64_t>(status.st_size);
    all.push_back(std::move(*waiting));
  }
  std::sort(all.begin(), all.end(), [](const Waiting& a, const Waiting& b) { return a.name < b.name; });
  return all;
}

std::optional<Consignment> Spool::read(const Waiting& waiting) const {
  auto text = read_file(dir_ + "/" + waiting.name, kMostEntry);
  if (!text) return {};
  auto consignment = parse(std::move(*text));
  if (!consignment) remove(waiting);
  return consignment;
}

void Spool::remove(const Waiting& waiting) const { ::unlink((dir_ + "/" + waiting.name).c_str()); }

}  // namespace sampan
