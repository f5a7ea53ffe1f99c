#include "model/rope.h"

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

/// GGUF files carry such factors ready made.
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

}  // namespace

Result<Rope> read_rope(const ModelSource& source, RopeKind kind, int dims) {
  Rope rope{.kind = kind, .dims = dims};
  LL_ASSIGN(rope.theta, source.number_or("rope.freq_base", 10000.0, 1.0, 1e12));
  // A GGUF without a type means linear; the oldest files give the factor under rope.scale_linear.
  LL_ASSIGN(const std::string type, source.string_or("rope.scaling.type", source.is_hf() ? "none" : "linear"));
  if (type == "llama3") {
    LL_ASSIGN(rope.factors, llama3_factors(source, rope));
  } else if (type == "linear") {
    LL_ASSIGN(const double old_factor, source.number_or("rope.scale_linear", 1.0, 0, kMaxFactor));
    LL_ASSIGN(const double factor, source.number_or("rope.scaling.factor", old_factor, 0, kMaxFactor));
    if (factor != 0 && factor != 1) {  // llama.cpp writes 0 for "not set"
      rope.factors.assign(static_cast<std::size_t>(dims / 2), static_cast<float>(factor));
    }
  } else if (type != "none" && type != "default") {
    return errorf(ErrorCode::model_file, "{}: {} is '{}', known are none, default, linear and llama3",
                  source.checkpoint().metadata.source(), source.key("rope.scaling.type"), type);
  }
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
