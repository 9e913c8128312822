// A model bound to its weights: says which ops make each stage, for the rows that the builder was made for.
// Owner: the Model; constant once bound, any thread.
#pragma once

namespace lemma {

class GraphBuilder;

class ModelGraph {
 public:
  virtual ~ModelGraph() = default;
  virtual void embed(GraphBuilder& g) const = 0;             // tokens -> residual stream
  virtual void layer(GraphBuilder& g, int layer) const = 0;  // residual stream -> residual stream
  virtual void head(GraphBuilder& g) const = 0;              // residual stream -> logits of the wanted rows
};

}  // namespace lemma
