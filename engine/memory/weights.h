// The weights of one model: tensors found by name and checked, read where they lie in the mapped files, never copied.
// Owner: the Model; views stay valid as long as the store. Used by the engine's thread.
#pragma once

#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model_file/model_file.h"
#include "kernels/api/op.h"

namespace lemma {

class ExpertCache;

struct WeightPlace {
  std::string name;                  // of its tensor in GGUF
  int64_t matrix = 0, matrices = 1;  // of the tensor: experts lie behind each other
};

// The matrix of one expert that is a tensor of its own, as folders have them.
struct ExpertTensor {
  std::string all;  // "blk.3.ffn_up_exps" of "blk.3.ffn_up_exps.17.weight"
  int64_t number = 0;
};
std::optional<ExpertTensor> expertTensor(std::string_view name);

class WeightStore {
 public:
  // `file` must outlive the store. Tensors may lie at any byte of it.
  // With `experts`, which must outlive it too, those of the model are read from the disk.
  explicit WeightStore(const ModelFile& file, ExpertCache* experts = nullptr) : file_(file), experts_(experts) {}
  WeightStore(const WeightStore&) = delete;
  WeightStore& operator=(const WeightStore&) = delete;

  const ModelHeader& header() const { return file_.header; }

  // The tensor of that name; `shape` in GGUF's order, {in, out} for a matrix. Errors name the tensor: notFound where it
  // is absent, badValue where its shape is another, unsupported where this build cannot compute with its type. Weights
  // in floats of 8 and 4 bits come with their scales, which may lie in another file of the model.
  Result<TensorView> require(std::string_view name, std::initializer_list<int64_t> shape) const;
  // The same, but an empty view where the file has none.
  Result<TensorView> optional(std::string_view name, std::initializer_list<int64_t> shape) const;

  // The matrices {in, out} of all experts, from one tensor `name`.weight {in, out, experts}, and their biases from
  // `name`.bias {out, experts} where the file has it.
  Result<std::shared_ptr<const ExpertSet>> requireExperts(const std::string& name, int64_t in, int64_t out,
                                                          int64_t experts) const;
  // Where the backend finds the experts of a layer, of which a row passes `chosenOfARow`.
  ExpertOrigin originOf(const ExpertSet& gate, const ExpertSet& up, const ExpertSet& down, int chosenOfARow) const;
  // Which matrix of the file a view that came from here is; no name where it is none.
  WeightPlace placeOf(const TensorView& weight) const;

  // The first tensor that holds what is no finite number; empty where none does. Reads all of them, up to `most` bytes:
  // for the sentence about a model that computes such numbers.
  std::string_view notFinite(uint64_t most) const;

  // Numbers made at load that ops read like a weight; {values.size()} F32, kept by the store.
  TensorView constant(std::vector<float> values);

 private:
  Result<BufferRef> bufferOf(const ModelTensor& t) const;
  Result<TensorView> viewOf(const ModelTensor& t) const;
  Result<BlockScales> scalesOf(const ModelTensor& t) const;
  Result<BlockScales> scalesOfBlocks(const ModelTensor& t, const ModelTensor& scales) const;
  Result<const ModelTensor*> scalesBeside(const ModelTensor& t, std::string_view ending) const;

  const ModelFile& file_;
  ExpertCache* const experts_;
  std::deque<std::vector<float>> constants_;
};

}  // namespace lemma
