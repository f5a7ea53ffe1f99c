// strftime without a zone and without a locale; tests/jinja_text compares more of it with Python's.
#include "jinja/clock.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "jinja/failure.h"

namespace llorch::jinja {
namespace {

using namespace std::chrono;

const local_seconds kTime = local_days(2026y / January / 5) + 3h + 4min + 9s;

TEST(Clock, IsDatetimesStrftime) {
  EXPECT_EQ(format_time(kTime, "%d %b %Y"), "05 Jan 2026");
  EXPECT_EQ(format_time(kTime, "%A, %-d. %B; %I:%M %p; %j"), "Monday, 5. January; 03:04 AM; 005");
  EXPECT_EQ(format_time(kTime, "%c|%x|%X|%D|%F|%T|%R"),
            "Mon Jan  5 03:04:09 2026|01/05/26|03:04:09|01/05/26|"
            "2026-01-05|03:04:09|03:04");
  EXPECT_EQ(format_time(kTime, "%G-W%V-%u %U %W %w %y %C %h"), "2026-W02-1 01 01 1 26 20 Jan");
  EXPECT_EQ(format_time(kTime, "%f|%z|%Z|%%f|%n|%t|%"), "000000|||%f|\n|\t|%");
  EXPECT_EQ(format_time(kTime, "%q %"), "%q %");
  EXPECT_EQ(format_time(kTime, ""), "");
}

TEST(Clock, NoZoneIsSeen) {
  const std::string before = format_time(kTime, "%s %c %z%Z");
  EXPECT_EQ(before, "1767582249 Mon Jan  5 03:04:09 2026 ");
  ::setenv("TZ", "Asia/Tokyo", 1);
  ::tzset();
  EXPECT_EQ(format_time(kTime, "%s %c %z%Z"), before);
  ::unsetenv("TZ");
  ::tzset();
}

TEST(Clock, TheResultIsBounded) {
  EXPECT_EQ(format_time(kTime, std::string(4096, 'x')).size(), 4096U);
  for (const std::string& format : {std::string(4097, 'x'), std::string("%5000Y"), std::string("%999999999999Y")}) {
    try {
      format_time(kTime, format);
      FAIL() << format.substr(0, 20);
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind, FailureKind::budget);
    }
  }
  EXPECT_EQ(format_time(kTime, std::string("a\0%d", 4)), std::string("a\0"
                                                                     "05",
                                                                     4));
}

}  // namespace
}  // namespace llorch::jinja
