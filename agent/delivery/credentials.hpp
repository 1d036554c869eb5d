// Amazon's credentials as clusters hand them out: fixed keys (variables, a file), a projected token changed into keys (STS), or
// asked for at the container's own endpoint (EKS Pod Identity, ECS). What expires is renewed in time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/result/progress.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

struct Credentials {
  std::string access, secret, token;
  std::uint64_t expires = 0;   // seconds since the epoch; 0: never
};

// Where they are looked for.
struct CredentialKeys {
  std::string region;
  std::string access_key_env, secret_key_env, session_token_env;
  std::string file, profile;   // the AWS tools' own format; an empty file: the environment
};

// The first that there is: the file; variables with keys; AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE;
// AWS_CONTAINER_CREDENTIALS_FULL_URI or …_RELATIVE_URI with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or …_TOKEN. Fails with exit
// 2 where there is none, 7 where a server does not answer, 8 where it refuses. Kept until shortly before they expire.
Result<Credentials> find_credentials(const CredentialKeys& keys, Progress& progress);

// Both answers' parsers; none where keys are missing. STS answers in XML, the container's endpoint in JSON.
Result<Credentials> parse_sts(std::string_view xml);
Result<Credentials> parse_container_credentials(std::string_view json);

}  // namespace sampan
