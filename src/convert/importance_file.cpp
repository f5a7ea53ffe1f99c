// A matrix NAME has two tensors: NAME.in_sum2 [n_parts, cols], sums of squares, and NAME.counts [n_parts, 1].
#include "convert/importance_file.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

#include "base/format.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_header.h"
#include "checkpoint/layout.h"

namespace llorch {
namespace {

constexpr std::string_view kSums = ".in_sum2";
constexpr std::string_view kCounts = ".counts";

Result<std::vector<float>> floats_of(const Tensor& tensor) {
  if (tensor.type != DType::f32) {
    return errorf(ErrorCode::model_file, "{}: tensor {} is {}, must be F32", tensor.file, tensor.name,
                  format_of(tensor.type).name);
  }
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  format_of(tensor.type).decode(tensor.data.data(), values.data(), tensor.elements());
  for (const float value : values) {
    if (!std::isfinite(value) || value < 0) {
      return errorf(ErrorCode::model_file, "{}: tensor {} holds {}, must hold numbers from 0 on", tensor.file,
                    tensor.name, value);
    }
  }
  return values;
}

/// Divides by the mean, with a floor: a channel that was silent may speak when the model is used, and the sums of the
/// search must neither vanish nor overflow. All 1 where the mean is 0.
void normalise(std::span<float> values) {
  constexpr double kFloor = 1e-4;
  double sum = 0;
  for (const float value : values) {
    sum += static_cast<double>(value);
  }
  const double mean = sum / static_cast<double>(values.size());
  for (float& value : values) {
    value = mean > 0 ? static_cast<float>(std::max(static_cast<double>(value) / mean, kFloor)) : 1.0F;
  }
}

/// Sums of squares, each part as shares of its mean; what was never counted has equal shares.
Result<std::vector<float>> shares(const Tensor& sums, const Tensor& counts) {
  LL_ASSIGN(std::vector<float> values, floats_of(sums));
  LL_ASSIGN(const std::vector<float> n, floats_of(counts));
  if (n.empty() || values.size() % n.size() != 0) {
    return errorf(ErrorCode::model_file, "{}: tensor {} has the shape {}, which does not fit {} of {}", sums.file,
                  sums.name, shape_text(sums.shape), counts.name, shape_text(counts.shape));
  }
  const std::size_t cols = values.size() / n.size();
  for (std::size_t part = 0; part < n.size(); ++part) {
    normalise(std::span(values).subspan(part * cols, cols));
  }
  return values;
}

void append(std::string& data, std::span<const double> values) {
  for (const double value : values) {
    const auto number = static_cast<float>(value);
    data.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  data.resize((data.size() + GgufHeader::kAlignment - 1) / GgufHeader::kAlignment * GgufHeader::kAlignment, '\0');
}

}  // namespace

Result<Importance> read_importance(const std::string& path) {
  LL_ASSIGN(const Checkpoint file, open_checkpoint(path));
  Importance importance;
  for (const auto& [name, sums] : file.tensors) {
    if (!name.ends_with(kSums)) {
      continue;
    }
    const std::string matrix = name.substr(0, name.size() - kSums.size());
    const Tensor* counts = file.find(matrix + std::string(kCounts));
    if (counts == nullptr) {
      return errorf(ErrorCode::model_file, "{}: tensor {}{} is missing", path, matrix, kCounts);
    }
    LL_ASSIGN(importance.of[matrix], shares(sums, *counts));
  }
  if (importance.of.empty()) {
    return errorf(ErrorCode::model_file, "{}: no importance matrix: it has no tensor named *{}", path, kSums);
  }
  return importance;
}

Status write_importance(const ImportanceRun& run, AtomicFile& file) {
  GgufHeader header;
  header.text("general.type", "imatrix");
  header.u32("imatrix.chunk_count", run.n_chunks);
  header.u32("imatrix.chunk_size", run.chunk_tokens);
  const std::string_view dataset = run.dataset;
  header.texts("imatrix.datasets", {&dataset, 1});
  std::string data;
  for (const auto& [name, sums] : run.sums) {
    const auto parts = static_cast<std::int64_t>(sums.counts.size());
    header.tensor(name + std::string(kSums), DType::f32,
                  {parts, static_cast<std::int64_t>(sums.squares.size()) / parts});
    append(data, sums.squares);
    header.tensor(name + std::string(kCounts), DType::f32, {parts, 1});
    append(data, sums.counts);
  }
  const std::string head = header.bytes();
  LL_TRY(file.write(std::as_bytes(std::span(head))));
  LL_TRY(file.write(std::as_bytes(std::span(data))));
  return file.commit();
}

}  // namespace llorch
