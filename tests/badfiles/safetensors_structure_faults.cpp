// A small Hugging Face directory whose weights cannot be read: headers, entries, shards and their index.
#include <functional>

#include "badfiles/faults.h"

namespace llorch::testing {
namespace {

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";

/// The directory with other bytes in place of its weights.
Fault weights(std::string name, std::string bytes, std::vector<std::string> says) {
  Fault fault{std::move(name), small_hf(), std::move(says), ""};
  fault.files[kWeights] = std::move(bytes);
  fault.says.insert(fault.says.begin(), kWeights);
  return fault;
}

/// A header with one entry, and 8 bytes of data.
Fault entry(std::string name, const std::string& members, std::vector<std::string> says) {
  says.insert(says.begin(), "tensor 'a'");
  return weights(std::move(name), safetensors_image("{\"a\":{" + members + "}}", "12345678"), std::move(says));
}

std::vector<Fault> header_faults() {
  const std::string good = small_hf()[kWeights];
  const auto with_length = [&good](std::uint64_t length) { return raw(length) + good.substr(8); };
  std::string deep;
  for (int i = 0; i < 100'000; ++i) {
    deep += "[";
  }
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  return {
      weights("empty_file", "", {"the file is empty"}),
      weights("cut_in_the_length", good.substr(0, 7), {"a file of 7 bytes is too small to be SafeTensors"}),
      weights("cut_in_the_header", good.substr(0, 100),
              {"header length is", "(at offset 0), but the file has 100 bytes"}),
      weights("header_length_behind_the_end", with_length(99'999'999), {"header length is 99999999 (at offset 0)"}),
      weights("header_length_overflow", with_length(UINT64_MAX), {"header length is 18446744073709551615"}),
      weights("header_length_too_short", with_length(50), {"header: not valid JSON", "missing closing quote"}),
      weights("header_length_zero", with_length(0), {"the header starts with ''"}),
      weights("header_an_array", safetensors_image("[]", ""), {"starts with '[', must start with '{' (at offset 8)"}),
      weights("header_no_json", safetensors_image("{tensors}", ""), {"header: not valid JSON", "invalid literal"}),
      weights("header_not_utf8", safetensors_image("{\"\xFF\":1}", ""), {"header: not valid JSON", "ill-formed UTF-8"}),
      weights("header_too_deep", safetensors_image("{\"a\":" + deep, ""),
              {"header: JSON nested 100001 deep, the limit is 64"}),
      weights("tensor_twice", safetensors_image("{" + a + "," + a + "}", "1234"), {"header: key 'a' occurs twice"}),
      weights("tensor_of_two_lines_twice", safetensors_image(R"({"a\nb":1,"a\nb":1})", ""),
              {R"(header: key 'a\nb' occurs twice)"}),
      weights("tensor_of_a_long_name_twice",
              safetensors_image("{\"" + std::string(5000, 'a') + "\":1,\"" + std::string(5000, 'a') + "\":1}", ""),
              {"header: key 'aaaa", "...' occurs twice"}),
      weights("header_cut_in_a_long_name", safetensors_image("{\"" + std::string(5000, 'a'), ""),
              {"header: not valid JSON", "missing closing quote"}),
      weights("cut_in_the_data", good.substr(0, good.size() - 1), {"data_offsets are [", "but the data has"}),
      weights("trailing_bytes", good + "12345", {"5 bytes at offset", "after the last tensor, belong to no tensor"}),
  };
}

std::vector<Fault> entry_faults() {
  const std::string f32 = R"("dtype":"F32",)";
  return {
      weights("entry_no_object", safetensors_image("{\"a\":5}", ""), {"tensor 'a': must be an object, is number"}),
      entry("no_dtype", R"("shape":[2],"data_offsets":[0,8])", {"dtype is missing or not a string"}),
      entry("unknown_dtype", R"("dtype":"F7","shape":[2],"data_offsets":[0,8])", {"dtype F7 is not supported"}),
      entry("no_shape", f32 + R"("data_offsets":[0,8])", {"shape is missing or not an array"}),
      entry("negative_dim", f32 + R"("shape":[-2],"data_offsets":[0,8])", {"shape holds -2"}),
      entry("dim_a_fraction", f32 + R"("shape":[2.5],"data_offsets":[0,8])", {"shape holds 2.5"}),
      entry("dim_zero", f32 + R"("shape":[0],"data_offsets":[0,0])", {"has shape [0]; every dim must be at least 1"}),
      entry("five_dims", f32 + R"("shape":[1,1,1,1,2],"data_offsets":[0,8])", {"shape has 5 dims, at most 4"}),
      entry("shape_overflow", f32 + R"("shape":[4294967296,4294967296],"data_offsets":[0,8])",
            {"more elements than 63 bits can count"}),
      entry("shape_of_other_bytes", f32 + R"("shape":[3],"data_offsets":[0,8])",
            {"data_offsets [0, 8] hold 8 bytes, but F32 [3] needs 12"}),
      entry("no_offsets", f32 + R"("shape":[2])", {"data_offsets is missing or not an array"}),
      entry("three_offsets", f32 + R"("shape":[2],"data_offsets":[0,4,8])",
            {"data_offsets has 3 numbers, must have 2"}),
      entry("negative_offset", f32 + R"("shape":[2],"data_offsets":[-8,0])", {"data_offsets holds -8"}),
      entry("offset_overflow", f32 + R"("shape":[2],"data_offsets":[18446744073709551608,18446744073709551615])",
            {"data_offsets holds 18446744073709551608"}),
      entry("offsets_behind_the_end", f32 + R"("shape":[2],"data_offsets":[4,12])",
            {"data_offsets are [4, 12], but the data has 8 bytes"}),
      entry("offsets_backwards", f32 + R"("shape":[2],"data_offsets":[8,0])", {"data_offsets are [8, 0]"}),
      weights("overlap",
              safetensors_image(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                                R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                                "12345678"),
              {"tensor 'b' at offset", "overlaps tensor 'a'"}),
      weights("hole", safetensors_image(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", "12345678"),
              {"4 bytes at offset", "before tensor 'a', belong to no tensor"}),
  };
}

/// The model in two shards, the last tensor in the second.
Files sharded() {
  Files files = small_hf();
  files.erase(kWeights);
  std::vector<HfTensor> tensors = small_hf_tensors();
  std::string map;
  for (const HfTensor& tensor : tensors) {
    map += (map.empty() ? "\"" : ",\"") + tensor.name + "\":\"" + (tensor.name == "lm_head.weight" ? "2" : "1") +
           ".safetensors\"";
  }
  files["2.safetensors"] = safetensors_image(std::vector<HfTensor>{tensors.back()});
  tensors.pop_back();
  files["1.safetensors"] = safetensors_image(tensors);
  files[kIndex] = "{\"weight_map\":{" + map + "}}";
  return files;
}

Fault shards(std::string name, const std::function<void(Files&)>& change, std::vector<std::string> says) {
  Fault fault{std::move(name), sharded(), std::move(says), ""};
  change(fault.files);
  return fault;
}

/// The index with a part of its text replaced.
Fault index(std::string name, const std::string& part, const std::string& other, std::vector<std::string> says) {
  says.insert(says.begin(), kIndex);
  return shards(
      std::move(name),
      [&](Files& files) {
        std::string& text = files[kIndex];
        text.replace(text.find(part), part.size(), other);
      },
      std::move(says));
}

std::vector<Fault> shard_faults() {
  const std::string last = R"("lm_head.weight":"2.safetensors")";
  return {
      shards("shard_missing", [](Files& files) { files.erase("2.safetensors"); }, {"2.safetensors", "No such file"}),
      shards("shard_damaged", [](Files& files) { files["2.safetensors"].resize(20); },
             {"2.safetensors", "header length"}),
      shards("index_no_json", [](Files& files) { files[kIndex] = "{"; }, {kIndex, "not valid JSON"}),
      shards("index_without_map", [](Files& files) { files[kIndex] = "{}"; },
             {kIndex, "weight_map is missing or not an object"}),
      index("index_names_the_wrong_shard", last, R"("lm_head.weight":"1.safetensors")",
            {"tensor 'lm_head.weight' is said to be in", "1.safetensors, which lacks it"}),
      index("index_names_no_such_tensor", last, R"("lm_tail.weight":"2.safetensors")",
            {"tensor 'lm_tail.weight' is said to be in", "2.safetensors, which lacks it"}),
      index("index_leads_out", last, R"("lm_head.weight":"../2.safetensors")",
            {"tensor 'lm_head.weight' is said to be in", "../2.safetensors", "not the name of a .safetensors file"}),
      index("index_leads_elsewhere", last, R"("lm_head.weight":"/etc/passwd")", {"/etc/passwd", "not the name"}),
      index("index_holds_a_number", last, R"("lm_head.weight":2)", {"is said to be in 2"}),
      shards("tensor_not_in_the_index",
             [](Files& files) {
               std::string& text = files[kIndex];
               const std::string part = R"(,"model.norm.weight":"1.safetensors")";
               text.erase(text.find(part), part.size());
             },
             {"1.safetensors: tensor 'model.norm.weight' is not in the index"}),
      shards("tensor_in_two_shards",
             [](Files& files) { files["1.safetensors"] = safetensors_image(small_hf_tensors()); },
             {"1.safetensors: tensor 'lm_head.weight' occurs twice, first in", "2.safetensors"}),
  };
}

}  // namespace

std::vector<Fault> safetensors_structure_faults() {
  return joined({header_faults(), entry_faults(), shard_faults()});
}

}  // namespace llorch::testing
