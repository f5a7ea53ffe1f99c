// The only file that includes toml++; config_file.h says what it promises.
#include "worker/config_file.h"

#include <toml++/toml.h>

#include <CLI/App.hpp>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/format.h"

namespace llorch {
namespace {

/// A value as the command line would spell it.
std::string spelled(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return text->get();
  }
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  return out.str();
}

Status apply(CLI::App& app, const std::string& where, const std::string& name, const toml::node& node) {
  CLI::Option* option = app.get_option_no_throw("--" + name);
  if (option == nullptr || name == "config" || name == "help" || name == "version") {
    return errorf(ErrorCode::invalid_argument, "{}: unknown name '{}'; the names are those of the command line{}",
                  where, name, node.is_table() ? ", and there are no tables" : "");
  }
  const bool is_flag = option->get_expected_max() == 0;
  const bool is_text = option->get_type_name().starts_with("TEXT");
  const bool fits = is_flag ? node.is_boolean() : is_text ? node.is_string() : node.is_number();
  if (!fits) {
    return errorf(ErrorCode::invalid_argument, "{}: {} takes {}", where, name,
                  is_flag   ? "true or false"
                  : is_text ? "a string"
                            : "a number");
  }
  if (option->count() > 0) {
    return {};  // the command line wins
  }
  try {
    option->add_result(spelled(node));
    option->run_callback();
  } catch (const CLI::ParseError& error) {
    return errorf(ErrorCode::invalid_argument, "{}: {}", where, error.what());
  }
  return {};
}

}  // namespace

Status apply_config_file(CLI::App& app, const std::string& path) try {
  std::error_code unknown;  // what is not there the parser tells
  if (std::filesystem::is_directory(path, unknown)) {
    return errorf(ErrorCode::invalid_argument, "{}: is a directory", path);
  }
  const toml::table table = toml::parse_file(path);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    LL_TRY(apply(app, fmt::format("{}:{}", path, node.source().begin.line), name, node));
  }
  return {};
} catch (const toml::parse_error& error) {
  const auto line = error.source().begin.line;
  return errorf(ErrorCode::invalid_argument, "{}{}: {}", path, line > 0 ? fmt::format(":{}", line) : "",
                error.description());
}

}  // namespace llorch
