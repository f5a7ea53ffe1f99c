// The only file that includes spdlog; log.h says what it promises.
#include "server/log.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "base/json.h"

namespace llorch {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  return kLevels[static_cast<std::size_t>(level)];
}

/// Numbers with three digits behind the point: nobody reads more.
nlohmann::ordered_json to_json(const LogValue& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    return std::round(*number * 1000) / 1000;
  }
  return std::visit([](const auto& v) { return nlohmann::ordered_json(v); }, value);
}

/// `name key=value ...`; values with a blank or a control byte are quoted as JSON.
std::string text_line(std::string_view name, const LogFields& fields) {
  std::string line(name);
  for (const auto& [key, value] : fields) {
    const nlohmann::ordered_json json = to_json(value);
    const std::string quoted = dump_json(json);
    const bool plain = json.is_string() && quoted.size() == json.get_ref<const std::string&>().size() + 2 &&
                       quoted.find(' ') == std::string::npos;
    line += fmt::format(" {}={}", key, plain ? quoted.substr(1, quoted.size() - 2) : quoted);
  }
  return line;
}

/// The rest of an object whose first fields are the pattern's.
std::string json_line(std::string_view name, const LogFields& fields) {
  nlohmann::ordered_json json = {{"event", std::string(name)}};
  for (const auto& [key, value] : fields) {
    json[std::string(key)] = to_json(value);
  }
  return dump_json(json).substr(1);
}

/// Lines wait here for whoever reads stderr; when nobody does, the oldest give way to the newest.
constexpr std::size_t kWaitingLines = 8192;
constexpr std::chrono::milliseconds kFlushTime{300};

}  // namespace

struct Log::Impl {
  std::shared_ptr<spdlog::details::thread_pool> thread =
      std::make_shared<spdlog::details::thread_pool>(kWaitingLines, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("llorch", std::make_shared<spdlog::sinks::stderr_sink_mt>(), thread,
                                             spdlog::async_overflow_policy::overrun_oldest);
  std::atomic<std::size_t> lost{0};
};

Log::Log(LogFormat format, LogLevel level) : format_(format), impl_(std::make_unique<Impl>()) {
  impl_->logger->set_level(to_spdlog(level));
  if (format == LogFormat::json) {
    impl_->logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)", spdlog::pattern_time_type::utc);
  } else {
    // On a terminal a progress bar may stand in the line: it gives way.
    const std::string begin = ::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "";
    impl_->logger->set_pattern(begin + "%Y-%m-%d %H:%M:%S.%e %-7l %v");
  }
}

Log::~Log() {
  close();
}

bool Log::close() {
  if (impl_->thread == nullptr) {
    return true;
  }
  std::promise<void> written;
  std::future<void> done = written.get_future();
  std::thread([thread = std::move(impl_->thread), written = std::move(written)]() mutable {
    thread.reset();  // joins
    written.set_value();
  }).detach();
  return done.wait_for(kFlushTime) == std::future_status::ready;
}

void Log::event(LogLevel level, std::string_view name, const LogFields& fields) {
  const spdlog::level::level_enum at = to_spdlog(level);
  if (impl_->thread == nullptr || !impl_->logger->should_log(at)) {
    return;
  }
  impl_->logger->log(
      at, spdlog::string_view_t(format_ == LogFormat::json ? json_line(name, fields) : text_line(name, fields)));
  if (const std::size_t lost = impl_->thread->overrun_counter(); lost > impl_->lost.exchange(lost)) {
    const LogFields count = {{"lines", static_cast<std::int64_t>(lost)}};
    impl_->logger->log(spdlog::level::warn,
                       format_ == LogFormat::json ? json_line("log_lost", count) : text_line("log_lost", count));
  }
}

}  // namespace llorch
