#include "checkpoint/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <filesystem>
#include <new>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/format.h"
#include "base/mmap.h"
#include "checkpoint/chat_files.h"

namespace llorch {
namespace {

constexpr std::string_view kTextFiles[] = {"chat_template.jinja",    "chat_template.json", "config.json",
                                           "generation_config.json", "tokenizer.json",     "tokenizer_config.json"};
constexpr std::string_view kSplitKeys[] = {"split.count", "split.no", "split.tensors.count"};

/// A text of any bytes, such that no two sequences of texts look alike.
std::string framed(std::string_view text) {
  return fmt::format("{}:{}", text.size(), text);
}

std::string canonical(bool value) {
  return value ? "true" : "false";
}
std::string canonical(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string canonical(double value) {
  return fmt::format("0x{:016x}", std::bit_cast<std::uint64_t>(value));
}
std::string canonical(std::string_view value) {
  return framed(value);
}

/// The alternatives of MetaValue, told apart by a word in front.
void add_value(Digester& digester, const MetaValue& value) {
  if (const auto* array = std::get_if<MetaArray>(&value)) {
    static constexpr const char* kItems[] = {"integers", "numbers", "strings"};
    std::visit(
        [&](const auto& items) {
          digester.add(fmt::format("{} {}", kItems[array->index()], items.size()));
          for (const auto& item : items) {
            digester.add(" " + canonical(item));
          }
        },
        *array);
    return;
  }
  static constexpr const char* kNames[] = {"bool", "integer", "number", "string"};
  digester.add(fmt::format("{} ", kNames[value.index()]));
  std::visit(
      [&](const auto& scalar) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(scalar)>, MetaArray>) {
          digester.add(canonical(scalar));
        }
      },
      value);
}

void add_tensors(Digester& digester, const Checkpoint& checkpoint, const Digests& digests) {
  for (const auto& [name, tensor] : checkpoint.tensors) {
    digester.add(fmt::format("tensor {} {} {} {}\n", framed(name), format_of(tensor.type).name,
                             fmt::join(tensor.shape, ","), digests.tensors.find(name)->second));
  }
}

void add_keys(Digester& digester, const Metadata& metadata) {
  for (const auto& [key, value] : metadata.all()) {
    if (std::find(std::begin(kSplitKeys), std::end(kSplitKeys), key) == std::end(kSplitKeys)) {
      digester.add(fmt::format("key {} ", framed(key)));
      add_value(digester, value);
      digester.add("\n");
    }
  }
}

Status add_files(Digester& digester, const std::string& directory) {
  LL_ASSIGN(const std::vector<std::string> names, text_files(directory));
  for (const std::string& name : names) {
    LL_ASSIGN(const auto file, MappedFile::open(fmt::format("{}/{}", directory, name)));
    Digester content;
    content.add(file->bytes());
    digester.add(fmt::format("file {} {}\n", framed(name), content.hex()));
  }
  return {};
}

}  // namespace

void Digester::Free::operator()(XXH3_state_s* state) const {
  ::XXH3_freeState(state);
}

Digester::Digester() : state_(::XXH3_createState()) {
  if (state_ == nullptr) {
    throw std::bad_alloc();
  }
  ::XXH3_128bits_reset(state_.get());
}

void Digester::add(std::span<const std::byte> bytes) {
  ::XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

void Digester::add(std::string_view text) {
  add(std::as_bytes(std::span(text)));
}

std::string Digester::hex() const {
  const XXH128_hash_t hash = ::XXH3_128bits_digest(state_.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

Result<std::vector<std::string>> text_files(const std::string& directory) {
  LL_ASSIGN(std::vector<std::string> names, additional_templates(directory));
  for (const std::string_view name : kTextFiles) {
    const std::string path = fmt::format("{}/{}", directory, name);
    std::error_code failed;
    if (std::filesystem::exists(path, failed)) {
      names.emplace_back(name);
    }
    if (failed) {
      return errorf(ErrorCode::model_file, "{}: {}", path, failed.message());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> model_digest(const Checkpoint& checkpoint, const Digests& digests) {
  Digester digester;
  digester.add("llorch-model 1\n");
  add_tensors(digester, checkpoint, digests);
  if (checkpoint.container == Container::gguf) {
    add_keys(digester, checkpoint.metadata);
  } else {
    LL_TRY(add_files(digester, checkpoint.path));
  }
  return digester.hex();
}

}  // namespace llorch
