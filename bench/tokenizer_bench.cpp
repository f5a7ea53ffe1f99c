// The tokenizer's side of bench/tokenizers.mjs. Reads documents, one JSON string a line; prints one JSON object:
//
//   tokenizer_bench TOKENIZER.json DOCUMENTS.jsonl ROUNDS
//   {"load_ms":..., "encode_s":[...], "decode_s":[...], "bytes":..., "tokens":...}
#include <chrono>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::string> read_documents(const char* path) {
  std::vector<std::string> documents;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    documents.push_back(nlohmann::json::parse(line).get<std::string>());
  }
  return documents;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: tokenizer_bench TOKENIZER.json DOCUMENTS.jsonl ROUNDS\n";
    return 2;
  }
  const auto documents = read_documents(argv[2]);
  const auto start = Clock::now();
  const auto loaded = llorch::load_tokenizer_json(argv[1]);
  nlohmann::json out = {{"load_ms", seconds_since(start) * 1000}};
  if (!loaded.ok()) {
    std::cerr << loaded.error().message << "\n";
    return 1;
  }
  const llorch::Tokenizer& tokenizer = **loaded;
  std::size_t bytes = 0;
  for (const std::string& document : documents) {
    bytes += document.size();
  }
  for (int round = 0; round < std::atoi(argv[3]); ++round) {
    std::vector<std::vector<std::int32_t>> ids;
    ids.reserve(documents.size());
    const auto encode_start = Clock::now();
    for (const std::string& document : documents) {
      ids.push_back(tokenizer.encode(document, {true, false}));
    }
    out["encode_s"].push_back(seconds_since(encode_start));
    const auto decode_start = Clock::now();
    std::size_t n_tokens = 0;
    for (const auto& some : ids) {
      n_tokens += some.size();
      if (!tokenizer.decode(some, false).ok()) {
        return 1;
      }
    }
    out["decode_s"].push_back(seconds_since(decode_start));
    out["tokens"] = n_tokens;
  }
  out["bytes"] = bytes;
  std::cout << out.dump() << "\n";
}
