// Fuzz target: up to the first zero byte a text, the rest a tokenizer.json; then the text goes in and comes out.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "support/promises.h"
#include "tokenizer/tokenizer.h"

namespace {

using Ids = std::vector<std::int32_t>;

/// What a stream gives, joined, is what decode() gives.
void check_stream(const llorch::Tokenizer& tokenizer, const Ids& ids, bool skip_special) {
  const auto whole = tokenizer.decode(ids, skip_special);
  LL_CHECK(whole.ok(), "ids of our own are in range");
  llorch::StreamDecoder decoder(tokenizer, true, skip_special);
  std::string text;
  for (const std::int32_t id : ids) {
    text += decoder.push(id);
    LL_CHECK(llorch::is_utf8(text), "a stream gives whole characters");
  }
  text += decoder.finish();
  LL_CHECK(text == *whole, "a stream's pieces are the text");
}

/// All of one segment, trusted, is the text with special tokens parsed.
void check_segments(const llorch::Tokenizer& tokenizer, std::string_view text) {
  const llorch::TextSegment whole[] = {{text, true}};
  LL_CHECK(tokenizer.encode_segments(whole, {}) == tokenizer.encode(text, {true, false}), "trusted text is parsed");
  const std::string_view head = text.substr(0, text.size() / 2);
  const llorch::TextSegment mixed[] = {{head, true}, {text.substr(head.size()), false}, {text, true}};
  static_cast<void>(tokenizer.encode_segments(mixed, {}));
  const llorch::TextSegment user[] = {{text, false}};
  for (const std::int32_t id : tokenizer.encode_segments(user, {})) {
    static_cast<void>(tokenizer.is_control(id));
  }
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
    check_stream(**tokenizer, ids, false);
    check_stream(**tokenizer, ids, true);
  }
  check_segments(**tokenizer, text);
  Ids all;
  for (std::int32_t id = 0; id < (*tokenizer)->vocab_size() && all.size() < 4096; ++id) {
    all.push_back(id);
    all.push_back((id * 7) % (*tokenizer)->vocab_size());
  }
  check_stream(**tokenizer, all, true);
  static_cast<void>((*tokenizer)->decode(std::vector<std::int32_t>{-1}, false).ok());
  for (std::int32_t id = -1; id <= (*tokenizer)->vocab_size(); ++id) {
    static_cast<void>((*tokenizer)->piece(id));
  }
  return 0;
}
