// Sends requests side by side by libcurl, on one thread, each with its own retries inside its own budget.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/result/run_result.hpp"

namespace sampan {

struct FormPart {
  std::string name;
  std::string value = {};
  std::string_view file = {};        // instead of a value; lives until the end of send_all, and is not copied
  std::string file_name = {};        // not empty: a file part
  std::string content_type = {};

  std::string_view bytes() const { return file_name.empty() ? std::string_view(value) : file; }
};
FormPart file_part(std::string name, const Artifact& file);

struct Request {
  std::string url;            // complete
  std::string method;         // PUT or POST
  std::vector<std::pair<std::string, std::string>> headers;       // for this host only
  std::vector<std::pair<std::string, std::string>> plain_headers; // kept on a redirect to another host, too
  std::string_view body;      // lives until the end of send_all
  std::vector<FormPart> form; // not empty: multipart instead of `body`
  std::string sigv4;          // libcurl's CURLOPT_AWS_SIGV4: `aws:amz:region:s3`; empty: unsigned
  std::string user_password;  // `access:secret` of sigv4
  bool only_if_absent = false;
  std::string ca_file, cert_file, key_file;
  unsigned timeout_seconds = 60;
  unsigned retry_seconds = 120;
  std::string file;           // for the report: the artifact's name
};

// Sends all; one report for each request, in their order. `give_up` is asked several times a second: seconds that
// are left, or a negative number where there is no limit; at 0 what is under way is let go.
std::vector<DeliveryReport> send_all(const std::vector<Request>& requests, double (*seconds_left)());

// Hands the body at a URL to `take`, piece by piece, until it returns false; for the inputs of render, merge and diff.
Result<void> fetch(const std::string& url, const std::function<bool(std::string_view)>& take);

}  // namespace sampan
