// The first stop of a request's body: JSON to typed fields, and faults to the answer of status 400.
#include "server/fields.h"

#include <fmt/format.h>

#include <limits>

#include "base/json.h"

namespace llorch {
namespace {

using json = OrderedJson;

constexpr std::size_t kMaxShownBytes = 80;

/// A value as errors show it: JSON, cut at a character's border.
std::string shown(const json& value) {
  std::string text = dump_json(value);
  if (text.size() > kMaxShownBytes) {
    std::size_t end = kMaxShownBytes;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
      --end;
    }
    text = text.substr(0, end) + "...";
  }
  return text;
}

}  // namespace

std::string reason_of(const std::vector<FieldError>& errors) {
  if (errors.empty() || errors.front().constraint == "unknown") {
    return errors.empty() ? "" : "unknown field";  // its name is the client's text
  }
  return errors.front().field + " " + errors.front().constraint;
}

std::string errors_body(const std::vector<FieldError>& errors) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const FieldError& e : errors) {
    list.push_back({{"field", e.field}, {"constraint", e.constraint}, {"message", e.message}, {"value", e.value}});
  }
  const nlohmann::ordered_json body = {{"errors", std::move(list)}};
  return dump_json(body);
}

void respond_errors(ResponseWriter& writer, const std::vector<FieldError>& errors) {
  writer.respond(400, {{"Content-Type", "application/json"}}, errors_body(errors));
}

std::variant<OrderedJson, FieldError> parse_object(std::string_view body) {
  Result<json> parsed = parse_ordered_json(body, "request body");
  if (!parsed.ok()) {
    return FieldError{"body", "json", parsed.error().message, ""};
  }
  if (!parsed->is_object()) {
    return FieldError{"body", "type(object)", "must be a JSON object", shown(*parsed)};
  }
  return std::move(*parsed);
}

void Fields::fault(std::string field, std::string constraint, std::string message, const json* value) {
  if (errors.size() + 1 < kMaxErrors) {
    errors.push_back({std::move(field), std::move(constraint), std::move(message), value ? shown(*value) : ""});
  } else if (!full()) {
    errors.push_back({"body", fmt::format("max_errors({})", kMaxErrors), "has more faults than are listed here", ""});
  }
}

const json* Fields::find(const std::string& name) {
  known_.insert(name);
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

void Fields::number(const std::string& name, double low, double high, float& out) {
  const json* value = find(name);
  if (value == nullptr) {
    return;
  }
  const double number = value->is_number() ? value->get<double>() : 0;
  if (!value->is_number()) {
    fault(name, "type(number)", "must be a number", value);
  } else if (!(number >= low && number <= high)) {
    fault(name, fmt::format("range({},{})", low, high), fmt::format("must be between {} and {}", low, high), value);
  } else {
    out = static_cast<float>(number);
  }
}

std::optional<int> Fields::integer(const std::string& name, int low, int high) {
  const json* value = find(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_number_integer()) {
    fault(name, "type(integer)", "must be a whole number", value);
    return std::nullopt;
  }
  // What does not fit an int64 is unsigned and too large.
  const bool huge = value->is_number_unsigned() && value->get<std::uint64_t>() > std::uint64_t{INT32_MAX};
  const std::int64_t number = huge ? std::numeric_limits<std::int64_t>::max() : value->get<std::int64_t>();
  if (number < low || number > high) {
    fault(name, fmt::format("range({},{})", low, high), fmt::format("must be between {} and {}", low, high), value);
    return std::nullopt;
  }
  return static_cast<int>(number);
}

void Fields::boolean(const std::string& name, bool& out) {
  const json* value = find(name);
  if (value != nullptr && !value->is_boolean()) {
    fault(name, "type(boolean)", "must be true or false", value);
  } else if (value != nullptr) {
    out = value->get<bool>();
  }
}

bool Fields::is_text(const std::string& name, const json& value, std::size_t low, std::size_t high) {
  if (!value.is_string()) {
    fault(name, "type(string)", "must be a string", &value);
    return false;
  }
  const std::size_t size = value.get_ref<const std::string&>().size();
  if (size >= low && size <= high) {
    return true;
  }
  if (high == std::string::npos) {
    fault(name, fmt::format("min_length({})", low), "must not be empty", &value);
  } else {
    fault(name, fmt::format("length({},{})", low, high), fmt::format("must have {} to {} bytes", low, high), &value);
  }
  return false;
}

void Fields::refuse_unknown() {
  for (const auto& [name, value] : object_.items()) {
    if (!known_.contains(name) && !full()) {
      fault(name.substr(0, kMaxShownBytes), "unknown", "is not a field of this request", &value);
    }
  }
}

}  // namespace llorch
