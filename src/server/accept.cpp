// Media ranges and their weights, as RFC 9110 (12.4.2, 12.5.1) has them.
#include "server/accept.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>

namespace llorch {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos ? std::string_view()
                                         : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

/// Takes the part of `rest` in front of the next `separator` that is in no quotes.
std::string_view take(std::string_view& rest, char separator) {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < rest.size() && (quoted || rest[at] != separator); ++at) {
    quoted = rest[at] == '"' ? !quoted : quoted;
  }
  const std::string_view part = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return trimmed(part);
}

/// The weight of a range's parameters: 1 unless one of them is q.
double weight_of(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::string_view parameter = take(parameters, ';');
    double q = 0;
    if (boost::beast::iequals(parameter.substr(0, 2), "q=") &&
        std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), q).ec == std::errc()) {
      return q;
    }
  }
  return 1;
}

}  // namespace

bool prefers_ndjson(std::string_view accept) {
  double ndjson = 0;
  double events = 0;
  while (!accept.empty()) {
    std::string_view range = take(accept, ',');
    const std::string_view type = take(range, ';');
    if (boost::beast::iequals(type, "application/x-ndjson")) {
      ndjson = weight_of(range);
    } else if (boost::beast::iequals(type, "text/event-stream")) {
      events = weight_of(range);
    }
  }
  return ndjson > 0 && ndjson >= events;
}

}  // namespace llorch
