// Kernels by the entries of kernels/*.cu.
#include "backend/cuda/device.h"
#include "backend/cuda/kernels/entries.h"

namespace llorch::cuda {
namespace {

class DeviceKernels : public Kernels {
 public:
  Status pack_weights(const PackArgs& args, Stream stream) override { return cuda::pack_weights(args, stream); }
  Status pack_x(const Rows& rows, int cols, const PackedX& to, Stream stream) override {
    return cuda::pack_x(rows, cols, to, stream);
  }
  Status linear(std::span<const LinearArgs> products, Stream stream) override {
    switch (products.front().packed.form) {
      case XForm::f32:
        for (const LinearArgs& args : products) {
          LL_TRY(linear_exact(args, stream));
        }
        return {};
      case XForm::q8:
        return linear_q8(products, stream);
      default:
        return linear_floats(products, stream);
    }
  }
  Status embed(const EmbedArgs& args, Stream stream) override { return cuda::embed(args, stream); }
  Status norm(const NormArgs& args, Stream stream) override { return cuda::norm(args, stream); }
  Status angles(const AnglesArgs& args, Stream stream) override { return cuda::angles(args, stream); }
  Status rope_store(const RopeStoreArgs& args, Stream stream) override { return cuda::rope_store(args, stream); }
  Status attend(const AttendArgs& args, Stream stream) override {
    return args.tiles != nullptr ? attend_tiles(args, stream) : attend_plain(args, stream);
  }
  Status gate(const GateArgs& args, Stream stream) override { return cuda::gate(args, stream); }
  Status route(const RouteArgs& args, Stream stream) override { return cuda::route(args, stream); }
  Status sort_picks(const SortPicksArgs& args, Stream stream) override { return cuda::sort_picks(args, stream); }
  Status add_up(const AddUpArgs& args, Stream stream) override { return cuda::add_up(args, stream); }
  Status add(const AddArgs& args, Stream stream) override { return cuda::add(args, stream); }
  Status greedy(const GreedyArgs& args, Stream stream) override { return cuda::greedy(args, stream); }
  Status sample(const SampleArgs& args, Stream stream) override { return cuda::sample(args, stream); }
};

}  // namespace

std::unique_ptr<Kernels> device_kernels() {
  return std::make_unique<DeviceKernels>();
}

}  // namespace llorch::cuda
