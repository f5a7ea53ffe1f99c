// Front doors: which loader reads which checkpoint.
#include "tokenizer/tokenizer.h"

#include "base/format.h"
#include "base/mmap.h"
#include "tokenizer/end_tokens.h"
#include "tokenizer/loaders.h"

namespace llorch {
namespace {

Result<std::unique_ptr<Tokenizer>> load_with_config(const std::string& path, const Metadata& config) {
  LL_ASSIGN(const auto file, MappedFile::open(path));
  const auto bytes = file->bytes();
  LL_ASSIGN(auto tokenizer, load_hf_tokenizer({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path));
  LL_TRY(read_end_ids(*tokenizer, config, path));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> make_tokenizer(const Checkpoint& checkpoint) {
  if (checkpoint.container == Container::gguf) {
    LL_ASSIGN(auto tokenizer, load_gguf_tokenizer(checkpoint.metadata));
    return std::unique_ptr<Tokenizer>(std::move(tokenizer));
  }
  if (checkpoint.tokenizer_json_path.empty()) {
    return errorf(ErrorCode::model_file, "{}: there is no tokenizer.json", checkpoint.path);
  }
  return load_with_config(checkpoint.tokenizer_json_path, checkpoint.metadata);
}

Result<std::unique_ptr<Tokenizer>> load_tokenizer_json(const std::string& path) {
  return load_with_config(path, Metadata(path));
}

Result<std::unique_ptr<Tokenizer>> parse_tokenizer_json(std::string_view json, const std::string& name) {
  LL_ASSIGN(auto tokenizer, load_hf_tokenizer(json, name));
  return std::unique_ptr<Tokenizer>(std::move(tokenizer));
}

}  // namespace llorch
