// The only file that includes spdlog; log.h says what it promises.
#include "server/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <nlohmann/json.hpp>

namespace llorch {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
  static constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                          spdlog::level::warn, spdlog::level::err};
  return kLevels[static_cast<std::size_t>(level)];
}

nlohmann::ordered_json to_json(const LogValue& value) {
  return std::visit([](const auto& v) { return nlohmann::ordered_json(v); }, value);
}

std::string dump(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// `name key=value ...`; values with a blank or a control byte are quoted as JSON.
std::string text_line(std::string_view name, const LogFields& fields) {
  std::string line(name);
  for (const auto& [key, value] : fields) {
    const nlohmann::ordered_json json = to_json(value);
    const std::string quoted = dump(json);
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
  return dump(json).substr(1);
}

}  // namespace

struct Log::Impl {
  spdlog::logger logger{"llorch", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

Log::Log(LogFormat format, LogLevel level) : format_(format), impl_(std::make_unique<Impl>()) {
  impl_->logger.set_level(to_spdlog(level));
  if (format == LogFormat::json) {
    impl_->logger.set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v)", spdlog::pattern_time_type::utc);
  } else {
    impl_->logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %-7l %v");
  }
}

Log::~Log() = default;

void Log::event(LogLevel level, std::string_view name, const LogFields& fields) {
  const spdlog::level::level_enum at = to_spdlog(level);
  if (impl_->logger.should_log(at)) {
    impl_->logger.log(
        at, spdlog::string_view_t(format_ == LogFormat::json ? json_line(name, fields) : text_line(name, fields)));
  }
}

}  // namespace llorch
