// The weights of one model: tensors found by name and checked, read where they lie in the mapped files, never copied.
// Owner: the Model; views stay valid as long as the store. Used by the engine's thread.
#pragma once

#include <deque>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "engine/model_file/model_file.h"
#include "kernels/api/tensor_view.h"

namespace lemma {

class WeightStore {
 public:
  // `file` must outlive the store. Tensors may lie at any byte of it.
  explicit WeightStore(const ModelFile& file) : file_(file) {}
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;

  const ModelHeader& header() const { return file_.header; }

  // The tensor of that name; `shape` in GGUF's order, {in, out} for a matrix. Errors name the tensor: notFound where it
  // is absent, badValue where its shape is another, unsupported where this build cannot compute with its type. Weights
  // in 8-bit floats come with their scales, which may lie in another file of the model.
  Result<TensorView> require(std::string_view name, std::initializer_list<int64_t> shape) const;
  // The same, but an empty view where the file has none.
  Result<TensorView> optional(std::string_view name, std::initializer_list<int64_t> shape) const;

  // Numbers made at load that ops read like a weight; {values.size()} F32, kept by the store.
  TensorView constant(std::vector<float> values);

 private:
  Result<BufferRef> bufferOf(const ModelTensor& t) const;
  Result<BlockScales> scalesOf(const ModelTensor& t) const;

  const ModelFile& file_;
  std::deque<std::vector<float>> constants_;
};

}  // namespace lemma
