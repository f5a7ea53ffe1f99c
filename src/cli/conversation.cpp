// A conversation in the terminal; conversation.h says what it promises.
#include "cli/conversation.h"

#include <editline/readline.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace llorch::cli {
namespace {

// What a signal handler can reach. At the prompt Ctrl-C ends the program (libedit has put the terminal back by then);
// from the moment that a line was taken it ends the answer.
std::atomic<bool> interrupted{false};
std::atomic<bool> at_prompt{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int signal_number) {
  if (at_prompt) {
    std::signal(signal_number, SIG_DFL);
    raise(signal_number);
  } else {
    interrupted = true;
  }
}

/// Handles Ctrl-C as long as it lives.
class InterruptGuard {
 public:
  InterruptGuard() {
    struct sigaction action = {};
    action.sa_handler = on_interrupt;
    sigaction(SIGINT, &action, &before_);
  }
  ~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ = {};
};

/// The time in which a line is awaited.
struct PromptScope {
  PromptScope() {
    interrupted = false;
    at_prompt = true;
  }
  ~PromptScope() { at_prompt = false; }
  PromptScope(const PromptScope&) = delete;
  PromptScope& operator=(const PromptScope&) = delete;
};

/// The next line, or nothing at the end of the input.
std::optional<std::string> read_line(bool terminal) {
  const PromptScope scope;
  if (!terminal) {
    std::string line;
    if (std::getline(std::cin, line)) {
      return line;
    }
    return std::nullopt;
  }
  const std::unique_ptr<char, decltype(&std::free)> line(readline("> "), &std::free);
  if (line == nullptr) {
    return std::nullopt;
  }
  if (*line != '\0') {
    add_history(line.get());
  }
  return std::string(line.get());
}

/// Ids of the conversation, without its oldest exchanges when they do not fit with room for an answer.
Result<std::vector<std::int32_t>> encode_fitting(const LoadedModel& model, std::vector<ChatMessage>& messages) {
  for (;;) {
    LL_ASSIGN(std::vector<std::int32_t> ids, chat_ids(model, messages));
    const std::size_t first = !messages.empty() && messages[0].role == "system" ? 1 : 0;
    const auto room = static_cast<std::size_t>(model.context) / 4;
    if (ids.size() + room <= static_cast<std::size_t>(model.context) || messages.size() < first + 3) {
      return ids;
    }
    const auto oldest = messages.begin() + static_cast<std::ptrdiff_t>(first);
    messages.erase(oldest, oldest + 2);
  }
}

}  // namespace

Status converse(LoadedModel& model, Answerer& answerer, const std::string& system, bool stats) {
  std::vector<ChatMessage> messages;
  if (!system.empty()) {
    messages.push_back({"system", system});
  }
  const bool terminal = isatty(STDIN_FILENO) != 0;
  if (terminal) {
    std::setlocale(LC_CTYPE, "");
    note(fmt::format("{} on {}; Ctrl-C stops an answer, Ctrl-D ends", model.files.name, model.backend->name()));
  }
  const InterruptGuard guard;
  while (std::optional<std::string> line = read_line(terminal)) {
    if (line->empty()) {
      continue;
    }
    std::vector<ChatMessage> with_line = messages;
    with_line.push_back({"user", std::move(*line)});
    LL_ASSIGN(std::vector<std::int32_t> ids, encode_fitting(model, with_line));
    auto answer = answerer.answer(std::move(ids), false, &interrupted);
    fmt::print("\n");
    std::fflush(stdout);
    if (std::ferror(stdout) != 0) {
      return {};  // main reports it
    }
    if (!answer.ok() && !terminal) {
      return answer.error();
    }
    if (!answer.ok()) {
      fail(answer.error());
      continue;
    }
    if (stats && !answer->stopped) {  // what was stopped has no end to tell of
      print_stats(*answer);
    }
    if (with_line.size() <= messages.size()) {
      note(fmt::format("the context of {} tokens is full: the oldest {} messages were left out", model.context,
                       messages.size() + 1 - with_line.size()));
    }
    messages = std::move(with_line);
    messages.push_back({"assistant", std::move(answer->text)});
  }
  return {};
}

}  // namespace llorch::cli
