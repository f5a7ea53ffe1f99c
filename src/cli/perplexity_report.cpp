#include "cli/perplexity_report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/options.h"

namespace llorch::cli {
namespace {

/// "12.3456 +/- 0.1234"; one number alone has no error.
std::string with_error(double value, double error) {
  return std::isnan(error) ? fmt::format("{:.6g}", value) : fmt::format("{:.6g} +/- {:.3g}", value, error);
}

std::string how_scored(const PerplexityReport& report) {
  if (!report.whole_windows) {
    return fmt::format("the text fills no window of {} tokens: all but its first token are scored", report.window);
  }
  return fmt::format("{} windows of {} tokens, the second half of each is scored; {} tokens behind them are not used",
                     report.n_windows, report.window, report.unused_tokens);
}

double bits_of(const PerplexityReport& report) {
  return bits_per_byte(report.nll.mean() * static_cast<double>(report.nll.count()), report.scored_bytes);
}

void print(const PerplexityReport::Against& against) {
  const DivergenceSummary& d = against.divergence;
  fmt::print("against     {} ({}), whose perplexity is {:.6g}\n", against.file, escaped(against.model),
             d.base_perplexity.value);
  fmt::print("ratio       {}\n", with_error(d.perplexity_ratio.value, d.perplexity_ratio.standard_error));
  fmt::print("KL          mean {}, median {:.3g}, 99% {:.3g}, maximum {:.3g} nats\n", with_error(d.kl_mean, d.kl_error),
             d.kl_median, d.kl_99, d.kl_max);
  fmt::print("top token   the same at {:.2f}% of the positions\n", 100 * d.top_agreement);
  fmt::print("probability of the token that came: RMS difference {:.4g}\n", d.rms_probability);
}

nlohmann::json to_json(const PerplexityReport::Against& against) {
  const DivergenceSummary& d = against.divergence;
  return {{"file", against.file},
          {"model", against.model},
          {"perplexity", d.base_perplexity.value},
          {"perplexity_ratio", d.perplexity_ratio.value},
          {"perplexity_ratio_error", d.perplexity_ratio.standard_error},
          {"kl_mean", d.kl_mean},
          {"kl_mean_error", d.kl_error},
          {"kl_median", d.kl_median},
          {"kl_99", d.kl_99},
          {"kl_max", d.kl_max},
          {"top_1_agreement", d.top_agreement},
          {"rms_probability_difference", d.rms_probability}};
}

}  // namespace

void print(const PerplexityReport& report) {
  const Exponential perplexity = exp_of(report.nll);
  fmt::print("{} on {}, activations {}\n", escaped(report.model), report.device, report.activations);
  fmt::print("text        {}: {} bytes, {} tokens\n", report.file, report.text_bytes, report.text_tokens);
  fmt::print("windows     {}\n", how_scored(report));
  fmt::print("scored      {} tokens, {} bytes\n", report.nll.count(), report.scored_bytes);
  fmt::print("perplexity  {}\n", with_error(perplexity.value, perplexity.standard_error));
  fmt::print("likelihood  {:.6g} nats a token (negative log), {:.6g} bits a byte\n", report.nll.mean(),
             bits_of(report));
  if (report.against) {
    print(*report.against);
  }
  if (report.saved) {
    fmt::print("saved       {}: {} bytes\n", report.saved->file, report.saved->bytes);
  }
}

nlohmann::json to_json(const PerplexityReport& report) {
  const Exponential perplexity = exp_of(report.nll);
  nlohmann::json json = {{"model", report.model},
                         {"device", report.device},
                         {"activations", report.activations},
                         {"file", report.file},
                         {"text_bytes", report.text_bytes},
                         {"text_tokens", report.text_tokens},
                         {"window", report.window},
                         {"windows", report.n_windows},
                         {"unused_tokens", report.unused_tokens},
                         {"scored_tokens", report.nll.count()},
                         {"scored_bytes", report.scored_bytes},
                         {"perplexity", perplexity.value},
                         {"perplexity_error", perplexity.standard_error},
                         {"nll", report.nll.mean()},
                         {"bits_per_byte", bits_of(report)}};
  if (report.against) {
    json["against"] = to_json(*report.against);
  }
  if (report.saved) {
    json["saved"] = {{"file", report.saved->file}, {"bytes", report.saved->bytes}};
  }
  return json;
}

}  // namespace llorch::cli
