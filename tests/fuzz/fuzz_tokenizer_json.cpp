// Fuzz target: up to the first zero byte a text, the rest a tokenizer.json; then the text goes in and comes out.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "support/promises.h"
#include "tokenizer/tokenizer.h"

namespace {

void stream_all(const llorch::Tokenizer& tokenizer, const std::vector<std::int32_t>& ids, bool skip_special) {
  llorch::StreamDecoder decoder(tokenizer, true, skip_special);
  std::string text;
  for (const std::int32_t id : ids) {
    text += decoder.push(id);
  }
  text += decoder.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  const std::string_view text = zero == std::string_view::npos ? "a <s>b" : input.substr(0, zero);
  const std::string_view json = zero == std::string_view::npos ? input : input.substr(zero + 1);
  const auto tokenizer = llorch::parse_tokenizer_json(json, "fuzz.json");
  if (!tokenizer.ok()) {
    llorch::testing::check_error(tokenizer.error(), "fuzz.json: ");
    return 0;
  }
  for (const bool parse_special : {false, true}) {
    const auto ids = (*tokenizer)->encode(text, {parse_special, true});
    for (const bool skip_special : {false, true}) {
      if (!(*tokenizer)->decode(ids, skip_special).ok()) {
        std::abort();  // ids of our own are in range
      }
      stream_all(**tokenizer, ids, skip_special);
    }
  }
  static_cast<void>((*tokenizer)->decode(std::vector<std::int32_t>{-1}, false).ok());
  for (std::int32_t id = -1; id <= (*tokenizer)->vocab_size(); ++id) {
    static_cast<void>((*tokenizer)->piece(id));
  }
  return 0;
}
