// Parsing and rendering with the exceptions of this folder caught, and variables from the outside.
#include "jinja/template.h"

#include <algorithm>

#include "jinja/interpreter.h"
#include "jinja/json_text.h"
#include "jinja/parser.h"

namespace llorch::jinja {
namespace {

constexpr std::size_t kConstantBytes = 64U << 20U;  // of a template of kMaxSourceBytes
constexpr std::size_t kVariableBytes = std::size_t{4} << 30U;

Value author_text(Heap& heap, std::string_view text) {
  return {Kind::string, new StringObject(heap, Text(std::string(text), Origin::author))};
}

}  // namespace

Variables::Variables() : heap_(std::make_unique<Heap>(kVariableBytes)), dict_(Kind::dict, new DictObject(*heap_)) {}

void Variables::set(std::string_view name, std::string_view text, Origin origin) {
  set(name, Value(Kind::string, new StringObject(*heap_, Text(std::string(text), origin))));
}

void Variables::set(std::string_view name, Value value) {
  dict_.as<DictObject>().set_text(author_text(*heap_, name), std::move(value));
}

Status Variables::set_json(std::string_view name, std::string_view json) {
  LL_ASSIGN(Value value, from_json(*heap_, json, Origin::input, name));
  set(name, std::move(value));
  return {};
}

Status Variables::set_members(std::string_view json, std::string_view what, std::span<const std::string_view> refused) {
  LL_ASSIGN(const Value value, from_json(*heap_, json, Origin::input, what));
  if (!value.is(Kind::dict)) {
    return Error{ErrorCode::invalid_argument, fmt::format("{}: must be an object", what)};
  }
  for (const auto& [key, item] : value.as<DictObject>().entries) {
    if (std::find(refused.begin(), refused.end(), key.text().view()) != refused.end()) {
      return Error{ErrorCode::invalid_argument, fmt::format("{}: '{}' is not for here", what, key.text().view())};
    }
    dict_.as<DictObject>().set_text(key, item);
  }
  return {};
}

struct Template::Tree {
  Heap heap{kConstantBytes};  // first: the constants in `body` give back to it
  Body body;
};

Template::Template(std::unique_ptr<const Tree> tree) : tree_(std::move(tree)) {}
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;
Template::~Template() = default;

std::variant<Template, Failure> Template::parse(std::string_view source) {
  try {
    auto tree = std::make_unique<Tree>();
    tree->body = parse_template(source, tree->heap);
    return Template(std::move(tree));
  } catch (const Failure& failure) {
    return failure;
  }
}

std::variant<Text, Failure> Template::render(const Variables& variables, const Limits& limits,
                                             std::chrono::local_seconds now) const {
  Runtime runtime(limits, now);
  try {
    Interpreter interpreter(runtime, variables.dict());
    return interpreter.render(tree_->body);
  } catch (const Failure& failure) {
    return failure;
  }
}

Limits limits_for(std::size_t input_bytes) {
  Limits limits;
  limits.steps += static_cast<std::int64_t>(input_bytes);
  limits.memory_bytes += 4 * input_bytes;
  limits.output_bytes += 4 * input_bytes;
  return limits;
}

}  // namespace llorch::jinja
