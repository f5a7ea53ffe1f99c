// Fields: the members of a JSON body read one by one, with everything that is wrong with them collected on the way, so
// that a client mends all faults at once.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/http.h"

namespace llorch {

struct FieldError {
  std::string field;       // "top_p", "stop[2]"
  std::string constraint;  // "range(0,1)"
  std::string message;     // "must be between 0 and 1"
  std::string value;       // as JSON, shortened
};
/// "messages required": which field broke which rule, first of all; for logs, which tell no values.
std::string reason_of(const std::vector<FieldError>& errors);
/// {"errors":[...]}
std::string errors_body(const std::vector<FieldError>& errors);
/// Answers 400 with them.
void respond_errors(ResponseWriter& writer, const std::vector<FieldError>& errors);

using OrderedJson = nlohmann::ordered_json;

class Fields {
 public:
  /// `object` must outlive this.
  explicit Fields(const OrderedJson& object) : object_(object) {}

  std::vector<FieldError> errors;

  /// The last one that there is room for says that there are more.
  void fault(std::string field, std::string constraint, std::string message, const OrderedJson* value);
  bool full() const { return errors.size() >= kMaxErrors; }
  /// The value of a field; remembers that the name is known. null is the same as absent: many clients write it so.
  const OrderedJson* find(const std::string& name);
  void number(const std::string& name, double low, double high, float& out);
  std::optional<int> integer(const std::string& name, int low, int high);
  void boolean(const std::string& name, bool& out);
  /// Faults when `value` is no string of that many bytes.
  bool is_text(const std::string& name, const OrderedJson& value, std::size_t low, std::size_t high);
  void refuse_unknown();

 private:
  static constexpr std::size_t kMaxErrors = 64;  // of one answer: a body of faults must not become a far larger one

  const OrderedJson& object_;
  std::set<std::string> known_;
};

/// The body of a request, which must be one JSON object.
std::variant<OrderedJson, FieldError> parse_object(std::string_view body);

}  // namespace llorch
