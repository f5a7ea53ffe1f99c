// RegexTree -> RegexProgram: code for every node, then what each branch can begin with.
#include <algorithm>
#include <utility>

#include "base/format.h"
#include "tokenizer/regex_program.h"

namespace llorch {
namespace {

using Op = RegexInst::Op;
using Inside = RegexInst::Inside;
using Kind = RegexNode::Kind;
using Greed = RegexNode::Greed;

FirstBytes first_of_set(const CharSet& set) {
  FirstBytes first;
  const auto mark = [&](char32_t low, char32_t high, int shift, unsigned lead) {
    for (char32_t top = low >> shift; top <= high >> shift; ++top) {
      first.set(lead | top);
    }
  };
  struct Length {
    char32_t first, last;
    int shift;
    unsigned lead;
  };
  constexpr Length kLengths[] = {
      {0, 0x7F, 0, 0}, {0x80, 0x7FF, 6, 0xC0}, {0x800, 0xFFFF, 12, 0xE0}, {0x10000, 0x10FFFF, 18, 0xF0}};
  for (const auto& range : set.ranges()) {
    for (const Length& l : kLengths) {
      if (range.first <= l.last && range.last >= l.first) {
        mark(std::max(range.first, l.first), std::min(range.last, l.last), l.shift, l.lead);
      }
    }
  }
  return first;
}

class Compiler {
 public:
  explicit Compiler(const RegexTree& tree) : tree_(tree) {}
  Result<RegexProgram> run();

 private:
  Status node(int index);
  Status concat(const RegexNode& n);
  Status alternate(const std::vector<int>& children);
  Status repeat(const RegexNode& n);
  Status repeat_group(const RegexNode& n);
  Status loop(const RegexNode& n, bool at_least_once);
  Status group(const RegexNode& n);
  void set(int index);
  void run_of(int set, const RegexNode& n);

  int emit(RegexInst inst);
  RegexInst& at(int pc) { return program_.insts[static_cast<std::size_t>(pc)]; }
  int here() const { return static_cast<int>(program_.insts.size()); }
  const RegexNode& node_at(int index) const { return tree_.nodes[static_cast<std::size_t>(index)]; }
  bool nullable(int index) const { return nullable_[static_cast<std::size_t>(index)]; }
  void find_nullable();

  FirstBytes first_of(int pc) const;
  int add_first(const FirstBytes& first);
  void finish();

  const RegexTree& tree_;
  RegexProgram program_;
  std::vector<bool> nullable_;
  Inside inside_ = Inside::nothing;
  bool backward_ = false;
  std::size_t n_visits_ = 0;
  std::vector<FirstBytes> set_firsts_;
};

int Compiler::emit(RegexInst inst) {
  inst.inside = inside_;
  program_.insts.push_back(inst);
  return here() - 1;
}

/// Which nodes can match nothing. Children stand before their parents.
void Compiler::find_nullable() {
  nullable_.resize(tree_.nodes.size());
  for (std::size_t i = 0; i < tree_.nodes.size(); ++i) {
    const RegexNode& n = tree_.nodes[i];
    const auto is_nullable = [&](int child) { return nullable(child); };
    switch (n.kind) {
      case Kind::set:
        nullable_[i] = false;
        break;
      case Kind::concat:
        nullable_[i] = std::all_of(n.children.begin(), n.children.end(), is_nullable);
        break;
      case Kind::alternate:
        nullable_[i] = std::any_of(n.children.begin(), n.children.end(), is_nullable);
        break;
      case Kind::repeat:
        nullable_[i] = n.min == 0 || nullable(n.children[0]);
        break;
      case Kind::atomic:
        nullable_[i] = nullable(n.children[0]);
        break;
      default:
        nullable_[i] = true;
    }
  }
}

void Compiler::set(int index) {
  const auto& ranges = tree_.sets[static_cast<std::size_t>(index)].ranges();
  RegexInst inst;
  const bool is_byte = ranges.size() == 1 && ranges[0].first == ranges[0].last && ranges[0].last < 0x80;
  inst.op = backward_ ? Op::set_back : is_byte ? Op::byte : Op::set;
  inst.a = inst.op == Op::byte ? static_cast<std::int32_t>(ranges[0].first) : index;
  emit(inst);
}

Status Compiler::node(int index) {
  // The second count is for bodies that emit nothing.
  if (program_.insts.size() > kMaxRegexInsts || ++n_visits_ > 16 * kMaxRegexInsts) {
    return errorf(ErrorCode::unsupported, "it is too large: more than {} instructions", kMaxRegexInsts);
  }
  const RegexNode& n = node_at(index);
  switch (n.kind) {
    case Kind::empty:
      return {};
    case Kind::set:
      set(n.set);
      return {};
    case Kind::concat:
      return concat(n);
    case Kind::alternate:
      return alternate(n.children);
    case Kind::repeat:
      return repeat(n);
    case Kind::look:
    case Kind::atomic:
      return group(n);
    case Kind::assertion: {
      RegexInst inst;
      inst.op = Op::assertion;
      inst.place = n.place;
      emit(inst);
      return {};
    }
  }
  return {};
}

Status Compiler::concat(const RegexNode& n) {
  for (std::size_t i = 0; i < n.children.size(); ++i) {
    LL_TRY(node(n.children[backward_ ? n.children.size() - 1 - i : i]));
  }
  return {};
}

Status Compiler::alternate(const std::vector<int>& children) {
  constexpr std::size_t kMost = 63;  // the 64th target is the alternation of the rest
  RegexInst inst;
  inst.op = Op::alternate;
  inst.a = static_cast<std::int32_t>(program_.alternatives.size());
  emit(inst);
  program_.alternatives.emplace_back();
  std::vector<std::int32_t> targets;
  std::vector<int> ends;
  for (std::size_t i = 0; i < std::min(kMost, children.size()); ++i) {
    targets.push_back(here());
    LL_TRY(node(children[i]));
    RegexInst jump;
    jump.op = Op::jump;
    ends.push_back(emit(jump));
  }
  if (children.size() > kMost) {
    targets.push_back(here());
    LL_TRY(alternate(std::vector<int>(children.begin() + kMost, children.end())));
  }
  for (const int end : ends) {
    at(end).a = here();
  }
  program_.alternatives[static_cast<std::size_t>(inst.a)].targets = std::move(targets);
  return {};
}

void Compiler::run_of(int set_index, const RegexNode& n) {
  RegexInst inst;
  inst.op = Op::run;
  inst.greed = n.greed;
  inst.a = set_index;
  inst.min = n.min;
  inst.max = n.max;
  emit(inst);
}

Status Compiler::repeat(const RegexNode& n) {
  const RegexNode& child = node_at(n.children[0]);
  if (!backward_ && child.kind == Kind::set) {
    RegexNode rest = n;
    for (; rest.max < 0 && rest.min > 1 && program_.insts.size() <= kMaxRegexInsts; --rest.min) {
      set(child.set);  // a run without limit has a minimum of 0 or 1: it is cached
    }
    run_of(child.set, rest);
    return {};
  }
  if (!backward_ && child.kind == Kind::repeat && n.max < 0 && n.min <= 1 && child.min <= 1 && child.max != 0 &&
      n.greed == Greed::greedy && child.greed == Greed::greedy && node_at(child.children[0]).kind == Kind::set) {
    RegexNode both = n;  // (\d{1,3})+ is \d+
    both.min = std::min(n.min, child.min);
    run_of(node_at(child.children[0]).set, both);
    return {};
  }
  if (n.greed != Greed::possessive) {
    return repeat_group(n);
  }
  RegexInst inst;
  inst.op = Op::atomic;
  const int begin = emit(inst);
  const Inside outside = std::exchange(inside_, Inside::atomic);
  RegexNode greedy = n;
  greedy.greed = Greed::greedy;
  LL_TRY(repeat_group(greedy));
  RegexInst done;
  done.op = Op::done;
  emit(done);
  inside_ = outside;
  at(begin).a = here();
  program_.has_groups = true;
  return {};
}

Status Compiler::repeat_group(const RegexNode& n) {
  const int body = n.children[0];
  const bool once = n.max < 0 && n.min > 0 && !nullable(body);
  for (int i = 0; i < n.min - (once ? 1 : 0); ++i) {
    LL_TRY(node(body));
  }
  if (n.max < 0) {
    return loop(n, once);
  }
  // x{0,3} is (x(x(x)?)?)?: all the exits go to the end.
  std::vector<int> splits;
  for (int i = n.min; i < n.max; ++i) {
    RegexInst inst;
    inst.op = Op::split;
    splits.push_back(emit(inst));
    LL_TRY(node(body));
  }
  for (const int split : splits) {
    at(split).a = n.greed == Greed::lazy ? here() : split + 1;
    at(split).b = n.greed == Greed::lazy ? split + 1 : here();
  }
  return {};
}

Status Compiler::loop(const RegexNode& n, bool at_least_once) {
  const bool lazy = n.greed == Greed::lazy;
  const int body = n.children[0];
  RegexInst split;
  split.op = Op::split;
  split.is_loop = true;
  if (at_least_once) {
    const int begin = here();
    LL_TRY(node(body));
    const int end = emit(split);
    at(end).a = lazy ? end + 1 : begin;
    at(end).b = lazy ? begin : end + 1;
    return {};
  }
  split.null_loop = nullable(body);
  const int begin = emit(split);
  LL_TRY(node(body));
  RegexInst back;
  back.op = split.null_loop ? Op::loop_back : Op::jump;
  back.a = begin;
  const int end = emit(back);
  at(end).b = here();
  at(begin).a = lazy ? here() : begin + 1;
  at(begin).b = lazy ? begin + 1 : here();
  program_.has_null_loops = program_.has_null_loops || split.null_loop;
  return {};
}

Status Compiler::group(const RegexNode& n) {
  if (backward_ && (n.kind == Kind::atomic || n.ahead)) {
    return errorf(ErrorCode::unsupported, "a group of this kind within a look-behind is not supported");
  }
  RegexInst inst;
  inst.op = n.kind == Kind::look ? Op::look : Op::atomic;
  inst.negative = n.negative;
  const int begin = emit(inst);
  const Inside outside = std::exchange(inside_, n.kind == Kind::look ? Inside::look : Inside::atomic);
  const bool direction = std::exchange(backward_, backward_ || (n.kind == Kind::look && !n.ahead));
  LL_TRY(node(n.children[0]));
  RegexInst done;
  done.op = Op::done;
  emit(done);
  inside_ = outside;
  backward_ = direction;
  at(begin).a = here();
  program_.has_groups = true;
  return {};
}

/// With what the rest of a match from `pc` on can begin. Look-arounds are taken to hold.
FirstBytes Compiler::first_of(int pc) const {
  FirstBytes first;
  std::vector<bool> seen(program_.insts.size());
  std::vector<int> todo = {pc};
  while (!todo.empty()) {
    const int next = todo.back();
    todo.pop_back();
    if (seen[static_cast<std::size_t>(next)]) {
      continue;
    }
    seen[static_cast<std::size_t>(next)] = true;
    const RegexInst& inst = program_.insts[static_cast<std::size_t>(next)];
    switch (inst.op) {
      case Op::match:
      case Op::done:
      case Op::set_back:
        return FirstBytes().set();
      case Op::byte:
        first.set(static_cast<std::size_t>(inst.a));
        break;
      case Op::set:
        first |= set_firsts_[static_cast<std::size_t>(inst.a)];
        break;
      case Op::run:
        first |= set_firsts_[static_cast<std::size_t>(inst.a)];
        if (inst.min == 0) {
          todo.push_back(next + 1);
        }
        break;
      case Op::alternate:
        for (const int target : program_.alternatives[static_cast<std::size_t>(inst.a)].targets) {
          todo.push_back(target);
        }
        break;
      case Op::split:
      case Op::loop_back:
        todo.push_back(inst.a);
        todo.push_back(inst.b);
        break;
      case Op::jump:
      case Op::look:
        todo.push_back(inst.a);
        break;
      case Op::atomic:
        todo.push_back(next + 1);  // its end says "anything"
        break;
      case Op::assertion:
        todo.push_back(next + 1);
        break;
    }
  }
  return first;
}

int Compiler::add_first(const FirstBytes& first) {
  const auto known = std::find(program_.firsts.begin(), program_.firsts.end(), first);
  const auto index = static_cast<int>(known - program_.firsts.begin());
  if (known == program_.firsts.end()) {
    program_.firsts.push_back(first);
  }
  return index;
}

/// Numbers the branches, and finds what each can begin with.
void Compiler::finish() {
  for (int pc = 0; pc < here(); ++pc) {
    RegexInst& inst = at(pc);
    switch (inst.op) {
      case Op::alternate: {
        inst.memo = program_.n_memo++;
        auto& list = program_.alternatives[static_cast<std::size_t>(inst.a)];
        for (std::size_t i = 0; i < list.targets.size(); ++i) {
          const FirstBytes first = first_of(list.targets[i]);
          for (std::size_t byte = 0; byte < first.size(); ++byte) {
            list.by_byte[byte] |= first[byte] ? std::uint64_t{1} << i : 0;
          }
        }
        break;
      }
      case Op::split:
        inst.memo = program_.n_memo++;
        inst.first_a = add_first(first_of(inst.a));
        inst.first_b = add_first(first_of(inst.b));
        break;
      case Op::run: {
        inst.memo = program_.n_memo++;
        inst.cache = inst.max < 0 ? program_.n_caches++ : -1;
        const FirstBytes next = first_of(pc + 1);
        inst.first_a = add_first(next);
        // To give characters back is of no use when what follows cannot begin with one of them.
        const bool helpless =
            (next & set_firsts_[static_cast<std::size_t>(inst.a)]).none() || at(pc + 1).op == Op::match;
        if (inst.greed == Greed::greedy && inst.max < 0 && helpless) {
          inst.greed = Greed::possessive;
        }
        break;
      }
      case Op::look:
      case Op::atomic:
        inst.memo = program_.n_memo++;
        break;
      default:
        break;
    }
  }
  program_.first = first_of(0);
}

Result<RegexProgram> Compiler::run() {
  find_nullable();
  program_.nullable = nullable(tree_.root);
  LL_TRY(node(tree_.root));
  if (program_.insts.size() > kMaxRegexInsts) {
    return errorf(ErrorCode::unsupported, "it is too large: more than {} instructions", kMaxRegexInsts);
  }
  emit({});
  for (const CharSet& set : tree_.sets) {
    program_.sets.emplace_back(set);
    set_firsts_.push_back(first_of_set(set));
  }
  finish();
  return std::move(program_);
}

}  // namespace

Result<RegexProgram> compile_regex(const RegexTree& tree) {
  return Compiler(tree).run();
}

}  // namespace llorch
