// GGUF -> Checkpoint: header, keys, tensor infos, data; then the same for each part of a split set.
// The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian).
#include "checkpoint/gguf.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/format.h"
#include "checkpoint/gguf_header.h"
#include "checkpoint/gguf_reader.h"
#include "checkpoint/gguf_types.h"
#include "checkpoint/layout.h"
#include "checkpoint/printable.h"

namespace llorch {
namespace {

constexpr std::uint64_t kDefaultAlignment = 32;
constexpr std::int64_t kMaxAlignment = 1 << 20;
constexpr std::uint32_t kMaxDims = 4;
// The least that an entry takes in a file: bounds the counts before anything is read.
constexpr std::uint64_t kMinKeyBytes = 8 + 1 + 4 + 1;
constexpr std::uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

/// One file: a whole model, or a part of a split set.
struct Part {
  Metadata metadata;
  std::vector<Tensor> tensors;  // by place in the file
};

struct Counts {
  std::uint64_t tensors = 0;
  std::uint64_t keys = 0;
};

Result<Counts> read_header(GgufReader& reader) {
  if (reader.size() < 4) {
    return reader.error("a file of {} bytes is too small to be GGUF", reader.size());
  }
  LL_ASSIGN(const auto magic, reader.take(4, "magic"));
  if (std::memcmp(magic.data(), "GGUF", 4) != 0) {
    return errorf(ErrorCode::model_file, "{}: not a GGUF file: it starts with '{}' instead of 'GGUF'", reader.file(),
                  printable({reinterpret_cast<const char*>(magic.data()), 4}));
  }
  LL_ASSIGN(const auto version, reader.number<std::uint32_t>("version"));
  if (version != 0 && (version & 0xffffu) == 0) {
    return reader.error("version {:#x}: a big-endian GGUF file, only little-endian ones are supported", version);
  }
  if (version != 2 && version != 3) {
    return reader.error("GGUF version {} is not supported, only 2 and 3 are", version);
  }
  Counts counts;
  LL_ASSIGN(counts.tensors, reader.number<std::uint64_t>("tensor count"));
  LL_ASSIGN(counts.keys, reader.number<std::uint64_t>("key count"));
  if (counts.tensors > reader.left() / kMinTensorBytes) {
    return reader.error("{} tensors cannot fit in a file of {} bytes", counts.tensors, reader.size());
  }
  if (counts.keys > reader.left() / kMinKeyBytes) {
    return reader.error("{} keys cannot fit in a file of {} bytes", counts.keys, reader.size());
  }
  return counts;
}

Status read_keys(GgufReader& reader, std::uint64_t n, Metadata& metadata) {
  for (std::uint64_t i = 0; i < n; ++i) {
    reader.set_subject(fmt::format("key {} of {}", i + 1, n));
    LL_ASSIGN(const auto key, reader.text("name"));
    if (key.empty()) {
      return reader.error("the name is empty");
    }
    reader.set_subject(fmt::format("key {}", printable(key)));
    LL_ASSIGN(auto value, reader.value());
    if (!metadata.set(std::string(key), std::move(value))) {
      return reader.error("the key occurs twice");
    }
  }
  return {};
}

Result<std::uint64_t> alignment_of(const Metadata& metadata) {
  LL_ASSIGN(const auto alignment, metadata.integer_or("general.alignment", kDefaultAlignment));
  if (alignment < 8 || alignment > kMaxAlignment || !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
    return errorf(ErrorCode::model_file, "{}: key general.alignment is {}, must be a power of two between 8 and {}",
                  metadata.source(), alignment, kMaxAlignment);
  }
  return static_cast<std::uint64_t>(alignment);
}

/// The dims, reversed: GGUF stores the fastest one first.
Result<std::vector<std::int64_t>> read_shape(GgufReader& reader) {
  LL_ASSIGN(const auto n_dims, reader.number<std::uint32_t>("number of dims"));
  if (n_dims < 1 || n_dims > kMaxDims) {
    return reader.error("it has {} dims, must have between 1 and {}", n_dims, kMaxDims);
  }
  std::vector<std::int64_t> shape(n_dims);
  for (std::uint32_t i = n_dims; i-- > 0;) {
    LL_ASSIGN(const auto dim, reader.number<std::uint64_t>("dim"));
    if (dim > static_cast<std::uint64_t>(INT64_MAX)) {
      return reader.error("dim {} is {}, more than 63 bits can count", n_dims - 1 - i, dim);
    }
    shape[i] = static_cast<std::int64_t>(dim);
  }
  return shape;
}

/// A tensor info. `file_offset` is still relative to the data section, and `data` empty.
Result<Tensor> read_tensor(GgufReader& reader) {
  Tensor tensor;
  tensor.file = reader.file();
  LL_ASSIGN(const auto name, reader.text("name"));
  if (name.empty()) {
    return reader.error("the name is empty");
  }
  tensor.name = name;
  reader.set_subject(fmt::format("tensor '{}'", printable(name)));
  LL_ASSIGN(tensor.shape, read_shape(reader));
  LL_ASSIGN(const auto type, reader.number<std::uint32_t>("type"));
  const Format* format = find_format(type);
  if (format == nullptr) {
    const std::string_view known = ggml_type_name(type);
    return known.empty() ? reader.error("unknown tensor type {}", type)
                         : reader.error("type {} ({}) is not supported by this build", known, type);
  }
  tensor.type = format->type;
  LL_ASSIGN(tensor.file_offset, reader.number<std::uint64_t>("offset"));
  return tensor;
}

/// Places a tensor in the file: alignment, size and end are checked against the bytes that exist.
Status place_tensor(std::span<const std::byte> bytes, std::uint64_t data_start, std::uint64_t alignment,
                    Tensor& tensor) {
  if (tensor.file_offset % alignment != 0) {
    return errorf(ErrorCode::model_file, "{}: tensor '{}' has offset {}, not a multiple of the alignment {}",
                  tensor.file, printable(tensor.name), tensor.file_offset, alignment);
  }
  const Format& format = format_of(tensor.type);
  LL_ASSIGN(const std::uint64_t needed, checked_bytes(tensor.file, tensor, format));
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  if (__builtin_add_overflow(data_start, tensor.file_offset, &begin) || __builtin_add_overflow(begin, needed, &end) ||
      end > bytes.size()) {
    return errorf(
        ErrorCode::model_file,
        "{}: tensor '{}' ({} {}) needs {} bytes at offset {} of the data, which starts at {}; the file ends at {}",
        tensor.file, printable(tensor.name), format.name, shape_text(tensor.shape), needed, tensor.file_offset,
        data_start, bytes.size());
  }
  tensor.file_offset = begin;
  tensor.data = bytes.subspan(begin, needed);
  return {};
}

Result<Part> parse_part(std::span<const std::byte> bytes, const std::string& name) {
  GgufReader reader(bytes, name);
  Part part;
  part.metadata = Metadata(name);
  LL_ASSIGN(const Counts counts, read_header(reader));
  LL_TRY(read_keys(reader, counts.keys, part.metadata));
  LL_ASSIGN(const std::uint64_t alignment, alignment_of(part.metadata));
  for (std::uint64_t i = 0; i < counts.tensors; ++i) {
    reader.set_subject(fmt::format("tensor {} of {}", i + 1, counts.tensors));
    LL_ASSIGN(auto tensor, read_tensor(reader));
    part.tensors.push_back(std::move(tensor));
  }
  const std::uint64_t data_start = (reader.offset() + alignment - 1) / alignment * alignment;
  for (Tensor& tensor : part.tensors) {
    LL_TRY(place_tensor(bytes, data_start, alignment, tensor));
  }
  LL_TRY(sort_without_overlap(part.tensors));
  return part;
}

Status add_tensors(std::vector<Tensor> tensors, Checkpoint& checkpoint) {
  for (Tensor& tensor : tensors) {
    std::string name = tensor.name;
    const auto [it, added] = checkpoint.tensors.try_emplace(std::move(name), std::move(tensor));
    if (!added) {
      return errorf(ErrorCode::model_file, "{}: tensor '{}' occurs twice{}", tensor.file, printable(it->first),
                    tensor.file == it->second.file ? "" : ", first in " + it->second.file);
    }
  }
  return {};
}

Result<Checkpoint> to_checkpoint(Part part, const std::string& path) {
  Checkpoint checkpoint;
  checkpoint.container = Container::gguf;
  checkpoint.path = path;
  checkpoint.metadata = std::move(part.metadata);
  LL_ASSIGN(checkpoint.chat, gguf_chat_files(checkpoint.metadata));
  LL_TRY(add_tensors(std::move(part.tensors), checkpoint));
  return checkpoint;
}

/// A file's place in a split set; count 1: not split.
struct Split {
  std::int64_t no = 0;  // from 0
  std::int64_t count = 1;
};

Result<Split> split_of(const Metadata& metadata) {
  Split split;
  if (metadata.has("split.count")) {
    LL_ASSIGN(split.count, metadata.integer_in("split.count", 0, 65535));
  }
  if (split.count > 1) {
    LL_ASSIGN(split.no, metadata.integer_in("split.no", 0, split.count - 1));
  }
  return split;
}

/// "-00001-of-00003.gguf", as llama.cpp's splitter names parts; the number in the name starts at 1.
std::string split_suffix(const Split& split) {
  return fmt::format("-{:05}-of-{:05}.gguf", split.no + 1, split.count);
}

/// PREFIX of a part that is named PREFIX-00001-of-00003.gguf.
Result<std::string> split_prefix(const std::string& path, const Split& split) {
  const std::string suffix = split_suffix(split);
  if (!path.ends_with(suffix)) {
    return errorf(ErrorCode::model_file,
                  "{}: this is part {} of {} of a split model, but its name does not end in '{}'", path, split.no + 1,
                  split.count, suffix);
  }
  return path.substr(0, path.size() - suffix.size());
}

/// Opens the part `split`, checks that it says so itself, and adds its tensors.
Status add_part(const std::string& prefix, const Split& split, const FileAccess& access, Checkpoint& checkpoint) {
  auto file = MappedFile::open(prefix + split_suffix(split), access);
  if (!file.ok()) {
    return errorf(ErrorCode::model_file, "{}: part {} of {} cannot be opened: {}", checkpoint.path, split.no + 1,
                  split.count, file.error().message);
  }
  LL_ASSIGN(Part part, parse_part((*file)->bytes(), (*file)->path()));
  LL_ASSIGN(const Split found, split_of(part.metadata));
  if (found.no != split.no || found.count != split.count) {
    return errorf(ErrorCode::model_file, "{}: split.no is {} and split.count {}, must be {} and {} in this file",
                  (*file)->path(), found.no, found.count, split.no, split.count);
  }
  checkpoint.files.push_back(*std::move(file));
  return add_tensors(std::move(part.tensors), checkpoint);
}

Status add_other_parts(const std::string& path, const Split& split, const FileAccess& access, Checkpoint& checkpoint) {
  LL_ASSIGN(const std::string prefix, split_prefix(path, split));
  if (split.no != 0) {
    return errorf(ErrorCode::model_file, "{}: this is part {} of {} of a split model; give the first, {}{}", path,
                  split.no + 1, split.count, prefix, split_suffix({0, split.count}));
  }
  for (std::int64_t no = 1; no < split.count; ++no) {
    LL_TRY(add_part(prefix, {no, split.count}, access, checkpoint));
  }
  const auto found = static_cast<std::int64_t>(checkpoint.tensors.size());
  LL_ASSIGN(const std::int64_t told, checkpoint.metadata.integer_or("split.tensors.count", found));
  if (told != found) {
    return errorf(ErrorCode::model_file, "{}: key split.tensors.count is {}, but the {} parts hold {} tensors", path,
                  told, split.count, found);
  }
  return {};
}

}  // namespace

int gguf_split_count(std::string_view path) {
  static constexpr std::string_view kForm = "-00001-of-00000.gguf";
  if (path.size() <= kForm.size() || !path.ends_with(".gguf") || path[path.size() - kForm.size()] != '-') {
    return 1;
  }
  const std::string_view count = path.substr(path.size() - 10, 5);
  int parts = 0;
  const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), parts);
  return error == std::errc() && end == count.data() + count.size() && parts > 0 ? parts : 1;
}

Result<Checkpoint> open_gguf(std::shared_ptr<const MappedFile> file, const FileAccess& access) {
  LL_ASSIGN(Part part, parse_part(file->bytes(), file->path()));
  LL_ASSIGN(const Split split, split_of(part.metadata));
  LL_ASSIGN(Checkpoint checkpoint, to_checkpoint(std::move(part), file->path()));
  const std::string path = file->path();
  checkpoint.files.push_back(std::move(file));
  if (split.count > 1) {
    LL_TRY(add_other_parts(path, split, access, checkpoint));
  }
  return checkpoint;
}

Result<std::vector<GgufKey>> gguf_keys(std::span<const std::byte> bytes, const std::string& name) {
  GgufReader reader(bytes, name);
  LL_ASSIGN(const Counts counts, read_header(reader));
  std::vector<GgufKey> keys;
  for (std::uint64_t i = 0; i < counts.keys; ++i) {
    LL_ASSIGN(const auto key, reader.text("name"));
    const std::uint64_t begin = reader.offset();
    LL_TRY(reader.value());
    const auto value = bytes.subspan(begin, reader.offset() - begin);
    keys.push_back({std::string(key), {reinterpret_cast<const char*>(value.data()), value.size()}});
  }
  return keys;
}

Result<Checkpoint> parse_gguf(std::span<const std::byte> bytes, const std::string& name) {
  LL_ASSIGN(Part part, parse_part(bytes, name));
  LL_ASSIGN(const Split split, split_of(part.metadata));
  if (split.count > 1) {
    return errorf(ErrorCode::model_file,
                  "{}: this is part {} of {} of a split model; only whole models can be read from "
                  "memory",
                  name, split.no + 1, split.count);
  }
  return to_checkpoint(std::move(part), name);
}

}  // namespace llorch
