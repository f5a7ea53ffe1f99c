// llorch-cpu-candled: the worker of worker.h on the device 'cpu'.
#include "worker/worker.h"

int main(int argc, char** argv) {
  return llorch::worker_main({.name = "llorch-cpu-candled", .device = "cpu"}, argc, argv);
}
