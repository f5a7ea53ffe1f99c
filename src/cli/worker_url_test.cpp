#include "cli/worker_url.h"

#include <gtest/gtest.h>

namespace llorch::cli {
namespace {

TEST(WorkerUrl, WhatAWorkersFirstLineNames) {
  for (const auto& [text, base] : {std::pair{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
                                   {"https://[::1]:8443", "https://[::1]:8443"},
                                   {"http://host", "http://host"},
                                   {"http://host:80//", "http://host:80"},
                                   {"https://host/workers/1/", "https://host/workers/1"}}) {
    const auto url = parse_worker_url(text);
    ASSERT_TRUE(url.ok()) << text;
    EXPECT_EQ(url->base, base);
    EXPECT_EQ(url->unix_path, "");
  }
  const auto socket = parse_worker_url("unix:/run/llorch/a worker?.sock");
  ASSERT_TRUE(socket.ok());
  EXPECT_EQ(socket->base, "http://localhost");
  EXPECT_EQ(socket->unix_path, "/run/llorch/a worker?.sock");
}

TEST(WorkerUrl, WhatIsNoneIsQuoted) {
  for (const char* text :
       {"", "127.0.0.1:8080", "http:", "http://", "https:///", "ftp://host", "HTTP://host", "http://a b", "http://a\nb",
        "http://host/?x", "http://host#x", "http://user:word@host", "http://h\xC3\xB6st", "unix:"}) {
    const auto url = parse_worker_url(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().code, ErrorCode::invalid_argument);
    EXPECT_TRUE(url.error().message.starts_with("URL '")) << url.error().message;
    EXPECT_EQ(url.error().message.find('\n'), std::string::npos);
  }
  EXPECT_TRUE(parse_worker_url("unix:" + std::string(107, 'p')).ok());
  EXPECT_FALSE(parse_worker_url("unix:" + std::string(108, 'p')).ok());
}

}  // namespace
}  // namespace llorch::cli
