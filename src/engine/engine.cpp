#include "engine/engine.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "base/format.h"
#include "engine/batch_builder.h"
#include "engine/kv_pool.h"
#include "engine/sequence.h"

namespace llorch {

using SequencePtr = std::unique_ptr<Sequence>;

struct Engine::Impl {
  Impl(Backend& b, const Tokenizer& t, int v, const KvLayout& k, const EngineOptions& o)
      : backend(b), tokenizer(t), vocab(v), kv(k), options(o), pools(k.n_blocks.begin(), k.n_blocks.end()) {}

  Backend& backend;
  const Tokenizer& tokenizer;
  int vocab;
  KvLayout kv;
  EngineOptions options;
  std::vector<KvPool> pools;  // [n_kv_groups]
  BatchBuilder builder;
  std::deque<SequencePtr> waiting;
  std::deque<SequencePtr> running;
  std::uint64_t tokens_generated = 0;
  std::uint64_t steps = 0;

  /// What one step runs: n tokens of a sequence.
  struct Share {
    Sequence* sequence;
    int n;
  };

  bool in_flight(const std::string& id) const {
    const auto is_it = [&id](const SequencePtr& s) { return s->id() == id; };
    return std::any_of(waiting.begin(), waiting.end(), is_it) || std::any_of(running.begin(), running.end(), is_it);
  }
  /// The first KV group that has no room for the whole of a sequence: of its free blocks, or of all. -1: none.
  int group_without_room(const Sequence& sequence, bool free_ones) const;
  void give_back(Sequence& sequence);
  void admit();
  std::vector<Share> schedule() const;
  void release(Sequence& sequence);
  void fail_all(const std::vector<Share>& shares, const Error& error);
  void report(const std::vector<Share>& shares, Sequence::Clock::time_point begin);
  void commit(const std::vector<Share>& shares, const std::vector<std::int32_t>& sampled);
};

Engine::Engine(Backend& backend, const Tokenizer& tokenizer, int vocab, const KvLayout& kv,
               const EngineOptions& options)
    : impl_(std::make_unique<Impl>(backend, tokenizer, vocab, kv, options)) {}

Engine::~Engine() = default;

Status Engine::add(Request request, std::shared_ptr<Sink> sink) {
  const int prompt = static_cast<int>(request.prompt.size());
  const int context = impl_->options.context;
  if (prompt == 0) {
    return errorf(ErrorCode::invalid_argument, "the prompt has no token");
  }
  if (prompt >= context) {
    return errorf(ErrorCode::invalid_argument,
                  "the prompt has {} tokens, which leaves no room for an answer in the context of {} tokens", prompt,
                  context);
  }
  for (const std::int32_t id : request.prompt) {
    if (id < 0 || id >= impl_->vocab) {
      return errorf(ErrorCode::invalid_argument, "token id {} is outside the vocabulary of {}", id, impl_->vocab);
    }
  }
  if (impl_->in_flight(request.id)) {
    return errorf(ErrorCode::invalid_argument, "a request with the id '{}' is in flight", request.id);
  }
  const auto is_empty = [](const std::string& stop) { return stop.empty(); };
  if (std::any_of(request.stop.begin(), request.stop.end(), is_empty)) {
    return errorf(ErrorCode::invalid_argument, "a stop sequence is empty");
  }
  const int max_tokens = request.max_tokens > 0 ? std::min(request.max_tokens, context) : context;
  auto sequence =
      std::make_unique<Sequence>(std::move(request), std::move(sink), impl_->tokenizer, max_tokens, context);
  if (const int group = impl_->group_without_room(*sequence, false); group >= 0) {
    return errorf(ErrorCode::invalid_argument, "the request may need {} KV blocks of {} tokens, the cache has {}",
                  impl_->kv.blocks_for(group, sequence->max_kv_tokens()), kKvBlock,
                  impl_->pools[static_cast<std::size_t>(group)].total());
  }
  impl_->waiting.push_back(std::move(sequence));
  return {};
}

bool Engine::cancel(const std::string& id, Error why) {
  const auto take_from = [&](auto& list) -> bool {
    const auto found = std::find_if(list.begin(), list.end(), [&id](const SequencePtr& s) { return s->id() == id; });
    if (found == list.end()) {
      return false;
    }
    impl_->give_back(**found);
    (*found)->fail(why);
    list.erase(found);
    return true;
  };
  return take_from(impl_->running) || take_from(impl_->waiting);
}

void Engine::cancel_all(const Error& why) {
  for (auto* list : {&impl_->running, &impl_->waiting}) {
    while (!list->empty()) {
      cancel(list->front()->id(), why);
    }
  }
}

int Engine::Impl::group_without_room(const Sequence& sequence, bool free_ones) const {
  for (int group = 0; group < kv.n_groups(); ++group) {
    const KvPool& pool = pools[static_cast<std::size_t>(group)];
    const int blocks = kv.blocks_for(group, sequence.max_kv_tokens());
    if (free_ones ? !pool.can_take(blocks) : blocks > pool.total()) {
      return group;
    }
  }
  return -1;
}

void Engine::Impl::give_back(Sequence& sequence) {
  for (std::size_t group = 0; group < sequence.blocks.size(); ++group) {
    pools[group].give_back(sequence.blocks[group]);
  }
}

/// Requests start in the order of their arrival, each with every KV block that it may need.
void Engine::Impl::admit() {
  while (!waiting.empty() && static_cast<int>(running.size()) < options.max_sequences) {
    Sequence& next = *waiting.front();
    if (group_without_room(next, true) >= 0) {
      return;
    }
    next.blocks.clear();
    for (int group = 0; group < kv.n_groups(); ++group) {
      next.blocks.push_back(pools[static_cast<std::size_t>(group)].take(kv.blocks_for(group, next.max_kv_tokens())));
    }
    next.admitted();
    running.push_back(std::move(waiting.front()));
    waiting.pop_front();
  }
}

/// Everything that decodes gets its one token; prompts share what is left of the step's budget, oldest first.
std::vector<Engine::Impl::Share> Engine::Impl::schedule() const {
  std::vector<Share> shares;
  int budget = std::max(kv.chunk, static_cast<int>(running.size()));
  for (const SequencePtr& s : running) {
    if (s->n_tokens() - s->n_stored == 1) {
      shares.push_back({s.get(), 1});
      --budget;
    }
  }
  for (const SequencePtr& s : running) {
    const int left = s->n_tokens() - s->n_stored;
    if (left > 1 && budget > 0) {
      shares.push_back({s.get(), std::min({left, budget, kv.chunk})});
      budget -= shares.back().n;
    }
  }
  return shares;
}

void Engine::admit() {
  impl_->admit();
}

bool Engine::step() {
  Impl& m = *impl_;
  m.admit();
  const std::vector<Impl::Share> shares = m.schedule();
  if (shares.empty()) {
    return false;
  }
  m.builder.clear();
  std::vector<SampleSpec> specs;
  for (const auto& [sequence, n] : shares) {
    m.builder.add(*sequence, n);
    if (sequence->n_stored + n == sequence->n_tokens()) {
      specs.push_back(sequence->sample_spec());
    }
  }
  std::vector<std::int32_t> sampled(specs.size());
  const auto begin = Sequence::Clock::now();
  const Status status = m.backend.run(m.builder.batch(), specs, {.logits = {}, .sampled = sampled});
  ++m.steps;
  m.report(shares, begin);
  if (!status.ok()) {
    // A batch that the backend calls invalid is a fault of the engine, never of the client.
    const Error& error = status.error();
    const bool ours = error.code == ErrorCode::invalid_argument;
    m.fail_all(shares, {ours ? ErrorCode::internal : error.code, error.message});
  } else {
    m.commit(shares, sampled);
  }
  return true;
}

void Engine::Impl::report(const std::vector<Share>& shares, Sequence::Clock::time_point begin) {
  StepReport report{.begin = begin, .end = Sequence::Clock::now(), .batch_sequences = static_cast<int>(shares.size())};
  for (const Share& share : shares) {
    report.batch_tokens += share.n;
  }
  for (const Share& share : shares) {
    report.tokens = share.n;
    share.sequence->stepped(report);
  }
}

void Engine::Impl::release(Sequence& sequence) {
  give_back(sequence);
  std::erase_if(running, [&sequence](const SequencePtr& s) { return s.get() == &sequence; });
}

void Engine::Impl::fail_all(const std::vector<Share>& shares, const Error& error) {
  for (const Share& share : shares) {
    share.sequence->fail(error);
    release(*share.sequence);
  }
}

void Engine::Impl::commit(const std::vector<Share>& shares, const std::vector<std::int32_t>& sampled) {
  std::size_t row = 0;
  for (const auto& [sequence, n] : shares) {
    sequence->n_stored += n;
    if (sequence->n_stored < sequence->n_tokens()) {
      continue;  // more of its prompt is to come
    }
    const std::int32_t token = sampled[row++];
    if (token == kNotSampled) {
      sequence->fail({ErrorCode::internal, "the model computed logits that are not numbers"});
      release(*sequence);
      continue;
    }
    ++tokens_generated;
    if (sequence->commit(token)) {
      release(*sequence);
    }
  }
}

EngineStats Engine::stats() const {
  EngineStats stats{.running = static_cast<int>(impl_->running.size()),
                    .waiting = static_cast<int>(impl_->waiting.size()),
                    .tokens_generated = impl_->tokens_generated,
                    .steps = impl_->steps};
  for (const KvPool& pool : impl_->pools) {
    stats.kv_blocks_used += pool.used();
    stats.kv_blocks_total += pool.total();
  }
  return stats;
}

}  // namespace llorch
