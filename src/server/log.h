// Log: events of the worker to stderr, one a line, as text for people or JSON for machines. Prompts and answers are
// among them with --log-prompts alone.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace llorch {

enum class LogFormat : std::uint8_t { text, json };
enum class LogLevel : std::uint8_t { debug, info, warn, error };
/// By LogLevel: as --log-level takes them and as lines show them.
inline constexpr std::array<std::string_view, 4> kLogLevelNames = {"debug", "info", "warn", "error"};

using LogValue = std::variant<std::string, std::int64_t, double, bool>;
using LogFields = std::vector<std::pair<std::string_view, LogValue>>;

/// Thread-safe. Never waits for whoever reads stderr: lines that find no room are counted (log_lost) and dropped.
class Log {
 public:
  Log(LogFormat format, LogLevel level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// text: "2026-01-15 20:00:00.123 info  ready model=haiku port=8080"; json: one object with time, level, event and
  /// the fields.
  void event(LogLevel level, std::string_view name, const LogFields& fields = {});
  /// Writes what waits, and takes no more. False when nobody reads it: a thread is then stuck in writing to stderr, and
  /// so would be the usual end of the process.
  bool close();
  LogFormat format() const { return format_; }

 private:
  struct Impl;
  LogFormat format_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llorch
