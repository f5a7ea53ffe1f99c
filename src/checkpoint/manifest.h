// Manifest: what a model was when somebody trusted it, as a small JSON file; a model is compared with it later.
//
//   {"format":"llorch-manifest","version":1,"model_digest":"...","tensors":{
//   "NAME":{"type":"F16","shape":[64,32],"bytes":4096,"xxh3_128":"..."}}}
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/digest.h"

namespace llorch {

struct ManifestTensor {
  std::string type;  // "F16"
  std::vector<std::int64_t> shape;
  std::int64_t bytes = 0;
  std::string digest;
};

struct Manifest {
  std::string path;  // for errors
  std::string model_digest;
  std::map<std::string, ManifestTensor, std::less<>> tensors;
};

/// ErrorCode::io where the file cannot be read, ErrorCode::invalid_argument where it is no manifest: empty, larger than
/// any (which is seen before it is read), or malformed.
Result<Manifest> read_manifest(const std::string& path);

/// Writes it whole or not at all. ErrorCode::io names the path; ErrorCode::model_file a tensor whose name is not UTF-8,
/// which JSON cannot hold.
Status write_manifest(const std::string& path, const Checkpoint& checkpoint, const Digests& digests);

/// Names, types and shapes, without a look at the data: the first tensor in the files that is not as the manifest says,
/// else the first that is missing. ErrorCode::model_file names file, tensor and offset.
Status check_layout(const Manifest& manifest, const Checkpoint& checkpoint);
/// One tensor's digest; the manifest has the tensor.
Status check_digest(const Manifest& manifest, const Tensor& tensor, const std::string& digest);
/// The model's; all its tensors are as the manifest says.
Status check_model_digest(const Manifest& manifest, const Checkpoint& checkpoint, const std::string& digest);

}  // namespace llorch
