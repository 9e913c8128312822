// Any bytes as a file of conversations: refused in a sentence, or read, written and read again as the same; and what is
// read goes into a store once.
#include <cstdint>
#include <filesystem>

#include "storage/export/transfer.h"
#include "tests/support/temporary_folder.h"

namespace {

using namespace lemma::storage;

template <class T>
T must(lemma::storage::Result<T> result) {
  if (!result) __builtin_trap();
  return std::move(*result);
}

std::string fileOf(const std::vector<ConversationTree>& trees) {
  std::vector<std::string> lines;
  for (const ConversationTree& tree : trees) lines.push_back(toJson(tree));
  return must(conversationsFile(lines, {"fuzz", 0}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const lemma::test::TemporaryFolder kFolder(std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp");
  static Store store = must(Store::open(kFolder / "lemma.db"));
  const auto trees = conversationsFromFile({reinterpret_cast<const char*>(data), size});
  if (!trees) {
    if (trees.error().what.empty()) __builtin_trap();
    return 0;
  }
  const std::string file = fileOf(*trees);
  const auto again = must(conversationsFromFile(file));
  if (again != *trees || fileOf(again) != file) __builtin_trap();

  const int count = int(trees->size());
  const ImportReport first = must(store.importTrees(*trees));
  if (first != ImportReport{.imported = count}) __builtin_trap();
  const ImportReport second = must(store.importTrees(again));
  if (second != ImportReport{.skipped = count}) __builtin_trap();
  for (const ConversationTree& tree : *trees) {
    if (must(store.tree(tree.conversation.id)) != tree) __builtin_trap();
    if (!store.load(tree.conversation.id)) __builtin_trap();
    if (!store.remove(tree.conversation.id)) __builtin_trap();
  }
  must(store.purgeBin(-1));
  return 0;
}
