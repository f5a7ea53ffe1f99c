// "{} {name!r:>8}".format(...)
#include <algorithm>

#include "jinja/format.h"
#include "jinja/format_spec.h"

namespace llorch::jinja {
namespace {

class Formatter {
 public:
  Formatter(Runtime& runtime, const Arguments& arguments) : runtime_(runtime), arguments_(arguments) {}

  /// `depth`: 2 for the format, 1 for a specification with fields of its own.
  Text format(const Text& format, int depth) {
    if (depth == 0) {
      fail(FailureKind::value, "Max string recursion exceeded");
    }
    const std::string_view text = format.view();
    runtime_.step_bytes(text.size());
    Text out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
      out.append(format, at, brace);
      if (brace == text.size()) {
        break;
      }
      if (brace + 1 < text.size() && text[brace + 1] == text[brace]) {
        out.append(format, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      if (text[brace] == '}') {
        fail(FailureKind::value, "Single '}}' encountered in format string");
      }
      const std::size_t end = field_end(text, brace + 1);
      out.append(field(format.slice(brace + 1, end), depth));
      runtime_.heap().expect(out.size());
      at = end + 1;
    }
    return out;
  }

 private:
  static std::size_t field_end(std::string_view text, std::size_t at) {
    if (at >= text.size()) {
      fail(FailureKind::value, "Single '{{' encountered in format string");
    }
    int depth = 1;
    bool bracket = false;
    for (; at < text.size(); ++at) {
      const char c = text[at];
      if (c == '[') {
        bracket = true;
      } else if (c == ']') {
        bracket = false;
      } else if (!bracket && c == '{') {
        ++depth;
      } else if (!bracket && c == '}' && --depth == 0) {
        return at;
      }
    }
    fail(FailureKind::value, "expected '}}' before end of string");
  }

  /// name!conversion:spec
  Text field(const Text& field, int depth) {
    const std::string_view text = field.view();
    std::size_t name_end = 0;
    bool bracket = false;
    while (name_end < text.size() && (bracket || (text[name_end] != '!' && text[name_end] != ':'))) {
      bracket = text[name_end] == '[' || (bracket && text[name_end] != ']');
      ++name_end;
    }
    Value value = lookup(text.substr(0, name_end));
    std::size_t at = name_end;
    if (at < text.size() && text[at] == '!') {
      if (at + 1 >= text.size()) {
        fail(FailureKind::value, "end of string while looking for conversion specifier");
      }
      value = converted(value, text[at + 1]);
      at += 2;
      if (at < text.size() && text[at] != ':') {
        fail(FailureKind::value, "expected ':' after conversion specifier");
      }
    }
    const Text spec = at < text.size() ? format(field.slice(at + 1, text.size()), depth - 1) : Text();
    return format_value(runtime_, value, spec.view());
  }

  Value converted(const Value& value, char kind) {
    if (kind == 's') {
      return to_string(runtime_, value);
    }
    if (kind == 'r') {
      return runtime_.string(to_repr(runtime_, value));
    }
    if (kind == 'a') {
      return runtime_.string(percent_format(runtime_, Text("%a", Origin::author), runtime_.tuple({value})));
    }
    fail(FailureKind::value, "Unknown conversion specifier '{}'", kind);
  }

  static bool is_number(std::string_view text) {
    return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string_view::npos;
  }

  Value first(std::string_view name) {
    const bool automatic = name.empty();
    if (automatic || is_number(name)) {
      if (numbering_ != '\0' && (numbering_ == 'a') != automatic) {
        fail(FailureKind::value, "cannot switch between manual field specification and automatic field numbering");
      }
      numbering_ = automatic ? 'a' : 'm';
      const std::size_t i = automatic ? next_++ : std::stoul(std::string(name));
      if (i >= arguments_.positional.size()) {
        fail(FailureKind::value, "Replacement index {} out of range for positional args tuple", i);
      }
      return arguments_.positional[i];
    }
    for (const auto& [known, value] : arguments_.named) {
      if (known == name) {
        return value;
      }
    }
    fail(FailureKind::value, "'{}'", name);
  }

  /// name.attribute[key]...
  Value lookup(std::string_view path) {
    std::size_t at = std::min(path.find_first_of(".["), path.size());
    Value value = first(path.substr(0, at));
    while (at < path.size()) {
      const bool item = path[at] == '[';
      const std::size_t begin = at + 1;
      at = item ? path.find(']', begin) : std::min(path.find_first_of(".[", begin), path.size());
      if (at == std::string_view::npos) {
        fail(FailureKind::value, "Missing ']' in format string");
      }
      const std::string_view name = path.substr(begin, at - begin);
      if (name.empty()) {
        fail(FailureKind::value, "Empty attribute in format string");
      }
      value = item ? get_item(runtime_, value, key_of(name)) : attribute(value, name);
      require_defined(value);
      at += item ? 1 : 0;
      if (item && at < path.size() && path[at] != '.' && path[at] != '[') {
        fail(FailureKind::value, "Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  Value key_of(std::string_view name) {
    return is_number(name) ? Value(std::int64_t{std::stoll(std::string(name))})
                           : runtime_.string(std::string(name), Origin::author);
  }

  Value attribute(const Value& value, std::string_view name) {
    return get_attribute(runtime_, value, runtime_.string(std::string(name), Origin::author));
  }

  Runtime& runtime_;
  const Arguments& arguments_;
  std::size_t next_ = 0;
  char numbering_ = '\0';  // 'a'utomatic, 'm'anual
};

}  // namespace

Text brace_format(Runtime& runtime, const Text& format, const Arguments& arguments) {
  return Formatter(runtime, arguments).format(format, 2);
}

}  // namespace llorch::jinja
