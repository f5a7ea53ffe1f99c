#include "ops/report.h"

#include <fmt/format.h>

#include <cstdio>

#include "backend/cpu/tables.h"
#include "base/json.h"

namespace llorch::bench {
namespace {

double gb_per_sec(const Row& row) {
  return static_cast<double>(row.cost.bytes) / row.timing.seconds / 1e9;
}

double gop_per_sec(const Row& row) {
  return static_cast<double>(row.cost.flops) / row.timing.seconds / 1e9;
}

}  // namespace

Report::Report(const Settings& settings, const roof::Roof& roof, bool as_json) : roof_(roof), as_json_(as_json) {
  const std::string processor = cpu::processor_name();
  json_ = {{"processor", processor},
           {"threads", settings.n_threads},
           {"roof_kernels", roof.kernels},
           {"roof_read_gb_per_sec", roof.read_gb_per_sec},
           {"roof_int8_tops", roof.int8_tops},
           {"roof_f32_tflops", roof.f32_tflops},
           {"measured", nlohmann::json::array()}};
  if (!as_json) {
    fmt::print("{}, {} threads; roof ({}): read {:.1f} GB/s, int8 {:.3f} Top/s, f32 {:.3f} Tflop/s\n", processor,
               settings.n_threads, roof.kernels, roof.read_gb_per_sec, roof.int8_tops, roof.f32_tflops);
  }
}

Report::Share Report::share_of(const Row& row) const {
  const double read = gb_per_sec(row) / roof_.read_gb_per_sec;
  const double operations = gop_per_sec(row) / ((row.is_int8 ? roof_.int8_tops : roof_.f32_tflops) * 1e3);
  return read >= operations ? Share{"read", read} : Share{row.is_int8 ? "int8" : "f32", operations};
}

void Report::add(const Row& row) {
  const Share share = share_of(row);
  if (!as_json_) {
    fmt::print("{:<10} {:<7} {:<34} {:>10.1f} us {:>8.2f} GB/s {:>8.1f} Gop/s {:>4.0f}% of {}\n", row.op, row.table,
               row.what, row.timing.seconds * 1e6, gb_per_sec(row), gop_per_sec(row), 100 * share.part, share.of);
    std::fflush(stdout);
    return;
  }
  nlohmann::json one = row.facts;
  one["op"] = row.op;
  one["table"] = row.table;
  one["median_us"] = row.timing.seconds * 1e6;
  one["runs"] = row.timing.n_runs;
  one["gb_per_sec"] = gb_per_sec(row);
  one["gop_per_sec"] = gop_per_sec(row);
  one["share_of"] = share.of;
  one["share"] = share.part;
  json_["measured"].push_back(std::move(one));
}

void Report::finish() {
  if (as_json_) {
    fmt::print("{}\n", dump_json(json_));
  }
}

}  // namespace llorch::bench
