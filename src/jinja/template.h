// Template: a chat template, parsed once, rendered by any number of threads. The only door into this folder for the
// rest of llorch, and the place where its exceptions end.
//
// The language is Jinja 2 as transformers sets it up: sandboxed and immutable, trim_blocks, lstrip_blocks, loop
// controls, {% generation %}, tojson without ASCII escapes, raise_exception, strftime_now. A template sees its
// variables and the time that it is given, and nothing else.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "jinja/failure.h"
#include "jinja/runtime.h"
#include "jinja/text.h"

namespace llorch::jinja {

/// The variables of one render, and the memory that they lie in.
class Variables {
 public:
  Variables();
  /// A text of the given origin.
  void set(std::string_view name, std::string_view text, Origin origin);
  /// A value in heap(), or one without memory.
  void set(std::string_view name, Value value);
  void set(std::string_view name, bool value) { set(name, Value(value)); }
  void set_none(std::string_view name) { set(name, Value::none()); }
  /// One JSON document; every text in it is Origin::input. ErrorCode::invalid_argument names `name` and the place.
  Status set_json(std::string_view name, std::string_view json);
  /// Every member of a JSON object as a variable; `refused` are names that it may not have.
  Status set_members(std::string_view json, std::string_view what, std::span<const std::string_view> refused = {});
  /// nullptr when there is none.
  const Value* find(std::string_view name) const { return dict_.as<DictObject>().get(name); }
  const Value& dict() const { return dict_; }
  Heap& heap() { return *heap_; }
  /// Memory that the values take.
  std::size_t bytes() const { return heap_->used(); }

 private:
  std::unique_ptr<Heap> heap_;
  Value dict_;
};

class Template {
 public:
  /// Failures carry line and column. FailureKind::syntax or ::budget.
  static std::variant<Template, Failure> parse(std::string_view source);

  /// The rendered text, or why not. Limits of memory, output and steps grow with the variables (see limits_for).
  std::variant<Text, Failure> render(const Variables& variables, const Limits& limits,
                                     std::chrono::local_seconds now) const;

  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;
  ~Template();

 private:
  struct Tree;
  explicit Template(std::unique_ptr<const Tree> tree);
  std::unique_ptr<const Tree> tree_;
};

/// Limits for variables of `input_bytes`: a long conversation may be copied a few times, on top of what a short one
/// may.
Limits limits_for(std::size_t input_bytes);

}  // namespace llorch::jinja
