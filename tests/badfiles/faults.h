// Faults: the kinds of damage that model files are found with, each made from a small good model, and what is to be
// said of it.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/small_model.h"

namespace llorch::testing {

/// Files of a folder, by name.
using Files = std::map<std::string, std::string>;

inline constexpr const char* kGgufFile = "model.gguf";

struct Fault {
  std::string name;
  Files files;
  std::vector<std::string> says;  // in the error, in this order
  std::string model;              // what is opened in the folder: a file, or empty: the folder itself
};

/// A small GGUF with something changed.
inline Fault gguf_fault(std::string name, const std::function<void(SmallGguf&)>& change,
                        std::vector<std::string> says) {
  SmallGguf model = small_gguf();
  change(model);
  return {std::move(name), {{kGgufFile, model.bytes()}}, std::move(says), kGgufFile};
}

inline std::vector<Fault> joined(std::initializer_list<std::vector<Fault>> groups) {
  std::vector<Fault> all;
  for (const std::vector<Fault>& group : groups) {
    all.insert(all.end(), group.begin(), group.end());
  }
  return all;
}

/// A GGUF that cannot be read: header, keys, tensor infos, parts.
std::vector<Fault> gguf_structure_faults();
/// A GGUF that can, and is no model: keys, tensors and numbers that are not as they must be.
std::vector<Fault> gguf_content_faults();
/// A directory whose files cannot be read: headers, entries, shards.
std::vector<Fault> safetensors_structure_faults();
std::vector<Fault> safetensors_content_faults();

}  // namespace llorch::testing
