// The main flow of the three daemons: parse, bind, verify the device, load, serve, drain.
#pragma once

#include "worker/options.h"

namespace llorch {

/// Exit codes: 0 clean stop, 1 a fault of llorch, 2 bad arguments, 3 model file, 4 device or its memory, 5 port.
int worker_main(const Daemon& daemon, int argc, const char* const* argv);

}  // namespace llorch
