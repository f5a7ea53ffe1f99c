// The benches of ops_bench, each over all tables, formats and shapes of the settings that mean something to it.
#pragma once

#include "ops/machine.h"
#include "ops/report.h"
#include "ops/settings.h"

namespace llorch::bench {

/// Every format with float activations, and with 8-bit ones where it has such kernels, by rows of x; weights packed
/// where the table packs them. Counted are the bytes of the weights.
Status bench_matmul(const Settings& settings, Machine& machine, Report& report);
/// The last chunk of a long prompt, and one token after it, by type of the KV cache.
Status bench_attend(const Settings& settings, Machine& machine, Report& report);
/// A batch of tokens from a table of every format.
Status bench_embed(const Settings& settings, Machine& machine, Report& report);
/// Of these the rows are in the caches, as in a model that has just computed them: a share of the read speed may be
/// over 1.
Status bench_norm(const Settings& settings, Machine& machine, Report& report);
Status bench_gate(const Settings& settings, Machine& machine, Report& report);
Status bench_add(const Settings& settings, Machine& machine, Report& report);
/// By type of the KV cache.
Status bench_rope_store(const Settings& settings, Machine& machine, Report& report);
/// One token, by what the request asks for. One thread, as the sampler has it.
Status bench_sample(const Settings& settings, Machine& machine, Report& report);

}  // namespace llorch::bench
