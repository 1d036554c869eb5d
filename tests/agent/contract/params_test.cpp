#include "agent/contract/params.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace sampan {
namespace {

using testing::HasSubstr;
using Json = nlohmann::json;

// What makes a profile's params whole.
Json with_target(Json params) {
  if (!params.contains("pid")) params["pid"] = 1;
  return params;
}

TEST(Params, TheSeedsContractWorksAsItIs) {
  const auto params = parse_params(
      R"({"rate": 100, "seconds": 60, "exclude_idle": true, "multi_threads": true, "app_name": "arya-python3", "version_id": 2255})");
  ASSERT_TRUE(params) << params.error().message;
  EXPECT_EQ(params->target.label(), "arya-python3-2255");
  EXPECT_EQ(params->sampling.rate, 100u);
  EXPECT_EQ(params->sampling.seconds, 60u);
  EXPECT_TRUE(params->sampling.exclude_idle);
  EXPECT_EQ(params->picture.formats, std::vector{find_format("svg")});
  EXPECT_EQ(params->delivery.output_dir, "/var/run");
}

TEST(Params, VersionIsANumberOrAText) {
  EXPECT_EQ(parse_params(R"({"app_name": "a", "version_id": "7b"})")->target.version_id, "7b");
  EXPECT_EQ(parse_params(R"({"app_name": "a", "version_id": 18446744073709551615})")->target.version_id, "18446744073709551615");
}

TEST(Params, WallCountsIdleThreads) {
  EXPECT_FALSE(parse_params(R"({"pid": 1, "event": "wall"})")->sampling.exclude_idle);
  EXPECT_EQ(parse_params(R"({"pid": 1, "exclude_idle": false})")->sampling.event, Event::Wall);
}

TEST(Params, ADestinationsMethodFollowsItsKind) {
  const auto method = [](const char* upload) {
    const auto params = parse_params(std::string(R"({"pid": 1, "upload": )") + upload + "}");
    return params ? params->delivery.uploads.at(0).method : params.error().message;
  };
  EXPECT_EQ(method(R"({"url": "http://h/"})"), "PUT");
  EXPECT_EQ(method(R"({"url": "http://h/", "form": {"a": "b"}})"), "POST");
  EXPECT_EQ(method(R"({"url": "http://h/", "pyroscope": {}})"), "POST");
  EXPECT_EQ(method(R"({"url": "s3://b/k", "s3": {"region": "eu-west-1"}})"), "PUT");
}

TEST(Params, TheRecorderTakesOneConditionOrMore) {
  const auto params = parse_params(R"({"pid": 1, "when": [{"cpu_percent": 80, "for_seconds": 0.5}, {"signal": "USR2"}, {"file": "/run/now"}], "before": 5, "count": 0})");
  ASSERT_TRUE(params) << params.error().message;
  const RecorderOptions& recorder = params->sampling.recorder;
  ASSERT_EQ(recorder.when.size(), 3u);
  EXPECT_EQ(recorder.when[0].kind, Condition::Cpu);
  EXPECT_EQ(recorder.when[0].for_seconds, 0.5);
  EXPECT_EQ(recorder.when[1].signal, SIGUSR2);
  EXPECT_EQ(recorder.when[2].path, "/run/now");
  EXPECT_EQ(recorder.before, 5u);
  EXPECT_EQ(params->series.count, 0u);
  EXPECT_EQ(parse_params(R"({"pid": 1, "when": {"oom_kill": true}})")->sampling.recorder.when.size(), 1u);
}

struct Bad {
  const char* params;
  const char* says;    // names the key, and what is wrong with it
};

class BadParams : public testing::TestWithParam<Bad> {};

TEST_P(BadParams, OneSentenceNamesTheKey) {
  const auto params = parse_params(GetParam().params);
  ASSERT_FALSE(params);
  EXPECT_EQ(params.error().code, Exit::BadParams);
  EXPECT_THAT(params.error().message, HasSubstr(GetParam().says));
  EXPECT_EQ(params.error().message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Table, BadParams, testing::Values(
    // Not JSON
    Bad{"", "line 1, column 1"},
    Bad{"{", "line 1, column 2"},
    Bad{"{\n  \"rate\": 1,\n  oops\n}", "line 3, column 3"},
    Bad{"{\"rate\": 1,}", "line 1, column 12"},
    Bad{"{'rate': 1}", "line 1, column 2"},
    Bad{"{\"rate\": 0x10}", "line 1, column 11"},
    Bad{"{\"rate\": NaN}", "line 1, column 10"},
    Bad{"{\"rate\": 1} x", "line 1, column 13"},
    Bad{"{\"app_name\": \"\xff\xfe\"}", "line 1, column 15"},
    Bad{"{\"app_name\": \"\xed\xa0\x80\"}", "column 16"},
    Bad{"{\"app_name\": \"a\nb\"}", "not valid JSON"},
    Bad{"{\"rate\": 1e999}", "\"rate\" is too large"},
    Bad{"{\"rate\": 1, \"rate\": 2}", "\"rate\" stands twice"},
    Bad{R"({"a\nb": 1, "a\nb": 2})", R"("a\nb" stands twice)"},
    Bad{"[]", "must be a JSON object"},
    Bad{"null", "must be a JSON object"},
    Bad{"\"rate\"", "must be a JSON object"},
    // Unknown keys
    Bad{R"({"pid": 1, "ratee": 1})", "\"ratee\" is not a key that exists: the nearest is \"rate\""},
    Bad{R"({"pid": 1, "second": 1})", "the nearest is \"seconds\""},
    Bad{R"({"pid": 1, "APP_NAME": "a"})", "\"APP_NAME\" is not a key that exists"},
    Bad{R"({"pid": 1, "": 1})", "\"\" is not a key that exists"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "header": {}}})", "upload.\"header\" is not a key that exists: the nearest is \"headers\""},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "s3": {"regio": "x"}}})", "the nearest is \"region\""},
    // Types
    Bad{R"({"pid": 1, "rate": "100"})", "rate is \"100\": allowed is a whole number from 1 to 10000"},
    Bad{R"({"pid": 1, "rate": null})", "rate is null"},
    Bad{R"({"pid": 1, "rate": [100]})", "rate is an array"},
    Bad{R"({"pid": 1, "rate": true})", "rate is true"},
    Bad{R"({"pid": 1, "exclude_idle": 1})", "exclude_idle is 1: allowed is true or false"},
    Bad{R"({"pid": 1, "multi_threads": "true"})", "multi_threads is \"true\""},
    Bad{R"({"app_name": 5, "version_id": 1})", "app_name is 5"},
    Bad{R"({"app_name": "a", "version_id": 1.5})", "version_id is 1.5"},
    Bad{R"({"app_name": "a", "version_id": true})", "version_id is true"},
    Bad{R"({"app_name": "", "version_id": 1})", "app_name is \"\""},
    Bad{R"({"app_name": "a\u0000b", "version_id": 1})", "app_name is"},
    Bad{R"({"pid": 1, "group_by": "pods"})", "group_by is \"pods\""},
    Bad{R"({"pid": 1, "group_by": [1]})", "group_by is an array"},
    Bad{R"({"pid": 1, "formats": ["svg", "png"]})", "formats is an array: allowed is a list of \"svg\", \"folded\", \"speedscope\", \"firefox\", \"pprof\""},
    Bad{R"({"pid": 1, "formats": []})", "formats is empty"},
    Bad{R"({"pid": 1, "upload": "http://h/"})", "upload is \"http://h/\": allowed is an object"},
    Bad{R"({"pid": 1, "upload": []})", "upload is an array"},
    Bad{R"({"pid": 1, "upload": [1]})", "upload is an array"},
    // Ranges
    Bad{R"({"pid": 1, "rate": 0})", "rate is 0"},
    Bad{R"({"pid": 1, "rate": -1})", "rate is -1"},
    Bad{R"({"pid": 1, "rate": 10001})", "rate is 10001: allowed is a whole number from 1 to 10000"},
    Bad{R"({"pid": 1, "rate": 99.5})", "rate is 99.5"},
    Bad{R"({"pid": 1, "rate": 18446744073709551616})", "rate is"},
    Bad{R"({"pid": 1, "rate": 18446744073709551615})", "rate is 18446744073709551615"},
    Bad{R"({"pid": 1, "seconds": 86401})", "seconds is 86401: allowed is a whole number from 1 to 86400"},
    Bad{R"({"pid": 0})", "pid is 0"},
    Bad{R"({"pid": []})", "pid is an array"},
    Bad{R"({"pid": [1, "2"]})", "pid is \"2\""},
    Bad{R"({"pid": 4294967297})", "pid is 4294967297"},
    Bad{R"({"pid": 1, "max_processes": 0})", "max_processes is 0"},
    Bad{R"({"pid": 1, "max_cpu_percent": 0})", "max_cpu_percent is 0"},
    Bad{R"({"pid": 1, "min_width": -0.5})", "min_width is -0.5"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "timeout_seconds": 0}})", "upload.timeout_seconds"},
    // Choices
    Bad{R"({"pid": 1, "event": "CPU"})", "event is \"CPU\": allowed is one of \"cpu\", \"wall\", \"offcpu\", \"gil\""},
    Bad{R"({"pid": 1, "tier": "perf"})", "tier is \"perf\""},
    Bad{R"({"pid": 1, "language": "cobol"})", "language is \"cobol\": allowed is one of \"auto\""},
    Bad{R"({"pid": 1, "mode": "profil"})", "mode is \"profil\""},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "method": "GET"}})", "upload.method"},
    Bad{R"({"pid": 1, "when": []})", "when is an array: allowed is an object, or a list of 1 to 16 objects"},
    Bad{R"({"pid": 1, "when": [5]})", "when is an array"},
    Bad{R"({"pid": 1, "when": "cpu"})", "when is \"cpu\""},
    Bad{R"({"pid": 1, "when": {}})", "each of when names one of cpu_percent, throttled_percent, memory_percent, oom_kill, file, signal"},
    Bad{R"({"pid": 1, "when": {"cpu_percent": 1, "oom_kill": true}})", "each of when names one of"},
    Bad{R"({"pid": 1, "when": {"cpu_percent": 0}})", "when.cpu_percent is 0"},
    Bad{R"({"pid": 1, "when": {"cpu_percen": 5}})", "when.\"cpu_percen\" is not a key that exists: the nearest is \"cpu_percent\""},
    Bad{R"({"pid": 1, "when": {"cpu_percent": 50, "for_seconds": 0.1}})", "when.for_seconds is 0.1: allowed is a number from 0.2 to 3600"},
    Bad{R"({"pid": 1, "when": {"memory_percent": 50, "for_seconds": 5}})", "for_seconds goes with cpu_percent or throttled_percent"},
    Bad{R"({"pid": 1, "when": {"oom_kill": false}})", "when.oom_kill is false: allowed is true"},
    Bad{R"({"pid": 1, "when": {"file": "now"}})", "when.file is \"now\": allowed is an absolute path"},
    Bad{R"({"pid": 1, "when": {"signal": "KILL"}})", "when.signal is \"KILL\": allowed is one of \"USR1\", \"USR2\""},
    Bad{R"({"pid": 1, "when": {"oom_kill": true}, "before": 0})", "before is 0"},
    Bad{R"({"pid": 1, "before": 5})", "before goes with when"},
    Bad{R"({"pid": 1, "when": {"oom_kill": true}, "seconds": 5})", "seconds and when"},
    Bad{R"({"pid": 1, "when": {"oom_kill": true}, "every": 60})", "every and when"},
    Bad{R"({"pid": 1, "when": {"oom_kill": true}, "time": false})", "when needs time"},
    Bad{R"({"pid": 1, "when": {"oom_kill": true}, "mode": "top"})", "when is for mode \"profile\""},
    // What does not go together
    Bad{"{}", "no target: give app_name and version_id"},
    Bad{R"({"app_name": "a"})", "app_name and version_id go together: version_id is missing"},
    Bad{R"({"version_id": 1, "pid": 1})", "app_name is missing"},
    Bad{R"({"cmdline_regex": "("})", "cmdline_regex is not a regular expression"},
    Bad{R"({"cmdline_regex": "(a)\\1"})", "cmdline_regex is not a regular expression: invalid escape sequence: \\1"},
    Bad{R"({"container_id": "deadbeef"})", "container_id is \"deadbeef\": allowed is 12 to 64 hex digits"},
    Bad{R"({"container_id": "docker://xyzxyzxyzxyz"})", "container_id"},
    Bad{R"({"pid": 1, "event": "wall", "exclude_idle": true})", "exclude_idle must be false"},
    Bad{R"({"pid": 1, "event": "offcpu", "tier": "memory"})", "event \"offcpu\" needs tier"},
    Bad{R"({"pid": 1, "native": true, "tier": "memory"})", "native needs tier"},
    Bad{R"({"pid": 1, "count": 2})", "count needs every"},
    Bad{R"({"pid": 1, "every": 10})", "every is 10: it must be at least seconds, which is 60"},
    Bad{R"({"pid": 1, "inputs": ["a"]})", "inputs is for the modes"},
    Bad{R"({"mode": "merge"})", "inputs is missing"},
    Bad{R"({"pid": 1, "include": [{"pod": "a"}]})", "include, exclude and host_processes need all_containers"},
    Bad{R"({"all_containers": true, "include": [{"pods": "a"}]})", "include.\"pods\" is not a key"},
    Bad{R"({"all_containers": true, "exclude": [{"rate": 5}]})", "exclude.\"rate\" is not a key"},
    Bad{R"({"all_containers": true, "include": [{"runtime": "perl"}]})", "include.runtime"},
    Bad{R"({"all_containers": true, "include": [{"rate": 19}]})", "include.rate needs split_by"},
    Bad{R"({"all_containers": true, "split_by": "container", "rate": 19, "include": [{"rate": 99}]})", "include.rate is 99: it may not be above rate"},
    Bad{R"({"all_containers": true, "split_by": ["container", "pod"]})", "split_by takes one of"},
    Bad{R"({"pid": 1, "labels": {"a-b": "x"}})", "labels: a label's name"},
    Bad{R"({"pid": 1, "labels": {"a": "x,y"}})", "labels.a: a label's value"},
    Bad{R"j({"pid": 1, "labels": {"a": "$(SAMPAN_NO_SUCH)"}})j", "the variable SAMPAN_NO_SUCH, which is not set"},
    Bad{R"({"pid": 1, "spool_dir": "/s"})", "spool_dir needs upload"},
    Bad{R"({"pid": 1, "metrics_file": "/m/sampan.txt"})", "metrics_file must be a whole path that ends in .prom"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "otlp": {}, "pyroscope": {}}})", "both pyroscope and otlp"},
    Bad{R"({"mode": "diff", "inputs": ["a"]})", "inputs must be two"},
    Bad{R"({"mode": "diff", "baseline": ["a"]})", "inputs is missing"},
    Bad{R"({"mode": "merge", "inputs": ["a"], "baseline": ["b"]})", "baseline and fail_above are for mode \"diff\""},
    Bad{R"({"mode": "merge", "inputs": ["a"], "fail_above": {"total_ratio": 2}})", "baseline and fail_above are for mode \"diff\""},
    Bad{R"({"mode": "diff", "inputs": ["a", "b"], "fail_above": {"total_ratio": 0.5}})", "fail_above.total_ratio"},
    Bad{R"({"mode": "diff", "inputs": ["a", "b"], "fail_above": {"ratio": 2}})", "fail_above.\"ratio\""},
    Bad{R"({"mode": "render", "inputs": ["a", "b"]})", "inputs must be one"},
    Bad{R"({"pid": 1, "upload": {}})", "upload.url is missing"},
    Bad{R"({"pid": 1, "upload": {"url": "ftp://h/"}})", "upload.url must begin with http://"},
    Bad{R"({"pid": 1, "upload": {"url": "s3://b/k"}})", "upload.url must begin with"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/ x"}})", "upload.url holds a blank"},
    Bad{R"({"pid": 1, "upload": {"url": "s3://b/k", "s3": {}}})", "upload.s3.region is missing"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "form": {"a": 1}}})", "upload.form.a is number"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "method": "PUT", "form": {"a": "b"}}})", "upload.form needs upload.method"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "headers": {"A": "x\r\nB: y"}}})", "upload.headers.A: a header's value may not hold a line break"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "headers": {"A b": "x"}}})", "upload.headers: a header's name"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "cert_file": "/c"}})", "upload.cert_file and upload.key_file go together"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "s3": {"region": "a"}, "pyroscope": {}}})", "both s3 and pyroscope"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "form": {"a": "b"}, "pyroscope": {}}})", "both form and pyroscope"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "method": "PUT", "pyroscope": {}}})", "upload.pyroscope needs upload.method \"POST\""},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "pyroscope": {"labels": {"a-b": "x"}}}})", "upload.pyroscope.labels: a label's name"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "pyroscope": {"labels": {"1a": "x"}}}})", "upload.pyroscope.labels: a label's name"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "pyroscope": {"labels": {"a": "x,b=y"}}}})", "upload.pyroscope.labels.a: a label's value"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "pyroscope": {"labels": {"a": ""}}}})", "upload.pyroscope.labels.a: a label's value"},
    Bad{R"({"pid": 1, "upload": {"url": "http://h/", "pyroscope": {"name": "a{b=c}"}}})", "upload.pyroscope.name holds a brace"}));

TEST(Params, HugeAndDeepInputEndsInASentence) {
  EXPECT_THAT(parse_params(std::string(10 << 20, '[')).error().message, HasSubstr("at most 1048576"));
  EXPECT_THAT(parse_params(std::string(1 << 20, '[')).error().message, HasSubstr("nests deeper than 16 levels"));
  EXPECT_THAT(parse_params("{\"rate\": " + std::string(100'000, '9') + "}").error().message, HasSubstr("rate"));
  EXPECT_THAT(parse_params("{\"" + std::string(100'000, 'k') + "\": 1}").error().message, HasSubstr("is not a key that exists"));
  const std::string text(5000, 'a');
  const auto long_text = parse_params(Json{{"procname_prefix", text}}.dump());
  EXPECT_THAT(long_text.error().message, HasSubstr("procname_prefix is"));
  EXPECT_LT(long_text.error().message.size(), 200u);
}

TEST(Params, SecretsAreNotShownInErrors) {
  const char* params[] = {R"({"pid": 1, "upload": {"url": "http://h/", "headers": {"A": ["hunter2"]}}})",
                          R"({"pid": 1, "upload": {"url": ["hunter2"]}})",
                          R"({"pid": 1, "upload": {"url": "ftp://hunter2/"}})",
                          R"({"pid": 1, "upload": {"url": "http://h/", "method": "hunter2"}})",
                          R"({"pid": 1, "upload": {"url": "http://h/", "headers": {"A": "hunter2" oops}}})",
                          R"({"pid": 1, "upload": {"url": "http://h/", "headers": "hunter2"}})"};
  for (const char* text : params) EXPECT_EQ(parse_params(text).error().message.find("hunter2"), std::string::npos) << text;
}

// The schema and the parser say the same: every property of one is a key of the other, and each property's own
// examples and limits are taken and refused.
class Schema : public testing::Test {
 protected:
  Json schema_ = Json::parse(params_schema());
};

void names_of(const Json& root, const Json& object, const std::string& path, std::vector<std::string>& names) {
  for (const auto& [name, property] : object["properties"].items()) {
    names.push_back(path + name);
    if (property.contains("properties")) names_of(root, property, path + name + ".", names);
    if (name == "when") names_of(root, root["$defs"]["condition"], "when.", names);
    if (property.contains("items") && property["items"].contains("properties")) names_of(root, property["items"], path + name + ".", names);
    if (name == "upload") names_of(root, root["$defs"]["upload"], "upload.", names);
  }
}

TEST_F(Schema, HasTheParsersKeys) {
  std::vector<std::string> names;
  names_of(schema_, schema_, "", names);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, params_keys());
}

TEST_F(Schema, HasTheModesOfTheTable) {
  std::vector<std::string> names;
  for (const ModeRow& row : modes()) names.emplace_back(row.name);
  EXPECT_EQ(schema_["properties"]["mode"]["enum"].get<std::vector<std::string>>(), names);
}

// A mode needs what its row says, and nothing else.
TEST(Modes, NeedWhatTheirRowSays) {
  for (const ModeRow& row : modes()) {
    for (const std::size_t inputs : {0, 1, 2, 3}) {
      Json params = {{"mode", row.name}};
      if (inputs > 0) params["inputs"] = std::vector<std::string>(inputs, "x");
      const bool fits = row.mode == Mode::Diff ? inputs == 2 : inputs >= row.least_inputs && inputs <= row.most_inputs;
      EXPECT_EQ(parse_params(params.dump()).has_value(), fits && !row.target) << params;
      params["pid"] = 1;
      EXPECT_EQ(parse_params(params.dump()).has_value(), fits) << params;
    }
  }
}

// Values that a property's schema allows, and values just outside.
void values_of(const Json& property, std::vector<Json>& good, std::vector<Json>& bad) {
  const std::string type = property.value("type", Json("")).is_string() ? property.value("type", "") : "";
  if (property.contains("default")) good.push_back(property["default"]);
  if (property.contains("enum")) {
    for (const auto& value : property["enum"]) good.push_back(value);
    bad.push_back("no such choice");
    bad.push_back(7);
  } else if (type == "integer" || type == "number") {
    good.insert(good.end(), {property["minimum"], property["maximum"], 1.0 * property["minimum"].get<double>()});
    bad.insert(bad.end(), {property["minimum"].get<double>() - 1, property["maximum"].get<double>() + 1, "1", nullptr, true, Json::array({Json::object()})});
    if (type == "integer") bad.push_back(property["minimum"].get<double>() + 0.5);
  } else if (type == "boolean") {
    good.insert(good.end(), {true, false});
    bad.insert(bad.end(), {0, "true", nullptr});
  } else if (type == "string" && property.contains("maxLength")) {
    bad.insert(bad.end(), {5, nullptr, "", Json::array(), std::string(property["maxLength"].get<std::size_t>() + 1, 'a')});
  }
}

TEST_F(Schema, ListsTheFormatsOfTheTable) {
  std::vector<std::string> names;
  for (const Format& format : formats()) names.emplace_back(format.name);
  EXPECT_EQ(schema_["$defs"]["format"]["enum"].get<std::vector<std::string>>(), names);
  for (const std::string& name : names) {
    const auto params = parse_params(with_target({{"formats", name}}).dump());
    ASSERT_TRUE(params) << params.error().message;
    EXPECT_EQ(params->picture.formats.at(0)->name, name);
  }
}

TEST_F(Schema, LimitsAreTheParsers) {
  // These depend on others; the table above has them.
  const std::set<std::string> tied = {"count", "every", "mode", "event", "tier", "language", "before", "after", "cooldown", "host_processes", "spool_dir", "metrics_file"};
  std::size_t tried = 0;
  for (const auto& [name, property] : schema_["properties"].items()) {
    std::vector<Json> good, bad;
    values_of(property, good, bad);
    for (const Json& value : good) {
      if (tied.contains(name)) continue;
      const auto params = parse_params(with_target({{name, value}}).dump());
      EXPECT_TRUE(params) << name << " = " << value.dump() << ": " << (params ? "" : params.error().message);
      ++tried;
    }
    for (const Json& value : bad) {
      const auto params = parse_params(with_target({{name, value}}).dump());
      ASSERT_FALSE(params) << name << " = " << value.dump().substr(0, 80);
      EXPECT_THAT(params.error().message, HasSubstr(name));
      ++tried;
    }
  }
  EXPECT_GT(tried, 120u);
}

}  // namespace
}  // namespace sampan
