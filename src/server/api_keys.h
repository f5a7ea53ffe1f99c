// ApiKeys: who may use the worker.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace llorch {

class ApiKeys {
 public:
  /// No keys: everybody may.
  ApiKeys() = default;
  /// One key a line, blank lines do not count. ErrorCode::invalid_argument names the file that cannot be used: not
  /// there, without a key, or with one that an HTTP header cannot carry.
  static Result<ApiKeys> read(const std::string& path);

  /// `authorization`: the header, "Bearer KEY". Takes as long for a wrong key as for a right one.
  bool allow(std::string_view authorization) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace llorch
