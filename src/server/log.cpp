// The only file that includes spdlog; log.h says what it promises.
#include "server/log.h"

#include <fmt/format.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <future>
#include <mutex>
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

std::string_view to_string(LogLevel level) {
  return kLogLevelNames[static_cast<std::size_t>(level)];
}

/// `level name key=value ...`; values with a blank or a control byte are quoted as JSON.
std::string text_line(LogLevel level, std::string_view name, const LogFields& fields) {
  std::string line = fmt::format("{:<5} {}", to_string(level), name);
  for (const auto& [key, value] : fields) {
    const nlohmann::ordered_json json = to_json(value);
    const std::string quoted = dump_json(json);
    const bool plain = json.is_string() && quoted.size() == json.get_ref<const std::string&>().size() + 2 &&
                       quoted.find(' ') == std::string::npos;
    line += fmt::format(" {}={}", key, plain ? quoted.substr(1, quoted.size() - 2) : quoted);
  }
  return line;
}

/// The rest of an object whose first field is the pattern's.
std::string json_line(LogLevel level, std::string_view name, const LogFields& fields) {
  nlohmann::ordered_json json = {{"level", to_string(level)}, {"event", std::string(name)}};
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
  std::mutex mutex;  // of `thread`: close() takes it away
  std::shared_ptr<spdlog::details::thread_pool> thread =
      std::make_shared<spdlog::details::thread_pool>(kWaitingLines, 1);
  std::shared_ptr<spdlog::async_logger> logger =
      std::make_shared<spdlog::async_logger>("llorch", std::make_shared<spdlog::sinks::stderr_sink_mt>(), thread,
                                             spdlog::async_overflow_policy::overrun_oldest);
  std::size_t lost = 0;
};

Log::Log(LogFormat format, LogLevel level) : format_(format), impl_(std::make_unique<Impl>()) {
  impl_->logger->set_level(to_spdlog(level));
  if (format == LogFormat::json) {
    impl_->logger->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v)", spdlog::pattern_time_type::utc);
  } else {
    // On a terminal a progress bar may stand in the line: it gives way.
    const std::string begin = ::isatty(STDERR_FILENO) == 1 ? "\r\x1b[K" : "";
    impl_->logger->set_pattern(begin + "%Y-%m-%d %H:%M:%S.%e %v");
  }
}

Log::~Log() {
  close();
}

bool Log::close() {
  std::shared_ptr<spdlog::details::thread_pool> last;
  {
    const std::lock_guard lock(impl_->mutex);
    last = std::move(impl_->thread);
  }
  if (last == nullptr) {
    return true;
  }
  std::promise<void> written;
  std::future<void> done = written.get_future();
  std::thread([thread = std::move(last), written = std::move(written)]() mutable {
    thread.reset();  // joins
    written.set_value();
  }).detach();
  return done.wait_for(kFlushTime) == std::future_status::ready;
}

void Log::event(LogLevel level, std::string_view name, const LogFields& fields) {
  if (!impl_->logger->should_log(to_spdlog(level))) {
    return;
  }
  const auto line = [&](LogLevel of, std::string_view event, const LogFields& values) {
    return format_ == LogFormat::json ? json_line(of, event, values) : text_line(of, event, values);
  };
  const std::string text = line(level, name, fields);
  const std::lock_guard lock(impl_->mutex);
  if (impl_->thread == nullptr) {
    return;
  }
  impl_->logger->log(to_spdlog(level), spdlog::string_view_t(text));
  if (const std::size_t lost = impl_->thread->overrun_counter(); lost > std::exchange(impl_->lost, lost)) {
    const LogFields count = {{"lines", static_cast<std::int64_t>(lost)}};
    impl_->logger->log(spdlog::level::warn, spdlog::string_view_t(line(LogLevel::warn, "log_lost", count)));
  }
}

}  // namespace llorch
