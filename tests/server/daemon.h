// A worker as its clients see it: a process that is started, a port, bytes on a socket, an exit code.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace llorch::testing {

using Json = nlohmann::json;

/// One TCP connection to the worker. Reads give up after 30 s, and then return what there is.
class Client {
 public:
  /// `receive_bytes`: how much may lie in its socket unread, about; 0: the system's choice.
  explicit Client(int port, int receive_bytes = 0);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send(const std::string& bytes) const;
  /// As much of it as the worker takes at once.
  void send_some(const std::string& bytes) const;
  void close_sending() const;
  /// Reads until the received text holds `mark` or the worker closes; the text so far.
  const std::string& read_until(const std::string& mark);
  /// Reads until the worker closes.
  const std::string& read_all() { return read_until(""); }
  void close();

 private:
  int fd_;
  std::string received_;
};

struct Answer {
  int status = 0;
  std::string head;  // status line and headers
  std::string body;  // chunks joined
  Json json() const { return Json::parse(body); }
};
/// Of the bytes of one whole answer.
Answer parse_answer(const std::string& bytes);

/// The events of a stream, in order; a test failure where the framing is not as the contract says.
std::vector<Json> sse_events(const std::string& body);
std::vector<Json> ndjson_events(const std::string& body);
/// All text of the token events.
std::string text_of(const std::vector<Json>& events);

class Daemon {
 public:
  /// Starts build/bin/NAME with these arguments; stdout and stderr are kept.
  /// `stderr_fd`: the descriptor that its stderr becomes, instead of what errors() reads.
  explicit Daemon(const std::vector<std::string>& arguments, const std::string& name = "llorch-cpu-candled",
                  int stderr_fd = -1);
  /// Kills what still runs.
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// The embedded model on a free port.
  static std::vector<std::string> haiku(std::vector<std::string> more = {});

  /// The first line on stdout; empty when the worker ended without one.
  std::string first_line();
  /// Waits for the first line and takes the port from it.
  int port();
  /// Waits until /health answers 200.
  void wait_ready();
  void signal(int number) const;
  /// The exit code, 128 + the signal's number, or -1 after `limit`.
  int wait_exit(std::chrono::seconds limit = std::chrono::seconds(60));
  /// Of a worker that has ended.
  std::string errors() const;

  Answer get(const std::string& path);
  Answer post(const std::string& path, const std::string& body, const std::string& headers = "");
  Answer execute(const Json& body, const std::string& headers = "") { return post("/execute", body.dump(), headers); }
  Json health() { return get("/health").json(); }
  /// The value of a sample of /metrics, such as worker_kv_blocks{state="free"}; -1 when there is none.
  double metric(const std::string& sample);
  /// Threads, and open descriptors, of the process.
  int threads() const { return entries("task"); }
  int descriptors() const { return entries("fd"); }
  /// Open descriptors once they no longer change: connections that were just closed have gone.
  int settled_descriptors() const;
  /// Waits until `good` likes the number of open descriptors; false after 20 s.
  bool wait_descriptors(const std::function<bool(int)>& good) const;
  /// Polls /health until `field` is `value`; false after 20 s.
  bool wait_health(const std::string& field, const Json& value);
  /// The same of a sample of /metrics.
  bool wait_metric(const std::string& sample, double value);

 private:
  int entries(const char* folder) const;
  std::string name_;
  pid_t pid_ = -1;
  int stdout_ = -1;
  std::string stderr_path_;
  std::string line_;
  bool has_line_ = false;
  int port_ = 0;
};

/// A request as it stands on the wire, with Connection: close.
std::string post_bytes(const std::string& path, const std::string& body, const std::string& headers = "");

}  // namespace llorch::testing
