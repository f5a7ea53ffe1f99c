// Result<T> and Status: how every expected failure in llorch is returned.
//
// A message is one sentence that names the file, the field and the value at fault; the code decides what a
// program does with it (exit code, HTTP status). Broken invariants use LL_CHECK (base/check.h) instead.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/check.h"

namespace llorch {

enum class ErrorCode {
  invalid_argument,  // the caller's value is out of range or malformed
  model_file,        // the checkpoint or tokenizer cannot be used: damaged, inconsistent, unknown architecture or type
  unsupported,       // a valid model, but not for what was asked of it: a chat template that llorch does not know
  device,            // the device is absent, cannot do what was asked, or gave a wrong answer
  out_of_memory,     // the device or host has too little memory for what was asked
  io,                // the operating system refused: open, read, bind, connect
  cancelled,
  timeout,
  internal,  // a fault of llorch or of numbers that a model produced (NaN logits)
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

/// A value or an Error. `value()` on an error is a broken invariant and aborts.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    LL_CHECK(!ok(), "error() of a Result that holds a value");
    return error_;
  }
  T& value() & {
    LL_CHECK(ok(), error_.message.c_str());
    return *value_;
  }
  const T& value() const& {
    LL_CHECK(ok(), error_.message.c_str());
    return *value_;
  }
  T&& value() && {
    LL_CHECK(ok(), error_.message.c_str());
    return std::move(*value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::optional<T> value_;
  Error error_;
};

/// Success or an Error. `return {};` is success.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    LL_CHECK(!ok(), "error() of an ok Status");
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace llorch

#define LL_CONCAT_INNER(a, b) a##b
#define LL_CONCAT(a, b) LL_CONCAT_INNER(a, b)
/// LL_TRY(expr): returns the error of a Status or Result from the enclosing function, else goes on.
#define LL_TRY(expr)                            \
  do {                                          \
    if (auto ll_try_ = (expr); !ll_try_.ok()) { \
      return ll_try_.error();                   \
    }                                           \
  } while (false)
/// LL_ASSIGN(auto x, expr): binds the value of a Result, or returns its error from the enclosing function.
#define LL_ASSIGN(decl, expr) LL_ASSIGN_INNER(LL_CONCAT(ll_result_, __LINE__), decl, expr)
#define LL_ASSIGN_INNER(tmp, decl, expr) \
  auto tmp = (expr);                     \
  if (!tmp.ok()) {                       \
    return tmp.error();                  \
  }                                      \
  decl = std::move(tmp).value()
