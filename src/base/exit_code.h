// The exit codes of every program: scripts and orchestrators read them, so a failure has the same one wherever it
// shows.
#pragma once

#include "base/result.h"

namespace llorch {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,        // anything else
  kExitBadArguments = 2,  // the command line, or a value that it names
  kExitModelFile = 3,     // the model cannot be used, or not for what was asked of it
  kExitDevice = 4,        // the device or its memory
  kExitIo = 5,            // the operating system refused: a file, a port, a connection
};

constexpr ExitCode exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
      return kExitBadArguments;
    case ErrorCode::model_file:
    case ErrorCode::unsupported:
      return kExitModelFile;
    case ErrorCode::device:
    case ErrorCode::out_of_memory:
      return kExitDevice;
    case ErrorCode::io:
      return kExitIo;
    case ErrorCode::cancelled:
    case ErrorCode::timeout:
    case ErrorCode::internal:
      break;
  }
  return kExitFailed;
}

}  // namespace llorch
