// JsonNode and JsonDocument.
#include "tokenizer/json_node.h"

#include "base/json.h"
#include "base/utf8.h"

namespace llorch {

std::string one_line(std::string_view text, std::size_t longest) {
  std::string line = repair_utf8(text.substr(0, longest));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      c = ' ';
    }
  }
  return text.size() > longest ? line + "..." : line;
}

std::string found_value(simdjson::dom::element value) {
  return value.is_object() ? "an object" : value.is_array() ? "a list" : one_line(simdjson::minify(value));
}

Error JsonNode::wrong_type(std::string_view wanted) const {
  if (!present_) {
    return error("is missing, {} is needed", wanted);
  }
  return error("is {}, {} is needed", found_value(value_), wanted);
}

JsonNode JsonNode::get(std::string_view key) const {
  std::string path = path_ == "(root)" ? std::string(key) : fmt::format("{}.{}", path_, key);
  simdjson::dom::element child;
  if (!is_object() || value_.at_key(key).get(child) != simdjson::SUCCESS) {
    return {file_, std::move(path)};
  }
  return {file_, std::move(path), child};
}

Result<simdjson::dom::array> JsonNode::array() const {
  simdjson::dom::array array;
  if (!present_ || value_.get(array) != simdjson::SUCCESS) {
    return wrong_type("an array");
  }
  return array;
}

Result<std::vector<JsonNode>> JsonNode::items() const {
  LL_ASSIGN(const simdjson::dom::array elements, array());
  std::vector<JsonNode> nodes;
  for (const simdjson::dom::element item : elements) {
    nodes.emplace_back(file_, fmt::format("{}[{}]", path_, nodes.size()), item);
  }
  return nodes;
}

Result<std::string_view> JsonNode::string() const {
  std::string_view text;
  if (!present_ || value_.get(text) != simdjson::SUCCESS) {
    return wrong_type("a string");
  }
  return text;
}

Result<std::int64_t> JsonNode::integer() const {
  std::int64_t number = 0;
  if (!present_ || value_.get(number) != simdjson::SUCCESS) {
    return wrong_type("an integer");
  }
  return number;
}

Result<double> JsonNode::number() const {
  double number = 0;
  if (!present_ || value_.get(number) != simdjson::SUCCESS) {
    return wrong_type("a number");
  }
  return number;
}

Result<bool> JsonNode::boolean() const {
  bool value = false;
  if (!present_ || value_.get(value) != simdjson::SUCCESS) {
    return wrong_type("true or false");
  }
  return value;
}

Result<bool> JsonNode::boolean_or(std::string_view key, bool fallback) const {
  const JsonNode node = get(key);
  return node.is_null() ? Result<bool>(fallback) : node.boolean();
}

Result<std::int64_t> JsonNode::integer_or(std::string_view key, std::int64_t fallback) const {
  const JsonNode node = get(key);
  return node.is_null() ? Result<std::int64_t>(fallback) : node.integer();
}

Result<std::string> JsonNode::string_or(std::string_view key, std::string_view fallback) const {
  const JsonNode node = get(key);
  if (node.is_null()) {
    return std::string(fallback);
  }
  LL_ASSIGN(const std::string_view text, node.string());
  return std::string(text);
}

Result<simdjson::dom::object> JsonNode::object() const {
  simdjson::dom::object object;
  if (!present_ || value_.get(object) != simdjson::SUCCESS) {
    return wrong_type("an object");
  }
  return object;
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, const std::string& name) {
  JsonDocument document;
  document.name_ = std::make_unique<const std::string>(name);
  document.parser_ = std::make_unique<simdjson::dom::parser>();
  simdjson::error_code error = document.parser_->allocate(text.size(), kMaxJsonDepth);
  if (error == simdjson::SUCCESS) {
    error = document.parser_->parse(text.data(), text.size()).get(document.root_);
  }
  if (error != simdjson::SUCCESS) {
    return errorf(ErrorCode::model_file, "{}: not valid JSON: {}", name, simdjson::error_message(error));
  }
  return document;
}

Result<JsonDocument> JsonDocument::parse(std::span<const std::byte> bytes, const std::string& name) {
  return parse(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), name);
}

}  // namespace llorch
