#include "server/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/format.h"

namespace llorch {
namespace {

constexpr std::string_view kScheme = "bearer ";
constexpr std::size_t kMaxFileBytes = 1 << 20;

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

/// Digests have one length, so that comparing them tells nothing of a key's.
Digest digest_of(std::string_view text) {
  Digest digest;
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

bool is_key(std::string_view line) {
  for (const char c : line) {
    if (c <= 0x20 || c >= 0x7f) {
      return false;
    }
  }
  return true;
}

bool has_scheme(std::string_view authorization) {
  if (authorization.size() < kScheme.size()) {
    return false;
  }
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kScheme[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<ApiKeys> ApiKeys::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return errorf(ErrorCode::invalid_argument, "--api-key-file {}: {}", path, std::strerror(errno));
  }
  ApiKeys keys;
  std::size_t bytes = 0;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    bytes += line.size() + (file.eof() ? 0 : 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
      line.pop_back();
    }
    if (bytes > kMaxFileBytes) {
      return errorf(ErrorCode::invalid_argument, "--api-key-file {}: is longer than {} bytes", path, kMaxFileBytes);
    }
    if (!is_key(line)) {
      return errorf(ErrorCode::invalid_argument, "--api-key-file {}: line {} is no key of printable ASCII", path,
                    number);
    }
    if (!line.empty()) {
      keys.keys_.push_back(line);
    }
  }
  if (file.bad() || keys.keys_.empty()) {
    return errorf(ErrorCode::invalid_argument, "--api-key-file {}: {}", path,
                  file.bad() ? "cannot be read" : "holds no key");
  }
  return keys;
}

bool ApiKeys::allow(std::string_view authorization) const {
  if (keys_.empty()) {
    return true;
  }
  if (!has_scheme(authorization)) {
    return false;
  }
  const Digest given = digest_of(authorization.substr(kScheme.size()));
  int matches = 0;
  for (const std::string& key : keys_) {  // all of them, whatever the first says
    matches += ::CRYPTO_memcmp(given.data(), digest_of(key).data(), given.size()) == 0 ? 1 : 0;
  }
  return matches > 0;
}

}  // namespace llorch
