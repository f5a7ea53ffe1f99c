// What `llorch ask` sends: the body of POST /execute, its headers, and the curl line that sends the same.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "cli/worker_url.h"

namespace llorch::cli {

struct AskArgs {
  std::string url;
  std::string prompt;
  std::string system;
  bool raw = false;            // `prompt`, whatever the model can
  std::string format = "sse";  // sse, ndjson, json
  std::string job_id;          // empty: drawn
  std::string api_key_file;
  std::string cacert;
  std::string print_curl;  // file to write the curl line to
  bool insecure = false;
  double wait_s = 0;
  double timeout_s = 600;
  SamplingArgs sampling;
};

/// What the option parser does not see: texts that are not UTF-8, options that exclude each other.
Status check(const AskArgs& args);

/// JSON with what the command line gave and nothing else; `messages` when `chat`, else `prompt`.
std::string ask_body(const AskArgs& args, bool chat);

/// Accept and Content-Type.
std::vector<std::string> ask_headers(const AskArgs& args);
/// What Accept asks for.
std::string content_type_of(const std::string& format);

/// The first line of --api-key-file that is not blank; empty without that option. A file that cannot be read, is empty
/// or holds what cannot stand in a header is ErrorCode::invalid_argument.
Result<std::string> read_api_key(const std::string& path);

/// The same request as a line for a shell. The key stays in its file.
std::string curl_line(const AskArgs& args, const WorkerUrl& worker, const std::string& body);

}  // namespace llorch::cli
