// ops_bench: every op of the host tables by format, shape and KV type, beside the machine's own speeds measured in the
// same run. Medians; weights and KV come from memory, not from a cache. `ops_bench --help` has the options.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/tables.h"
#include "backend/roof/roof.h"
#include "base/exit_code.h"
#include "cli/validators.h"
#include "ops/benches.h"

namespace llorch::bench {
namespace {

using Bench = Status (*)(const Settings&, Machine&, Report&);
constexpr std::pair<const char*, Bench> kBenches[] = {
    {"matmul", bench_matmul}, {"attend", bench_attend}, {"embed", bench_embed},           {"norm", bench_norm},
    {"gate", bench_gate},     {"add", bench_add},       {"rope_store", bench_rope_store}, {"sample", bench_sample}};
constexpr KvType kKvTypes[] = {KvType::f32, KvType::f16, KvType::q8_0};
constexpr int kMost = 1 << 20;

/// The command line; an empty list stands for all, of tables for the best.
struct Args {
  std::vector<std::string> ops, tables, formats, kv_types;
  int roof_mb = 512;
  bool as_json = false;
  Settings settings;
};

std::vector<std::string> op_names() {
  std::vector<std::string> names;
  for (const auto& [name, bench] : kBenches) {
    names.emplace_back(name);
  }
  return names;
}

std::vector<std::string> format_names() {
  std::vector<std::string> names;
  for (const Format& format : formats()) {
    names.emplace_back(format.name);
  }
  return names;
}

std::vector<std::string> table_names() {
  std::vector<std::string> names;
  for (const cpu::HostTable& table : cpu::host_tables()) {
    if (table.available()) {
      names.emplace_back(cpu::make_ops(table).name);
    }
  }
  return names;
}

std::vector<std::string> kv_type_names() {
  std::vector<std::string> names;
  for (const KvType type : kKvTypes) {
    names.emplace_back(to_string(type));
  }
  return names;
}

void add_list(CLI::App& app, const std::string& option, std::vector<std::string>& list, const std::string& help,
              const std::vector<std::string>& known) {
  app.add_option(option, list, help)->delimiter(',')->check(CLI::IsMember(known));
}

void add_number(CLI::App& app, const std::string& option, int& value, const std::string& help, int most = kMost) {
  app.add_option(option, value, help)->check(cli::whole_in(1, static_cast<std::uint64_t>(most)))->capture_default_str();
}

void add_options(CLI::App& app, Args& args) {
  Settings& s = args.settings;
  add_list(app, "--ops", args.ops, "only these", op_names());
  add_list(app, "--tables", args.tables, "of these tables (default: the best that this processor has)", table_names());
  add_list(app, "--formats", args.formats, "of weights: only these", format_names());
  add_list(app, "--kv-types", args.kv_types, "of the KV cache: only these", kv_type_names());
  add_number(app, "--threads", s.n_threads, "of the team (default: the physical cores allowed)", 1024);
  add_number(app, "--rows", s.rows, "rows of a matrix; the width of gate");
  add_number(app, "--cols", s.cols, "columns of a matrix; the width of x");
  app.add_option("--rows-of-x", s.rows_of_x, "rows of x in a product; tokens of norm, gate, add and rope_store")
      ->delimiter(',')
      ->check(cli::whole_in(1, 4096))
      ->capture_default_str();
  add_number(app, "--heads", s.n_heads, "query heads", 1024);
  add_number(app, "--kv-heads", s.n_kv_heads, "heads of keys and values", 1024);
  add_number(app, "--head-dim", s.head_dim, "channels of a head", 1024);
  add_number(app, "--context", s.context, "tokens in the KV cache");
  add_number(app, "--chunk", s.chunk, "last tokens of the context that attend sees at once", 4096);
  add_number(app, "--vocab", s.vocab, "tokens to draw from; rows of the embedding");
  add_number(app, "--least-ms", s.least_ms, "time of a measurement; of each the median of the runs is told", 60'000);
  add_number(app, "--memory-mb", s.memory_mb, "MiB of weights or KV that a measurement goes through");
  add_number(app, "--roof-mb", args.roof_mb, "MiB of memory read to measure the read roof; keep it beyond the caches");
  app.add_flag("--json", args.as_json, "one JSON object");
}

template <class T>
bool holds(const std::vector<std::string>& list, const T& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

void choose(Args& args) {
  Settings& s = args.settings;
  for (const cpu::HostTable& table : cpu::host_tables()) {
    if (table.available() && holds(args.tables, cpu::make_ops(table).name)) {
      s.tables.push_back(cpu::make_ops(table));
    }
  }
  if (args.tables.empty()) {
    s.tables = {cpu::make_ops(cpu::best_table())};
  }
  for (const Format& format : formats()) {
    if (args.formats.empty() || holds(args.formats, format.name)) {
      s.formats.push_back(&format);
    }
  }
  for (const KvType type : kKvTypes) {
    if (args.kv_types.empty() || holds(args.kv_types, to_string(type))) {
      s.kv_types.push_back(type);
    }
  }
}

Status run(Args& args) {
  choose(args);
  LL_TRY(check(args.settings));
  LL_ASSIGN(Machine machine, Machine::make(args.settings));
  Report report(args.settings, roof::measure(machine.team(), std::int64_t{args.roof_mb} << 20), args.as_json);
  for (const auto& [name, bench] : kBenches) {
    if (args.ops.empty() || holds(args.ops, name)) {
      LL_TRY(bench(args.settings, machine, report));
    }
  }
  report.finish();
  return {};
}

int fail(const std::string& message, int code) {
  std::fprintf(stderr, "ops_bench: %s\n", message.c_str());
  return code;
}

}  // namespace
}  // namespace llorch::bench

int main(int argc, char** argv) {
  using namespace llorch;
  bench::Args args;
  args.settings.n_threads = physical_cores();
  CLI::App app{"Speed of every op, by format, shape and KV type, beside what this machine can do at most", "ops_bench"};
  bench::add_options(app, args);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    return bench::fail(error.what(), kExitBadArguments);
  }
  const Status status = bench::run(args);
  return status.ok() ? static_cast<int>(kExitOk) : bench::fail(status.error().message, exit_code(status.error().code));
}
