// Normalizers, one function for each step.
#include "tokenizer/normalize.h"

#include "base/unicode.h"

namespace llorch {
namespace {

std::string run_step(const NfcStep&, const std::string& text) {
  return to_nfc(text);
}
std::string run_step(const PrependStep& step, const std::string& text) {
  return text.empty() ? text : step.text + text;
}
std::string run_step(const ReplaceStep& step, const std::string& text) {
  return replace_all(text, step.from, step.to);
}

}  // namespace

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = from.empty() ? std::string_view::npos : text.find(from, at);
    out += text.substr(at, found - at);
    if (found == std::string_view::npos) {
      break;
    }
    out += to;
    at = found + from.size();
  }
  return out;
}

std::string normalize(const std::vector<NormalizeStep>& steps, std::string_view text) {
  std::string out(text);
  for (const NormalizeStep& step : steps) {
    out = std::visit([&](const auto& known) { return run_step(known, out); }, step);
  }
  return out;
}

}  // namespace llorch
