#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "base/format.h"

namespace llorch {
namespace {

constexpr double kMaxFactor = 1e6;

/// Wavelength-dependent factors of Llama 3.1 (its model card; config.json's rope_type "llama3").
Result<std::vector<float>> llama3_factors(const ModelSource& source, const Rope& rope) {
  LL_ASSIGN(const double factor, source.number("rope.scaling.factor", 1, kMaxFactor));
  LL_ASSIGN(const double low, source.number("rope.scaling.low_freq_factor", 1e-6, kMaxFactor));
  LL_ASSIGN(const double high, source.number("rope.scaling.high_freq_factor", 1e-6, kMaxFactor));
  LL_ASSIGN(const double original, source.number("rope.scaling.original_context_length", 1, 1e9));
  if (high <= low) {
    return errorf(ErrorCode::model_file, "{}: rope high_freq_factor {} must be above low_freq_factor {}",
                  source.checkpoint().metadata.source(), high, low);
  }
  std::vector<float> factors;
  for (int i = 0; i < rope.dims / 2; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(rope.theta, 2.0 * i / rope.dims);
    const double smooth = (original / wavelength - low) / (high - low);
    double value = 1.0 / ((1 - smooth) / factor + smooth);
    value = wavelength < original / high ? 1.0 : wavelength > original / low ? factor : value;
    factors.push_back(static_cast<float>(value));
  }
  return factors;
}

/// GGUF files carry some factors ready made.
Result<std::vector<float>> factors_of_tensor(const ModelSource& source, const Tensor& tensor, const Rope& rope) {
  if (tensor.type != DType::f32 || tensor.elements() != rope.dims / 2) {
    return errorf(ErrorCode::model_file, "{}: tensor {} must hold {} F32 values, it holds {} {}", tensor.file,
                  tensor.name, rope.dims / 2, tensor.elements(), format_of(tensor.type).name);
  }
  std::vector<float> factors(static_cast<std::size_t>(rope.dims / 2));
  std::memcpy(factors.data(), tensor.data.data(), factors.size() * sizeof(float));
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] > 0) || !std::isfinite(factors[i])) {
      return errorf(ErrorCode::model_file, "{}: tensor {} has {} at index {}, a rope factor must be above 0 and finite",
                    source.checkpoint().path, tensor.name, factors[i], i);
    }
  }
  return factors;
}

Status read_linear(const ModelSource& source, Rope& rope) {
  LL_ASSIGN(const double old_factor, source.number_or("rope.scale_linear", 1.0, 0, kMaxFactor));
  LL_ASSIGN(const double factor, source.is_hf() ? source.number("rope.scaling.factor", 1e-6, kMaxFactor)
                                                : source.number_or("rope.scaling.factor", old_factor, 0, kMaxFactor));
  if (factor != 0 && factor != 1) {  // llama.cpp writes 0 for "not set"
    rope.factors.assign(static_cast<std::size_t>(rope.dims / 2), static_cast<float>(factor));
  }
  return {};
}

/// Peng et al., "YaRN", 2023: pairs that turn often keep their angle, those that turn seldom are slowed down by the
/// factor, the ones between are mixed.
Status read_yarn(const ModelSource& source, Rope& rope) {
  LL_ASSIGN(const double factor, source.number("rope.scaling.factor", 1, kMaxFactor));
  LL_ASSIGN(const double context, source.number_or("context_length", 1, 1, 1e9));
  LL_ASSIGN(const double original, source.number_or("rope.scaling.original_context_length", context, 1, 1e9));
  LL_ASSIGN(const double fast, source.number_or("rope.scaling.yarn_beta_fast", 32, 1e-6, kMaxFactor));
  LL_ASSIGN(const double slow, source.number_or("rope.scaling.yarn_beta_slow", 1, 1e-6, kMaxFactor));
  LL_ASSIGN(const double share, source.number_or("rope.scaling.yarn_ext_factor", 1, 0, 1));
  LL_ASSIGN(const double attn, source.number_or("rope.scaling.yarn_attn_factor", 1, 1e-6, kMaxFactor));
  LL_ASSIGN(const bool truncate, source.boolean_or("rope.scaling.truncate", true));
  const auto pair_turning = [&](double turns) {
    return rope.dims * std::log(original / (2 * std::numbers::pi * turns)) / (2 * std::log(rope.theta));
  };
  double low = pair_turning(fast);
  double high = pair_turning(slow);
  low = std::max(0.0, truncate ? std::floor(low) : low);
  high = std::min<double>(rope.dims - 1, truncate ? std::ceil(high) : high);
  for (int i = 0; i < rope.dims / 2; ++i) {
    const double kept = share * (1 - std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0));
    rope.factors.push_back(static_cast<float>(1 / ((1 - kept) / factor + kept)));
  }
  // config.json may give the whole magnitude, or two that are divided; a GGUF a factor of the usual one.
  const auto magnitude = [factor](double m) { return 1 + 0.1 * m * std::log(factor); };
  LL_ASSIGN(const double given, source.number_or("rope.scaling.attn_factor", 1, 1e-6, kMaxFactor));
  LL_ASSIGN(const double part, source.number_or("rope.scaling.mscale", 0, 0, 1e3));
  LL_ASSIGN(const double all, source.number_or("rope.scaling.mscale_all_dim", 0, 0, 1e3));
  double value = given * attn * (share > 0 ? magnitude(1) : 1);
  if (source.is_hf() && source.has_key("rope.scaling.attn_factor")) {
    value = given;
  } else if (source.is_hf() && part > 0 && all > 0) {
    value = magnitude(part) / magnitude(all);
  }
  rope.magnitude = static_cast<float>(value);
  return {};
}

Result<std::vector<float>> longrope_list(const ModelSource& source, std::string_view key, const Rope& rope) {
  LL_ASSIGN(const std::vector<double> list, source.metadata().numbers(source.key(key)));
  if (list.size() != static_cast<std::size_t>(rope.dims / 2)) {
    return source.refuse(key, fmt::format("{} factors are needed", rope.dims / 2));
  }
  std::vector<float> factors;
  for (const double value : list) {
    if (!(value > 0) || !(value <= kMaxFactor)) {
      return source.refuse(key, fmt::format("{} is no rope factor", value));
    }
    factors.push_back(static_cast<float>(value));
  }
  return factors;
}

/// Ding et al., "LongRoPE", 2024: two lists of factors, the choice made once, by the context in use.
Status read_longrope(const ModelSource& source, Rope& rope) {
  LL_ASSIGN(const int max_context, source.integer("context_length", 1, INT32_MAX));
  LL_ASSIGN(const double original, source.number_or("rope.scaling.original_context_length", max_context, 1, INT32_MAX));
  const bool is_long = (source.context() > 0 ? source.context() : max_context) > original;
  const char* name = is_long ? "rope_factors_long.weight" : "rope_factors_short.weight";
  if (source.is_hf()) {
    LL_ASSIGN(rope.factors,
              longrope_list(source, is_long ? "rope.scaling.long_factor" : "rope.scaling.short_factor", rope));
  } else if (const Tensor* tensor = source.tensor(name)) {
    LL_ASSIGN(rope.factors, factors_of_tensor(source, *tensor, rope));
  } else {
    return errorf(ErrorCode::model_file, "{}: tensor {} is missing", source.checkpoint().path, name);
  }
  const double usual = max_context > original && original > 1
                           ? std::sqrt(1 + std::log(max_context / original) / std::log(original))
                           : 1.0;
  LL_ASSIGN(const double magnitude,
            source.number_or("rope.scaling.attn_factor", source.is_hf() ? usual : 1.0, 1e-6, kMaxFactor));
  rope.magnitude = static_cast<float>(magnitude);
  return {};
}

bool has_longrope(const ModelSource& source) {
  return !source.is_hf() && (source.has("rope_factors_long.weight") || source.has("rope_factors_short.weight"));
}

Status read_scaling(const ModelSource& source, Rope& rope) {
  if (source.is_hf() && source.metadata().has("rope_scaling")) {
    return source.refuse("rope_scaling", "an object or null is needed");
  }
  // A GGUF without a type means linear; the oldest files give the factor under rope.scale_linear.
  LL_ASSIGN(const std::string type, source.string_or("rope.scaling.type", source.is_hf() ? "none" : "linear"));
  if (type == "longrope" || type == "su" || has_longrope(source)) {
    return read_longrope(source, rope);
  }
  if (type == "yarn") {
    return read_yarn(source, rope);
  }
  if (type == "llama3") {
    LL_ASSIGN(rope.factors, llama3_factors(source, rope));
    return {};
  }
  if (type == "linear") {
    return read_linear(source, rope);
  }
  // "dynamic" changes angles beyond the trained context only, which no sequence here outgrows.
  if (type != "none" && type != "default" && type != "dynamic") {
    return source.refuse("rope.scaling.type", "known are none, default, dynamic, linear, llama3, yarn and longrope");
  }
  return {};
}

}  // namespace

Result<Rope> read_rope(const ModelSource& source, RopeKind kind, int dims) {
  Rope rope{.kind = kind, .dims = dims};
  LL_ASSIGN(rope.theta, source.number_or("rope.freq_base", 10000.0, 1.001, 1e12));
  if (dims < 2 || dims % 2 != 0) {
    return source.refuse("rope.dimension_count", fmt::format("{} rope dimensions must be even and at least 2", dims));
  }
  LL_TRY(read_scaling(source, rope));
  if (const Tensor* tensor = source.is_hf() ? nullptr : source.tensor("rope_freqs.weight")) {
    LL_ASSIGN(std::vector<float> factors, factors_of_tensor(source, *tensor, rope));
    for (std::size_t i = 0; i < rope.factors.size(); ++i) {
      factors[i] *= rope.factors[i];  // a linear scaling beside the tensor divides as well
    }
    rope.factors = std::move(factors);
  }
  return rope;
}

}  // namespace llorch
