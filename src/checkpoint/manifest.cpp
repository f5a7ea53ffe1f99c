#include "checkpoint/manifest.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "base/atomic_file.h"
#include "base/format.h"
#include "base/json.h"
#include "base/mmap.h"
#include "base/utf8.h"
#include "checkpoint/layout.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "llorch-manifest";
constexpr int kVersion = 1;
constexpr const char* kDigestKey = "xxh3_128";
constexpr std::size_t kDigestDigits = 32;
constexpr std::size_t kMaxBytes = 100'000'000;

bool is_digest(const json& value) {
  return value.is_string() && value.get_ref<const std::string&>().size() == kDigestDigits &&
         value.get_ref<const std::string&>().find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// A whole number that a tensor's sizes may be.
bool is_size(const json& value) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() <= INT64_MAX;
}

bool is_shape(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), is_size);
}

bool is_text(const json& value) {
  return value.is_string();
}

/// Reads the members of objects; an error names the file, the member and what it must be.
class MemberReader {
 public:
  explicit MemberReader(const std::string& path) : path_(path) {}

  Result<json> get(const json& object, const std::string& where, const char* key, bool (*good)(const json&),
                   const char* wanted) const {
    const auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end() || !good(*found)) {
      return errorf(ErrorCode::invalid_argument, "{}: {}{} must be {}", path_, where, key, wanted);
    }
    return *found;
  }

  Result<ManifestTensor> tensor(const std::string& name, const json& entry) const {
    const std::string where = fmt::format("tensors: '{}': ", printable(name));
    ManifestTensor tensor;
    LL_ASSIGN(const json type, get(entry, where, "type", is_text, "the name of a format"));
    LL_ASSIGN(const json shape, get(entry, where, "shape", is_shape, "a list of whole numbers"));
    LL_ASSIGN(const json bytes, get(entry, where, "bytes", is_size, "a whole number"));
    LL_ASSIGN(const json digest, get(entry, where, kDigestKey, is_digest, "32 hexadecimal digits"));
    return ManifestTensor{type.get<std::string>(), shape.get<std::vector<std::int64_t>>(), bytes.get<std::int64_t>(),
                          digest.get<std::string>()};
  }

 private:
  const std::string& path_;
};

/// Before the file is read: a model given by mistake would fill the memory.
Status check_size(const std::string& path) {
  std::error_code failed;  // told when the file is opened
  const auto size = std::filesystem::file_size(path, failed);
  if (!failed && (size == 0 || size > kMaxBytes)) {
    return errorf(ErrorCode::invalid_argument, "{}: a file of {} bytes is no manifest", path, size);
  }
  return {};
}

/// "F16 [64, 32] (4096 bytes)"
std::string described(std::string_view type, const std::vector<std::int64_t>& shape, std::int64_t bytes) {
  return fmt::format("{} {} ({} bytes)", type, shape_text(shape), bytes);
}

std::string described(const Tensor& tensor) {
  return described(format_of(tensor.type).name, tensor.shape, static_cast<std::int64_t>(tensor.data.size()));
}

/// "FILE: tensor 'NAME' at offset N"
std::string place_of(const Tensor& tensor) {
  return fmt::format("{}: tensor '{}' at offset {}", tensor.file, printable(tensor.name), tensor.file_offset);
}

}  // namespace

Result<Manifest> read_manifest(const std::string& path) {
  LL_TRY(check_size(path));
  const auto file = MappedFile::open(path, {.copy = true, .progress = {}});
  if (!file.ok()) {
    return Error{ErrorCode::io, file.error().message};
  }
  const auto bytes = (*file)->bytes();
  const auto parsed = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
  if (!parsed.ok()) {
    return Error{ErrorCode::invalid_argument, parsed.error().message};
  }
  const auto is_format = [](const json& value) { return value == kFormat; };
  const auto is_version = [](const json& value) { return value == kVersion; };
  const auto is_object = [](const json& value) { return value.is_object(); };
  const MemberReader reader(path);
  LL_TRY(reader.get(*parsed, "", "format", is_format, "\"llorch-manifest\""));
  LL_TRY(reader.get(*parsed, "", "version", is_version, "1"));
  LL_ASSIGN(const json digest, reader.get(*parsed, "", "model_digest", is_digest, "32 hexadecimal digits"));
  LL_ASSIGN(const json tensors, reader.get(*parsed, "", "tensors", is_object, "an object"));
  Manifest manifest{.path = path, .model_digest = digest.get<std::string>(), .tensors = {}};
  for (const auto& [name, entry] : tensors.items()) {
    LL_ASSIGN(manifest.tensors[name], reader.tensor(name, entry));
  }
  return manifest;
}

Status write_manifest(const std::string& path, const Checkpoint& checkpoint, const Digests& digests) {
  std::string text =
      fmt::format(R"({{"format":"{}","version":{},"model_digest":"{}","tensors":{{)", kFormat, kVersion, digests.model);
  const char* separator = "\n";
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (!is_utf8(name)) {
      return errorf(ErrorCode::model_file, "{}: the name is not UTF-8, so that no manifest can hold it",
                    place_of(tensor));
    }
    const nlohmann::ordered_json entry = {{"type", format_of(tensor.type).name},
                                          {"shape", tensor.shape},
                                          {"bytes", tensor.data.size()},
                                          {kDigestKey, digests.tensors.find(name)->second}};
    text += fmt::format("{}{}:{}", separator, dump_json(json(name)), dump_json(entry));
    separator = ",\n";
  }
  text += "\n}}\n";
  LL_ASSIGN(AtomicFile file, AtomicFile::create(path));
  LL_TRY(file.write(text));
  return file.commit();
}

Status check_layout(const Manifest& manifest, const Checkpoint& checkpoint) {
  for (const Tensor* tensor : in_file_order(checkpoint)) {
    const auto found = manifest.tensors.find(tensor->name);
    if (found == manifest.tensors.end()) {
      return errorf(ErrorCode::model_file, "{} is not in the manifest {}", place_of(*tensor), manifest.path);
    }
    const std::string wanted = described(found->second.type, found->second.shape, found->second.bytes);
    if (described(*tensor) != wanted) {
      return errorf(ErrorCode::model_file, "{} is {}, but {} in the manifest {}", place_of(*tensor), described(*tensor),
                    wanted, manifest.path);
    }
  }
  for (const auto& [name, tensor] : manifest.tensors) {
    if (checkpoint.find(name) == nullptr) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' of the manifest {} is missing", checkpoint.path,
                    printable(name), manifest.path);
    }
  }
  return {};
}

Status check_digest(const Manifest& manifest, const Tensor& tensor, const std::string& digest) {
  const std::string& wanted = manifest.tensors.find(tensor.name)->second.digest;
  if (digest != wanted) {
    return errorf(ErrorCode::model_file, "{} has the digest {}, but {} in the manifest {}", place_of(tensor), digest,
                  wanted, manifest.path);
  }
  return {};
}

Status check_model_digest(const Manifest& manifest, const Checkpoint& checkpoint, const std::string& digest) {
  if (digest != manifest.model_digest) {
    return errorf(ErrorCode::model_file,
                  "{}: the model has the digest {}, but {} in the manifest {}: its tensors are the same, its metadata, "
                  "tokenizer or template is not",
                  checkpoint.path, digest, manifest.model_digest, manifest.path);
  }
  return {};
}

}  // namespace llorch
