#include "cli/validators.h"

#include <fmt/format.h>

#include <charconv>
#include <string>
#include <system_error>

namespace llorch::cli {

CLI::Validator number_in(double low, double high) {
  const auto check_number = [low, high](std::string& text) -> std::string {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high) {
      return {};
    }
    return fmt::format("must be a number between {} and {}, not '{}'", low, high, text);
  };
  return CLI::Validator(check_number, fmt::format("{} to {}", low, high), "number_in");
}

CLI::Validator whole_in(std::uint64_t low, std::uint64_t high) {
  const auto check_number = [low, high](std::string& text) -> std::string {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool octal = text.size() > 1 && text[0] == '0';  // CLI11 would read it so
    if (error == std::errc() && end == text.data() + text.size() && !octal && value >= low && value <= high) {
      return {};
    }
    return fmt::format("must be a whole number from {} to {}, not '{}'", low, high, text);
  };
  return CLI::Validator(check_number, fmt::format("{} to {}", low, high), "whole_in");
}

CLI::Validator not_empty() {
  return CLI::Validator([](const std::string& text) { return text.empty() ? "must not be empty" : ""; }, "");
}

CLI::Validator file_name() {
  return CLI::Validator(
      [](const std::string& text) {
        if (text == "-") {
          return "'-' is no file: nothing is piped here, and a file of that name is ./-";
        }
        return text.empty() ? "must not be empty" : "";
      },
      "");
}

CLI::Validator bytes_in(std::size_t low, std::size_t high) {
  return CLI::Validator(
      [low, high](const std::string& text) {
        const bool fits = text.size() >= low && text.size() <= high;
        return fits ? "" : fmt::format("must have {} to {} bytes, not {}", low, high, text.size());
      },
      "");
}

}  // namespace llorch::cli
