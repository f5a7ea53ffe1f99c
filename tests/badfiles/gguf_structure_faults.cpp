// A small GGUF, damaged where its reader looks first.
#include "badfiles/faults.h"

namespace llorch::testing {
namespace {

constexpr std::size_t kVersionAt = 4, kTensorsAt = 8, kKeysAt = 16, kFirstKeyAt = 24;

Fault image(std::string name, std::string bytes, std::vector<std::string> says) {
  return {std::move(name), {{kGgufFile, std::move(bytes)}}, std::move(says), kGgufFile};
}

/// The good image with a number at this place.
template <class T>
std::string with_number(std::size_t at, T value) {
  std::string bytes = small_gguf().bytes();
  return bytes.replace(at, sizeof(T), raw(value));
}

/// The good image up to `text` and so many bytes more.
std::string cut_after(const std::string& text, std::size_t more) {
  const std::string bytes = small_gguf().bytes();
  return bytes.substr(0, bytes.find(text) + text.size() + more);
}

/// A file of one key, cut so many bytes after the key's name.
std::string cut_after_key(std::size_t more) {
  SmallGguf model = small_gguf();
  model.keys.resize(1);
  model.tensors.clear();
  return model.bytes().substr(0, kFirstKeyAt + 8 + model.keys[0].name.size() + more);
}

/// One more key, of any type and bytes.
Fault key(std::string name, std::uint32_t type, const std::string& value, std::vector<std::string> says) {
  says.insert(says.begin(), "key extra");
  return gguf_fault(
      std::move(name),
      [&](SmallGguf& model) {
        model.keys.push_back({"extra", type, value});
      },
      std::move(says));
}

/// One more tensor.
Fault tensor(std::string name, const SmallGguf::Entry& entry, std::vector<std::string> says) {
  return gguf_fault(
      std::move(name), [&](SmallGguf& model) { model.tensors.push_back(entry); }, std::move(says));
}

std::vector<Fault> header_faults() {
  const std::string good = small_gguf().bytes();
  return {
      image("empty_file", "", {"the file is empty"}),
      image("cut_in_the_magic", "GGU", {"a file of 3 bytes is too small to be GGUF"}),
      image("wrong_magic", "GGML" + good.substr(4), {"starts with 'GGML' instead of 'GGUF'"}),
      image("cut_in_the_version", good.substr(0, 6), {"header", "version needs 4 bytes", "ends at 6", "at offset 4"}),
      image("big_endian", with_number(kVersionAt, 0x03000000U), {"big-endian"}),
      image("old_version", with_number(kVersionAt, 1U), {"GGUF version 1 is not supported"}),
      image("future_version", with_number(kVersionAt, 4U), {"GGUF version 4 is not supported"}),
      image("cut_in_the_counts", good.substr(0, 20), {"header", "key count needs 8 bytes", "at offset 16"}),
      image("too_many_tensors", with_number(kTensorsAt, std::uint64_t{1} << 40U),
            {"1099511627776 tensors cannot fit in a file of"}),
      image("too_many_keys", with_number(kKeysAt, UINT64_MAX), {"18446744073709551615 keys cannot fit"}),
      image("one_key_too_many_told", with_number(kKeysAt, std::uint64_t{14}),
            {"tensor 1 of 12", "name needs", "at offset"}),
  };
}

std::vector<Fault> key_faults() {
  return {
      image("key_without_end", cut_after_key(0), {"value type needs 4 bytes", "at offset"}),
      image("text_without_end", cut_after_key(14), {"key general.architecture", "string needs 5 bytes", "at offset"}),
      image("key_name_too_long", with_number(kFirstKeyAt, UINT64_MAX),
            {"key 1 of 13", "name needs 18446744073709551615 bytes", "at offset 32"}),
      gguf_fault("key_without_name", [](SmallGguf& m) { m.keys.front().name.clear(); },
                 {"key 1 of 13", "the name is empty"}),
      gguf_fault("key_twice", [](SmallGguf& m) { m.keys.push_back(m.keys.back()); },
                 {"key tokenizer.ggml.token_type", "occurs twice"}),
      key("unknown_value_type", 13, "", {"unknown value type 13"}),
      key("bool_that_is_neither", 7, "\2", {"a bool has the value 2, must be 0 or 1"}),
      key("integer_of_64_bits", 10, raw(UINT64_MAX), {"18446744073709551615 does not fit"}),
      key("array_of_arrays", 9, raw(9U) + raw(std::uint64_t{1}), {"an array of arrays is not supported"}),
      key("unknown_item_type", 9, raw(77U) + raw(std::uint64_t{0}), {"unknown array item type 77"}),
      key("array_length_overflow", 9, raw(10U) + raw(std::uint64_t{1} << 61U),
          {"an array of 2305843009213693952 items cannot fit in the"}),
      key("text_in_an_array_without_end", 9, raw(8U) + raw(std::uint64_t{1}) + raw(std::uint64_t{1} << 40U),
          {"string of the array needs 1099511627776 bytes"}),
      key("text_length_overflow", 8, raw(UINT64_MAX), {"string needs 18446744073709551615 bytes"}),
      gguf_fault("alignment_no_power_of_two",
                 [](SmallGguf& m) {
                   m.keys.push_back({"general.alignment", 4, raw(12U)});
                 },
                 {"key general.alignment is 12, must be a power of two between 8 and"}),
      gguf_fault("alignment_zero",
                 [](SmallGguf& m) {
                   m.keys.push_back({"general.alignment", 4, raw(0U)});
                 },
                 {"key general.alignment is 0"}),
      gguf_fault("alignment_a_text",
                 [](SmallGguf& m) {
                   m.keys.push_back({"general.alignment", 8, raw_text("32")});
                 },
                 {"key general.alignment is a string (32), not an integer"}),
  };
}

std::vector<Fault> tensor_faults() {
  const std::string good = small_gguf().bytes();
  const std::uint64_t far = std::uint64_t{1} << 40U;
  return {
      image("cut_in_a_tensor_name", cut_after("blk.0.attn_q", 0), {"tensor 3 of 12", "name needs 19 bytes"}),
      image("cut_in_a_shape", cut_after("blk.0.attn_q.weight", 10),
            {"tensor 'blk.0.attn_q.weight'", "dim needs 8 bytes"}),
      image("cut_in_the_data", good.substr(0, good.size() - 1),
            {"tensor 'output.weight' (F32 [264, 32]) needs 33792 bytes at offset", "the file ends at"}),
      tensor("tensor_without_name", {"", {1}, 0, "0000"}, {"tensor 13 of 13", "the name is empty"}),
      tensor("tensor_twice", {"output.weight", {1}, 0, "0000"}, {"tensor 'output.weight' occurs twice"}),
      tensor("unknown_tensor_type", {"extra", {32}, 99, ""}, {"tensor 'extra'", "unknown tensor type 99"}),
      tensor("removed_tensor_type", {"extra", {32}, 4, ""}, {"tensor 'extra'", "unknown tensor type 4"}),
      tensor("no_dims", {"extra", {}, 0, ""}, {"tensor 'extra'", "it has 0 dims, must have between 1 and 4"}),
      tensor("five_dims", {"extra", {1, 1, 1, 1, 1}, 0, "0000"}, {"tensor 'extra'", "it has 5 dims"}),
      tensor("dim_zero", {"extra", {4, 0}, 0, ""}, {"tensor 'extra' has shape [0, 4]", "at least 1"}),
      tensor("dim_of_64_bits", {"extra", {4, UINT64_MAX}, 0, ""}, {"tensor 'extra'", "dim 1 is 18446744073709551615"}),
      tensor("shape_overflow", {"extra", {far, far}, 0, ""},
             {"tensor 'extra' has shape [1099511627776, 1099511627776], more elements than 63 bits can count"}),
      tensor("bytes_overflow", {"extra", {std::uint64_t{1} << 62U}, 0, ""},
             {"tensor 'extra' has shape [4611686018427387904], more bytes than 63 bits can count"}),
      tensor("row_of_no_whole_blocks", {"extra", {33}, 8, std::string(68, '\0')},
             {"tensor 'extra' has shape [33]; rows of Q8_0 must be a multiple of 32 weights"}),
      tensor("offset_not_aligned", {"extra", {1}, 0, "", 4},
             {"tensor 'extra' has offset 4, not a multiple of the alignment 32"}),
      tensor("offset_behind_the_end", {"extra", {1}, 0, "", far},
             {"tensor 'extra' (F32 [1]) needs 4 bytes at offset 1099511627776 of the data"}),
      tensor("offset_overflow", {"extra", {32}, 0, "", UINT64_MAX - 31},
             {"tensor 'extra'", "offset 18446744073709551584 of the data"}),
      tensor("overlap", {"extra", {1}, 0, "", 32}, {"tensor 'extra' at offset", "overlaps tensor 'token_embd.weight'"}),
  };
}

/// A part of a split set; the tensors are all in the first.
SmallGguf part(std::uint16_t no, std::uint16_t count, std::int32_t n_tensors) {
  SmallGguf model = no == 0 ? small_gguf() : SmallGguf{};
  model.keys.push_back({"split.no", 2, raw(no)});
  model.keys.push_back({"split.count", 2, raw(count)});
  model.keys.push_back({"split.tensors.count", 5, raw(n_tensors)});
  return model;
}

std::vector<Fault> split_faults() {
  const std::string first = "model-00001-of-00002.gguf";
  const std::string second = "model-00002-of-00002.gguf";
  const std::string whole = part(0, 2, 12).bytes();
  SmallGguf doubled = part(1, 2, 12);
  doubled.tensors.push_back(small_gguf().tensor("output.weight"));
  return {
      {"part_by_another_name",
       {{kGgufFile, whole}},
       {"part 1 of 2", "does not end in '-00001-of-00002.gguf'"},
       kGgufFile},
      {"part_missing", {{first, whole}}, {"part 2 of 2 cannot be opened", "No such file"}, first},
      {"part_damaged", {{first, whole}, {second, "GGUF"}}, {second, "version needs 4 bytes"}, first},
      {"part_of_another_set",
       {{first, whole}, {second, part(1, 3, 12).bytes()}},
       {second, "split.no is 1 and split.count 3, must be 1 and 2 in this file"},
       first},
      {"part_out_of_range", {{first, part(2, 2, 12).bytes()}}, {"key split.no is 2, must be between 0 and 1"}, first},
      {"second_part_given", {{second, part(1, 2, 12).bytes()}}, {"give the first", first}, second},
      {"parts_count_other_tensors",
       {{first, part(0, 2, 13).bytes()}, {second, part(1, 2, 13).bytes()}},
       {"key split.tensors.count is 13, but the 2 parts hold 12 tensors"},
       first},
      {"tensor_in_two_parts",
       {{first, whole}, {second, doubled.bytes()}},
       {second, "tensor 'output.weight' occurs twice, first in", first},
       first},
  };
}

}  // namespace

std::vector<Fault> gguf_structure_faults() {
  return joined({header_faults(), key_faults(), tensor_faults(), split_faults()});
}

}  // namespace llorch::testing
