#include "samplers/node/builtin_names.hpp"

#include <gtest/gtest.h>

namespace sampan::node {
namespace {

TEST(BuiltinNames, AFunctionsNameWithWhatItBelongsTo) {
  EXPECT_EQ(qualified_builtin("ArrayMap", "map"), "Array.map");
  EXPECT_EQ(qualified_builtin("ArrayPrototypePush", "push"), "Array.push");
  EXPECT_EQ(qualified_builtin("JsonParse", "parse"), "JSON.parse");
  EXPECT_EQ(qualified_builtin("RegExpPrototypeExec", "exec"), "RegExp.exec");
  EXPECT_EQ(qualified_builtin("StringPrototypeCharCodeAt", "charCodeAt"), "String.charCodeAt");
  EXPECT_EQ(qualified_builtin("SetPrototypeHas", "has"), "Set.has");
  EXPECT_EQ(qualified_builtin("FunctionPrototypeHasInstance", "[Symbol.hasInstance]"), "Function[Symbol.hasInstance]");
  EXPECT_EQ(qualified_builtin("TypedArrayPrototypeLength", "get length"), "get TypedArray.length");
}

TEST(BuiltinNames, WhatDoesNotAgreeIsLeftAsItIs) {
  EXPECT_EQ(qualified_builtin("", "map"), "map");
  EXPECT_EQ(qualified_builtin("ArrayFilter", "map"), "map");
  EXPECT_EQ(qualified_builtin("GlobalIsNaN", "isNaN"), "isNaN");
  EXPECT_EQ(qualified_builtin("PromiseConstructor", "Promise"), "Promise");
  EXPECT_EQ(qualified_builtin("Map", "map"), "map");
  EXPECT_EQ(qualified_builtin("ArrayMap", ""), "");
  EXPECT_EQ(BuiltinNames().name(0), "");
  EXPECT_EQ(BuiltinNames().name(-1), "");
}

}  // namespace
}  // namespace sampan::node
