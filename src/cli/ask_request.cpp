// ask_request.h says what each promises.
#include "cli/ask_request.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <tuple>

#include "base/format.h"
#include "base/utf8.h"

namespace llorch::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string random_job_id() {
  std::random_device entropy;
  return fmt::format("ask-{:08x}{:08x}", entropy(), entropy());
}

/// The double that prints as `value` was typed: 0.7 and not 0.699999988.
double as_typed(float value) {
  return std::stod(fmt::format("{}", value));
}

void add_sampling(Json& body, const SamplingArgs& args) {
  const SamplingParams& p = args.params;
  for (const auto& [option, field, value] : {std::tuple{"--temperature", "temperature", p.temperature},
                                             {"--top-p", "top_p", p.top_p},
                                             {"--min-p", "min_p", p.min_p},
                                             {"--repetition-penalty", "repetition_penalty", p.repetition_penalty},
                                             {"--presence-penalty", "presence_penalty", p.presence_penalty},
                                             {"--frequency-penalty", "frequency_penalty", p.frequency_penalty}}) {
    if (args.given(option)) {
      body[field] = as_typed(value);
    }
  }
  if (args.given("--top-k")) {
    body["top_k"] = p.top_k;
  }
  if (args.given("--seed")) {
    body["seed"] = p.seed;
  }
  if (args.max_tokens > 0) {
    body["max_tokens"] = args.max_tokens;
  }
  if (!args.stop.empty()) {
    body["stop"] = args.stop;
  }
}

/// `text` as one word of a POSIX shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return out + "'";
}

Status check_utf8(std::string_view what, const std::string& text) {
  return is_utf8(text) ? Status() : errorf(ErrorCode::invalid_argument, "{}: is not valid UTF-8", what);
}

}  // namespace

Status check(const AskArgs& args) {
  LL_TRY(check(args.sampling));
  LL_TRY(check_utf8("PROMPT", args.prompt));
  LL_TRY(check_utf8("--system", args.system));
  LL_TRY(check_utf8("--job-id", args.job_id));
  for (const std::string& stop : args.sampling.stop) {
    LL_TRY(check_utf8("--stop", stop));
  }
  if (args.raw && !args.system.empty()) {
    return Error{ErrorCode::invalid_argument, "--system goes through the chat template, which --raw skips"};
  }
  if (args.insecure && !args.cacert.empty()) {
    return Error{ErrorCode::invalid_argument, "--cacert checks certificates and --insecure does not: give one of them"};
  }
  return {};
}

std::string ask_body(const AskArgs& args, bool chat) {
  Json body = {{"job_id", args.job_id.empty() ? random_job_id() : args.job_id}};
  if (chat) {
    Json messages = Json::array();
    if (!args.system.empty()) {
      messages.push_back({{"role", "system"}, {"content", args.system}});
    }
    messages.push_back({{"role", "user"}, {"content", args.prompt}});
    body["messages"] = std::move(messages);
  } else {
    body["prompt"] = args.prompt;
  }
  add_sampling(body, args.sampling);
  if (args.format == "json") {
    body["stream"] = false;
  }
  return body.dump();
}

std::string content_type_of(const std::string& format) {
  return format == "sse" ? "text/event-stream" : format == "ndjson" ? "application/x-ndjson" : "application/json";
}

std::vector<std::string> ask_headers(const AskArgs& args) {
  return {"Content-Type: application/json", "Accept: " + content_type_of(args.format)};
}

Result<std::string> read_api_key(const std::string& path) {
  if (path.empty()) {
    return std::string();
  }
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    line.erase(line.find_last_not_of(" \t\r") + 1);
    line.erase(0, line.find_first_not_of(" \t"));
    if (!line.empty()) {
      const bool fits = std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < 0x7f; });
      return fits ? Result<std::string>(line)
                  : errorf(ErrorCode::invalid_argument,
                           "--api-key-file {}: the key has other than printable ASCII "
                           "characters",
                           path);
    }
  }
  return errorf(ErrorCode::invalid_argument, "--api-key-file {}: cannot be read, or holds no key", path);
}

std::string curl_line(const AskArgs& args, const WorkerUrl& worker, const std::string& body) {
  std::string line = "curl -N " + quoted(worker.base + "/execute");
  const auto add = [&line](const std::string& option, const std::string& value) {
    line += " " + option + (value.empty() ? "" : " " + quoted(value));
  };
  if (!worker.unix_path.empty()) {
    add("--unix-socket", worker.unix_path);
  }
  if (args.insecure) {
    add("--insecure", "");
  }
  if (!args.cacert.empty()) {
    add("--cacert", args.cacert);
  }
  for (const std::string& header : ask_headers(args)) {
    add("-H", header);
  }
  if (!args.api_key_file.empty()) {
    line += " -H \"Authorization: Bearer $(grep -m1 '[^[:space:]]' " + quoted(args.api_key_file) + ")\"";
  }
  add("-d", body);
  return line;
}

}  // namespace llorch::cli
