// What the options of a worker do, seen from outside.
#include <gtest/gtest.h>
#include <pty.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>

#include "server/daemon.h"

namespace llorch::testing {
namespace {

TEST(Start, AWildcardAddressNeedsAnAdvertiseUrl) {
  const std::string callback = "http://127.0.0.1:1/ready";
  for (const char* host : {"0.0.0.0", "::", "0", "0x0", "::ffff:0.0.0.0", "[::]"}) {
    Daemon refused({"--model", "builtin:haiku", "--port", "0", "--host", host, "--callback-url", callback});
    EXPECT_EQ(refused.wait_exit(), 2) << host;
    EXPECT_NE(refused.errors().find("--advertise-url"), std::string::npos) << refused.errors();
  }
  Daemon advertised({"--model", "builtin:haiku", "--port", "0", "--host", "0.0.0.0", "--callback-url", callback,
                     "--advertise-url", "http://worker.example:1"});
  EXPECT_NE(advertised.first_line(), "");
}

TEST(Start, AnIpv6AddressMayStandInBrackets) {
  Daemon plain(Daemon::haiku({"--host", "::1"}));
  if (plain.first_line().empty()) {
    GTEST_SKIP() << "this machine has no IPv6: " << plain.errors();
  }
  Daemon bracketed(Daemon::haiku({"--host", "[::1]"}));
  EXPECT_EQ(bracketed.first_line().rfind("llorch: listening on http://[::1]:", 0), 0U) << bracketed.first_line();
}

TEST(Start, ThreadsAreThePhysicalCoresAllowed) {
  Daemon one(Daemon::haiku());
  Daemon three({"--model", "builtin:haiku", "--port", "0", "--threads", "3"});
  cpu_set_t allowed, first;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  CPU_ZERO(&first);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &allowed)) {
    ++cpu;
  }
  CPU_SET(cpu, &first);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(first), &first), 0);  // the next daemon inherits it
  Daemon narrow({"--model", "builtin:haiku", "--port", "0"});
  ASSERT_EQ(::sched_setaffinity(0, sizeof(allowed), &allowed), 0);
  for (Daemon* daemon : {&one, &three, &narrow}) {
    daemon->wait_ready();
  }
  EXPECT_EQ(three.threads() - one.threads(), 2);
  EXPECT_EQ(narrow.threads(), one.threads());
}

TEST(Start, AContextAboveTheModelsIsLowered) {
  Daemon daemon(Daemon::haiku({"--context", "100000", "--log-format", "json"}));
  daemon.wait_ready();
  const int context = daemon.health()["context_length"];
  EXPECT_LT(context, 100000);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait_exit(), 0);
  bool warned = false;
  for (const Json& line : ndjson_events(daemon.errors())) {
    warned = warned || (line["event"] == "context_lowered" && line["level"] == "warn" && line["asked"] == 100000 &&
                        line["context"] == context);
  }
  EXPECT_TRUE(warned) << daemon.errors();
}

TEST(Start, KvCacheDefaults) {
  const std::string free_blocks = "worker_kv_blocks{state=\"free\"}";
  Daemon two(Daemon::haiku({"--max-sequences", "2"}));
  Daemon four(Daemon::haiku({"--max-sequences", "4"}));
  Daemon small(Daemon::haiku({"--max-sequences", "4", "--kv-cache-mb", "1"}));
  for (Daemon* daemon : {&two, &four, &small}) {
    daemon->wait_ready();
  }
  EXPECT_GT(two.metric(free_blocks), 0);
  EXPECT_EQ(four.metric(free_blocks), 2 * two.metric(free_blocks)) << "what full contexts need";
  EXPECT_GT(small.metric(free_blocks), 0);
  EXPECT_LT(small.metric(free_blocks), four.metric(free_blocks));
  EXPECT_LE(small.health()["context_length"], four.health()["context_length"]) << "never more than the cache holds";
}

TEST(Start, AProgressBarOnATerminal) {
  int terminal = -1;
  int other_end = -1;
  ASSERT_EQ(::openpty(&terminal, &other_end, nullptr, nullptr, nullptr), 0);
  {
    Daemon daemon(Daemon::haiku(), "llorch-cpu-candled", other_end);
    daemon.wait_ready();
  }
  ::close(other_end);
  std::string seen;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(terminal, buffer, sizeof(buffer))) > 0;) {
    seen.append(buffer, static_cast<std::size_t>(n));
  }
  ::close(terminal);
  EXPECT_NE(seen.find("loading [####"), std::string::npos) << seen;
  EXPECT_NE(seen.find(" info "), std::string::npos) << "people get text: " << seen;
}

}  // namespace
}  // namespace llorch::testing
