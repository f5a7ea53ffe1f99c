// Backend: one model on one device. Given a plan and its weights once, then run once per batch.
//
// One thread calls a backend. No backend falls back to another device: what it cannot run it refuses in load(), by
// name.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend/batch.h"
#include "backend/kv_bytes.h"
#include "base/result.h"
#include "model/plan.h"
#include "model/weights.h"
#include "sampling/params.h"

namespace llorch {

class Recorder;  // base/trace.h

/// Bytes on the device.
struct Memory {
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
  std::int64_t model_bytes = 0;     // weights + KV + workspace held by this backend now
  std::int64_t kv_block_bytes = 0;  // one block of every layer of KV group 0 (known after load)
  bool is_apart = false;            // not the host's: before load() the weights are not there yet
};

/// Blocks of each KV group, and the largest batch that run() must take.
struct KvShape {
  std::vector<int> n_blocks;  // [n_kv_groups]
  int max_batch_tokens = 512;
  int max_batch_seqs = 64;
  int max_outputs = 512;
};

/// What a step wrote into a slot, valid during the call that hands it on.
struct StepOutput {
  int step_index;
  const Step& step;
  Slot slot;                      // Slot::none: the logits
  std::span<const float> values;  // [rows, width]
  int rows;
  int width;
};

/// Sees every step of a run after it ran: `check`, `diff` and `imatrix` observe.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  /// Once for each slot that the step wrote.
  virtual void after(const StepOutput& output) = 0;
};

enum class Activations : std::uint8_t { f32, q8 };

/// What the KV cache holds unless somebody chooses: exact activations ask for exact keys and values.
inline KvType default_kv_type(Activations activations) {
  return activations == Activations::f32 ? KvType::f32 : KvType::f16;
}

struct BackendOptions {
  int n_threads = 0;                          // 0: physical cores allowed to the process
  Activations activations = Activations::q8;  // q8 where a quantised format has such a kernel; f32: exact
  KvType kv_type = KvType::f16;               // how keys and values are kept
  bool repack = true;                         // weights in the layout of the kernels, where they have one
  Recorder* recorder = nullptr;               // nullptr: nothing is recorded and it costs nothing
};

class Backend {
 public:
  virtual ~Backend() = default;
  /// "cpu:avx512", as the user names it.
  virtual std::string_view name() const = 0;
  /// Equal requests give equal bytes whatever else is in the batch.
  virtual bool deterministic() const = 0;
  /// A small computation whose answer is known. Called once, before load().
  virtual Status verify() = 0;
  virtual Memory memory() const = 0;
  /// Whether everything that the model needs is on the device (ErrorCode::device says what is not). Any thread may ask,
  /// while run() is under way too, from load() on.
  virtual Status check_resident() const = 0;
  /// Takes the weights (`source` must outlive the backend) and allocates the KV cache.
  virtual Status load(const Plan& plan, const WeightSource& source, const KvShape& kv) = 0;
  /// Runs the plan. With outputs.sampled, samples[o] draws the token of output row o.
  virtual Status run(const Batch& batch, std::span<const SampleSpec> samples, const Outputs& outputs,
                     StepObserver* observer = nullptr) = 0;
};

/// What was compiled in and what this machine can run, for `llorch devices`.
struct DeviceInfo {
  std::string name;         // "cpu:avx512"
  std::string description;  // CPU model, ISA, cblas library and the kernel set that it chose
  bool available = false;
  std::string why_not;  // when not available
};
std::vector<DeviceInfo> list_devices();

/// An error that lists the known ones when no backend of this program has a device of this name.
Status check_device_name(const std::string& device);

/// Makes the backend called `device`: ref, cpu, cpu:avx2, cpu:avx512, blas, cuda:N. An unknown name lists the known
/// ones; one that is compiled in but cannot run here says why (ErrorCode::device).
Result<std::unique_ptr<Backend>> create_backend(const std::string& device, const BackendOptions& options);

}  // namespace llorch
