// The C library's strftime in its C locale, but for what knows a time zone: a prompt must not depend on the machine.
#include "jinja/clock.h"

#include <locale.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "jinja/failure.h"

namespace llorch::jinja {
namespace {

constexpr std::size_t kMaxBytes = 4096;

std::tm broken_down(std::chrono::local_seconds time) {
  using namespace std::chrono;
  const auto days = floor<std::chrono::days>(time);
  const year_month_day date(days);
  const auto rest = time - days;
  std::tm tm{};
  tm.tm_year = static_cast<int>(date.year()) - 1900;
  tm.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  tm.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  tm.tm_hour = static_cast<int>(duration_cast<hours>(rest).count());
  tm.tm_min = static_cast<int>(duration_cast<minutes>(rest).count() % 60);
  tm.tm_sec = static_cast<int>(duration_cast<seconds>(rest).count() % 60);
  tm.tm_wday = static_cast<int>(weekday(days).c_encoding());
  tm.tm_yday = static_cast<int>((days - local_days(date.year() / January / 1)).count());
  tm.tm_isdst = -1;
  return tm;
}

/// datetime fills in what strftime does not know, pair of bytes by pair: microseconds, and a zone that there is none
/// of.
std::string without_zone(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const char directive = format[++i];
    if (directive == 'f') {
      out += "000000";
    } else if (directive != 'z' && directive != 'Z') {
      (out += '%') += directive;
    }
  }
  return out;
}

/// Seconds since 1970 would be the machine's zone's: here they are UTC's.
std::string with_seconds(std::chrono::local_seconds time, std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 == format.size()) {
      out += format[i];
      continue;
    }
    const std::size_t digits = std::min(format.find_first_not_of("-_0^#", i + 1), format.size() - 1);
    std::size_t end = std::min(format.find_first_not_of("0123456789", digits), format.size() - 1);
    std::size_t width = 0;
    std::from_chars(format.data() + digits, format.data() + end, width);
    end += (format[end] == 'E' || format[end] == 'O') && end + 1 < format.size() ? 1 : 0;
    if (format[end] == 's') {
      out += fmt::format("{:>{}}", time.time_since_epoch().count(), std::min(width, kMaxBytes + 1));
    } else {
      out += format.substr(i, end + 1 - i);
    }
    i = end;
  }
  return out;
}

/// `format` has no zero byte.
std::string c_strftime(const std::string& format, const std::tm& tm) {
  static const locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  // A byte before the format, since 0 is the answer both for "" and for what is too long.
  std::string out(kMaxBytes + 2, '\0');
  const std::size_t n = ::strftime_l(out.data(), out.size(), ("." + format).c_str(), &tm, c_locale);
  if (n == 0) {
    fail(FailureKind::budget, "strftime_now makes more than {} bytes", kMaxBytes);
  }
  return out.substr(1, n - 1);
}

}  // namespace

std::string format_time(std::chrono::local_seconds time, std::string_view format) {
  const std::tm tm = broken_down(time);
  std::string out;
  for (std::size_t begin = 0; begin <= format.size();) {
    const std::size_t end = std::min(format.find('\0', begin), format.size());
    out += c_strftime(with_seconds(time, without_zone(format.substr(begin, end - begin))), tm);
    if (end < format.size()) {
      out += '\0';
    }
    if (out.size() > kMaxBytes) {
      fail(FailureKind::budget, "strftime_now makes more than {} bytes", kMaxBytes);
    }
    begin = end + 1;
  }
  return out;
}

}  // namespace llorch::jinja
