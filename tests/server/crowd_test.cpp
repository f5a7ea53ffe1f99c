// Many clients, slow ones, and ones that do not read.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <memory>

#include "server/daemon.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch::testing {
namespace {

const std::string kGet = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";

/// The embedded model with a context of `tokens`: it then writes nonsense, for long.
std::string long_context_model(std::uint32_t tokens) {
  std::string bytes = read_file(LLORCH_SOURCE_DIR "/models/haiku/haiku.gguf");
  const std::string key = "llama.context_length";
  const std::size_t at = bytes.find(key);
  EXPECT_NE(at, std::string::npos);
  std::memcpy(bytes.data() + at + key.size() + sizeof(std::uint32_t), &tokens, sizeof(tokens));  // behind its type
  return bytes;
}

/// Sends a prompt that takes seconds to read, and waits until that has begun.
void begin_long_job(Client& client) {
  std::string prompt;
  for (int i = 0; i < 30'000; ++i) {
    prompt += " moon";
  }
  client.send(post_bytes("/execute", Json{{"job_id", "long"}, {"prompt", prompt}, {"max_tokens", 1}}.dump()));
  client.read_until("event: started");
}

TEST(Crowd, AThousandIdleConnectionsCostNobodyAnything) {
  Daemon daemon(Daemon::haiku());
  daemon.wait_ready();
  const int before = daemon.settled_descriptors();
  {
    std::vector<std::unique_ptr<Client>> idle;
    for (int i = 0; i < 1000; ++i) {
      idle.push_back(std::make_unique<Client>(daemon.port()));
    }
    EXPECT_EQ(daemon.get("/health").status, 200);
    EXPECT_EQ(daemon.execute({{"job_id", "a"}, {"prompt", "moon"}, {"max_tokens", 3}}).status, 200);
    idle.front()->send("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(parse_answer(idle.front()->read_all()).status, 200) << "the first of them is still served";
  }
  EXPECT_TRUE(daemon.wait_descriptors([before](int n) { return n <= before; }));
}

TEST(Crowd, AClientThatDoesNotReadIsClosed) {
  Daemon daemon(Daemon::haiku({"--write-timeout", "0.2"}));
  daemon.wait_ready();
  const std::size_t one = daemon.get("/metrics").body.size();
  const int before = daemon.settled_descriptors();
  constexpr std::size_t kRequests = 3000;  // their answers are more than the sockets' buffers hold
  Client silent(daemon.port(), 4096);
  std::string requests;
  for (std::size_t i = 0; i < kRequests; ++i) {
    requests += kGet;
  }
  silent.send_some(requests);
  EXPECT_TRUE(daemon.wait_descriptors([before](int n) { return n > before; })) << "accepted";
  EXPECT_TRUE(daemon.wait_descriptors([before](int n) { return n <= before; })) << "closed, though nothing was read";
  EXPECT_LT(silent.read_all().size(), one * kRequests);
  EXPECT_EQ(daemon.get("/health").status, 200);
}

TEST(Crowd, AClientThatReadsSlowlyGetsAllOfIt) {
  Daemon daemon(Daemon::haiku());
  daemon.wait_ready();
  Client client(daemon.port());
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += kGet;
  }
  client.send(requests + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  std::size_t answers = 0;
  const std::string all = client.read_all();
  for (std::size_t at = all.find("HTTP/1.1 "); at != std::string::npos; at = all.find("HTTP/1.1 ", at + 1)) {
    ++answers;
  }
  EXPECT_EQ(answers, 21U);
}

TEST(Crowd, NoRoomIsNoRoomForEveryone) {
  const TempDir folder;
  const std::string path = folder / "long.gguf";
  write_file(path, long_context_model(65536));
  Daemon daemon({"--model", path, "--context", "65536", "--max-sequences", "1", "--port", "0", "--threads", "1",
                 "--max-connections", "1"});
  daemon.wait_ready();
  Client client(daemon.port());
  begin_long_job(client);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(daemon.get("/health").status, 503) << i;
  }
  client.close();
}

TEST(Crowd, HealthAndMetricsAnswerWhileALongPromptIsRead) {
  const TempDir folder;
  const std::string path = folder / "long.gguf";
  write_file(path, long_context_model(65536));
  Daemon daemon({"--model", path, "--context", "65536", "--max-sequences", "1", "--port", "0", "--threads", "1"});
  daemon.wait_ready();
  Client client(daemon.port());
  begin_long_job(client);
  ASSERT_TRUE(daemon.wait_health("requests_running", 1));
  EXPECT_EQ(daemon.health()["status"], "healthy");
  EXPECT_GT(daemon.metric("worker_kv_blocks{state=\"used\"}"), 0);
  EXPECT_EQ(daemon.metric("worker_tokens_generated_total"), 0) << "all of that came while the prompt was read";
  EXPECT_EQ(daemon.post("/cancel", R"({"job_id":"long"})").status, 202);
  EXPECT_EQ(sse_events(parse_answer(client.read_all()).body).back()["code"], "CANCELLED");
  EXPECT_TRUE(daemon.wait_health("requests_running", 0));
}

TEST(Crowd, ALogThatNobodyReadsHoldsUpNobody) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Daemon daemon(Daemon::haiku({"--log-format", "json"}), "llorch-cpu-candled", ends[1]);
  daemon.wait_ready();
  for (int i = 0; i < 400; ++i) {  // more lines than the pipe holds
    ASSERT_EQ(daemon.execute({{"job_id", "j"}, {"prompt", "moon"}, {"max_tokens", 1}}).status, 200) << i;
  }
  EXPECT_EQ(daemon.health()["status"], "healthy");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait_exit(), 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Crowd, StrangersAreRefusedBeforeTheirBodies) {
  const TempDir folder;
  write_file(folder / "keys", "secret\n");
  Daemon daemon(Daemon::haiku({"--api-key-file", folder / "keys"}));
  daemon.wait_ready();
  Client client(daemon.port());
  client.send("POST /execute HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8000000\r\n\r\n");
  const Answer answer = parse_answer(client.read_all());
  EXPECT_EQ(answer.status, 401);
  EXPECT_NE(answer.head.find("WWW-Authenticate: Bearer"), std::string::npos);
}

TEST(Crowd, HalfClosedClientsGetWhatTheyAskedFor) {
  Daemon daemon(Daemon::haiku());
  daemon.wait_ready();
  Client client(daemon.port());
  client.send(kGet + "GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
  client.close_sending();
  const std::string all = client.read_all();
  EXPECT_NE(all.find("worker_uptime_seconds"), std::string::npos);
  EXPECT_NE(all.find("\"status\":\"healthy\""), std::string::npos);
}

}  // namespace
}  // namespace llorch::testing
