// One function a kind of field; execute_request.h says what it promises.
#include "server/execute_request.h"

#include <fmt/format.h>

#include <random>

#include "server/chat_request.h"

namespace llorch {
namespace {

using json = OrderedJson;

void read_input(Fields& fields, ChatTemplates::ContentForms forms, ExecuteRequest& request) {
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
  if (messages == nullptr) {
    refuse_chat_fields(fields);
  } else {
    request.chat = read_chat(fields, forms);
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

}  // namespace

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
  read_input(fields, limits.content_forms, request);
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
