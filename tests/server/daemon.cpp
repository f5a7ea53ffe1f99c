// Processes and sockets of the tests; daemon.h says what it promises.
#include "server/daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "support/testdata.h"

namespace llorch::testing {
namespace {

constexpr int kReadSeconds = 30;
constexpr int kReadySeconds = 120;  // a sanitizer's build on a busy machine

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

std::string join_chunks(std::string_view bytes) {
  std::string body;
  while (!bytes.empty()) {
    const std::size_t line = bytes.find("\r\n");
    if (line == std::string_view::npos) {
      break;
    }
    const std::size_t size = std::strtoul(std::string(bytes.substr(0, line)).c_str(), nullptr, 16);
    body += bytes.substr(line + 2, size);
    bytes.remove_prefix(std::min(bytes.size(), line + 2 + size + 2));
  }
  return body;
}

}  // namespace

Client::Client(int port, int receive_bytes) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  const timeval limit = {kReadSeconds, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  if (receive_bytes > 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes));
  }
  EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0) << "port " << port;
}

Client::~Client() {
  close();
}

void Client::close() {
  if (fd_ >= 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

void Client::send(const std::string& bytes) const {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      return;  // the worker has closed; what it answered tells why
    }
    sent += static_cast<std::size_t>(n);
  }
}

void Client::send_some(const std::string& bytes) const {
  ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Client::close_sending() const {
  ::shutdown(fd_, SHUT_WR);
}

const std::string& Client::read_until(const std::string& mark) {
  char buffer[4096];
  while (mark.empty() || received_.find(mark) == std::string::npos) {
    const ssize_t n = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      break;
    }
    received_.append(buffer, static_cast<std::size_t>(n));
  }
  return received_;
}

Answer parse_answer(const std::string& bytes) {
  Answer answer;
  const std::size_t split = bytes.find("\r\n\r\n");
  if (bytes.rfind("HTTP/1.1 ", 0) != 0 || split == std::string::npos) {
    ADD_FAILURE() << "no HTTP answer: " << bytes.substr(0, 200);
    return answer;
  }
  answer.status = std::atoi(bytes.c_str() + 9);
  answer.head = bytes.substr(0, split + 2);
  answer.body = bytes.substr(split + 4);
  if (answer.head.find("Transfer-Encoding: chunked\r\n") != std::string::npos) {
    answer.body = join_chunks(answer.body);
  }
  return answer;
}

std::vector<Json> sse_events(const std::string& body) {
  std::vector<Json> events;
  for (std::size_t at = 0; at < body.size();) {
    const std::size_t end = body.find("\n\n", at);
    const std::size_t line = body.find("\ndata: ", at);
    if (end == std::string::npos || line >= end || body.compare(at, 7, "event: ") != 0) {
      ADD_FAILURE() << "not an event: " << body.substr(at, 200);
      break;
    }
    events.push_back(Json::parse(body.substr(line + 7, end - line - 7)));
    EXPECT_EQ(body.substr(at + 7, line - at - 7), events.back()["type"]);
    at = end + 2;
  }
  return events;
}

std::vector<Json> ndjson_events(const std::string& body) {
  std::vector<Json> events;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    events.push_back(Json::parse(line));
  }
  return events;
}

std::string text_of(const std::vector<Json>& events) {
  std::string text;
  for (const Json& event : events) {
    if (event["type"] == "token") {
      text += event["t"].get<std::string>();
    }
  }
  return text;
}

std::string post_bytes(const std::string& path, const std::string& body, const std::string& headers) {
  return "POST " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::vector<std::string> Daemon::haiku(std::vector<std::string> more) {
  std::vector<std::string> arguments = {"--model", "builtin:haiku", "--port", "0", "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

Daemon::Daemon(const std::vector<std::string>& arguments, const std::string& name, int stderr_fd) : name_(name) {
  const std::string program = LLORCH_BIN_DIR "/" + name;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  char path[] = "/tmp/llorch-test-stderr-XXXXXX";
  const int errors = ::mkstemp(path);
  stderr_path_ = path;
  int out[2] = {-1, -1};
  EXPECT_EQ(::pipe2(out, O_CLOEXEC), 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(out[1], STDOUT_FILENO);
    ::dup2(stderr_fd >= 0 ? stderr_fd : errors, STDERR_FILENO);
    ::execv(program.c_str(), argv.data());
    ::_exit(126);
  }
  ::close(out[1]);
  ::close(errors);
  stdout_ = out[0];
}

Daemon::~Daemon() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (::testing::Test::HasFailure()) {
    std::cerr << name_ << " wrote: " << errors() << "\n";
  }
  ::close(stdout_);
  ::unlink(stderr_path_.c_str());
}

std::string Daemon::first_line() {
  char c = 0;
  while (!has_line_ && ::read(stdout_, &c, 1) == 1) {
    has_line_ = c == '\n';
    line_ += has_line_ ? std::string() : std::string(1, c);
  }
  return line_;
}

int Daemon::port() {
  if (port_ == 0) {
    const std::string line = first_line();
    const std::size_t colon = line.rfind(':');
    port_ = colon == std::string::npos ? 0 : std::atoi(line.c_str() + colon + 1);
    EXPECT_GT(port_, 0) << "first line: '" << line << "'";
  }
  return port_;
}

void Daemon::wait_ready() {
  for (int tries = 0; tries < kReadySeconds * 20; ++tries) {
    if (port() == 0) {
      break;
    }
    if (get("/health").status == 200) {
      return;
    }
    sleep_ms(50);
  }
  FAIL() << "the worker did not become ready";
}

void Daemon::signal(int number) const {
  ::kill(pid_, number);
}

int Daemon::wait_exit(std::chrono::seconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    sleep_ms(10);
  }
  return -1;
}

std::string Daemon::errors() const {
  return read_file(stderr_path_);
}

Answer Daemon::get(const std::string& path) {
  Client client(port());
  client.send("GET " + path + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  return parse_answer(client.read_all());
}

Answer Daemon::post(const std::string& path, const std::string& body, const std::string& headers) {
  Client client(port());
  client.send(post_bytes(path, body, headers));
  return parse_answer(client.read_all());
}

double Daemon::metric(const std::string& sample) {
  const std::string text = "\n" + get("/metrics").body;
  const std::size_t at = text.find("\n" + sample + " ");
  return at == std::string::npos ? -1 : std::atof(text.c_str() + at + sample.size() + 2);
}

int Daemon::entries(const char* folder) const {
  int n = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/" + folder)) {
    n += entry.path().empty() ? 0 : 1;
  }
  return n;
}

int Daemon::settled_descriptors() const {
  int last = descriptors();
  for (int same = 0; same < 30; ++same) {
    sleep_ms(10);
    if (const int now = descriptors(); now != last) {
      last = now;
      same = 0;
    }
  }
  return last;
}

bool Daemon::wait_descriptors(const std::function<bool(int)>& good) const {
  for (int tries = 0; tries < 400; ++tries) {
    if (good(descriptors())) {
      return true;
    }
    sleep_ms(50);
  }
  return false;
}

namespace {

/// Asks for up to 20 s.
template <class Condition>
bool wait_until(Condition holds) {
  for (int tries = 0; tries < 400; ++tries) {
    if (holds()) {
      return true;
    }
    sleep_ms(50);
  }
  return false;
}

}  // namespace

bool Daemon::wait_health(const std::string& field, const Json& value) {
  return wait_until([&] { return health()[field] == value; });
}

bool Daemon::wait_metric(const std::string& sample, double value) {
  return wait_until([&] { return metric(sample) == value; });
}

}  // namespace llorch::testing
