#include "gpu/emulator/warpgroups.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "gpu/emulator/copies.h"

namespace llorch::emulator {
namespace {

struct Products {
  std::vector<GroupProduct> pending;
  std::vector<std::size_t> groups;  // how many products each has that was committed and not waited for
  std::size_t n_grouped = 0;
  std::size_t n_ending = 0;  // that the wait of this thread ends
  bool begun = false;
};

std::vector<Products> of_threads(kMostThreads);

Products& own() {
  return of_threads[static_cast<std::size_t>(thread_number())];
}

/// What the 128 threads have in common ends: the first products of each.
void end_products(void* const* operands, std::uint32_t /*lanes*/) {
  std::array<Products*, kGroupThreads> threads{};
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = static_cast<Products*>(operands[i]);
    if (threads[i]->n_ending != threads[0]->n_ending) {
      stop("threads of a warpgroup wait for different numbers of products");
    }
  }
  for (std::size_t p = 0; p < threads[0]->n_ending; ++p) {
    std::array<const GroupProduct*, kGroupThreads> same{};
    for (std::size_t i = 0; i < threads.size(); ++i) {
      same[i] = &threads[i]->pending[p];
    }
    multiply_group(same.data());
  }
}

}  // namespace

void begin_products() {
  own().begun = true;
}

void add_product(const GroupProduct& product) {
  Products& products = own();
  if (!products.begun) {
    stop("a product of a warpgroup without wgmma.fence after the last wait");
  }
  if (has_hidden_copies()) {
    stop("a product of a warpgroup without fence.proxy.async after copies that arrived");
  }
  products.pending.push_back(product);
}

void commit_products() {
  Products& products = own();
  products.groups.push_back(products.pending.size() - products.n_grouped);
  products.n_grouped = products.pending.size();
}

void wait_products(int n, const std::source_location& at) {
  Products& products = own();
  products.n_ending = 0;
  const std::size_t keep = static_cast<std::size_t>(n);
  const std::size_t n_groups = products.groups.size() > keep ? products.groups.size() - keep : 0;
  for (std::size_t i = 0; i < n_groups; ++i) {
    products.n_ending += products.groups[i];
  }
  meet_warpgroup({"wgmma.wait_group", at}, &products, end_products);
  products.groups.erase(products.groups.begin(), products.groups.begin() + static_cast<std::ptrdiff_t>(n_groups));
  products.pending.erase(products.pending.begin(),
                         products.pending.begin() + static_cast<std::ptrdiff_t>(products.n_ending));
  products.n_grouped -= products.n_ending;
  products.begun = false;
}

void forget_products(int n) {
  for (int i = 0; i < n; ++i) {
    of_threads[static_cast<std::size_t>(i)] = {};
  }
}

void check_products_ended(int thread) {
  if (!of_threads[static_cast<std::size_t>(thread)].pending.empty()) {
    stop("a thread ended with products of its warpgroup on their way");
  }
}

}  // namespace llorch::emulator
