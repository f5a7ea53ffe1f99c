// MemoryModel: a plan put together step by step, with random weights in memory, for one op or a few at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "quant/formats.h"

namespace llorch::gpucheck {

/// The same numbers for a seed everywhere: roughly normal, a few ten times larger.
std::vector<float> random_floats(std::size_t n, std::uint32_t seed, float size = 1.0F);

class MemoryModel : public WeightSource {
 public:
  MemoryModel();
  /// Tokens 0..vocab-1 become random rows of `width` in slot `out`; the first step of every plan.
  void embed(int vocab, int width, Slot out = Slot::x);
  /// A matrix of random weights, and a vector.
  WeightId matrix(DType type, int rows, int cols, float size = 0.1F);
  WeightId vector(int n, float size = 1.0F);
  WeightId vector(std::vector<float> values);
  /// W in -> out, with all that the op can do.
  void linear(DType type, int rows, int cols, Slot in, Slot out, bool bias = false, bool accumulate = false);
  void step(Op op, int layer = -1);
  void width(Slot slot, int floats);

  Plan plan;
  Result<MatrixView> matrix(WeightId id) const override;
  Result<std::vector<float>> vector(WeightId id) const override;

 private:
  struct Weight {
    DType type = DType::f32;
    std::vector<std::byte> bytes;
    std::vector<float> values;  // of a vector
  };
  std::vector<Weight> weights_;
  std::uint32_t seed_ = 1;
};

/// A batch with the storage behind it: runs of tokens of some sequences, whose blocks lie in a random order.
class Sequences {
 public:
  /// lengths[s] tokens of sequence s, the t-th of them token (s * 37 + t * 11) % vocab.
  Sequences(int n_groups, std::vector<int> lengths, int vocab, std::uint32_t seed = 1);
  KvShape kv_shape(int max_tokens = 512) const;
  /// Tokens [begin, end) of each sequence; where begin == end it is not in the batch. Every token is an output.
  Batch batch(const std::vector<std::pair<int, int>>& runs, bool outputs);

 private:
  int n_groups_;
  int vocab_;
  int max_blocks_ = 0;
  std::vector<std::vector<std::int32_t>> blocks_;  // [n_seqs]
  std::vector<std::int32_t> tokens_, positions_, starts_, lens_, slots_, table_, rows_;
  std::vector<KvGroup> groups_;
};

}  // namespace llorch::gpucheck
