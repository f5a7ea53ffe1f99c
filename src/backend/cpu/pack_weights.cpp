// Which matrices can be packed, and their way into one buffer. What is packed is not read in its file's form again and
// given back, unless another matrix lies there too, so that the model is in memory once.
#include <algorithm>
#include <numeric>
#include <variant>
#include <vector>

#include "backend/cpu/host_memory.h"
#include "backend/cpu/model_memory.h"
#include "base/format.h"

namespace llorch::cpu {
namespace {

/// How the plan uses a matrix.
struct Use {
  bool in_products = false;
  int row_grain = 0;  // products begin at rows that are multiples of it; 0: at row 0 alone
};

class Uses {
 public:
  explicit Uses(const Plan& plan) : of_(plan.weights.size()) {
    for (const Step& step : plan.steps) {
      std::visit(*this, step.op);
    }
  }

  const Use& of(std::size_t id) const { return of_[id]; }

  void operator()(const LinearOp& op) { product(op.weight, 0, 0); }
  void operator()(const LogitsOp& op) { product(op.weight, 0, 0); }
  void operator()(const HeadsLinearOp& op) {
    product(op.weight, op.w_begin, op.w_step);
    product(op.weight, op.rows, 0);
  }
  void operator()(const ExpertsOp& op) {
    for (const ExpertsOp::Part& part : {op.gate, op.up, op.down}) {
      product(part.weight, part.begin, part.step);
      product(part.weight, part.rows, 0);
    }
  }
  template <class Other>
  void operator()(const Other& /*op*/) {}

 private:
  /// Products that begin at rows first, first + step, ...
  void product(WeightId id, int first, int step) {
    Use& use = of_[static_cast<std::size_t>(id)];
    use.in_products = true;
    for (const int rows : {first, step}) {
      use.row_grain = rows == 0 ? use.row_grain : use.row_grain == 0 ? rows : std::gcd(use.row_grain, rows);
    }
  }

  std::vector<Use> of_;
};

bool overlap(const MatrixView& a, const MatrixView& b) {
  return a.data < b.data + b.rows * b.row_bytes && b.data < a.data + a.rows * a.row_bytes;
}

/// Whether no other matrix lies where this one does: then its memory is not needed once it is packed.
bool is_alone(const std::vector<MatrixView>& matrices, std::size_t id) {
  for (std::size_t other = 0; other < matrices.size(); ++other) {
    if (other != id && matrices[other].data != nullptr && overlap(matrices[other], matrices[id])) {
      return false;
    }
  }
  return true;
}

bool can_be_packed(const OpTable& table, const MatrixView& w, const Use& use, Activations activations) {
  return w.data != nullptr && use.in_products && use.row_grain % table.packed_rows == 0 &&
         reads_packed(table, w.type, activations);
}

/// The buffer takes its pages as they are written: what comes next must still fit.
Status check_memory(const MatrixView& w, std::int64_t size) {
  const std::int64_t free_bytes = host_memory().free_bytes;
  if (free_bytes > 0 && size > free_bytes) {
    return errorf(
        ErrorCode::out_of_memory,
        "{}: {} bytes are needed for rows of the weight in the kernels' layout, {} are free; --repack off does without",
        w.name, size, free_bytes);
  }
  return {};
}

/// Packs w to `packed`, a slice of rows after the other: done(begin, end) is called when they are not needed again. So
/// little more than a slice is in memory twice.
template <class Done>
Status pack_in_slices(const MatrixView& w, const OpTable& table, ThreadTeam& team, std::int64_t slice_bytes,
                      std::byte* packed, const Done& done) {
  const std::int64_t group_bytes = row_bytes_packed(table, w) * table.packed_rows;
  const int n_groups = packed_groups(table, w);
  const auto at_once = static_cast<int>(std::max<std::int64_t>(team.size(), slice_bytes / group_bytes));
  for (int first = 0; first < n_groups; first += at_once) {
    const int n = std::min(at_once, n_groups - first);
    LL_TRY(check_memory(w, n * group_bytes));
    team.run([&](int thread) {
      const Range mine = part_of(n, thread, team.size());
      table.pack(w, {first + mine.begin, first + mine.end}, packed);
    });
    done(std::int64_t{first} * table.packed_rows,
         std::min<std::int64_t>(w.rows, std::int64_t{first + n} * table.packed_rows));
  }
  return {};
}

}  // namespace

Status pack_weights(ModelMemory& model, const WeightSource& source, const OpTable& table, Activations activations,
                    ThreadTeam& team, std::int64_t slice_bytes) {
  const Uses uses(model.plan);
  const std::vector<MatrixView>& matrices = model.weights.matrices;
  std::vector<std::size_t> sizes;
  std::size_t total = 0;
  for (std::size_t id = 0; id < matrices.size(); ++id) {
    sizes.push_back(can_be_packed(table, matrices[id], uses.of(id), activations) ? packed_bytes(table, matrices[id])
                                                                                 : 0);
    total += sizes.back();
  }
  if (total == 0) {
    return {};
  }
  LL_ASSIGN(Buffer buffer, Buffer::make(total, "the packed weights"));
  model.weights.packed.resize(matrices.size());
  model.weights.unpack_row = table.unpack_row;
  std::byte* at = buffer.bytes().data();
  for (std::size_t id = 0; id < matrices.size(); ++id) {
    const MatrixView& w = matrices[id];
    if (sizes[id] == 0) {
      continue;
    }
    const bool dropped = is_alone(matrices, id);
    LL_TRY(pack_in_slices(w, table, team, slice_bytes, at, [&](std::int64_t begin, std::int64_t end) {
      if (dropped) {
        source.drop(static_cast<WeightId>(id), begin, end);
      }
    }));
    model.weights.packed[id] = {at, table.packed_row_bytes(w.type, w.cols)};
    at += sizes[id];
    model.held_bytes += static_cast<std::int64_t>(sizes[id]) - (dropped ? w.rows * w.row_bytes : 0);
  }
  model.buffers.push_back(std::move(buffer));
  return {};
}

std::int64_t packing_adds(const ModelMemory& model, const OpTable& table, Activations activations) {
  const Uses uses(model.plan);
  const std::vector<MatrixView>& matrices = model.weights.matrices;
  std::int64_t bytes = 0;
  for (std::size_t id = 0; id < matrices.size(); ++id) {
    const MatrixView& w = matrices[id];
    const std::size_t packed = can_be_packed(table, w, uses.of(id), activations) ? packed_bytes(table, w) : 0;
    const bool dropped = packed > 0 && is_alone(matrices, id);
    bytes += static_cast<std::int64_t>(packed) - (dropped ? w.rows * w.row_bytes : 0);
  }
  return bytes;
}

}  // namespace llorch::cpu
