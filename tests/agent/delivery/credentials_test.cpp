#include "agent/delivery/credentials.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

// As Amazon's own documentation shows the answer of AssumeRoleWithWebIdentity.
constexpr const char* kSts = R"(<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>amzn1.account.AF6RHO7KZU5XRVQJGXK6HB56KR2A</SubjectFromWebIdentityToken>
    <Credentials>
      <SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE</SessionToken>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <Expiration>2014-10-24T23:00:23Z</Expiration>
      <AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>)";

TEST(Credentials, StsAnswersInXml) {
  const auto found = parse_sts(kSts);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->access, "ASgeIAIOSFODNN7EXAMPLE");
  EXPECT_EQ(found->secret, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY");
  EXPECT_EQ(found->token, "AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE");
  EXPECT_EQ(found->expires, 1'414'191'623u);
}

TEST(Credentials, TheContainersEndpointAnswersInJson) {
  const auto found = parse_container_credentials(R"({"AccessKeyId": "A", "SecretAccessKey": "b/c+d=", "Token": "t", "Expiration": "2026-11-27T20:00:00Z", "AccountId": 5})");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->access, "A");
  EXPECT_EQ(found->secret, "b/c+d=");
  EXPECT_EQ(found->token, "t");
  EXPECT_GT(found->expires, 0u);
}

TEST(Credentials, AnAnswerWithoutKeysIsAFailure) {
  for (const char* text : {"", "{}", "[1]", "null", "{\"AccessKeyId\": 5}", "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"b\\r\\nc\"}", "\xff"}) {
    EXPECT_FALSE(parse_container_credentials(text)) << text;
  }
  for (const char* text : {"", "<AccessKeyId>", "<AccessKeyId>A</AccessKeyId>", "</SecretAccessKey><SecretAccessKey>", "<AccessKeyId>A</AccessKeyId><SecretAccessKey>a\nb</SecretAccessKey>"}) {
    EXPECT_FALSE(parse_sts(text)) << text;
  }
}

}  // namespace
}  // namespace sampan
