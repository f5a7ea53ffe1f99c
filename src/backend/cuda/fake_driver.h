// For tests: a driver whose device is the host's memory, which can fail any of its calls, and kernels that compute
// nothing and tell what they were asked for.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backend/cuda/driver.h"
#include "backend/cuda/kernels.h"

namespace llorch::cuda {

/// What sample() leaves in the logits, which it may change.
inline constexpr float kDrawnOver = -12345.0F;

/// What driver and kernels saw, and what they shall do.
struct FakeState {
  int fail_at = -1;  // the call (counted from 0) that fails
  int n_calls = 0;
  std::int64_t free_bytes = std::int64_t{1} << 30;
  bool resident = true;
  std::map<void*, std::size_t> memory;  // held now
  std::set<std::size_t> handles;        // streams, events and graphs held now
  std::size_t next_handle = 1;
  int n_copies_to_device = 0;
  std::size_t largest_copy = 0;
  bool capturing = false;
  int n_launches = 0;  // kernels run, or put into a graph
  int n_graph_launches = 0;
  std::vector<std::string> names;  // of kernels, in order
  std::vector<SampleRow> draws;    // what sample() was asked for
  std::vector<TokenCount> counts;  // of those rows, one after the other

  /// An error when it is this call's turn.
  Status call(const char* what, ErrorCode code = ErrorCode::device) {
    if (n_calls++ == fail_at) {
      return Error{code, std::string(what) + ": as the test wanted"};
    }
    return {};
  }
};

class FakeDriver : public Driver {
 public:
  explicit FakeDriver(FakeState& state) : s_(state) {}
  Status use() override { return s_.call("use"); }
  Status memory(std::int64_t& free_bytes, std::int64_t& total_bytes) override {
    free_bytes = s_.free_bytes;
    total_bytes = s_.free_bytes;
    return s_.call("memory");
  }
  Result<void*> allocate(std::size_t bytes) override { return take(bytes); }
  void release(void* memory) override { give(memory); }
  Result<void*> allocate_pinned(std::size_t bytes) override { return take(bytes); }
  void release_pinned(void* memory) override { give(memory); }
  Result<bool> is_on_device(const void* /*memory*/) override {
    LL_TRY(s_.call("is_on_device"));
    return s_.resident;
  }
  Result<Stream> create_stream() override { return handle<Stream>("create_stream"); }
  void destroy_stream(Stream stream) override { drop(stream); }
  Status wait(Stream /*stream*/) override { return s_.call("wait"); }
  Result<Event> create_event() override { return handle<Event>("create_event"); }
  void destroy_event(Event event) override { drop(event); }
  Status record(Event /*event*/, Stream /*stream*/) override { return s_.call("record"); }
  Status wait(Event /*event*/) override { return s_.call("wait for an event"); }
  Status follow(Stream /*stream*/, Event /*event*/) override { return s_.call("follow"); }
  Status to_device(void* to, const void* from, std::size_t bytes, Stream /*stream*/) override {
    LL_TRY(s_.call("to_device"));
    ++s_.n_copies_to_device;
    s_.largest_copy = std::max(s_.largest_copy, bytes);
    std::memcpy(to, from, bytes);
    return {};
  }
  Status to_host(void* to, const void* from, std::size_t bytes, Stream /*stream*/) override {
    LL_TRY(s_.call("to_host"));
    std::memcpy(to, from, bytes);
    return {};
  }
  Status clear(void* memory, std::size_t bytes, Stream /*stream*/) override {
    LL_TRY(s_.call("clear"));
    std::memset(memory, 0, bytes);
    return {};
  }
  Status begin_capture(Stream /*stream*/) override {
    LL_TRY(s_.call("begin_capture"));
    s_.capturing = true;
    return {};
  }
  Result<Graph> end_capture(Stream /*stream*/) override {
    s_.capturing = false;
    return handle<Graph>("end_capture");
  }
  Status launch(Graph /*graph*/, Stream /*stream*/) override {
    ++s_.n_graph_launches;
    return s_.call("launch");
  }
  void destroy_graph(Graph graph) override { drop(graph); }

 private:
  Result<void*> take(std::size_t bytes) {
    LL_TRY(s_.call("allocate", ErrorCode::out_of_memory));
    void* memory = std::malloc(bytes);
    s_.memory[memory] = bytes;
    return memory;
  }
  void give(void* memory) {
    s_.memory.erase(memory);
    std::free(memory);
  }
  template <class Handle>
  Result<Handle> handle(const char* what) {
    LL_TRY(s_.call(what));
    s_.handles.insert(s_.next_handle);
    return reinterpret_cast<Handle>(s_.next_handle++);
  }
  void drop(void* handle) { s_.handles.erase(reinterpret_cast<std::size_t>(handle)); }

  FakeState& s_;
};

class FakeKernels : public Kernels {
 public:
  explicit FakeKernels(FakeState& state) : s_(state) {}
  Status pack_weights(const PackArgs&, Stream) override { return seen("pack_weights"); }
  Status pack_x(const Rows&, int, const PackedX&, Stream) override { return seen("pack_x"); }
  Status linear(std::span<const LinearArgs> products, Stream) override {
    return seen("linear" + std::to_string(products.size()));
  }
  Status embed(const EmbedArgs&, Stream) override { return seen("embed"); }
  Status norm(const NormArgs& args, Stream) override {
    return seen(args.packed.form == XForm::f32 ? "norm" : "norm_packed");
  }
  Status angles(const AnglesArgs&, Stream) override { return seen("angles"); }
  Status rope_store(const RopeStoreArgs&, Stream) override { return seen("rope_store"); }
  Status attend(const AttendArgs& args, Stream) override { return seen(args.split ? "attend_split" : "attend"); }
  Status gate(const GateArgs& args, Stream) override {
    return seen(args.packed.form == XForm::f32 ? "gate" : "gate_packed");
  }
  Status route(const RouteArgs&, Stream) override { return seen("route"); }
  Status sort_picks(const SortPicksArgs&, Stream) override { return seen("sort_picks"); }
  Status add_up(const AddUpArgs&, Stream) override { return seen("add_up"); }
  Status add(const AddArgs&, Stream) override { return seen("add"); }
  Status greedy(const GreedyArgs& args, Stream) override {
    std::fill_n(args.out, args.n_rows, 7);
    return seen("greedy");
  }
  Status sample(const SampleArgs& args, Stream) override {
    for (const SampleRow& row : std::span(args.rows, static_cast<std::size_t>(args.n_rows))) {
      s_.draws.push_back(row);
      s_.counts.insert(s_.counts.end(), args.counts + row.first_count, args.counts + row.first_count + row.n_counts);
      args.out[row.row] = 9;
      args.logits[std::int64_t{row.row} * args.width] = kDrawnOver;
    }
    return seen("sample");
  }

 private:
  Status seen(std::string name) {
    LL_TRY(s_.call(name.c_str()));
    ++s_.n_launches;
    s_.names.push_back(std::move(name));
    return {};
  }
  FakeState& s_;
};

}  // namespace llorch::cuda
