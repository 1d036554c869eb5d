// Objects of an S3 store as inputs: `s3://bucket/prefix/` stands for all below it, `s3://bucket/runs/*.folded` for those that match.
// Region and server as Amazon's own tools have them: AWS_REGION or AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/result/progress.hpp"
#include "samplers/base/result.hpp"

namespace sampan {

bool is_object(std::string_view input);   // s3://…

// The objects that a URL stands for, in their order, listed page by page; itself where it names one. Fails where it names none.
Result<std::vector<std::string>> list_objects(const std::string& url, Progress& progress);

// One object's bytes, piece by piece, until `take` returns false.
Result<void> fetch_object(const std::string& url, const std::function<bool(std::string_view)>& take, Progress& progress);

// One page of ListObjectsV2's answer, asked for with encoding-type=url.
struct ObjectPage {
  std::vector<std::string> keys;
  std::string next;   // the continuation token; empty: the last page
};
ObjectPage parse_object_page(std::string_view xml);

}  // namespace sampan
