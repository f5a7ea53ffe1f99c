// A conversation in the terminal: lines in, answers out, until the input ends.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/answer.h"

namespace llorch::cli {

/// Reads turns from standard input (line editing and history on a terminal, plain lines otherwise) and answers each
/// with the turns before it; when they outgrow the context, the oldest are left out. Ctrl-C ends an answer, at the
/// prompt the program. The model has a chat template that can be used. `stats`: print_stats() after each answer.
Status converse(LoadedModel& model, Answerer& answerer, const std::string& system, bool stats);

}  // namespace llorch::cli
