// The worker's HTTP: framing, limits, routes, and clients that misbehave.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "server/daemon.h"

namespace llorch::testing {
namespace {

class Http : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    daemon = new Daemon(Daemon::haiku());
    daemon->wait_ready();
  }
  static void TearDownTestSuite() {
    delete daemon;
    daemon = nullptr;
  }
  /// The answer to these bytes, read until the worker closes.
  static Answer raw(const std::string& bytes) {
    Client client(daemon->port());
    client.send(bytes);
    return parse_answer(client.read_all());
  }
  static Daemon* daemon;
};
Daemon* Http::daemon = nullptr;

void expect_error(const Answer& answer, int status) {
  EXPECT_EQ(answer.status, status);
  const Json json = Json::parse(answer.body, nullptr, false);
  ASSERT_TRUE(json.is_object()) << answer.body;
  EXPECT_TRUE(json["code"].is_string() && json["message"].is_string() && json["retriable"].is_boolean()) << json;
}

TEST_F(Http, UnknownRoutesAndWrongMethods) {
  expect_error(daemon->get("/nothing"), 404);
  expect_error(daemon->get("/"), 404);
  expect_error(daemon->get("/healthy"), 404);
  const Answer get = daemon->get("/execute");
  expect_error(get, 405);
  EXPECT_NE(get.head.find("\r\nAllow: POST\r\n"), std::string::npos);
  expect_error(daemon->post("/health", "{}"), 405);
  EXPECT_EQ(daemon->get("/health?verbose=1").status, 200);
}

TEST_F(Http, MalformedRequests) {
  for (const char* bytes :
       {"nonsense\r\n\r\n", "GET\r\n\r\n", "GET /health HTTP/9.9\r\nHost: a\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n",
        "POST /execute HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /execute HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /execute HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    SCOPED_TRACE(bytes);
    expect_error(raw(bytes), 400);
  }
}

TEST_F(Http, TooLarge) {
  const std::string head = "POST /execute HTTP/1.1\r\nHost: a\r\n";
  expect_error(raw(head + "Content-Length: 9000000\r\n\r\n"), 413);
  expect_error(raw(head + "Content-Length: 9000000\r\n\r\n" + std::string(9'000'000, 'x')), 413);
  expect_error(raw(head + "X: " + std::string(20'000, 'x') + "\r\n\r\n"), 431);
}

TEST_F(Http, KeepAliveAndPipelining) {
  Client client(daemon->port());
  const std::string get = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
  client.send(get + get + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_all();
  std::size_t answers = 0;
  for (std::size_t at = all.find("HTTP/1.1 "); at != std::string::npos; at = all.find("HTTP/1.1 ", at + 1)) {
    ++answers;
  }
  EXPECT_EQ(answers, 3U);
  EXPECT_NE(all.find("HTTP/1.1 404"), std::string::npos);
}

TEST_F(Http, PipelinedBehindAStream) {
  Client client(daemon->port());
  const std::string body = R"({"job_id":"p","prompt":"moon","max_tokens":5})";
  client.send("POST /execute HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
              body + "GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const std::string all = client.read_all();
  EXPECT_NE(all.find("event: end"), std::string::npos);
  EXPECT_NE(all.find("\r\n0\r\n\r\nHTTP/1.1 200 OK"), std::string::npos) << all;
}

TEST_F(Http, ByteByByte) {
  Client client(daemon->port());
  for (const char c : std::string("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) {
    client.send(std::string(1, c));
  }
  EXPECT_EQ(parse_answer(client.read_all()).status, 200);
}

TEST_F(Http, ChunkedBody) {
  const std::string first = R"({"job_id":"c","prompt":"moon",)";
  const std::string second = R"("max_tokens":3})";
  char sizes[2][16];
  std::snprintf(sizes[0], sizeof(sizes[0]), "%zx", first.size());
  std::snprintf(sizes[1], sizeof(sizes[1]), "%zx", second.size());
  const Answer answer =
      raw(std::string("POST /execute HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n") +
          sizes[0] + "\r\n" + first + "\r\n" + sizes[1] + "\r\n" + second + "\r\n0\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
}

TEST_F(Http, ExpectContinue) {
  Client client(daemon->port());
  const std::string body = R"({"job_id":"e","prompt":"moon","max_tokens":3})";
  const std::string bytes = post_bytes("/execute", body, "Expect: 100-continue\r\n");
  client.send(bytes.substr(0, bytes.size() - body.size()));
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send(body);
  EXPECT_NE(client.read_all().find("event: end"), std::string::npos);
  expect_error(raw(post_bytes("/execute", body, "Expect: the-unexpected\r\n")), 417);
}

TEST_F(Http, Http10GetsNoChunks) {
  const std::string body = R"({"job_id":"o","prompt":"moon","max_tokens":3})";
  const Answer answer =
      raw("POST /execute HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.head.find("chunked"), std::string::npos);
  EXPECT_EQ(sse_events(answer.body).back()["type"], "end");
}

TEST_F(Http, HeadHasNoBody) {
  const Answer answer = raw("HEAD /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
}

TEST_F(Http, ManyClientsThatLeave) {
  for (int i = 0; i < 200; ++i) {
    Client client(daemon->port());
    client.send(i % 2 == 0 ? "" : "POST /execute HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
  }
  EXPECT_EQ(daemon->get("/health").status, 200);
}

}  // namespace
}  // namespace llorch::testing
