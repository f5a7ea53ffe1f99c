// The directives one by one: the C library's strftime knows locales and time zones, which a prompt must not depend on.
#include "jinja/clock.h"

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

}  // namespace

std::string format_time(std::chrono::local_seconds time, std::string_view format) {
  const std::tm tm = broken_down(time);
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%' || i + 1 >= format.size()) {
      out += format[i];
    } else {
      std::string directive = "%";
      ++i;
      const bool flagged =
          (format[i] == '-' || format[i] == '_' || format[i] == '0' || format[i] == '^' || format[i] == '#') &&
          i + 1 < format.size();
      if (flagged) {
        directive += format[i++];
      }
      directive += format[i];
      constexpr std::string_view kKnown = "aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyY%";
      if (format[i] == 'f') {
        out += "000000";
      } else if (format[i] == 'z' || format[i] == 'Z') {
        // A time without a zone.
      } else if (kKnown.find(format[i]) == std::string_view::npos) {
        out += directive;
      } else {
        char buffer[128];
        out.append(buffer, std::strftime(buffer, sizeof buffer, directive.c_str(), &tm));
      }
    }
    if (out.size() > kMaxBytes) {
      fail(FailureKind::budget, "strftime_now makes more than {} bytes", kMaxBytes);
    }
  }
  return out;
}

}  // namespace llorch::jinja
