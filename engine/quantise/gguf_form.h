// A model of any format as GGUF has it, to be written: experts of a layer as one tensor, scales of 8-bit floats
// multiplied in, rotary rows in the order of the architecture's GGUF, a latent's
// matrices of keys and of values by head, numbers in the types that its readers ask for.
// Nothing is copied before it is read. Owner: who writes; the file outlives it. Immutable, any thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/memory/weights.h"
#include "engine/model_file/model_file.h"

namespace lemma {

class GgufForm {
 public:
  // Errors name the tensor: one that has no name in GGUF, experts that are not one for each number, shapes that do not
  // fit the metadata.
  static Result<std::unique_ptr<GgufForm>> of(const ModelFile& file);

  const ModelHeader& header() const { return header_; }
  // Where the tensor lies in the file just as it will be written; empty where rows() makes it, or the file is too
  // short.
  std::span<const std::byte> bytes(const ModelTensor& t) const;
  // Whether rows() makes it. 8-bit floats count as BF16, 4-bit ones with scales beside them as MXFP4.
  bool made(const ModelTensor& t) const { return !originOf(t).matrices.empty(); }
  // Rows [first, first + count) of ne[1] * ne[2], decoded.
  void rows(const ModelTensor& t, int64_t first, int64_t count, float* out) const;

 private:
  struct Origin {
    std::vector<TensorView> matrices;  // one behind the other along ne[2]; empty = bytes()
    int64_t heads = 0;     // rows (of a vector: numbers) are rotary halves of so many heads; 0 = they are not
    bool columns = false;  // rows are the matrices' columns
  };
  explicit GgufForm(const ModelFile& file) : file_(file), store_(file) {}
  Result<void> build();
  Result<void> add(const ModelTensor& t);
  Result<void> addExperts(const ModelTensor& first, const std::string& name);
  Result<void> addExperts(const ModelTensor& all);
  Result<void> addLatent(const ModelTensor& joint);
  Result<void> nameLatentWidths();
  Result<void> add(ModelTensor t, Origin origin);
  Result<int64_t> rotaryHeads(std::string_view name) const;
  const Origin& originOf(const ModelTensor& t) const { return origins_[size_t(&t - header_.tensors.data())]; }

  const ModelFile& file_;
  WeightStore store_;
  ModelHeader header_;
  std::vector<Origin> origins_;  // of header_.tensors
  std::string architecture_;
  bool halfSplit_ = false;
  struct Latent {
    int64_t heads = 0, rank = 0, nope = 0, rope = 0, values = 0;
  };
  std::optional<Latent> latent_;  // of models whose keys and values come from one latent
};

}  // namespace lemma
