// The weights of one model: tensors found by name and checked, read where they lie in the mapped files, never copied.
// Owner: the Model; views stay valid as long as the store. Used by the engine's thread.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_file/model_file.h"
#include "kernels/api/op.h"

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

  // The matrices {in, out} of all experts, from one tensor `name`.weight {in, out, experts}, and their biases from
  // `name`.bias {out, experts} where the file has it.
  Result<std::shared_ptr<const ExpertSet>> requireExperts(const std::string& name, int64_t in, int64_t out,
                                                          int64_t experts) const;
  // What a view that came from here is called in the file; empty where none is.
  std::string_view nameOf(const TensorView& weight) const;

  // Numbers made at load that ops read like a weight; {values.size()} F32, kept by the store.
  TensorView constant(std::vector<float> values);

 private:
  Result<BufferRef> bufferOf(const ModelTensor& t) const;
  Result<BlockScales> scalesOf(const ModelTensor& t) const;

  const ModelFile& file_;
  std::deque<std::vector<float>> constants_;
};

}  // namespace lemma
