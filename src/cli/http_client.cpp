// Calls through curl's multi interface, which can wait for our own descriptor too; http_client.h says what it promises.
#include "cli/http_client.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <cctype>
#include <cstring>

#include "base/format.h"
#include "base/version.h"
#include "checkpoint/printable.h"

namespace llorch::cli {
namespace {

constexpr long kConnectMs = 10'000;
constexpr int kPollMs = 1'000;

struct Freed {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, Freed>;

/// What the callback of one call works with.
struct Transfer {
  CURL* easy;
  const HttpClient::OnBody* on_body;
  HttpHead head;
  Status status;  // an error of on_body
};

HttpHead head_of(CURL* easy) {
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
  HttpHead head{static_cast<int>(status), type == nullptr ? "" : type};
  std::string& text = head.content_type;
  text.resize(std::min(text.size(), text.find(';')));
  text.erase(text.find_last_not_of(" \t") + 1);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return head;
}

std::size_t on_data(char* data, std::size_t /*one*/, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (transfer.head.status == 0) {
    transfer.head = head_of(transfer.easy);
  }
  transfer.status = (*transfer.on_body)(transfer.head, {data, size});
  return transfer.status.ok() ? size : 0;  // another number than size ends the transfer
}

bool readable(int fd) {
  pollfd ready = {fd, POLLIN, 0};
  return fd >= 0 && ::poll(&ready, 1, 0) > 0;
}

/// Whether the request was on its way: what failed before is a connection that never was.
bool was_connected(CURL* easy) {
  curl_off_t us = 0;
  return curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &us) == CURLE_OK && us > 0;
}

/// The system's words where it refused a connection (curl's name a port for Unix sockets too), else curl's.
std::string reason_of(CURLcode code, CURL* easy, const char* detail) {
  long number = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number);
  if (code == CURLE_COULDNT_CONNECT && number != 0) {
    return std::strerror(static_cast<int>(number));
  }
  return printable(*detail == '\0' ? curl_easy_strerror(code) : detail, 300);
}

Error error_of(CURLcode code, const std::string& name, double timeout_s, CURL* easy, const char* detail) {
  const std::string why = reason_of(code, easy, detail);
  if (code == CURLE_URL_MALFORMAT || code == CURLE_SSL_CACERT_BADFILE) {
    return errorf(ErrorCode::invalid_argument, "{}: {}", name, why);
  }
  if (!was_connected(easy)) {
    return errorf(ErrorCode::io, "cannot connect to {}: {}", name, why);
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return errorf(ErrorCode::timeout, "{} gave no whole answer within {} s", name, timeout_s);
  }
  return errorf(ErrorCode::io, "the connection to {} was lost: {}", name, why);
}

}  // namespace

struct HttpClient::Handles {
  CURLM* multi = curl_multi_init();
  CURL* easy = curl_easy_init();
  char detail[CURL_ERROR_SIZE] = {};

  Handles() = default;
  ~Handles() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  void set(const HttpClientOptions& options, const HttpCall& call, const Headers& headers);
  CURLcode perform(int stop_fd);
};

void HttpClient::Handles::set(const HttpClientOptions& options, const HttpCall& call, const Headers& headers) {
  curl_easy_reset(easy);
  detail[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(easy, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // "": none, and none from the environment
  curl_easy_setopt(easy, CURLOPT_USERAGENT, fmt::format("llorch/{}", kVersion).c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectMs);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(call.timeout_s * 1000));
  if (!options.unix_path.empty()) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options.unix_path.c_str());
  }
  if (!options.cacert.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options.cacert.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options.insecure ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options.insecure ? 0L : 2L);
  if (call.body) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body->size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call.body->c_str());
  }
}

/// CURLE_ABORTED_BY_CALLBACK: stop_fd became readable.
CURLcode HttpClient::Handles::perform(int stop_fd) {
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) {
    return CURLE_FAILED_INIT;
  }
  CURLcode code = CURLE_OK;
  for (int running = 1; running > 0;) {
    curl_waitfd stop = {stop_fd, CURL_WAIT_POLLIN, 0};
    if (curl_multi_perform(multi, &running) != CURLM_OK ||
        (running > 0 && curl_multi_poll(multi, &stop, stop_fd < 0 ? 0 : 1, kPollMs, nullptr) != CURLM_OK)) {
      code = CURLE_FAILED_INIT;
      break;
    }
    if (readable(stop_fd)) {
      code = CURLE_ABORTED_BY_CALLBACK;
      break;
    }
  }
  int n_left = 0;
  const CURLMsg* message = curl_multi_info_read(multi, &n_left);
  if (code == CURLE_OK && message != nullptr) {
    code = message->data.result;
  }
  curl_multi_remove_handle(multi, easy);  // ends a transfer that is still under way
  return code;
}

HttpClient::HttpClient(HttpClientOptions options) : options_(std::move(options)) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  handles_ = std::make_unique<Handles>();
}

HttpClient::~HttpClient() {
  handles_.reset();
  curl_global_cleanup();
}

Result<HttpHead> HttpClient::call(const HttpCall& call, const OnBody& on_body) {
  if (handles_->multi == nullptr || handles_->easy == nullptr) {
    return Error{ErrorCode::internal, "libcurl cannot be used"};
  }
  Headers headers;
  for (const std::string& header : call.headers) {
    headers.reset(curl_slist_append(headers.release(), header.c_str()));
  }
  handles_->set(options_, call, headers);
  Transfer transfer{handles_->easy, &on_body, {}, {}};
  curl_easy_setopt(handles_->easy, CURLOPT_WRITEFUNCTION, on_data);
  curl_easy_setopt(handles_->easy, CURLOPT_WRITEDATA, &transfer);
  const CURLcode code = handles_->perform(options_.stop_fd);
  if (code == CURLE_ABORTED_BY_CALLBACK) {
    return Error{ErrorCode::cancelled, "interrupted"};
  }
  if (!transfer.status.ok()) {
    return transfer.status.error();
  }
  if (code != CURLE_OK) {
    return error_of(code, options_.name, call.timeout_s, handles_->easy, handles_->detail);
  }
  return head_of(handles_->easy);
}

}  // namespace llorch::cli
