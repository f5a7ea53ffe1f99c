// Streams, events, graphs and launches of the emulated device. Work is done when it is put on a stream, so events and
// waits have nothing to do; a graph is a list of the work that was put on a captured stream.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gpu/emulator/machine.h"
#include "gpu/emulator/names.h"
#include "gpu/emulator/runtime.h"
#include "gpu/emulator/shared_memory.h"

using Work = std::function<void()>;

struct CUstream_st {
  bool captured = false;
  std::vector<Work> recorded;
};
struct CUevent_st {};
struct CUgraph_st {
  std::vector<Work> work;
};
struct CUgraphExec_st {
  std::vector<Work> work;
};

namespace llorch::emulator {
namespace {

thread_local int n_captured = 0;  // streams, by this host thread

std::mutex mutex;
std::map<const void*, std::size_t> allowed_bytes;  // of dynamic shared memory, by kernel

/// What ran: printed when the program ends, with LLORCH_EMULATOR_REPORT in its environment.
class Counts {
 public:
  ~Counts() {
    if (std::getenv("LLORCH_EMULATOR_REPORT") == nullptr) {
      return;
    }
    std::map<std::string, std::uint64_t> by_name;
    for (const auto& [kernel, n_blocks] : n_blocks_) {
      by_name[name_of(kernel)] += n_blocks;
    }
    for (const auto& [name, n_blocks] : by_name) {
      std::fprintf(stderr, "%10llu blocks of %s\n", static_cast<unsigned long long>(n_blocks), name.c_str());
    }
  }
  void add(const Launch& launch) {
    const std::lock_guard lock(mutex);
    n_blocks_[launch.kernel] += std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z;
  }

 private:
  std::map<const void*, std::uint64_t> n_blocks_;
};
Counts counts;

std::size_t allowed(const void* kernel) {
  const std::lock_guard lock(mutex);
  const auto at = allowed_bytes.find(kernel);
  return at == allowed_bytes.end() ? kUsualSharedBytes : at->second;
}

bool is_valid(const dim3& grid, const dim3& block) {
  constexpr unsigned int kMostX = 0x7FFFFFFF;
  constexpr unsigned int kMostYz = 65535;
  constexpr unsigned int kMostBlockZ = 64;
  return grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x <= kMostX && grid.y <= kMostYz && grid.z <= kMostYz &&
         block.x > 0 && block.y > 0 && block.z > 0 && block.z <= kMostBlockZ &&
         std::uint64_t{block.x} * block.y * block.z <= kMostThreads;
}

}  // namespace

void put(cudaStream_t stream, Work work) {
  if (stream != nullptr && stream->captured) {
    stream->recorded.push_back(std::move(work));
  } else {
    work();
  }
}

bool is_capturing() {
  return n_captured > 0;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, Work body) {
  if (!is_valid(config.gridDim, config.blockDim)) {
    return failed(cudaErrorInvalidConfiguration);
  }
  if (config.dynamicSmemBytes > allowed(kernel)) {
    return failed(cudaErrorInvalidValue);
  }
  put(config.stream, [launch = Launch{.kernel = kernel,
                                      .grid = config.gridDim,
                                      .block = config.blockDim,
                                      .shared_bytes = config.dynamicSmemBytes,
                                      .body = std::move(body)}] {
    counts.add(launch);
    run(launch);
  });
  return cudaSuccess;
}

cudaError_t allow_shared(const void* kernel, int bytes) {
  if (bytes < 0 || static_cast<std::size_t>(bytes) > kMostSharedBytes) {
    return failed(cudaErrorInvalidValue);
  }
  const std::lock_guard lock(mutex);
  allowed_bytes[kernel] = static_cast<std::size_t>(bytes);
  return cudaSuccess;
}

}  // namespace llorch::emulator

using llorch::emulator::failed;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned int /*flags*/) {
  *stream = new CUstream_st;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return stream != nullptr && stream->captured ? failed(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t /*stream*/, cudaEvent_t /*event*/, unsigned int /*flags*/) {
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned int /*flags*/) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t /*event*/, cudaStream_t /*stream*/) {
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t /*event*/) {
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  if (stream == nullptr || stream->captured) {
    return failed(stream == nullptr ? cudaErrorStreamCaptureUnsupported : cudaErrorInvalidValue);
  }
  stream->captured = true;
  stream->recorded.clear();
  ++llorch::emulator::n_captured;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream == nullptr || !stream->captured) {
    return failed(cudaErrorInvalidValue);
  }
  stream->captured = false;
  --llorch::emulator::n_captured;
  *graph = new CUgraph_st{std::exchange(stream->recorded, {})};
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long /*flags*/) {
  *executable = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const Work& work : executable->work) {
    llorch::emulator::put(stream, work);
  }
  return cudaSuccess;
}
