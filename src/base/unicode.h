// Unicode properties and canonical composition, as pre-tokenizers and normalisers of tokenizers need them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace llorch {

/// General categories, in the order of the generated table.
// clang-format off
enum class Category : std::uint8_t {
  cn, lu, ll, lt, lm, lo, mn, mc, me, nd, nl, no, pc, pd, ps, pe, pi, pf, po, sm, sc, sk, so, zs, zl, zp, cc, cf, cs, co
};
// clang-format on

Category category_of(char32_t c);
/// Calls fn(first, last, category) for every run of code points of one category, in order.
void for_each_category_run(const std::function<void(char32_t, char32_t, Category)>& fn);

constexpr bool is_letter(Category c) {
  return c >= Category::lu && c <= Category::lo;
}  // \p{L}
constexpr bool is_mark(Category c) {
  return c >= Category::mn && c <= Category::me;
}  // \p{M}
constexpr bool is_number(Category c) {
  return c >= Category::nd && c <= Category::no;
}  // \p{N}
constexpr bool is_punctuation(Category c) {
  return c >= Category::pc && c <= Category::po;
}

/// The White_Space property: \s of the regular expressions in tokenizer.json.
bool is_white_space(char32_t c);
/// \w of Rust's regex: Alphabetic, marks, decimal digits, connectors, joiners.
bool is_word(char32_t c);

/// Normalization Form C of UTF-8 text (invalid bytes are left as they are).
std::string to_nfc(std::string_view text);

}  // namespace llorch
