#include "model/tensor_check.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/threads.h"
#include "model/finite.h"

namespace llorch {
namespace {

constexpr std::int64_t kChunkBytes = 1 << 20;  // stays in the cache between the two looks

/// What one tensor's bytes gave.
struct Seen {
  std::string digest;
  std::int64_t not_finite = -1;  // offset in the data
};

/// Tells the share of all bytes, from whichever thread comes first.
class SharedProgress {
 public:
  SharedProgress(std::int64_t all, const std::function<void(double)>& tell) : all_(all), tell_(tell) {}

  void add(std::int64_t bytes) {
    done_ += bytes;
    if (const std::unique_lock lock(mutex_, std::try_to_lock); tell_ && lock.owns_lock()) {
      tell_(static_cast<double>(done_.load()) / static_cast<double>(all_));
    }
  }

 private:
  std::int64_t all_;
  const std::function<void(double)>& tell_;
  std::atomic<std::int64_t> done_{0};
  std::mutex mutex_;
};

Seen read_tensor(const Tensor& tensor, SharedProgress& progress) {
  const auto size = static_cast<std::int64_t>(tensor.data.size());
  const std::int64_t block = format_of(tensor.type).block_bytes;
  const std::int64_t step = std::max<std::int64_t>(1, kChunkBytes / block) * block;
  Seen seen;
  Digester digester;
  for (std::int64_t begin = 0; begin < size; begin += step) {
    const std::int64_t end = std::min(size, begin + step);
    if (seen.not_finite < 0) {
      seen.not_finite = first_not_finite(tensor, begin, end);
    }
    digester.add(tensor.data.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
    progress.add(end - begin);
  }
  seen.digest = digester.hex();
  return seen;
}

/// In the order of `tensors`. Largest first, so that no thread is left with much at the end.
std::vector<Seen> read_all(const std::vector<const Tensor*>& tensors, SharedProgress& progress) {
  std::vector<std::size_t> order(tensors.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(), [&tensors](std::size_t a, std::size_t b) {
    return tensors[a]->data.size() > tensors[b]->data.size();
  });
  std::vector<Seen> seen(tensors.size());
  std::atomic<std::size_t> next{0};
  const auto useful = static_cast<int>(std::clamp<std::size_t>(tensors.size(), 1, 1024));
  ThreadTeam team(std::min(useful, physical_cores()));
  team.run([&](int /*thread*/) {
    for (std::size_t i = next++; i < order.size(); i = next++) {
      seen[order[i]] = read_tensor(*tensors[order[i]], progress);
    }
  });
  return seen;
}

}  // namespace

Result<Digests> read_tensors(const Checkpoint& checkpoint, const Manifest* manifest,
                             const std::function<void(double)>& progress) {
  const std::vector<const Tensor*> tensors = in_file_order(checkpoint);
  SharedProgress shared(checkpoint.tensor_bytes(), progress);
  std::vector<Seen> seen = read_all(tensors, shared);
  Digests digests;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (seen[i].not_finite >= 0) {
      return not_finite_error(*tensors[i], seen[i].not_finite);
    }
    if (manifest != nullptr) {
      LL_TRY(check_digest(*manifest, *tensors[i], seen[i].digest));
    }
    digests.tensors.emplace(tensors[i]->name, std::move(seen[i].digest));
  }
  LL_ASSIGN(digests.model, model_digest(checkpoint, digests));
  if (manifest != nullptr) {
    LL_TRY(check_model_digest(*manifest, checkpoint, digests.model));
  }
  return digests;
}

}  // namespace llorch
