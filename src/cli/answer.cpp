// One request through the engine, to standard output; answer.h says what it promises.
#include "cli/answer.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

namespace llorch::cli {
namespace {

/// Prints what comes, and keeps how it ended.
class PrintingSink : public Sink {
 public:
  explicit PrintingSink(Show show) : show_(show) {}

  void on_token(std::int32_t id, int index) override {
    if (show_ == Show::ids) {
      put(fmt::format("{}{}", index == 0 ? "" : " ", id));
    }
  }
  void on_text(const std::string& text, int /*index*/) override {
    answer_.text += text;
    if (show_ == Show::text) {
      put(text);
    }
  }
  void on_end(const EndEvent& end) override {
    answer_.end = end;
    done_ = true;
  }
  void on_error(const Error& error) override {
    error_ = error;
    done_ = true;
  }

  bool done() const { return done_; }
  Result<Answer> take() {
    if (!error_.has_value()) {
      return std::move(answer_);
    }
    if (error_->code == ErrorCode::cancelled) {
      answer_.stopped = true;
      return std::move(answer_);
    }
    return *error_;
  }

 private:
  static void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }

  Show show_;
  Answer answer_;
  std::optional<Error> error_;
  bool done_ = false;
};

EngineOptions engine_options(const LoadedModel& model) {
  EngineOptions options;
  options.context = model.context;
  options.max_sequences = 1;
  return options;
}

}  // namespace

Result<std::vector<std::int32_t>> chat_ids(const LoadedModel& model, const std::vector<ChatMessage>& messages) {
  ChatInput input;
  input.messages = to_json(messages);
  auto ids = model.chat.encode(*model.tokenizer, input, local_now());
  if (!ids.ok() && ids.error().code == ErrorCode::unsupported) {
    return Error{ErrorCode::unsupported, ids.error().message + " (a PROMPT with --raw)"};
  }
  return ids;
}

void print_stats(const Answer& answer) {
  const Timings& t = answer.end.timings;
  note(fmt::format("{} prompt tokens in {:.1f} ms, {} tokens at {:.1f} tokens/s, ended by {}", t.prompt_tokens,
                   t.prefill_ms, answer.end.tokens_out, t.tokens_per_sec, to_string(answer.end.reason)));
}

Answerer::Answerer(LoadedModel& model, const SamplingArgs& args, Show show)
    : engine_(*model.backend, *model.tokenizer, model.plan.spec.vocab, model.kv, engine_options(model)),
      args_(&args),
      show_(show),
      seed_(seed_of(args)) {}

Request Answerer::make_request(std::vector<std::int32_t> prompt, bool continues_text) {
  Request request;
  request.id = fmt::format("run-{}", n_requests_++);
  request.prompt = std::move(prompt);
  request.sampling = args_->params;
  request.sampling.seed = seed_;
  request.max_tokens = args_->max_tokens;
  request.stop = args_->stop;
  request.ignore_eos = args_->ignore_eos;
  request.continues_text = continues_text;
  return request;
}

Result<Answer> Answerer::answer(std::vector<std::int32_t> prompt, bool continues_text, const std::atomic<bool>* stop) {
  Request request = make_request(std::move(prompt), continues_text);
  const std::string id = request.id;
  auto sink = std::make_shared<PrintingSink>(show_);
  LL_TRY(engine_.add(std::move(request), sink));
  while (!sink->done()) {
    if (std::ferror(stdout) != 0 || (stop != nullptr && stop->load())) {
      engine_.cancel(id);
    } else {
      engine_.step();
    }
  }
  return sink->take();
}

}  // namespace llorch::cli
