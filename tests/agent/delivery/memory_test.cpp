// Memory that runs out at each of libcurl's allocations in turn: nothing counts as delivered that did not arrive whole.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include "agent/delivery/http.hpp"

// <curl/curl.h>'s, which only the agent is built with.
extern "C" {
int curl_global_init_mem(long flags, void* (*)(std::size_t), void (*)(void*), void* (*)(void*, std::size_t), char* (*)(const char*),
                         void* (*)(std::size_t, std::size_t));
int curl_global_init(long flags);
void curl_global_cleanup(void);
}

namespace sampan {
namespace {

std::atomic<long> left_ = -1;   // allocations until one fails, and every later one; negative: none does
bool fails() {
  if (left_ < 0) return false;
  if (left_ == 0) return true;
  --left_;
  return false;
}
void* allocate(std::size_t size) { return fails() ? nullptr : std::malloc(size); }
void* reallocate(void* old, std::size_t size) { return fails() ? nullptr : std::realloc(old, size); }
void* allocate_cleared(std::size_t count, std::size_t size) { return fails() ? nullptr : std::calloc(count, size); }
char* duplicate(const char* text) { return fails() ? nullptr : ::strdup(text); }

// Takes one request after another, answers each with 200, and keeps the last.
class Server {
 public:
  Server() : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listening_, reinterpret_cast<sockaddr*>(&address), size);
    ::listen(listening_, 64);
    ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  std::string taken() {
    const std::lock_guard lock(mutex_);
    return std::exchange(taken_, {});
  }
  unsigned port = 0;

 private:
  void serve() {
    for (int client; (client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(client)) {
      std::string text;
      char block[65536];
      for (ssize_t got; !whole(text) && (got = ::read(client, block, sizeof block)) > 0;) text.append(block, static_cast<std::size_t>(got));
      if (!whole(text)) continue;
      {
        const std::lock_guard lock(mutex_);
        taken_ = text;
      }
      const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
      static_cast<void>(!::write(client, answer, sizeof answer - 1));
    }
  }
  static bool whole(const std::string& text) {
    const auto end = text.find("\r\n\r\n"), length = text.find("Content-Length: ");
    return end != std::string::npos && length < end && text.size() >= end + 4 + std::strtoul(text.c_str() + length + 16, nullptr, 10);
  }
  int listening_;
  std::mutex mutex_;
  std::string taken_;
  std::thread thread_;
};

class Memory : public testing::TestWithParam<bool> {};

TEST_P(Memory, WhatCouldNotBeSentIsNotDelivered) {
  curl_global_cleanup();
  ASSERT_EQ(curl_global_init_mem(3, allocate, std::free, reallocate, duplicate, allocate_cleared), 0);
  Server server;
  const std::string bytes = std::string(20'000, 'x') + "end";
  Request request;
  request.url = "http://127.0.0.1:" + std::to_string(server.port) + "/p";
  request.method = "POST";
  request.headers = {{"X-Token", "token-of-the-test"}};
  request.plain_headers = {{"Idempotency-Key", "key-of-the-test"}};
  request.retry_seconds = 0;
  request.timeout_seconds = 5;
  if (GetParam()) request.form = {{.name = "field", .value = "value-of-the-test"}, {.name = "file", .file = bytes, .file_name = "a.svg"}};
  else request.body = bytes;
  std::size_t delivered = 0, failed = 0;
  for (long allowed = 0; allowed < 2000 && delivered < 3; ++allowed) {
    DeliveryReport report;
    left_ = allowed;
    try {
      report = send_all({request}, [] { return -1.0; }).at(0);
    } catch (const std::bad_alloc&) {   // of taking the URL apart: main says that the budget is too small, exit 70
    }
    left_ = -1;
    const std::string taken = server.taken();
    report.delivered ? ++delivered : ++failed;
    if (!report.delivered) continue;
    EXPECT_NE(taken.find(bytes), std::string::npos) << allowed;
    EXPECT_NE(taken.find("token-of-the-test"), std::string::npos) << allowed;
    EXPECT_NE(taken.find("key-of-the-test"), std::string::npos) << allowed;
    EXPECT_EQ(taken.find("value-of-the-test") != std::string::npos, GetParam()) << allowed;
  }
  EXPECT_EQ(delivered, 3u);
  EXPECT_GT(failed, 50u);
  curl_global_cleanup();
  curl_global_init(3);
}

INSTANTIATE_TEST_SUITE_P(BodyAndForm, Memory, testing::Bool());

}  // namespace
}  // namespace sampan
