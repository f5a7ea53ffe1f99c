// The matcher: backtracking with a stack of its own. Every branch (instruction, position) that failed is remembered
// over all attempts on a text, so that it is entered once: without back references, what can follow depends on nothing
// else. Within look-arounds and atomic groups success is remembered too, because their paths are given up when they
// succeed.
#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_map>

#include "base/utf8.h"
#include "tokenizer/regex.h"
#include "tokenizer/regex_memo.h"
#include "tokenizer/regex_program.h"

namespace llorch {
namespace {

using Op = RegexInst::Op;
using Inside = RegexInst::Inside;
using Greed = RegexNode::Greed;
using Place = RegexNode::Place;

/// A branch on the way here. It stays while its last way out is tried: when it is popped then, it has failed.
struct Branch {
  std::uint32_t pc = 0;
  std::uint32_t at = 0;
  std::uint64_t rest = 0;  // alternate: targets left; split: 1 when b is left; run: see pack(); look, atomic: the
                           // group's frame outside
};

/// A run of characters that was measured, and what is known of giving some back: what follows it fails from
/// `failed_from` to `end`.
struct KnownRun {
  std::uint32_t begin = 1;
  std::uint32_t end = 0;  // nothing known while end < begin
  std::uint32_t failed_from = 0;
};

constexpr std::uint64_t pack(std::uint32_t at, std::uint32_t limit) {
  return std::uint64_t{limit} << 32 | at;
}

/// Memory for what is known, at most; then it is forgotten, which costs time only. (Loops that may go round without
/// consuming anything need what is known: there the attempt fails.)
constexpr std::size_t kMaxMemoBytes = std::size_t{256} << 20;
constexpr std::size_t kMaxEnds = std::size_t{1} << 21;
/// Branches on the way, at most: an attempt that needs more fails.
constexpr std::size_t kMaxBranches = std::size_t{1} << 25;
/// Texts are matched in portions of this size: offsets have 32 bits.
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;

}  // namespace

struct RegexScratch::State {
  std::vector<Branch> branches;
  std::vector<KnownRun> runs;
  RegexMemo memo;
  std::unordered_map<std::uint64_t, std::uint32_t> ends;  // (memo row, position) of atomic groups -> end
  std::uint64_t steps = 0;
};

RegexScratch::RegexScratch() : state_(std::make_unique<State>()) {}
RegexScratch::~RegexScratch() = default;
RegexScratch::RegexScratch(RegexScratch&&) noexcept = default;
RegexScratch& RegexScratch::operator=(RegexScratch&&) noexcept = default;
std::uint64_t RegexScratch::steps() const {
  return state_->steps;
}

namespace {

/// One text and one program. `State` is RegexScratch::State, which has no name here.
template <class State>
class Matcher {
 public:
  Matcher(const RegexProgram& program, std::string_view text, State& state)
      : p_(program), text_(text), size_(static_cast<std::uint32_t>(text.size())), s_(state) {
    s_.branches.clear();
    s_.runs.assign(static_cast<std::size_t>(p_.n_caches), {});
    forget_all();
    s_.ends.clear();
  }

  /// The end of the match that begins at `start`.
  std::optional<std::uint32_t> match_at(std::uint32_t start);
  /// The first place from `at` on where a match may begin, at most the size.
  std::uint32_t candidate(std::uint32_t at) const {
    while (!p_.first[byte_at(at)] && at < size_) {
      at = next(at);
    }
    return at;
  }
  std::uint32_t next(std::uint32_t at) const { return at + length_at(at); }
  void forget_before(std::uint32_t at) { s_.memo.forget_before(at); }

 private:
  enum class Step { go, fail };

  Step visit(const RegexInst& inst);
  Step visit_alternate(const RegexInst& inst);
  Step visit_split(const RegexInst& inst);
  Step visit_run(const RegexInst& inst);
  Step visit_group(const RegexInst& inst);
  Step leave_group();
  bool resume();
  bool resume_run(const RegexInst& inst, Branch& branch);
  bool resume_group(const RegexInst& inst, Branch branch);
  Step enter_run(const RegexInst& inst, std::uint32_t low, std::uint32_t end);
  std::uint32_t end_of_run(const RegexInst& inst, std::uint32_t* low);
  std::uint32_t measure(const RegexInst& inst, std::uint32_t at, std::uint32_t most, std::uint32_t min,
                        std::uint32_t* low);
  void measure_run(const RegexInst& inst, KnownRun& run);
  bool holds(Place place) const;
  bool is_word_at(std::uint32_t at) const;

  std::size_t byte_at(std::uint32_t at) const {
    return at < size_ ? static_cast<unsigned char>(text_[at]) : kEndOfText;
  }
  std::uint32_t length_at(std::uint32_t at) const {
    const auto lead = static_cast<unsigned char>(text_[at]);
    if (lead < 0x80) {
      return 1;
    }
    return static_cast<std::uint32_t>(decode_utf8(text_.substr(at)).length);
  }
  std::uint32_t before(std::uint32_t at) const {
    --at;
    while (at > 0 && (static_cast<unsigned char>(text_[at]) & 0xC0) == 0x80) {
      --at;
    }
    return at;
  }
  /// The end of a character of `set` at `at`, or 0.
  std::uint32_t after_one(int set, std::uint32_t at) const {
    if (at >= size_) {
      return 0;
    }
    const CharTable& table = p_.sets[static_cast<std::size_t>(set)];
    const auto lead = static_cast<unsigned char>(text_[at]);
    if (lead < 0x80) {
      return table.has_ascii(lead) ? at + 1 : 0;
    }
    const Utf8Char c = decode_utf8(text_.substr(at));
    return table.has(c.code) ? at + static_cast<std::uint32_t>(c.length) : 0;
  }

  const RegexInst& inst_at(std::uint32_t pc) const { return p_.insts[pc]; }
  const FirstBytes& first(std::int32_t index) const { return p_.firsts[static_cast<std::size_t>(index)]; }
  void jump(std::int32_t pc) { pc_ = static_cast<std::uint32_t>(pc); }
  void push(std::uint64_t rest) { s_.branches.push_back({pc_, at_, rest}); }

  void forget_all() {
    const std::size_t kinds = 1 + (p_.has_groups ? 1u : 0u) + (p_.has_null_loops ? 1u : 0u);
    s_.memo.reset(static_cast<std::size_t>(p_.n_memo) * kinds, text_.size());
  }
  bool is_full() const { return s_.memo.size_bytes() > kMaxMemoBytes; }
  bool failed(const RegexInst& inst, std::uint32_t at) const {
    return s_.memo.get(static_cast<std::size_t>(inst.memo), at);
  }
  void set_failed(const RegexInst& inst, std::uint32_t at) {
    if (is_full() && !p_.has_null_loops) {
      forget_all();
    }
    s_.memo.set(static_cast<std::size_t>(inst.memo), at);
  }
  // The second kind of rows: a look-around holds, or a branch within one leads to its end.
  std::size_t held_row(const RegexInst& inst) const { return static_cast<std::size_t>(p_.n_memo + inst.memo); }
  // The last kind: a loop that may go round without consuming anything has been entered here, and is on the way.
  std::size_t open_row(const RegexInst& inst) const {
    return static_cast<std::size_t>(p_.n_memo * (p_.has_groups ? 2 : 1) + inst.memo);
  }
  std::uint64_t end_key(const RegexInst& inst, std::uint32_t at) const {
    return static_cast<std::uint64_t>(inst.memo) << 32 | at;
  }
  /// True when the group around this branch is known to end from here; then at_ and pc_ are those of its `done`.
  bool ends_group(const RegexInst& inst);

  const RegexProgram& p_;
  std::string_view text_;
  std::uint32_t size_;
  State& s_;
  std::uint32_t pc_ = 0;
  std::uint32_t at_ = 0;
  std::uint64_t frame_ = 0;  // 1 + the index of the innermost group's branch
};

template <class State>
std::optional<std::uint32_t> Matcher<State>::match_at(std::uint32_t start) {
  pc_ = 0;
  at_ = start;
  frame_ = 0;
  std::optional<std::uint32_t> end;
  for (;;) {
    const RegexInst& inst = inst_at(pc_);
    ++s_.steps;
    if (inst.op == Op::match) {
      end = at_;
      break;
    }
    const bool too_much = s_.branches.size() > kMaxBranches || (p_.has_null_loops && is_full());
    if (too_much || (visit(inst) == Step::fail && !resume())) {
      break;
    }
  }
  if (p_.has_null_loops) {
    for (const Branch& branch : s_.branches) {
      if (inst_at(branch.pc).null_loop) {
        s_.memo.clear(open_row(inst_at(branch.pc)), branch.at);
      }
    }
  }
  s_.branches.clear();
  if (is_full()) {
    forget_all();
  }
  return end;
}

template <class State>
typename Matcher<State>::Step Matcher<State>::visit(const RegexInst& inst) {
  switch (inst.op) {
    case Op::byte:
      if (byte_at(at_) != static_cast<std::size_t>(inst.a)) {
        return Step::fail;
      }
      ++at_;
      ++pc_;
      return Step::go;
    case Op::set: {
      const std::uint32_t end = after_one(inst.a, at_);
      at_ = end;
      ++pc_;
      return end == 0 ? Step::fail : Step::go;
    }
    case Op::set_back: {
      if (at_ == 0) {
        return Step::fail;
      }
      at_ = before(at_);
      ++pc_;
      return after_one(inst.a, at_) == 0 ? Step::fail : Step::go;
    }
    case Op::alternate:
      return visit_alternate(inst);
    case Op::split:
      return visit_split(inst);
    case Op::jump:
      jump(inst.a);
      return Step::go;
    case Op::loop_back:
      jump(s_.memo.get(open_row(inst_at(static_cast<std::uint32_t>(inst.a))), at_) ? inst.b : inst.a);
      return Step::go;
    case Op::run:
      return visit_run(inst);
    case Op::look:
    case Op::atomic:
      return visit_group(inst);
    case Op::done:
      return leave_group();
    case Op::assertion:
      ++pc_;
      return holds(inst.place) ? Step::go : Step::fail;
    case Op::match:
      break;
  }
  return Step::fail;
}

template <class State>
bool Matcher<State>::ends_group(const RegexInst& inst) {
  if (inst.inside == Inside::look) {
    return s_.memo.get(held_row(inst), at_);
  }
  if (inst.inside == Inside::atomic && !s_.ends.empty()) {
    const auto known = s_.ends.find(end_key(inst, at_));
    if (known != s_.ends.end()) {
      at_ = known->second;
      return true;
    }
  }
  return false;
}

template <class State>
typename Matcher<State>::Step Matcher<State>::visit_alternate(const RegexInst& inst) {
  const auto& list = p_.alternatives[static_cast<std::size_t>(inst.a)];
  const std::uint64_t targets = list.by_byte[byte_at(at_)];
  if (targets == 0) {
    return Step::fail;
  }
  const auto chosen = static_cast<std::size_t>(std::countr_zero(targets));
  const std::uint64_t rest = targets & (targets - 1);
  if (rest != 0) {
    if (failed(inst, at_)) {
      return Step::fail;
    }
    if (ends_group(inst)) {
      return leave_group();
    }
    push(rest);
  }
  jump(list.targets[chosen]);
  return Step::go;
}

template <class State>
typename Matcher<State>::Step Matcher<State>::visit_split(const RegexInst& inst) {
  const std::size_t byte = byte_at(at_);
  const bool a = first(inst.first_a)[byte];
  const bool b = first(inst.first_b)[byte];
  if (!a && !b) {
    return Step::fail;
  }
  if ((a && b) || inst.is_loop) {  // all loops are remembered: nothing else may go round
    if (failed(inst, at_)) {
      return Step::fail;
    }
    if (ends_group(inst)) {
      return leave_group();
    }
    push(a && b ? 1 : 0);
    if (inst.null_loop) {
      s_.memo.set(open_row(inst), at_);
    }
  }
  jump(a ? inst.a : inst.b);
  return Step::go;
}

/// The end of up to `most` characters from `at`; *low: the end of the first `min`, or kNone when there are fewer.
template <class State>
std::uint32_t Matcher<State>::measure(const RegexInst& inst, std::uint32_t at, std::uint32_t most, std::uint32_t min,
                                      std::uint32_t* low) {
  const std::uint32_t begin = at;
  *low = min == 0 ? at : UINT32_MAX;
  std::uint32_t n = 0;
  while (n < most) {
    const std::uint32_t end = after_one(inst.a, at);
    if (end == 0) {
      break;
    }
    at = end;
    if (++n == min) {
      *low = at;
    }
  }
  s_.steps += at - begin;
  return at;
}

/// Measures the run at at_. One that grows to the left, as backtracking makes it, is not measured again.
template <class State>
void Matcher<State>::measure_run(const RegexInst& inst, KnownRun& run) {
  std::uint32_t at = at_;
  while (at != run.begin || run.end < run.begin) {
    const std::uint32_t end = after_one(inst.a, at);
    if (end == 0) {
      s_.steps += at - at_;
      run = {at_, at, at + 1};
      return;
    }
    at = end;
  }
  s_.steps += at - at_;
  run.begin = at_;
}

template <class State>
typename Matcher<State>::Step Matcher<State>::visit_run(const RegexInst& inst) {
  const auto min = static_cast<std::uint32_t>(inst.min);
  std::uint32_t low = at_;
  std::uint32_t end = 0;
  if (inst.max >= 0) {
    const auto max = static_cast<std::uint32_t>(inst.max);
    end = measure(inst, at_, inst.greed == Greed::lazy ? min : max, min, &low);
    if (low == UINT32_MAX) {
      return Step::fail;
    }
    return enter_run(inst, low, end);
  }
  KnownRun& run = s_.runs[static_cast<std::size_t>(inst.cache)];
  if (at_ < run.begin || at_ > run.end) {
    measure_run(inst, run);
  }
  end = run.end;
  if (min > 0) {  // it is 1
    if (at_ >= end) {
      return Step::fail;
    }
    low = next(at_);
  } else {
    low = at_;
  }
  return enter_run(inst, low, end);
}

/// Goes on at `end`, or at `low` when lazy, and leaves the others for later.
template <class State>
typename Matcher<State>::Step Matcher<State>::enter_run(const RegexInst& inst, std::uint32_t low, std::uint32_t end) {
  if (inst.greed == Greed::possessive) {
    at_ = end;
    ++pc_;
    return Step::go;
  }
  if (inst.greed == Greed::greedy && low == end) {
    at_ = end;
    ++pc_;
    return Step::go;
  }
  if (failed(inst, at_)) {
    return Step::fail;
  }
  if (ends_group(inst)) {
    return leave_group();
  }
  if (inst.greed == Greed::lazy) {
    push(pack(low, static_cast<std::uint32_t>(inst.min)));
    at_ = low;
    ++pc_;
    return Step::go;
  }
  if (inst.max < 0) {
    const KnownRun& run = s_.runs[static_cast<std::size_t>(inst.cache)];
    if (run.failed_from <= end) {  // as far as is known, only less will do
      if (run.failed_from <= low) {
        return Step::fail;
      }
      push(pack(run.failed_from, low));
      return Step::fail;  // resumes the branch just pushed
    }
  }
  push(pack(end, low));
  at_ = end;
  ++pc_;
  return Step::go;
}

template <class State>
typename Matcher<State>::Step Matcher<State>::visit_group(const RegexInst& inst) {
  if (failed(inst, at_)) {
    return Step::fail;
  }
  if (inst.op == Op::look && s_.memo.get(held_row(inst), at_)) {
    jump(inst.a);
    return Step::go;
  }
  if (inst.op == Op::atomic && !s_.ends.empty()) {
    // Its own key differs from those of the branches in it: rows are of one instruction each.
    const auto known = s_.ends.find(end_key(inst, at_));
    if (known != s_.ends.end()) {
      at_ = known->second;
      jump(inst.a);
      return Step::go;
    }
  }
  push(frame_);
  frame_ = s_.branches.size();
  ++pc_;
  return Step::go;
}

/// The body of the innermost group has matched up to at_: its branches are given up.
template <class State>
typename Matcher<State>::Step Matcher<State>::leave_group() {
  const std::size_t index = static_cast<std::size_t>(frame_) - 1;
  const Branch frame = s_.branches[index];
  const RegexInst& group = inst_at(frame.pc);
  if (s_.ends.size() > kMaxEnds) {
    s_.ends.clear();
  }
  for (std::size_t i = index + 1; i < s_.branches.size(); ++i) {
    const Branch& branch = s_.branches[i];
    const RegexInst& inst = inst_at(branch.pc);
    if (group.op == Op::look) {
      s_.memo.set(held_row(inst), branch.at);
    } else {
      s_.ends.emplace(end_key(inst, branch.at), at_);
    }
    if (inst.null_loop) {
      s_.memo.clear(open_row(inst), branch.at);
    }
  }
  s_.steps += s_.branches.size() - index;
  s_.branches.resize(index);
  frame_ = frame.rest;
  if (group.op == Op::look) {
    at_ = frame.at;
    if (group.negative) {
      set_failed(group, at_);
      return Step::fail;
    }
    s_.memo.set(held_row(group), at_);
  } else {
    s_.ends.emplace(end_key(group, frame.at), at_);
  }
  jump(group.a);
  return Step::go;
}

/// Takes the next way out of the last branch that has one.
template <class State>
bool Matcher<State>::resume() {
  while (!s_.branches.empty()) {
    Branch& branch = s_.branches.back();
    const RegexInst& inst = inst_at(branch.pc);
    ++s_.steps;
    at_ = branch.at;
    switch (inst.op) {
      case Op::alternate:
        if (branch.rest != 0) {
          const auto chosen = static_cast<std::size_t>(std::countr_zero(branch.rest));
          branch.rest &= branch.rest - 1;
          jump(p_.alternatives[static_cast<std::size_t>(inst.a)].targets[chosen]);
          return true;
        }
        break;
      case Op::split:
        if (branch.rest != 0) {
          branch.rest = 0;
          jump(inst.b);
          return true;
        }
        if (inst.null_loop) {
          s_.memo.clear(open_row(inst), branch.at);
        }
        break;
      case Op::run:
        if (resume_run(inst, branch)) {
          return true;
        }
        break;
      default: {
        const Branch group = branch;
        s_.branches.pop_back();
        if (resume_group(inst, group)) {
          return true;
        }
        continue;
      }
    }
    set_failed(inst, branch.at);
    s_.branches.pop_back();
  }
  return false;
}

template <class State>
bool Matcher<State>::resume_run(const RegexInst& inst, Branch& branch) {
  auto at = static_cast<std::uint32_t>(branch.rest);
  auto limit = static_cast<std::uint32_t>(branch.rest >> 32);
  KnownRun* run = inst.max < 0 ? &s_.runs[static_cast<std::size_t>(inst.cache)] : nullptr;
  if (inst.greed == Greed::lazy) {
    // One more. All that was tried has failed, so nothing within this run needs to be tried again.
    const std::uint32_t end =
        inst.max >= 0 && limit >= static_cast<std::uint32_t>(inst.max) ? 0 : after_one(inst.a, at);
    if (end == 0) {
      if (run != nullptr) {
        for (std::uint32_t i = branch.at; i < at; i = next(i)) {
          set_failed(inst, i);
          ++s_.steps;
        }
      }
      return false;
    }
    branch.rest = pack(end, inst.max >= 0 ? limit + 1 : limit);
    at_ = end;
    pc_ = branch.pc + 1;
    return true;
  }
  // One less: what follows has failed at `at`.
  const bool same_run = run != nullptr && run->begin <= branch.at && at <= run->end;
  if (same_run) {
    run->failed_from = std::min(run->failed_from, at);
  }
  const FirstBytes& follow = first(inst.first_a);
  while (at > limit) {
    at = before(at);
    ++s_.steps;
    if (same_run) {
      run->failed_from = std::min(run->failed_from, at + 1);
    }
    if (follow[byte_at(at)]) {
      branch.rest = pack(at, limit);
      at_ = at;
      pc_ = branch.pc + 1;
      return true;
    }
  }
  if (same_run) {
    run->failed_from = std::min(run->failed_from, limit);
  }
  return false;
}

/// The body of a group has failed.
template <class State>
bool Matcher<State>::resume_group(const RegexInst& inst, Branch branch) {
  frame_ = branch.rest;
  if (inst.op == Op::look && inst.negative) {
    s_.memo.set(held_row(inst), branch.at);
    jump(inst.a);
    return true;
  }
  set_failed(inst, branch.at);
  return false;
}

template <class State>
bool Matcher<State>::is_word_at(std::uint32_t at) const {
  static const CharTable kWord(word_set());
  return at < size_ && kWord.has(decode_utf8(text_.substr(at)).code);
}

template <class State>
bool Matcher<State>::holds(Place place) const {
  switch (place) {
    case Place::line_begin:
      return at_ == 0 || (text_[at_ - 1] == '\n' && at_ < size_);
    case Place::line_end:
      return at_ == size_ || text_[at_] == '\n';
    case Place::text_begin:
      return at_ == 0;
    case Place::text_end:
      return at_ == size_;
    case Place::last_line_end:
      return at_ == size_ || (at_ + 1 == size_ && text_[at_] == '\n');
    case Place::word:
    case Place::not_word: {
      const bool edge = (at_ > 0 && is_word_at(before(at_))) != is_word_at(at_);
      return edge == (place == Place::word);
    }
  }
  return false;
}

template <class State>
void find_in(const RegexProgram& program, std::string_view text, std::size_t offset, State& state,
             std::vector<RegexMatch>& out) {
  Matcher matcher(program, text, state);
  const auto size = static_cast<std::uint32_t>(text.size());
  std::int64_t last_end = -1;
  for (std::uint32_t from = 0; from <= size;) {
    const std::uint32_t start = matcher.candidate(from);
    matcher.forget_before(start);
    const std::optional<std::uint32_t> end = matcher.match_at(start);
    if (end && !(*end == start && last_end == start)) {
      out.push_back({offset + start, offset + *end});
      last_end = *end;
      if (*end > start) {
        from = *end;
        continue;
      }
    }
    if (start >= size) {
      return;
    }
    from = matcher.next(start);
  }
}

}  // namespace

void Regex::find_all(std::string_view text, RegexScratch& scratch, std::vector<RegexMatch>& out) const {
  std::size_t offset = 0;
  for (; text.size() > kMaxTextBytes; offset += kMaxTextBytes, text.remove_prefix(kMaxTextBytes)) {
    find_in(*program_, text.substr(0, kMaxTextBytes), offset, *scratch.state_, out);
  }
  find_in(*program_, text, offset, *scratch.state_, out);
}

std::vector<RegexMatch> Regex::find_all(std::string_view text) const {
  RegexScratch scratch;
  std::vector<RegexMatch> out;
  find_all(text, scratch, out);
  return out;
}

bool Regex::may_match_nothing() const {
  return program_->nullable;
}

Result<Regex> Regex::compile(std::string_view pattern) {
  LL_ASSIGN(const RegexTree tree, parse_regex(pattern));
  LL_ASSIGN(RegexProgram program, compile_regex(tree));
  return Regex(std::make_shared<const RegexProgram>(std::move(program)));
}

}  // namespace llorch
