// RegexProgram: what a regular expression is compiled into. Private to regex_*.cpp.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "tokenizer/char_set.h"
#include "tokenizer/regex_tree.h"

namespace llorch {

/// The first bytes with which something can begin; bit 256: the end of the text, or nothing at all.
using FirstBytes = std::bitset<257>;
inline constexpr std::size_t kEndOfText = 256;

struct RegexInst {
  enum class Op : std::uint8_t {
    match,      // the whole expression has matched
    done,       // the body of a look or atomic group has matched
    byte,       // the byte `a`
    set,        // a character of set `a`
    set_back,   // a character of set `a` that ends here; go to its begin
    alternate,  // the targets of alternative list `a`, in order
    split,      // `a`, or else `b`
    jump,       // to `a`
    loop_back,  // to the split `a`, or past it (`b`) when nothing was consumed since it
    run,        // min to max (-1: no limit) characters of set `a`
    look,       // a look-around whose body follows; the rest begins at `a`
    atomic,     // a group whose body follows; the rest begins at `a`
    assertion,  // `place`
  };
  enum class Inside : std::uint8_t { nothing, look, atomic };  // the innermost group around it that ends with `done`

  Op op = Op::match;
  Inside inside = Inside::nothing;
  RegexNode::Greed greed = RegexNode::Greed::greedy;  // run
  RegexNode::Place place = RegexNode::Place::line_begin;
  bool negative = false;   // look
  bool is_loop = false;    // split: some path comes back to it
  bool null_loop = false;  // split: some path comes back without having consumed anything
  std::int32_t a = 0;
  std::int32_t b = 0;
  std::int32_t min = 0;
  std::int32_t max = 0;
  std::int32_t memo = -1;    // row of the table of what is known, or -1
  std::int32_t cache = -1;   // run without limit: its place among the caches of runs
  std::int32_t first_a = 0;  // split: FirstBytes of a and b; run: first_a is that of what follows
  std::int32_t first_b = 0;
};

struct RegexProgram {
  struct Alternatives {
    std::vector<std::int32_t> targets;         // at most 64
    std::array<std::uint64_t, 257> by_byte{};  // which may begin with a byte
  };
  std::vector<RegexInst> insts;
  std::vector<CharTable> sets;
  std::vector<Alternatives> alternatives;
  std::vector<FirstBytes> firsts;
  FirstBytes first;  // of the whole
  int n_memo = 0;
  int n_caches = 0;
  bool has_groups = false;  // looks or atomic groups
  bool has_null_loops = false;
  bool nullable = false;  // some match may be empty
};

/// Instructions of a program, at most.
inline constexpr std::size_t kMaxRegexInsts = 8192;

/// Fails when the program would be too large.
Result<RegexProgram> compile_regex(const RegexTree& tree);

}  // namespace llorch
