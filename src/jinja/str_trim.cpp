// Stripping and padding.
#include <algorithm>

#include "base/utf8.h"
#include "jinja/chars.h"
#include "jinja/str_tables.h"

namespace llorch::jinja {
namespace {

/// Where the character before `end` begins.
std::size_t previous_char(std::string_view text, std::size_t end) {
  std::size_t begin = end - 1;
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0U) == 0x80) {
    --begin;
  }
  return begin;
}

Value strip_method(Runtime& runtime, const Value& self, const Arguments& arguments, Side side) {
  const std::string_view name = side == Side::left ? "lstrip" : side == Side::right ? "rstrip" : "strip";
  const Parameters given = str::positional(name, arguments, 0, 1);
  return runtime.string(strip(runtime, self.text(), side, given.get(0, Value::none())));
}

struct Padding {
  std::int64_t missing;  // characters
  Text fill;
};

Padding padding_of(Runtime& runtime, const Value& self, const Arguments& arguments, std::string_view name) {
  const Parameters given = str::positional(name, arguments, 1, 2);
  Text fill(" ", Origin::author);
  if (given.find(1) != nullptr) {
    if (!given.find(1)->is(Kind::string)) {
      fail(FailureKind::type, "The fill character must be a unicode character, not {}", type_name(*given.find(1)));
    }
    fill = given.find(1)->text();
    if (str::count_chars(fill.view()) != 1) {
      fail(FailureKind::type, "The fill character must be exactly one character long");
    }
  }
  const std::int64_t missing =
      std::max<std::int64_t>(0, std::max<std::int64_t>(0, given.integer(0, 0)) - length_of(runtime, self));
  const auto bytes = static_cast<std::size_t>(missing);
  runtime.heap().expect(bytes > SIZE_MAX / 8 ? SIZE_MAX / 2 : bytes * fill.size());
  runtime.step_bytes(bytes * fill.size());
  return {missing, std::move(fill)};
}

Value padded(Runtime& runtime, const Value& self, const Padding& padding, std::int64_t left) {
  Text out;
  const auto pad = [&](std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) {
      out.append(padding.fill);
    }
  };
  pad(left);
  out.append(self.text());
  pad(padding.missing - left);
  return runtime.string(std::move(out));
}

}  // namespace

Text strip(Runtime& runtime, const Text& text, Side side, const Value& characters) {
  std::vector<char32_t> set;
  if (characters.is(Kind::string)) {
    const std::string_view all = characters.text().view();
    runtime.step_bytes(4 * all.size());
    runtime.heap().expect(4 * all.size());
    for (std::size_t at = 0; at < all.size();) {
      const Utf8Char c = decode_utf8(all.substr(at));
      set.push_back(c.code);
      at += static_cast<std::size_t>(c.length);
    }
    std::sort(set.begin(), set.end());
  } else if (!characters.is(Kind::none)) {
    require_defined(characters);
    fail(FailureKind::type, "{}strip arg must be None or str",
         side == Side::left    ? "l"
         : side == Side::right ? "r"
                               : "");
  }
  const bool white = characters.is(Kind::none);
  const auto drops = [&](char32_t c) {
    return white ? is_python_space(c) : std::binary_search(set.begin(), set.end(), c);
  };
  const std::string_view bytes = text.view();
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  while (side != Side::right && begin < end) {
    const Utf8Char c = decode_utf8(bytes.substr(begin));
    if (!drops(c.code)) {
      break;
    }
    begin += static_cast<std::size_t>(c.length);
  }
  while (side != Side::left && end > begin) {
    const std::size_t last = previous_char(bytes, end);
    if (!drops(decode_utf8(bytes.substr(last, end - last)).code)) {
      break;
    }
    end = last;
  }
  runtime.step_bytes(bytes.size());
  return text.slice(begin, end);
}

namespace str {

Value strip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return strip_method(runtime, self, arguments, Side::both);
}

Value lstrip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return strip_method(runtime, self, arguments, Side::left);
}

Value rstrip(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return strip_method(runtime, self, arguments, Side::right);
}

Value removeprefix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("removeprefix", arguments, 1, 1);
  const Text& prefix = text_parameter(given, 0, "removeprefix() argument must be str");
  return self.text().view().starts_with(prefix.view())
             ? runtime.string(self.text().slice(prefix.size(), self.text().size()))
             : self;
}

Value removesuffix(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("removesuffix", arguments, 1, 1);
  const Text& suffix = text_parameter(given, 0, "removesuffix() argument must be str");
  return self.text().view().ends_with(suffix.view())
             ? runtime.string(self.text().slice(0, self.text().size() - suffix.size()))
             : self;
}

Value ljust(Runtime& runtime, const Value& self, const Arguments& arguments) {
  return padded(runtime, self, padding_of(runtime, self, arguments, "ljust"), 0);
}

Value rjust(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Padding padding = padding_of(runtime, self, arguments, "rjust");
  return padded(runtime, self, padding, padding.missing);
}

Value center(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Padding padding = padding_of(runtime, self, arguments, "center");
  const std::int64_t width = padding.missing + length_of(runtime, self);
  return padded(runtime, self, padding, padding.missing / 2 + (padding.missing & width & 1));
}

Value zfill(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given = str::positional("zfill", arguments, 1, 1);
  const std::int64_t missing = std::max<std::int64_t>(0, given.integer(0, 0)) - length_of(runtime, self);
  if (missing <= 0) {
    return self;
  }
  const auto n = static_cast<std::size_t>(missing);
  runtime.heap().expect(n);
  const std::string_view bytes = self.text().view();
  const std::size_t sign = !bytes.empty() && (bytes[0] == '-' || bytes[0] == '+') ? 1 : 0;
  Text out = self.text().slice(0, sign);
  out.append(std::string(n, '0'), Origin::author);
  out.append(self.text(), sign, bytes.size());
  return runtime.string(std::move(out));
}

Value expandtabs(Runtime& runtime, const Value& self, const Arguments& arguments) {
  const Parameters given("expandtabs", arguments, {"tabsize"});
  const std::int64_t size = int_parameter(given, 0, 8);
  Text out;
  std::int64_t column = 0;
  const std::string_view bytes = self.text().view();
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = char_bytes(bytes, at);
    if (bytes[at] == '\t') {
      const std::int64_t spaces = size > 0 ? size - column % size : 0;
      runtime.heap().expect(out.footprint() + static_cast<std::size_t>(spaces));
      runtime.step_bytes(static_cast<std::size_t>(spaces));
      out.append(std::string(static_cast<std::size_t>(spaces), ' '), Origin::author);
      column += spaces;
    } else {
      out.append(self.text(), at, at + length);
      column = bytes[at] == '\n' || bytes[at] == '\r' ? 0 : column + 1;
    }
    at += length;
  }
  return runtime.string(std::move(out));
}

}  // namespace str
}  // namespace llorch::jinja
