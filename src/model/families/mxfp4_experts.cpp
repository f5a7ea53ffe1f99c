#include "model/families/mxfp4_experts.h"

#include "base/format.h"
#include "quant/mxfp4/mxfp4.h"

namespace llorch {
namespace {

constexpr std::int64_t kBytes = BlockMxfp4::kLen / 2;

/// A block in the order of MXFP4's struct, whose byte j holds the elements j and j + 16.
void join_block(const std::byte* pairs, std::byte scale, std::byte* out) {
  out[0] = scale;
  const auto element = [pairs](std::int64_t i) {
    const auto byte = std::to_integer<unsigned>(pairs[i / 2]);
    return i % 2 == 0 ? byte & 15U : byte >> 4;
  };
  for (std::int64_t j = 0; j < kBytes; ++j) {
    out[1 + j] = static_cast<std::byte>(element(j) | element(j + kBytes) << 4);
  }
}

}  // namespace

Result<Tensor> join_mxfp4(const FoundTensor& found, std::int64_t step, std::int64_t first) {
  const Tensor& blocks = found.tensor;
  const std::string base = blocks.name.substr(0, blocks.name.size() - std::string_view("blocks").size());
  const Tensor* scales = found.source.checkpoint().find(base + "scales");
  if (scales == nullptr) {
    return errorf(ErrorCode::model_file, "{}: tensor {}scales is missing", found.source.checkpoint().path, base);
  }
  found.used.insert(scales->name);
  const std::int64_t experts = found.decl.shape[0];
  const std::int64_t rows = found.decl.shape[1];
  const std::int64_t n = found.decl.shape[2] / BlockMxfp4::kLen;  // blocks of a row
  if (found.decl.shape[2] % BlockMxfp4::kLen != 0) {
    return errorf(ErrorCode::model_file, "{}: tensor {}: rows of {} values are no whole blocks of MXFP4", blocks.file,
                  blocks.name, found.decl.shape[2]);
  }
  LL_TRY(expect_shape(blocks, {experts, rows * step, n, kBytes}));
  LL_TRY(expect_shape(*scales, {experts, rows * step, n}));
  if (blocks.type != DType::u8 || scales->type != DType::u8) {
    return errorf(ErrorCode::model_file, "{}: tensors {}blocks and {}scales must both be U8", blocks.file, base, base);
  }
  std::byte* out = nullptr;
  Tensor built = found.arena.make(blocks, DType::mxfp4, found.decl.shape, &out);
  const std::int64_t n_blocks = out == nullptr ? 0 : experts * rows * n;
  for (std::int64_t i = 0; i < n_blocks; ++i, out += sizeof(BlockMxfp4)) {
    const std::int64_t from = (i / n * step + first) * n + i % n;
    join_block(blocks.data.data() + from * kBytes, scales->data[static_cast<std::size_t>(from)], out);
  }
  return built;
}

}  // namespace llorch
