#include "engine/schedule/prefix_tree.h"

#include <algorithm>
#include <utility>

namespace lemma {

struct PrefixTree::Node {
  std::vector<Token> stretch;  // from the parent's end to here; empty for the root only
  Node* parent = nullptr;
  std::vector<std::unique_ptr<Node>> children;  // which begin with different tokens
  SeqId seq{};                                  // of a leaf
  uint64_t lastUse = 0;

  Node* childFrom(Token first) const {
    const auto it = std::ranges::find_if(children, [first](const auto& c) { return c->stretch.front() == first; });
    return it == children.end() ? nullptr : it->get();
  }
  int depth() const {
    int tokens = 0;
    for (const Node* n = this; n; n = n->parent) tokens += int(n->stretch.size());
    return tokens;
  }
  template <class Visit>
  void eachLeaf(Visit visit) {
    if (children.empty()) return visit(*this);
    for (const auto& c : children) c->eachLeaf(visit);
  }
};

PrefixTree::PrefixTree() : root_(std::make_unique<Node>()) {}
PrefixTree::~PrefixTree() = default;

// Cuts a node's stretch in two: the node keeps the second part, and its new parent, which is returned, has the first.
PrefixTree::Node& PrefixTree::split(Node& node, size_t at) {
  auto& place = *std::ranges::find_if(node.parent->children, [&](const auto& c) { return c.get() == &node; });
  auto upper = std::make_unique<Node>();
  upper->stretch.assign(node.stretch.begin(), node.stretch.begin() + ptrdiff_t(at));
  upper->parent = node.parent;
  node.stretch.erase(node.stretch.begin(), node.stretch.begin() + ptrdiff_t(at));
  node.parent = upper.get();
  upper->children.push_back(std::exchange(place, nullptr));
  place = std::move(upper);
  return *place;
}

// Goes down as far as `tokens` are known, and marks the way as used. The node that ends there, and how many are known.
std::pair<PrefixTree::Node*, size_t> PrefixTree::walk(std::span<const Token> tokens) {
  const uint64_t now = ++clock_;
  Node* node = root_.get();
  size_t known = 0;
  while (known < tokens.size()) {
    Node* const child = node->childFrom(tokens[known]);
    if (!child) break;
    const auto same = size_t(std::ranges::mismatch(child->stretch, tokens.subspan(known)).in1 - child->stretch.begin());
    known += same;
    node = same < child->stretch.size() ? &split(*child, same) : child;
    node->lastUse = now;
  }
  return {node, known};
}

PrefixTree::Match PrefixTree::find(std::span<const Token> tokens) {
  const auto [node, known] = walk(tokens);
  if (known == 0) return {};
  const Node* leaf = node;
  while (!leaf->children.empty()) leaf = leaf->children.front().get();
  return {leaf->seq, int(known)};
}

std::optional<SeqId> PrefixTree::insert(SeqId seq, std::span<const Token> tokens) {
  const auto [node, known] = walk(tokens);
  if (known == tokens.size()) return seq;
  const bool goesOn = node != root_.get() && node->children.empty();
  const SeqId before = node->seq;
  auto leaf = std::make_unique<Node>();
  leaf->stretch.assign(tokens.begin() + ptrdiff_t(known), tokens.end());
  leaf->parent = node;
  leaf->seq = seq;
  leaf->lastUse = clock_;
  node->children.push_back(std::move(leaf));
  return goesOn ? std::optional(before) : std::nullopt;
}

std::optional<PrefixTree::Eviction> PrefixTree::evictOldest() {
  Node* oldest = nullptr;
  root_->eachLeaf([&](Node& leaf) {
    if (!oldest || leaf.lastUse < oldest->lastUse) oldest = &leaf;
  });
  if (oldest == root_.get()) return std::nullopt;
  Node& parent = *oldest->parent;
  const SeqId seq = oldest->seq;
  std::erase_if(parent.children, [oldest](const auto& c) { return c.get() == oldest; });
  if (&parent == root_.get() || !parent.children.empty()) return Eviction{seq, 0};
  parent.seq = seq;
  return Eviction{seq, parent.depth()};
}

std::vector<SeqId> PrefixTree::sequences() const {
  std::vector<SeqId> all;
  root_->eachLeaf([&](const Node& leaf) {
    if (leaf.parent) all.push_back(leaf.seq);
  });
  return all;
}

}  // namespace lemma
