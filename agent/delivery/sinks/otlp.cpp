// OpenTelemetry's protocol by HTTP (OTLP/HTTP, protobuf): the URL is a collector's or any backend's that takes profiles.
#include <protozero/pbf_reader.hpp>

#include "agent/contract/counted.hpp"
#include "agent/delivery/sinks/sink.hpp"
#include "agent/guard/redact.hpp"
#include "agent/guard/url.hpp"

namespace sampan {
namespace {

constexpr std::string_view kSchema = R"json({
 "otlp": {
  "type": "object", "additionalProperties": false, "description": "The URL is an OTLP/HTTP server's: /v1development/profiles is posted to, where it names no path of its own",
  "properties": {
   "tenant": {"type": "string", "minLength": 1, "maxLength": 256, "description": "X-Scope-OrgID"}
  }
 }
})json";

constexpr std::string_view kPath = "/v1development/profiles";

struct Otlp : SinkKeys {
  std::string tenant;
};

std::shared_ptr<const SinkKeys> read(StrictJson& upload) {
  auto otlp = std::make_shared<Otlp>();
  if (!upload.nested("otlp", [&](StrictJson& reader) { reader.text("tenant", otlp->tenant, 256); })) return nullptr;
  return otlp;
}

// What an ExportProfilesServiceResponse says was not taken; empty: all was (opentelemetry-proto,
// collector/profiles/v1development/profiles_service.proto). Its bytes are the server's.
std::string rejected(std::string_view answer) {
  enum Response : protozero::pbf_tag_type { PartialSuccess = 1, Rejected = 1, Message = 2 };
  std::int64_t count = 0;
  std::string message;
  try {
    for (protozero::pbf_reader response(answer.data(), answer.size()); response.next(PartialSuccess, protozero::pbf_wire_type::length_delimited);) {
      for (protozero::pbf_reader partial = response.get_message(); partial.next();) {
        if (partial.tag_and_type() == protozero::tag_and_type(Rejected, protozero::pbf_wire_type::varint)) count = partial.get_int64();
        else if (partial.tag_and_type() == protozero::tag_and_type(Message, protozero::pbf_wire_type::length_delimited)) message = partial.get_string();
        else partial.skip();
      }
    }
  } catch (const protozero::exception&) {
    return {};   // no protobuf: 2xx is what counts
  }
  if (count <= 0) return {};
  return fmt::format("the server rejected {}{}{}", counted(static_cast<std::uint64_t>(count), "profile", "profiles"), message.empty() ? "" : ": ", printable(message, 160));
}

Result<void> complete(const Shipment& shipment, Request& request) {
  static constexpr long kRetried[] = {429, 502, 503, 504};   // OTLP's specification; every other status is final
  auto url = Url::parse(request.url);
  if (!url) return fail(Exit::BadParams, "upload.url is no URL");
  std::string path = url->path();
  while (path.ends_with('/')) path.pop_back();
  if (!path.ends_with("/profiles")) path += kPath;
  url->set_path(path);
  request.url = url->text();
  request.plain_headers.emplace_back("Content-Type", shipment.file.content_type);
  request.plain_headers.emplace_back("Content-Encoding", "gzip");
  // Which of the draft's incompatible layouts this is (opentelemetry-proto PR 857).
  request.plain_headers.emplace_back("OTLP-Profiles-Development-Version", "1");
  const auto& otlp = static_cast<const Otlp&>(*shipment.upload.keys);
  if (!otlp.tenant.empty()) request.headers.emplace_back("X-Scope-OrgID", otlp.tenant);
  request.retried = kRetried;
  request.rejected = rejected;
  return {};
}

}  // namespace

Sink otlp_sink() { return {{.name = "otlp", .schema = kSchema, .method = "POST", .scheme = "", .formats = {"otlp"}, .read = read}, complete}; }

}  // namespace sampan
