#include "flamegraph/routes.hpp"

#include <gtest/gtest.h>

#include <map>

#include "flamegraph/label.hpp"

namespace sampan {
namespace {

struct Row {
  FrameKind kind;
  const char* name;
  const char* file;
};
using Stack = std::vector<Row>;

std::map<std::string, std::uint64_t> routes_of(const std::vector<Stack>& stacks) {
  Profile profile;
  for (const Stack& rows : stacks) {
    std::vector<FrameId> stack;
    for (const Row& row : rows) stack.push_back(profile.intern({row.kind, row.name, row.file, 7}));
    profile.add(stack, 10);
  }
  const Profile routed = by_route(profile);
  EXPECT_EQ(routed.total(), profile.total());
  std::map<std::string, std::uint64_t> found;
  const auto totals = routed.totals();
  for (NodeId id = 1; id < routed.nodes().size(); ++id) {
    const Frame& frame = routed.frame(routed.nodes()[id].frame);
    if (frame.kind == FrameKind::Route) found[frame_label(frame)] += totals[id];
  }
  return found;
}

constexpr auto Py = FrameKind::Python;
constexpr Row kWorker = {FrameKind::Process, "uwsgi", ""};

TEST(Routes, TheHandlerIsWhatTheDispatcherCalls) {
  EXPECT_EQ(routes_of({{kWorker, {Py, "wsgi_app", "flask/app.py"}, {Py, "dispatch_request", "flask/app.py"}, {Py, "cart", "/srv/shop/views.py"}, {Py, "dumps", "/usr/lib/json.py"}},
                       {kWorker, {Py, "wsgi_app", "/site/flask/app.py"}, {Py, "full_dispatch_request", "/site/flask/app.py"}}}),
            (std::map<std::string, std::uint64_t>{{"cart (/srv/shop/views.py)", 10}, {"[no route]", 10}}));
}

TEST(Routes, WhatTheFrameworkPutsBetweenIsPassedOver) {
  EXPECT_EQ(routes_of({{kWorker, {Py, "BaseHandler._get_response", "/d/django/core/handlers/base.py"}, {Py, "_wrapper_view", "/d/django/utils/decorators.py"},
                        {FrameKind::Native, "_PyEval_Vector", "/usr/bin/python3"}, {Py, "View.as_view.<locals>.view", "/d/django/views/generic/base.py"}, {Py, "Cart.get", "/srv/shop/views.py"}}}),
            (std::map<std::string, std::uint64_t>{{"Cart.get (/srv/shop/views.py)", 10}}));
}

TEST(Routes, AMiddlewareIsNoHandlerWhereADispatcherFollows) {
  constexpr auto Go = FrameKind::Go;
  EXPECT_EQ(routes_of({{{Go, "net/http.serverHandler.ServeHTTP", "server.go"}, {Go, "net/http.(*ServeMux).ServeHTTP", "server.go"}, {Go, "net/http.HandlerFunc.ServeHTTP", "server.go"},
                        {Go, "main.logged.func1", "main.go"}, {Go, "net/http.HandlerFunc.ServeHTTP", "server.go"}, {Go, "main.cart", "main.go"}, {Go, "main.burn", "main.go"}}}),
            (std::map<std::string, std::uint64_t>{{"main.cart (main.go)", 10}}));
}

TEST(Routes, AFrameworkInsideAnotherIsNoHandler) {
  constexpr auto J = FrameKind::Java;
  EXPECT_EQ(routes_of({{{J, "jakarta.servlet.http.HttpServlet.service", "HttpServlet.java"}, {J, "jakarta.servlet.http.HttpServlet.doGet", "HttpServlet.java"},
                        {J, "org.springframework.web.method.support.InvocableHandlerMethod.doInvoke", "InvocableHandlerMethod.java"}, {J, "java.lang.reflect.Method.invoke", "Method.java"},
                        {J, "shop.CartController$$SpringCGLIB$$0.show", "<generated>"}, {J, "shop.CartController.show", "CartController.java"}},
                       {{Py, "request_response.<locals>.app", "/site/starlette/routing.py"}, {Py, "get_request_handler.<locals>.app", "/site/fastapi/routing.py"}, {Py, "solve", "/site/fastapi/dependencies/utils.py"}, {Py, "user", "/srv/auth.py"}}}),
            (std::map<std::string, std::uint64_t>{{"shop.CartController.show (CartController.java)", 10}, {"[no route]", 10}}));
}

TEST(Routes, AScriptOfPhpIsItsRouteUntilAFrameworkSaysMore) {
  constexpr auto Php = FrameKind::Php;
  EXPECT_EQ(routes_of({{{Php, "<main>", "/var/www/cart.php"}, {Php, "burn", "/var/www/lib.php"}},
                       {{Php, "<main>", "/var/www/index.php"}, {Php, "Illuminate\\Routing\\ControllerDispatcher::dispatch", "/v/ControllerDispatcher.php"}, {Php, "App\\Cart::show", "/var/www/Cart.php"}}}),
            (std::map<std::string, std::uint64_t>{{"/var/www/cart.php", 10}, {"App\\Cart::show (/var/www/Cart.php)", 10}}));
  // The script was freed before it was named: what it called is no script.
  EXPECT_EQ(routes_of({{{FrameKind::Note, "[function freed since]", ""}, {Php, "burn", "/var/www/lib.php"}}}), (std::map<std::string, std::uint64_t>{{"[no route]", 10}}));
}

TEST(Routes, MomentsGoOnUnderTheirStacks) {
  Profile profile;
  profile.moments.begin(1'000'000'000, 5'000'000'000);
  const LaneId lane = profile.moments.lane(profile.intern({FrameKind::Process, "uwsgi", {}, 1}), profile.intern({FrameKind::Thread, "main", {}, 1}));
  const FrameId stack[] = {profile.intern({FrameKind::Process, "uwsgi", {}, 1}), profile.intern({Py, "dispatch_request", "/flask/app.py"}), profile.intern({Py, "cart", "shop.py"})};
  const NodeId node = profile.add_at(Profile::kRoot, stack, 1);
  profile.add_moment(lane, 1'250'000'000, node, 1);
  const Profile routed = by_route(profile);
  ASSERT_EQ(routed.moments.lanes().size(), 1u);
  const Lane& moved = routed.moments.lanes()[0];
  ASSERT_EQ(moved.moments.size(), 1u);
  EXPECT_EQ(moved.moments[0].at * routed.moments.tick_ns(), 250'000'000u);
  EXPECT_EQ(routed.frame(routed.nodes()[moved.moments[0].node].frame).name, "cart");
  EXPECT_EQ(routed.nodes()[moved.moments[0].node].self, 1u);
}

}  // namespace
}  // namespace sampan
