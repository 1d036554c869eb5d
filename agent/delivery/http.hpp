// Sends requests side by side by libcurl, on one thread, each with its own retries inside its own budget.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
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
  std::span<const long> retried = {};        // the only statuses that are tried again; empty: by retry.hpp's verdict_of
  // What an answer of 2xx says was not taken all the same, which is final; an empty sentence: nothing. Null: 2xx is all.
  std::string (*rejected)(std::string_view answer) = nullptr;
  std::string ca_file, cert_file, key_file;
  unsigned timeout_seconds = 60;
  unsigned retry_seconds = 120;
  std::string file;           // for the report: the artifact's name
};

// Sends all; one report for each request, in their order. `give_up` is asked several times a second: seconds that
// are left, or a negative number where there is no limit; at 0 what is under way is let go.
std::vector<DeliveryReport> send_all(const std::vector<Request>& requests, double (*seconds_left)());

// What signs a request, see Request.
struct Signature {
  std::string sigv4, user_password;
  std::vector<std::pair<std::string, std::string>> headers;
};

// Hands the body at a URL to `take`, piece by piece, until it returns false; for the inputs of render, merge and diff. What is
// signed follows no redirect.
Result<void> fetch(const std::string& url, const std::function<bool(std::string_view)>& take, const Signature& signature = {});

// One question whose answer is short: a body makes it a POST. Fails with a sentence that says `what` was asked: exit 7 where
// there is no answer, 8 where it is a refusal. No redirect is followed: it may hold a secret.
struct Question {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string what;
};
Result<std::string> ask(const Question& question);

}  // namespace sampan
