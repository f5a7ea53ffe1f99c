// "{} {name!r:>8}".format(...)
#include <algorithm>

#include "jinja/filters.h"
#include "jinja/format.h"
#include "jinja/format_spec.h"

namespace llorch::jinja {
namespace {

class Formatter {
 public:
  /// `named`: a dict.
  Formatter(Runtime& runtime, const std::vector<Value>& positional, const Value& named)
      : runtime_(runtime), positional_(positional), named_(named.as<DictObject>()) {}

  /// `depth`: how deep specifications may still lie in specifications.
  Text format(const Text& format, int depth) {
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
      if (text[brace] == '}' || brace + 1 == text.size()) {
        fail(FailureKind::value, "Single '{}' encountered in format string", text[brace]);
      }
      const Field field = parse_field(text, brace + 1);
      out.append(formatted(field, format.slice(field.spec_begin, field.end), depth));
      runtime_.heap().expect(out.footprint());
      at = field.end + 1;
    }
    return out;
  }

 private:
  /// name!conversion:spec
  struct Field {
    std::string_view name;
    char conversion = '\0';
    std::size_t spec_begin = 0;
    std::size_t end = 0;  // of the '}'
  };

  static Field parse_field(std::string_view text, std::size_t at) {
    Field field;
    const std::size_t name = at;
    for (bool bracket = false; at < text.size(); ++at) {  // in brackets everything is a key
      const char c = text[at];
      if (!bracket && (c == '}' || c == ':' || c == '!')) {
        break;
      }
      if (!bracket && c == '{') {
        fail(FailureKind::value, "unexpected '{{' in field name");
      }
      bracket = bracket ? c != ']' : c == '[';
    }
    if (at == text.size()) {
      fail(FailureKind::value, "expected '}}' before end of string");
    }
    field.name = text.substr(name, at - name);
    if (text[at] == '!') {
      if (at + 1 == text.size()) {
        fail(FailureKind::value, "end of string while looking for conversion specifier");
      }
      field.conversion = text[at + 1];
      at += 2;
      if (at < text.size() && text[at] != '}' && text[at] != ':') {
        fail(FailureKind::value, "expected ':' after conversion specifier");
      }
    }
    const bool has_spec = at < text.size() && text[at] == ':';
    field.spec_begin = std::min(at + (has_spec ? 1 : 0), text.size());
    field.end = field.spec_begin;
    for (int depth = 1; field.end < text.size(); ++field.end) {
      depth += text[field.end] == '{' ? 1 : text[field.end] == '}' ? -1 : 0;
      if (depth == 0) {
        return field;
      }
    }
    fail(FailureKind::value, "unmatched '{{' in format spec");
  }

  Text formatted(const Field& field, const Text& spec, int depth) {
    Value value = lookup(field.name);
    if (field.conversion != '\0') {
      value = converted(value, field.conversion);
    }
    if (depth == 0) {
      fail(FailureKind::value, "Max string recursion exceeded");
    }
    return format_value(runtime_, value, format(spec, depth - 1));
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
    fail(FailureKind::value, "Unknown conversion specifier {}", kind);
  }

  static bool is_number(std::string_view text) {
    return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string_view::npos;
  }

  /// The argument that a path begins with. Numbers are counted or written, as in string.Formatter: "{0.x}{}" is both.
  Value first(std::string_view name, bool alone) {
    const bool automatic = name.empty();
    if (!automatic && !is_number(name)) {
      const Value* found = named_.get(name);
      if (found != nullptr) {
        return *found;
      }
      fail(FailureKind::value, "'{}'", name);
    }
    if (automatic ? manual_ : alone && next_ > 0) {
      fail(FailureKind::value, "cannot switch from manual field specification to automatic field numbering");
    }
    manual_ = manual_ || (!automatic && alone);
    const std::size_t i = automatic ? next_++ : std::stoul(std::string(name));
    if (i >= positional_.size()) {
      fail(FailureKind::value, "Replacement index {} out of range for positional args tuple", i);
    }
    return positional_[i];
  }

  /// name.attribute[key]...
  Value lookup(std::string_view path) {
    std::size_t at = std::min(path.find_first_of(".["), path.size());
    Value value = first(path.substr(0, at), at == path.size());
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
      if (value.is(Kind::undefined) && is_private(value)) {
        fail_undefined(value);
      }
      at += item ? 1 : 0;
      if (item && at < path.size() && path[at] != '.' && path[at] != '[') {
        fail(FailureKind::value, "Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  /// What is missing is an undefined value, as anywhere in a template; what may not be touched is refused.
  static bool is_private(const Value& undefined) {
    const auto* why = static_cast<const UndefinedObject*>(undefined.object());
    return why != nullptr && why->unsafe;
  }

  Value key_of(std::string_view name) {
    return is_number(name) ? Value(std::int64_t{std::stoll(std::string(name))})
                           : runtime_.string(std::string(name), Origin::author);
  }

  Value attribute(const Value& value, std::string_view name) {
    return get_attribute(runtime_, value, runtime_.string(std::string(name), Origin::author));
  }

  Runtime& runtime_;
  const std::vector<Value>& positional_;
  const DictObject& named_;
  std::size_t next_ = 0;
  bool manual_ = false;
};

}  // namespace

Text brace_format(Runtime& runtime, const Text& format, const Arguments& arguments) {
  const Value named = named_values(runtime, arguments);
  return Formatter(runtime, arguments.positional, named).format(format, 2);
}

Text brace_format_map(Runtime& runtime, const Text& format, const Value& mapping) {
  const std::vector<Value> none;
  return Formatter(runtime, none, mapping).format(format, 2);
}

}  // namespace llorch::jinja
