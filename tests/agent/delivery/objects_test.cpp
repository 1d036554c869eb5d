#include "agent/delivery/objects.hpp"

#include <gtest/gtest.h>

namespace sampan {
namespace {

TEST(Objects, APageOfKeysAndTheNextOnesToken) {
  const ObjectPage page = parse_object_page(
      R"(<?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix>a</Prefix><IsTruncated>true</IsTruncated><NextContinuationToken>1/x+y=</NextContinuationToken>)"
      R"(<Contents><Key>runs/a+b%3C%26.folded</Key><Size>3</Size></Contents><Contents><Size>3</Size><Key>runs/c</Key></Contents><CommonPrefixes><Prefix>no</Prefix></CommonPrefixes></ListBucketResult>)");
  EXPECT_EQ(page.keys, (std::vector<std::string>{"runs/a b<&.folded", "runs/c"}));
  EXPECT_EQ(page.next, "1/x+y=");
}

TEST(Objects, TheLastPageHasNoToken) {
  EXPECT_EQ(parse_object_page("<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>").next, "");
  for (const char* text : {"", "<Contents>", "<Contents><Key>a</Contents>", "</Key><Key>", "<Contents></Contents>"}) EXPECT_TRUE(parse_object_page(text).keys.empty()) << text;
}

}  // namespace
}  // namespace sampan
