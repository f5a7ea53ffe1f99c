// One POST by libcurl, and its repetition; callback.h says what it promises.
#include "worker/callback.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/format.h"
#include "base/json.h"

namespace llorch {
namespace {

constexpr int kTries = 5;
constexpr std::chrono::milliseconds kFirstPause{200};  // doubles
constexpr long kConnectMs = 2'000;
constexpr long kAnswerMs = 10'000;

std::size_t ignore_body(char* /*bytes*/, std::size_t size, std::size_t count, void* /*user*/) {
  return size * count;
}

/// Empty when a 2xx came, else what came instead.
std::string post_once(const std::string& url, const std::string& body) {
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(::curl_easy_init(), ::curl_easy_cleanup);
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      ::curl_slist_append(nullptr, "Content-Type: application/json"), ::curl_slist_free_all);
  if (!curl || !headers) {
    return "no memory is left";
  }
  ::curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  ::curl_easy_setopt(curl.get(), CURLOPT_PROXY, "");  // what the environment says of proxies is not for us
  ::curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
  ::curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, kAnswerMs);
  ::curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, ignore_body);
  if (const CURLcode code = ::curl_easy_perform(curl.get()); code != CURLE_OK) {
    return ::curl_easy_strerror(code);
  }
  long status = 0;
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return status >= 200 && status < 300 ? "" : fmt::format("HTTP status {}", status);
}

}  // namespace

bool is_http_url(const std::string& url) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> parts(::curl_url(), ::curl_url_cleanup);
  const bool printable = std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  return printable && (url.starts_with("http://") || url.starts_with("https://")) && parts &&
         ::curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
}

Status post_ready(const std::string& url, const ReadyReport& report,
                  const std::function<void(int attempt, const std::string& why)>& failed) {
  const nlohmann::ordered_json json = {
      {"worker_id", report.worker_id}, {"vram_bytes", report.vram_bytes}, {"uri", report.uri}};
  const std::string body = dump_json(json);
  std::string why;
  auto pause = kFirstPause;
  for (int attempt = 1; attempt <= kTries; ++attempt) {
    why = post_once(url, body);
    if (why.empty()) {
      return {};
    }
    failed(attempt, why);
    if (attempt < kTries) {
      std::this_thread::sleep_for(pause);
      pause *= 2;
    }
  }
  return errorf(ErrorCode::io, "failed {} times: {}", kTries, why);
}

}  // namespace llorch
