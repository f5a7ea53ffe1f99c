// Weights packed in small slices: the same layout as in one, and every row is given back once.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "backend/cpu/model_memory.h"
#include "backend/cpu/tables.h"
#include "backend/testing/tiny_model.h"

namespace llorch::cpu {
namespace {

/// A tiny model that notes what is given back.
class NotedModel : public testing::TinyModel {
 public:
  using TinyModel::TinyModel;
  void drop(WeightId id, std::int64_t begin, std::int64_t end) const override { dropped[id].emplace_back(begin, end); }

  mutable std::map<WeightId, std::vector<std::pair<std::int64_t, std::int64_t>>> dropped;
};

ModelMemory packed_memory(const OpTable& table, const NotedModel& source, std::int64_t slice_bytes) {
  ThreadTeam team(1);
  ModelMemory memory;
  EXPECT_TRUE(
      make_model_memory(memory, source.plan(), source, testing::tiny_kv(source.plan()), KvType::f16, table, 2).ok());
  EXPECT_TRUE(pack_weights(memory, source, table, Activations::q8, team, slice_bytes).ok());
  return memory;
}

TEST(PackWeights, SlicesGiveTheSameLayoutAndEveryRowBackOnce) {
  for (const HostTable& host : host_tables()) {
    const OpTable table = make_ops(host);  // packing needs no ISA
    for (const DType type : {DType::f16, DType::q8_0, DType::q4_0}) {
      SCOPED_TRACE(host.device);
      const NotedModel model(type);
      const ModelMemory whole = packed_memory(table, model, kSliceBytes);
      const auto at_once = std::exchange(model.dropped, {});
      const ModelMemory sliced = packed_memory(table, model, 1);
      EXPECT_EQ(at_once.size(), model.dropped.size());
      for (std::size_t id = 0; id < whole.weights.packed.size(); ++id) {
        const MatrixView& w = whole.weights.matrices[id];
        if (whole.weights.packed[id].data == nullptr) {
          continue;
        }
        EXPECT_EQ(std::memcmp(whole.weights.packed[id].data, sliced.weights.packed[id].data, packed_bytes(table, w)),
                  0);
        std::int64_t next = 0;
        for (const auto& [begin, end] : model.dropped[static_cast<WeightId>(id)]) {
          EXPECT_EQ(begin, next);
          next = end;
        }
        EXPECT_EQ(next, w.rows) << w.name;
        EXPECT_GT(model.dropped[static_cast<WeightId>(id)].size(), 1U) << w.name;
      }
      EXPECT_EQ(model.dropped.empty(), table.pack == nullptr);
    }
  }
}

}  // namespace
}  // namespace llorch::cpu
