// llorch-cuda-candled: the worker of worker.h on the device 'cuda'.
#include "worker/worker.h"

int main(int argc, char** argv) {
  return llorch::worker_main({.name = "llorch-cuda-candled", .device = "cuda"}, argc, argv);
}
