// Many clients, slow ones, and ones that do not read.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

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

/// A path that the worker does not know, and repeats when it says so.
std::string numbered_path(int i) {
  return "/no/" + std::to_string(i);
}

/// Bytes that the worker has written to its connections and that no client has taken into its own buffer yet.
std::size_t bytes_under_way(int port) {
  std::ifstream table("/proc/net/tcp");
  std::size_t bytes = 0;
  std::string line;
  std::getline(table, line);  // of headings
  while (std::getline(table, line)) {
    unsigned local_port = 0;
    unsigned long unsent = 0;
    if (std::sscanf(line.c_str(), " %*u: %*x:%x %*x:%*x %*x %lx:", &local_port, &unsent) == 2 &&
        static_cast<int>(local_port) == port) {
      bytes += unsent;
    }
  }
  return bytes;
}

/// Waits until the worker can write no more to a client that does not read: though it has answered others in between,
/// as many bytes are under way as before. How many they are.
std::size_t wait_until_full(Daemon& daemon) {
  std::size_t before = 0;
  for (;;) {
    const std::size_t now = bytes_under_way(daemon.port());
    if (now > 0 && now == before) {
      return now;
    }
    before = now;
    if (daemon.get("/health").status != 200) {
      ADD_FAILURE() << "the worker does not answer";
      return now;
    }
  }
}

/// The body of the first of these answers, which is cut off them; empty, and a test failure, where there is none.
std::string_view take_body(std::string_view& answers) {
  constexpr std::string_view kLength = "Content-Length: ";
  const std::string_view head = answers.substr(0, answers.find("\r\n\r\n"));
  const std::size_t length = head.find(kLength);
  if (head.size() == answers.size() || !head.starts_with("HTTP/1.1 ") || length == std::string_view::npos) {
    ADD_FAILURE() << "no answer: " << answers.substr(0, 200);
    return {};
  }
  answers.remove_prefix(head.size() + 4);
  const std::size_t n_bytes = std::strtoul(head.data() + length + kLength.size(), nullptr, 10);
  EXPECT_LE(n_bytes, answers.size()) << "cut off";
  const std::string_view body = answers.substr(0, n_bytes);
  answers.remove_prefix(body.size());
  return body;
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
  Daemon daemon(Daemon::haiku({"--write-timeout", "600"}));
  daemon.wait_ready();
  constexpr int kRequests = 3000;  // of each kind; their answers are more than the sockets' buffers hold
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests += kGet + "GET " + numbered_path(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  requests += "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  Client client(daemon.port(), 4096);
  std::thread sender([&] { client.send(requests); });
  const std::size_t waiting = wait_until_full(daemon);
  const std::string& all = client.read_all();  // no read takes more than 4 kB
  sender.join();
  EXPECT_LT(waiting, all.size()) << "the buffers hold all of it, and nothing had to wait";

  std::string_view rest = all;
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_NE(take_body(rest).find("worker_uptime_seconds"), std::string_view::npos) << i;
    ASSERT_NE(take_body(rest).find("there is no " + numbered_path(i) + "\""), std::string_view::npos) << i;
  }
  EXPECT_NE(take_body(rest).find("there is no /last"), std::string_view::npos);
  EXPECT_TRUE(rest.empty());
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
