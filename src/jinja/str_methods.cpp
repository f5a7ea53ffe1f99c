// From the name of a method of str to its function, and what those functions share.
#include "jinja/str_methods.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "jinja/format.h"
#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

Value format(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return runtime.string(brace_format(runtime, self.text(), arguments));
}

Value format_map(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("format_map", arguments, 1, 1);
  const Value& mapping = *given.find(0);
  if (!mapping.is(Kind::dict)) {
    fail(FailureKind::type, "format_map() needs a mapping, not {}", type_name(mapping));
  }
  return runtime.string(brace_format_map(runtime, self.text(), mapping));
}

struct Entry {
  std::string_view name;
  Method method;
};
constexpr Entry kMethods[] = {
    {"capitalize", str::capitalize},
    {"casefold", str::casefold},
    {"center", str::center},
    {"count", str::count},
    {"endswith", str::endswith},
    {"expandtabs", str::expandtabs},
    {"find", str::find},
    {"format", format},
    {"format_map", format_map},
    {"index", str::index},
    {"isalnum", str::isalnum},
    {"isalpha", str::isalpha},
    {"isascii", str::isascii},
    {"isdecimal", str::isdecimal},
    {"isdigit", str::isdigit},
    {"isidentifier", str::isidentifier},
    {"islower", str::islower},
    {"isnumeric", str::isnumeric},
    {"isprintable", str::isprintable},
    {"isspace", str::isspace},
    {"istitle", str::istitle},
    {"isupper", str::isupper},
    {"join", str::join},
    {"ljust", str::ljust},
    {"lower", str::lower},
    {"lstrip", str::lstrip},
    {"partition", str::partition},
    {"removeprefix", str::removeprefix},
    {"removesuffix", str::removesuffix},
    {"replace", str::replace},
    {"rfind", str::rfind},
    {"rindex", str::rindex},
    {"rjust", str::rjust},
    {"rpartition", str::rpartition},
    {"rsplit", str::rsplit},
    {"rstrip", str::rstrip},
    {"split", str::split},
    {"splitlines", str::splitlines},
    {"startswith", str::startswith},
    {"strip", str::strip},
    {"swapcase", str::swapcase},
    {"title", str::title},
    {"upper", str::upper},
    {"zfill", str::zfill},
};

}  // namespace

Method find_string_method(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kMethods), std::end(kMethods), [&](const Entry& entry) { return entry.name == name; });
  return found == std::end(kMethods) ? nullptr : found->method;
}

namespace str {

Parameters positional(std::string_view method, const Arguments& arguments, std::size_t n_required, std::size_t n_most) {
  const std::size_t n = arguments.positional.size();
  const bool fits = n >= n_required && n <= n_most;
  const std::size_t bound = n < n_required ? n_required : n_most;
  const char* const plural = bound == 1 ? "" : "s";
  const char* const side = n < n_required ? "least" : "most";
  if (!arguments.named.empty()) {
    fail(FailureKind::type, "str.{}() takes no keyword arguments", method);
  }
  if (!fits && n_most == 0) {
    fail(FailureKind::type, "str.{}() takes no arguments ({} given)", method, n);
  }
  if (!fits && n_required == n_most) {
    fail(FailureKind::type, "str.{}() takes exactly one argument ({} given)", method, n);
  }
  if (!fits && n_most == 3 && n_required == 1) {  // find and its like
    fail(FailureKind::type, "{}() takes at {} {} argument{} ({} given)", method, side, bound, plural, n);
  }
  if (!fits) {
    fail(FailureKind::type, "{} expected at {} {} argument{}, got {}", method, side, bound, plural, n);
  }
  return {method, arguments, {"1", "2", "3"}, 0};
}

int int_parameter(const Parameters& given, std::size_t i, int fallback) {
  const std::int64_t value = given.integer(i, fallback);
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    fail(FailureKind::value, "Python int too large to convert to C int");
  }
  return static_cast<int>(value);
}

const Text& text_parameter(const Parameters& given, std::size_t i, std::string_view must) {
  const Value& value = *given.find(i);
  require_defined(value);
  if (!value.is(Kind::string)) {
    fail(FailureKind::type, "{}, not {}", must, type_name(value));
  }
  return value.text();
}

std::size_t char_bytes(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]) < 0x80 ? 1
                                                     : static_cast<std::size_t>(decode_utf8(text.substr(at)).length);
}

std::int64_t count_chars(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; });
}

}  // namespace str

}  // namespace llorch::jinja
