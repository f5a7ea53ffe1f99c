// Start, readiness, signals and exit codes of a worker.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <regex>

#include "base/descriptor.h"
#include "server/daemon.h"
#include "support/gguf_writer.h"
#include "support/temp_dir.h"
#include "support/testdata.h"

namespace llorch::testing {
namespace {

TEST(Start, FirstLineThenLoadingThenHealthy) {
  Daemon daemon(Daemon::haiku({"--worker-id", "w 1"}));
  EXPECT_TRUE(
      std::regex_match(daemon.first_line(), std::regex(R"(llorch: listening on http://127\.0\.0\.1:[1-9]\d*)")));
  const Answer early = daemon.get("/health");
  if (early.status == 503) {  // seen only when we are faster than the load
    EXPECT_EQ(early.json()["status"], "loading");
    EXPECT_TRUE(early.json()["progress"].is_number());
  }
  daemon.wait_ready();
  const Json health = daemon.health();
  EXPECT_EQ(health["status"], "healthy");
  EXPECT_EQ(health["worker_id"], "w 1");
  EXPECT_EQ(health["resident"], true);
  EXPECT_EQ(health["chat"], true);
  EXPECT_EQ(health["deterministic"], true);
  EXPECT_EQ(health["requests_running"], 0);
  EXPECT_EQ(health["requests_waiting"], 0);
  EXPECT_GE(health["uptime_seconds"], 0);
  for (const char* field : {"model", "backend", "quant_kind", "tokenizer_kind"}) {
    EXPECT_FALSE(health[field].get<std::string>().empty()) << field;
  }
  for (const char* field : {"vram_bytes_used", "vocab_size", "context_length"}) {
    EXPECT_GT(health[field], 0) << field;
  }
}

TEST(Start, LogsProgressAsJsonLines) {
  Daemon daemon(Daemon::haiku({"--log-format", "json"}));
  daemon.wait_ready();
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait_exit(), 0);
  std::vector<int> progress;
  std::string events;
  for (const Json& line : ndjson_events(daemon.errors())) {
    EXPECT_TRUE(line.contains("time") && line.contains("level")) << line;
    events += line["event"].get<std::string>() + " ";
    if (line["event"] == "model_load_progress") {
      progress.push_back(line["progress"]);
    }
  }
  EXPECT_EQ(progress, (std::vector<int>{0, 25, 50, 75, 100}));
  EXPECT_NE(events.find("ready draining stopped"), std::string::npos) << events;
}

TEST(Start, WorkerIdIsDrawn) {
  Daemon daemon(Daemon::haiku());
  daemon.wait_ready();
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  EXPECT_TRUE(std::regex_match(daemon.health()["worker_id"].get<std::string>(), uuid));
}

struct BadStart {
  std::vector<std::string> arguments;
  int code;
  const char* says;
};

class BadStarts : public ::testing::TestWithParam<BadStart> {};

TEST_P(BadStarts, ExitWithTheirCode) {
  Daemon daemon(GetParam().arguments);
  EXPECT_EQ(daemon.wait_exit(), GetParam().code);
  EXPECT_NE(daemon.errors().find(GetParam().says), std::string::npos) << daemon.errors();
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadStarts,
    ::testing::Values(BadStart{{}, 2, "--model"}, BadStart{{"--model", ""}, 2, "--model"},
                      BadStart{{"--model", "builtin:haiku", "--no-such-option"}, 2, "--no-such-option"},
                      BadStart{{"--model", "builtin:haiku", "--port", "65536"}, 2, "65536"},
                      BadStart{{"--model", "builtin:haiku", "--port", "-1"}, 2, "--port"},
                      BadStart{{"--model", "builtin:haiku", "--port", "1x"}, 2, "--port"},
                      BadStart{{"--model", "builtin:haiku", "--threads", "0"}, 2, "--threads"},
                      BadStart{{"--model", "builtin:haiku", "--max-sequences", "0"}, 2, "--max-sequences"},
                      BadStart{{"--model", "builtin:haiku", "--activations", "int4"}, 2, "--activations"},
                      BadStart{{"--model", "builtin:haiku", "--kv-type", "q4_0"}, 2, "--kv-type"},
                      BadStart{{"--model", "builtin:haiku", "--log-level", "loud"}, 2, "--log-level"},
                      BadStart{{"--model", "builtin:haiku", "--worker-id", std::string(129, 'w')}, 2, "--worker-id"},
                      BadStart{{"--model", "builtin:haiku", "--cuda-device", "0"}, 2, "--cuda-device"},
                      BadStart{{"--model", "builtin:haiku", "--config", "/"}, 2, "/: is a directory"},
                      BadStart{{"--model", "builtin:haiku", "--host", "unix:/tmp/\xff"}, 2, "UTF-8"},
                      BadStart{{"--model", "/no/such/model.gguf", "--port", "0"}, 3, "/no/such/model.gguf"},
                      BadStart{{"--model", "/dev/null", "--port", "0"}, 3, "/dev/null"},
                      BadStart{{"--model", "builtin:haiku", "--host", "203.0.113.1"}, 5, "203.0.113.1"}));

TEST(Start, DamagedModelIsNamed) {
  const std::string path = ::testing::TempDir() + "/damaged.gguf";
  std::ofstream(path, std::ios::binary) << "GGUF but not really";
  Daemon daemon({"--model", path, "--port", "0", "--log-format", "text"});
  EXPECT_EQ(daemon.wait_exit(), 3);
  EXPECT_NE(daemon.errors().find("llorch-cpu-candled: "), std::string::npos);
  EXPECT_NE(daemon.errors().find(path), std::string::npos);
  ::unlink(path.c_str());
}

TEST(Start, ModelsThatCannotBeUsed) {
  const std::string data(32 * 32 * 4, '\0');
  const auto model = [&data](const char* architecture, std::uint32_t type) {
    return GgufWriter().text("general.architecture", architecture).tensor("a.weight", {32, 32}, type, data).bytes();
  };
  const std::string path = ::testing::TempDir() + "/unusable.gguf";
  for (const auto& [bytes, says] : {std::pair{model("quantum", 0), "'quantum'"}, {model("llama", 99), "type 99"}}) {
    write_file(path, bytes);
    Daemon daemon({"--model", path, "--port", "0"});
    EXPECT_EQ(daemon.wait_exit(), 3);
    EXPECT_NE(daemon.errors().find(says), std::string::npos) << daemon.errors();
  }
  ::unlink(path.c_str());
}

TEST(Start, PortTaken) {
  Daemon first(Daemon::haiku());
  const std::string port = std::to_string(first.port());
  Daemon second({"--model", "builtin:haiku", "--port", port, "--log-format", "json"});
  EXPECT_EQ(second.wait_exit(), 5);
  EXPECT_EQ(second.first_line(), "");
  const auto events = ndjson_events(second.errors());
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back()["exit_code"], 5);
  EXPECT_NE(events.back()["message"].get<std::string>().find(port), std::string::npos);
}

TEST(Start, ASocketIsTakenWhileSomebodyListens) {
  const TempDir folder;
  const std::string path = folder / "worker.sock";
  const std::vector<std::string> arguments = {"--model", "builtin:haiku", "--host", "unix:" + path, "--threads", "1"};
  Daemon first(arguments);
  EXPECT_EQ(first.first_line(), "llorch: listening on unix:" + path);
  {
    Daemon second(arguments);
    EXPECT_EQ(second.wait_exit(), 5);
    EXPECT_NE(second.errors().find(path), std::string::npos) << second.errors();
  }
  EXPECT_EQ(::access(path.c_str(), F_OK), 0) << "the first still has it";
  first.signal(SIGKILL);
  first.wait_exit();
  Daemon next(arguments);
  EXPECT_EQ(next.first_line(), "llorch: listening on unix:" + path) << "what was left over is replaced";
  next.signal(SIGTERM);
  EXPECT_EQ(next.wait_exit(), 0);
  EXPECT_NE(::access(path.c_str(), F_OK), 0) << "a clean end leaves nothing";
}

TEST(Start, AFileInThePlaceOfASocketIsKept) {
  const TempDir folder;
  const std::string path = folder / "precious";
  write_file(path, "text");
  Daemon daemon({"--model", "builtin:haiku", "--host", "unix:" + path});
  EXPECT_EQ(daemon.wait_exit(), 5);
  EXPECT_EQ(read_file(path), "text");
}

TEST(Start, AnAbsentDeviceIsNoFallback) {
  const std::string cuda = "llorch-cuda-candled";
  if (::access((std::string(LLORCH_BIN_DIR "/") + cuda).c_str(), X_OK) != 0) {
    GTEST_SKIP() << cuda << " is not in this build";
  }
  Daemon daemon({"--model", "builtin:haiku", "--port", "0", "--cuda-device", "99"}, cuda);
  EXPECT_EQ(daemon.wait_exit(), 4);
  EXPECT_NE(daemon.errors().find("99"), std::string::npos);
}

TEST(Start, HelpAndVersion) {
  Daemon help({"--help"});
  EXPECT_NE(help.first_line(), "");
  EXPECT_EQ(help.wait_exit(), 0);
  Daemon version({"--version"});
  EXPECT_EQ(version.first_line().rfind("llorch-cpu-candled ", 0), 0U);
  EXPECT_EQ(version.wait_exit(), 0);
}

TEST(Stop, SignalsEndAnIdleWorker) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Daemon daemon(Daemon::haiku());
    daemon.wait_ready();
    Client idle(daemon.port());  // an open connection must not hold it
    daemon.signal(signal);
    EXPECT_EQ(daemon.wait_exit(std::chrono::seconds(20)), 0);
  }
}

TEST(Stop, ASecondSignalEndsAtOnceAndIsLogged) {
  Daemon daemon(Daemon::haiku({"--log-format", "json", "--max-sequences", "1"}));
  daemon.wait_ready();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<Client>(daemon.port()));
    clients.back()->send(post_bytes(
        "/execute", R"({"prompt":"moon","max_tokens":500,"temperature":2,"job_id":")" + std::to_string(i) + "\"}"));
  }
  ASSERT_TRUE(daemon.wait_health("requests_running", 1));
  daemon.signal(SIGTERM);
  ASSERT_TRUE(daemon.wait_health("status", "draining"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait_exit(), 128 + SIGTERM);
  const auto events = ndjson_events(daemon.errors());
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back()["event"], "stopped");
  EXPECT_EQ(events.back()["signal"], "TERM");
}

TEST(Start, AClosedStderrChangesNoExitCode) {
  const int closed = ::open("/dev/null", O_RDONLY | O_CLOEXEC);  // writing to it fails
  for (const BadStart& start : {BadStart{{"--model", "/no/such", "--port", "0", "--log-format", "text"}, 3, ""},
                                BadStart{{"--model", "builtin:haiku", "--port", "x"}, 2, ""}}) {
    Daemon daemon(start.arguments, "llorch-cpu-candled", closed);
    EXPECT_EQ(daemon.wait_exit(), start.code);
  }
  ::close(closed);
}

TEST(Stop, ASignalWhileItStartsIsLogged) {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  ASSERT_EQ(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  Daemon daemon(Daemon::haiku({"--log-format", "json", "--callback-url", "http://127.0.0.1:" + port + "/ready"}));
  const Descriptor report(::accept(socket.get(), nullptr, nullptr));  // it waits for an answer that does not come
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait_exit(), 0);
  const auto events = ndjson_events(daemon.errors());
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back()["event"], "stopped");
  EXPECT_EQ(events.back()["signal"], "TERM");
}

TEST(Start, ACallbackThatFailsTellsNoSecret) {
  Daemon daemon(Daemon::haiku({"--log-format", "json", "--callback-url", "http://me:sesame@127.0.0.1:1/ready?key=k7"}));
  EXPECT_EQ(daemon.wait_exit(), 5);
  EXPECT_NE(daemon.errors().find("http://127.0.0.1:1/ready: failed 5 times"), std::string::npos) << daemon.errors();
  EXPECT_EQ(daemon.errors().find("sesame"), std::string::npos);
  EXPECT_EQ(daemon.errors().find("k7"), std::string::npos);
}

TEST(Start, AKeyFileThatIsTooLongIsCalledSo) {
  const TempDir folder;
  std::string keys;
  while (keys.size() <= (1U << 20U)) {
    keys += std::string(64, 'k') + "\n";
  }
  write_file(folder / "keys", keys);
  Daemon daemon(Daemon::haiku({"--api-key-file", folder / "keys"}));
  EXPECT_EQ(daemon.wait_exit(), 2);
  EXPECT_NE(daemon.errors().find("is longer than 1048576 bytes"), std::string::npos) << daemon.errors();
}

TEST(Stop, RunningRequestsFinish) {
  Daemon daemon(Daemon::haiku());
  daemon.wait_ready();
  Client client(daemon.port());
  client.send(post_bytes("/execute", R"({"job_id":"a","prompt":"moon","max_tokens":60})"));
  client.read_until("event: started");
  daemon.signal(SIGTERM);
  const auto events = sse_events(parse_answer(client.read_all()).body);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back()["type"], "end");
  EXPECT_EQ(daemon.wait_exit(), 0);
}

}  // namespace
}  // namespace llorch::testing
