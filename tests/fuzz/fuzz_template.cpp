// Fuzz target: a chat template. It parses and renders, or fails with a reason, within its budgets, and twice the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "jinja/template.h"

namespace {

using namespace llorch::jinja;

constexpr std::string_view kVariables =
    R"({"messages":[{"role":"user","content":"Hello <|im_end|>"},{"role":"assistant","content":null,"tool_calls":)"
    R"([{"id":"1","function":{"name":"f","arguments":{"a":[1,2.5,"é",null,true]}}}]}],"tools":[{"type":"function"}],)"
    R"("s":"Hello World","i":7,"x":2.5,"L":[3,1,2],"d":{"b":1,"a":[1,2,{"k":"v"}]},"n":null,"t":true})";

std::string rendered(const Template& parsed, const Variables& variables, const Limits& limits) {
  const auto result = parsed.render(variables, limits, std::chrono::local_seconds());
  if (const auto* failure = std::get_if<Failure>(&result)) {
    LL_CHECK(!failure->message.empty() || failure->kind == FailureKind::raised, "a failure has a reason");
    return "failed: " + failure->message;
  }
  const Text& text = std::get<Text>(result);
  LL_CHECK(text.size() <= limits.output_bytes, "no more output than allowed");
  std::size_t bytes = 0;
  text.each_run([&](std::string_view run, Origin) { bytes += run.size(); });
  LL_CHECK(bytes == text.size(), "every byte has an origin");
  return std::string(text.view());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  auto parsed = Template::parse(source);
  if (const auto* failure = std::get_if<Failure>(&parsed)) {
    LL_CHECK(!failure->message.empty() && failure->line > 0,
             "a template that cannot be parsed has a place and a reason");
    return 0;
  }
  Variables variables;
  LL_CHECK(variables.set_members(kVariables, "variables").ok(), "the variables are good");
  variables.set("bos_token", "<s>", Origin::author);
  Limits limits;
  limits.steps = 20'000;
  limits.memory_bytes = 4U << 20U;
  limits.output_bytes = 1U << 20U;
  const auto& once = std::get<Template>(parsed);
  LL_CHECK(rendered(once, variables, limits) == rendered(once, variables, limits), "twice the same");
  return 0;
}
