#include "gpu/emulator/names.h"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

namespace llorch::emulator {
namespace {

/// Where the program was loaded: addresses in its file count from there.
std::uintptr_t program_base() {
  std::uintptr_t base = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* to) {
        *static_cast<std::uintptr_t*>(to) = info->dlpi_addr;
        return 1;  // the first is the program
      },
      &base);
  return base;
}

template <class T>
T read_at(const std::vector<char>& file, std::size_t at) {
  T value{};
  if (at + sizeof(T) <= file.size()) {
    std::memcpy(&value, file.data() + at, sizeof(T));
  }
  return value;
}

std::string demangled(const char* name) {
  int failed = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &failed);
  const std::string result = failed == 0 ? text : name;
  std::free(text);
  return result;
}

}  // namespace

std::string name_of(const void* function) {
  static const std::vector<char> file = [] {
    std::ifstream in("/proc/self/exe", std::ios::binary);
    return std::vector<char>{std::istreambuf_iterator<char>(in), {}};
  }();
  const auto header = read_at<ElfW(Ehdr)>(file, 0);
  const std::uintptr_t address = reinterpret_cast<std::uintptr_t>(function) - program_base();
  for (std::size_t s = 0; s < header.e_shnum; ++s) {
    const auto section = read_at<ElfW(Shdr)>(file, header.e_shoff + s * header.e_shentsize);
    if (section.sh_type != SHT_SYMTAB) {
      continue;
    }
    const auto names = read_at<ElfW(Shdr)>(file, header.e_shoff + section.sh_link * header.e_shentsize);
    for (std::size_t i = 0; i < section.sh_size / sizeof(ElfW(Sym)); ++i) {
      const auto symbol = read_at<ElfW(Sym)>(file, section.sh_offset + i * sizeof(ElfW(Sym)));
      if (symbol.st_value == address && (symbol.st_info & 0xF) == STT_FUNC) {
        return demangled(file.data() + names.sh_offset + symbol.st_name);
      }
    }
  }
  char text[32];
  std::snprintf(text, sizeof(text), "%p", function);
  return text;
}

std::string place_of(const std::source_location& at) {
  const std::string_view path = at.file_name();
  return std::string(path.substr(path.rfind('/') + 1)) + ":" + std::to_string(at.line());
}

}  // namespace llorch::emulator
