// One function a kind of field; execute_request.h says what it promises.
#include "server/execute_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "base/json.h"

namespace llorch {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxJobIdBytes = 128;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 256;
constexpr std::size_t kMaxShownBytes = 80;
constexpr std::size_t kMaxErrors = 64;  // of one answer: a body of faults must not become a far larger one
constexpr std::size_t kMaxUnknownFields = 32;

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

/// Reads the fields of one object, and collects what is wrong with them.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object) {}

  std::vector<FieldError> errors;

  void fault(std::string field, std::string constraint, std::string message, const json* value) {
    if (errors.size() < kMaxErrors) {
      errors.push_back({std::move(field), std::move(constraint), std::move(message), value ? shown(*value) : ""});
    }
  }
  /// The value of a field; remembers that the name is known. null is the same as absent: many clients write it so.
  const json* find(const std::string& name) {
    known_.insert(name);
    const auto found = object_.find(name);
    return found == object_.end() || found->is_null() ? nullptr : &*found;
  }
  void number(const std::string& name, double low, double high, float& out) {
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
  std::optional<int> integer(const std::string& name, int low, int high) {
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
  void boolean(const std::string& name, bool& out) {
    const json* value = find(name);
    if (value != nullptr && !value->is_boolean()) {
      fault(name, "type(boolean)", "must be true or false", value);
    } else if (value != nullptr) {
      out = value->get<bool>();
    }
  }
  /// Faults when `value` is no string of that many bytes.
  bool is_text(const std::string& name, const json& value, std::size_t low, std::size_t high) {
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
  void refuse_unknown(const std::string& prefix = "") {
    std::size_t n_unknown = 0;
    for (const auto& [name, value] : object_.items()) {
      if (!known_.contains(name) && ++n_unknown <= kMaxUnknownFields) {
        fault(prefix + name.substr(0, kMaxShownBytes), "unknown", "is not a field of this request", &value);
      }
    }
  }

 private:
  const json& object_;
  std::set<std::string> known_;
};

void read_message(Fields& all, const json& value, const std::string& name, ExecuteRequest& request) {
  if (!value.is_object()) {
    all.fault(name, "type(object)", "must be an object with role and content", &value);
    return;
  }
  Fields fields(value);
  ChatMessage message;
  for (const auto& [key, out] : {std::pair{"role", &message.role}, std::pair{"content", &message.content}}) {
    const json* text = fields.find(key);
    const std::string where = name + "." + key;
    if (text == nullptr) {
      fields.fault(where, "required", "is missing", nullptr);
    } else if (fields.is_text(where, *text, out == &message.role ? 1 : 0, std::string::npos)) {
      *out = text->get<std::string>();
    }
  }
  fields.refuse_unknown(name + ".");
  all.errors.insert(all.errors.end(), fields.errors.begin(), fields.errors.end());
  request.messages.push_back(std::move(message));
}

void read_messages(Fields& fields, const json& value, ExecuteRequest& request) {
  if (!value.is_array()) {
    fields.fault("messages", "type(array)", "must be a list of messages", &value);
  } else if (value.empty()) {
    fields.fault("messages", "min_length(1)", "must hold a message", &value);
  } else {
    for (std::size_t i = 0; i < value.size() && fields.errors.size() < kMaxErrors; ++i) {
      read_message(fields, value[i], fmt::format("messages[{}]", i), request);
    }
  }
}

void read_input(Fields& fields, ExecuteRequest& request) {
  const json* prompt = fields.find("prompt");
  const json* messages = fields.find("messages");
  if (prompt != nullptr && messages != nullptr) {
    fields.fault("messages", "exclusive(prompt)", "cannot be given together with prompt", nullptr);
  } else if (prompt == nullptr && messages == nullptr) {
    fields.fault("prompt", "required", "is missing: give prompt or messages", nullptr);
  }
  if (prompt != nullptr && fields.is_text("prompt", *prompt, 1, std::string::npos)) {
    request.prompt = prompt->get<std::string>();
  }
  if (messages != nullptr) {
    read_messages(fields, *messages, request);
  }
}

void read_stop(Fields& fields, ExecuteRequest& request) {
  const json* stop = fields.find("stop");
  if (stop == nullptr) {
    return;
  }
  if (stop->is_string()) {
    if (fields.is_text("stop", *stop, 1, kMaxStopBytes)) {
      request.stop.push_back(stop->get<std::string>());
    }
  } else if (!stop->is_array()) {
    fields.fault("stop", "type(string,array)", "must be a string or a list of strings", stop);
  } else if (stop->size() > kMaxStops) {
    fields.fault("stop", fmt::format("max_items({})", kMaxStops), fmt::format("must hold at most {}", kMaxStops), stop);
  } else {
    for (std::size_t i = 0; i < stop->size(); ++i) {
      if (fields.is_text(fmt::format("stop[{}]", i), (*stop)[i], 1, kMaxStopBytes)) {
        request.stop.push_back((*stop)[i].get<std::string>());
      }
    }
  }
}

void read_seed(Fields& fields, ExecuteRequest& request) {
  const json* seed = fields.find("seed");
  if (seed == nullptr) {
    std::random_device device;
    request.sampling.seed = std::uint64_t{device()} << 32U | device();
  } else if (!seed->is_number_unsigned()) {
    fields.fault("seed", "type(uint64)", "must be a whole number from 0 to 18446744073709551615", seed);
  } else {
    request.sampling.seed = seed->get<std::uint64_t>();
  }
}

void read_job_id(Fields& fields, std::string& out) {
  const json* job_id = fields.find("job_id");
  if (job_id == nullptr) {
    fields.fault("job_id", "required", "is missing", nullptr);
  } else if (fields.is_text("job_id", *job_id, 1, kMaxJobIdBytes)) {
    out = job_id->get<std::string>();
  }
}

/// The body of a request, which must be one JSON object.
std::variant<json, FieldError> parse_object(std::string_view body) {
  Result<json> parsed = parse_json(body, "request body");
  if (!parsed.ok()) {
    return FieldError{"body", "json", parsed.error().message, ""};
  }
  if (!parsed->is_object()) {
    return FieldError{"body", "type(object)", "must be a JSON object", shown(*parsed)};
  }
  return std::move(*parsed);
}

}  // namespace

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

std::variant<std::string, std::vector<FieldError>> parse_job_id(std::string_view body) {
  const std::variant<json, FieldError> parsed = parse_object(body);
  if (const auto* error = std::get_if<FieldError>(&parsed)) {
    return std::vector<FieldError>{*error};
  }
  Fields fields(std::get<json>(parsed));
  std::string job_id;
  read_job_id(fields, job_id);
  fields.refuse_unknown();
  if (!fields.errors.empty()) {
    return std::move(fields.errors);
  }
  return job_id;
}

std::variant<ExecuteRequest, std::vector<FieldError>> parse_execute_request(std::string_view body,
                                                                            const ExecuteLimits& limits) {
  const std::variant<json, FieldError> parsed = parse_object(body);
  if (const auto* error = std::get_if<FieldError>(&parsed)) {
    return std::vector<FieldError>{*error};
  }
  Fields fields(std::get<json>(parsed));
  ExecuteRequest request;
  SamplingParams& sampling = request.sampling;
  read_job_id(fields, request.job_id);
  read_input(fields, request);
  request.max_tokens = fields.integer("max_tokens", 1, limits.max_tokens);
  fields.number("temperature", 0, 2, sampling.temperature);
  fields.number("top_p", 0, 1, sampling.top_p);
  fields.number("min_p", 0, 1, sampling.min_p);
  sampling.top_k = fields.integer("top_k", 0, limits.vocab).value_or(0);
  fields.number("repetition_penalty", 0.01, 2, sampling.repetition_penalty);
  fields.number("presence_penalty", -2, 2, sampling.presence_penalty);
  fields.number("frequency_penalty", -2, 2, sampling.frequency_penalty);
  read_stop(fields, request);
  read_seed(fields, request);
  fields.boolean("parse_special", request.parse_special);
  fields.boolean("stream", request.stream);
  fields.boolean("trace", request.trace);
  fields.refuse_unknown();
  if (!fields.errors.empty()) {
    return std::move(fields.errors);
  }
  return request;
}

}  // namespace llorch
