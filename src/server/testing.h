// What the tests of this folder share: an engine whose backend takes its time and never fails, and an answer that
// remembers what was written.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "server/http.h"

namespace llorch::testing {

/// One letter, no end.
class Endless : public Tokenizer {
 public:
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    return std::vector<std::int32_t>(text.size(), 0);
  }
  std::vector<std::int32_t> encode_segments(std::span<const TextSegment> segments,
                                            const EncodeOptions& options) const override {
    std::vector<std::int32_t> ids;
    for (const TextSegment& segment : segments) {
      const auto more = encode(segment.text, options);
      ids.insert(ids.end(), more.begin(), more.end());
    }
    return ids;
  }
  Result<std::string> decode(std::span<const std::int32_t> ids, bool) const override {
    return std::string(ids.size(), 'a');
  }
  std::string piece(std::int32_t) const override { return "a"; }
  std::string stream_piece(std::int32_t, bool, bool) const override { return "a"; }
  int vocab_size() const override { return 1; }
  std::string_view kind() const override { return "test"; }
  std::optional<std::int32_t> bos_id() const override { return {}; }
  bool is_special(std::int32_t) const override { return false; }
  bool is_control(std::int32_t id) const override { return is_special(id); }
  std::span<const std::int32_t> end_ids() const override { return {}; }
  std::optional<std::int32_t> find(std::string_view) const override { return {}; }
};

/// A step takes 2 ms; while `stuck`, it does not end.
class Slow : public Backend {
 public:
  std::string_view name() const override { return "test"; }
  bool deterministic() const override { return true; }
  Status verify() override { return {}; }
  Memory memory() const override { return {}; }
  Status check_resident() const override { return {}; }
  Status load(const Plan&, const WeightSource&, const KvShape&) override { return {}; }
  Status run(const Batch&, std::span<const SampleSpec>, const Outputs& outputs, StepObserver*) override {
    ++steps;
    do {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    } while (stuck);
    std::fill(outputs.sampled.begin(), outputs.sampled.end(), 0);
    return {};
  }
  std::atomic<bool> stuck{false};
  std::atomic<int> steps{0};
};

/// An answer in memory.
class Recorded : public ResponseWriter {
 public:
  void respond(int code, const HttpHeaders& headers, std::string_view text) override {
    begin(code, headers);
    write(text);
    end();
  }
  void begin(int code, const HttpHeaders&) override {
    const std::lock_guard lock(mutex_);
    status_ = code;
  }
  void write(std::string_view chunk) override {
    const std::lock_guard lock(mutex_);
    body_ += chunk;
  }
  void end() override {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  bool closed() const override { return false; }
  void on_close(std::function<void()> gone) override {
    const std::lock_guard lock(mutex_);
    gone_ = std::move(gone);
  }
  void leave() {
    std::function<void()> gone;
    {
      const std::lock_guard lock(mutex_);
      gone = gone_;
    }
    gone();
  }
  int status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }
  std::string body() const {
    const std::lock_guard lock(mutex_);
    return body_;
  }
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }
  /// How often `text` occurs in the body.
  int count(const std::string& text) const {
    const std::string all = body();
    int n = 0;
    for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) {
      ++n;
    }
    return n;
  }

 private:
  mutable std::mutex mutex_;
  int status_ = 0;
  std::string body_;
  bool ended_ = false;
  std::function<void()> gone_;
};

/// Whether the condition comes true before the test's patience ends.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 20'000 && !condition(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

}  // namespace llorch::testing
