// llorch-accelerate-candled: the worker of worker.h on the device 'blas'.
#include "worker/worker.h"

int main(int argc, char** argv) {
  return llorch::worker_main({.name = "llorch-accelerate-candled", .device = "blas"}, argc, argv);
}
