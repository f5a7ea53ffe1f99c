// OpenBLAS or BLIS, opened at run time. Both read their settings from the environment once, when they are loaded, and
// both need two: one thread (our threads each call it for rows of their own), and for OpenBLAS the kernels. Versions
// older than the processor take it for a Prescott of 2004 and lose three quarters of the speed, so the instruction set
// that we know to be there is named, unless the user did.
#include <dlfcn.h>

#include <array>
#include <cstdlib>

#include "backend/blas/library.h"
#include "backend/cpu/tables.h"
#include "base/format.h"

namespace llorch::blas {
namespace {

void prepare_environment() {
  constexpr int kKeepTheUsers = 0;
  ::setenv("OPENBLAS_NUM_THREADS", "1", kKeepTheUsers);
  ::setenv("BLIS_NUM_THREADS", "1", kKeepTheUsers);
  const std::string_view table = cpu::best_table().device;
  if (table == "cpu:avx512") {
    ::setenv("OPENBLAS_CORETYPE", "SkylakeX", kKeepTheUsers);
  } else if (table == "cpu:avx2") {
    ::setenv("OPENBLAS_CORETYPE", "Haswell", kKeepTheUsers);
  }
}

template <class Function>
Function symbol(void* handle, const char* name) {
  return reinterpret_cast<Function>(::dlsym(handle, name));
}

/// True for kernels without AVX2.
bool is_old(std::string_view core) {
  constexpr std::array<std::string_view, 9> kOld{"Katmai", "Coppermine", "Northwood",   "Prescott", "Core2",
                                                 "Penryn", "Nehalem",    "Sandybridge", "Generic"};
  for (const std::string_view old : kOld) {
    if (core == old) {
      return true;
    }
  }
  return false;
}

std::string describe_openblas(void* handle) {
  using Text = char* (*)();
  const auto config = symbol<Text>(handle, "openblas_get_config");
  const auto core = symbol<Text>(handle, "openblas_get_corename");
  if (config == nullptr || core == nullptr) {
    return "";
  }
  std::string text = fmt::format("{}; kernels {}", config(), core());
  if (is_old(core()) && cpu::best_table().device != "ref") {
    text += fmt::format(" (slow: this processor has {}; see OPENBLAS_CORETYPE)", cpu::best_table().needs);
  }
  return text;
}

std::string describe_blis(void* handle) {
  using Version = const char* (*)();
  using Id = int (*)();
  using Name = const char* (*)(int);
  const auto version = symbol<Version>(handle, "bli_info_get_version_str");
  const auto id = symbol<Id>(handle, "bli_arch_query_id");
  const auto name = symbol<Name>(handle, "bli_arch_string");
  const bool named = id != nullptr && name != nullptr;
  return version == nullptr ? "" : fmt::format("BLIS {}; kernels {}", version(), named ? name(id()) : "unknown");
}

Library open_library() {
  prepare_environment();
  std::string errors;
  for (const char* file : {"libopenblas.so.0", "libopenblas.so", "libblis.so.4", "libblis.so"}) {
    void* handle = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);  // never closed: its threads and buffers live on
    if (handle == nullptr) {
      errors += fmt::format("{}{}", errors.empty() ? "" : "; ", ::dlerror());
      continue;
    }
    if (const auto sgemm = symbol<Sgemm>(handle, "cblas_sgemm")) {
      const std::string openblas = describe_openblas(handle);
      const std::string text = openblas.empty() ? describe_blis(handle) : openblas;
      return {sgemm, text.empty() ? file : text};
    }
  }
  return {nullptr, "no cblas library could be opened: " + errors};
}

}  // namespace

const Library& library() {
  static const Library kLibrary = open_library();
  return kLibrary;
}

}  // namespace llorch::blas
