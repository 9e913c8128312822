// A file of bytes that say where they lie, as a model of one part with views of experts' matrices in it. Test code
// only.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <vector>

#include "engine/experts/expert_cache.h"
#include "engine/model_file/mapped_file.h"
#include "tests/support/temporary_folder.h"

namespace lemma::test {

inline char byteAt(uint64_t offset) { return char((offset * 2654435761u) >> 13); }

// Layers of experts whose gate, up and down of `rows` x `columns` bytes (I8) lie in three tensors a layer.
struct PatternFile {
  int layers, experts;
  int64_t columns, rows;
  uint64_t first;  // bytes before the first matrix

  PatternFile(int layersIn, int expertsIn, int64_t columnsIn, int64_t rowsIn, uint64_t firstIn = 33)
      : layers(layersIn), experts(expertsIn), columns(columnsIn), rows(rowsIn), first(firstIn) {
    const uint64_t size = first + uint64_t(layers) * 3 * uint64_t(experts) * matrixBytes();
    std::string bytes(size, '\0');
    for (uint64_t i = 0; i < size; ++i) bytes[i] = byteAt(i);
    std::ofstream(path(), std::ios::binary) << bytes;
    auto mapped = MappedFile::open(path());
    if (!mapped) throw std::runtime_error(mapped.error().what);
    file.parts.push_back({path(), (*mapped)->bytes(), *mapped});
    file.bytes = size;
  }

  std::string path() const { return folder / "experts"; }
  uint64_t matrixBytes() const { return uint64_t(columns * rows); }
  uint64_t offsetOf(int layer, int set, int expert) const {
    return first + ((uint64_t(layer) * 3 + uint64_t(set)) * uint64_t(experts) + uint64_t(expert)) * matrixBytes();
  }
  ExpertSet setOf(int layer, int set) const {
    ExpertSet out;
    const BufferRef buf{.space = Space::mapped,
                        .bytes = file.bytes,
                        .host = const_cast<std::byte*>(file.parts[0].bytes.data())};  // read only
    for (int e = 0; e < experts; ++e) {
      TensorView v = contiguous(buf, offsetOf(layer, set, e), Type::I8, {columns, rows});
      out.experts.push_back(v);
    }
    return out;
  }
  void addTo(ExpertCache& cache, int chosenOfARow) const {
    for (int l = 0; l < layers; ++l) {
      const ExpertOrigin origin = cache.add(setOf(l, 0), setOf(l, 1), setOf(l, 2), chosenOfARow);
      ASSERT_EQ(origin.source, &cache);
      ASSERT_EQ(origin.layer, l);
    }
  }
  // What a slot takes: three matrices that begin and end anywhere in their blocks.
  uint64_t roomForOne() const { return 3 * (matrixBytes() + 2 * 4096); }

  bool holds(ExpertBytes bytes, int layer, int expert) const {
    const std::byte* const matrices[] = {bytes.gate, bytes.up, bytes.down};
    for (int set = 0; set < 3; ++set) {
      if (!matrices[set]) return false;
      const std::byte* const wanted = file.parts[0].bytes.data() + offsetOf(layer, set, expert);
      if (std::memcmp(matrices[set], wanted, matrixBytes()) != 0) return false;
    }
    return true;
  }

  TemporaryFolder folder;
  ModelFile file;
};

}  // namespace lemma::test
