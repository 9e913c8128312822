// A database whose rows and bytes somebody else wrote: everything is read, much is changed, each in a sentence or
// right. The input is a list of damages, each a place (what, which row), a length and bytes: a value of a column that
// takes the bytes, whatever the schema says of them, or bytes of the file itself.
#include "storage/store.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.h"

namespace {

using namespace lemma::storage;

struct Column {
  const char *table, *column;
  enum class Kind : uint8_t { text, blob, whole, real } kind;
};
constexpr auto kText = Column::Kind::text, kBlob = Column::Kind::blob, kWhole = Column::Kind::whole,
               kReal = Column::Kind::real;
constexpr Column kColumns[] = {{"conversation", "id", kBlob},
                               {"conversation", "title", kText},
                               {"conversation", "updated_at", kWhole},
                               {"conversation", "deleted_at", kWhole},
                               {"conversation", "current_leaf", kBlob},
                               {"message", "id", kBlob},
                               {"message", "conversation_id", kBlob},
                               {"message", "parent_id", kBlob},
                               {"message", "role", kText},
                               {"message", "state", kText},
                               {"message", "created_at", kWhole},
                               {"message", "deleted_at", kWhole},
                               {"message", "stop_reason", kText},
                               {"message", "answer_tokens", kWhole},
                               {"message", "seed", kWhole},
                               {"message", "ttft_ms", kReal},
                               {"message", "snapshot", kText},
                               {"part", "message_id", kBlob},
                               {"part", "seq", kWhole},
                               {"part", "kind", kText},
                               {"part", "mime", kText},
                               {"part", "text", kText},
                               {"part", "json", kText},
                               {"part", "tokens", kWhole},
                               {"part_draft", "text", kText},
                               {"part_draft", "n", kWhole},
                               {"part_draft", "part_id", kWhole},
                               {"model", "id", kText},
                               {"model", "name", kText},
                               {"model", "bytes", kWhole},
                               {"model", "json", kText},
                               {"model_place", "path", kText},
                               {"model_place", "present", kWhole},
                               {"setting", "scope", kText},
                               {"setting", "owner", kText},
                               {"setting", "key", kText},
                               {"setting", "value", kText},
                               {"app_state", "key", kText},
                               {"app_state", "json", kText},
                               {"schema_step", "version", kWhole},
                               {"schema_step", "compat", kWhole}};

template <class T>
T must(lemma::storage::Result<T> result) {
  if (!result) __builtin_trap();
  return std::move(*result);
}
void must(const lemma::storage::Result<void>& result) {
  if (!result) __builtin_trap();
}
template <class T>
bool look(const lemma::storage::Result<T>& result) {
  if (!result && result.error().what.empty()) __builtin_trap();
  return result.has_value();
}

Millis fixedClock() { return 1'800'000'000'000; }

std::string folderBase() { return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : "/tmp"; }

// Two conversations, branches, a thought, an answer that was streaming, a model, settings.
std::string rightFile(const std::string& path) {
  {
    Store store = must(Store::open(path, {.clock = fixedClock}));
    IdGenerator ids(fixedClock);
    AnswerSnapshot snapshot;
    snapshot.modelId = "0123";
    snapshot.settings = {{"temperature", 0.6}, {"think", std::string("medium")}};
    for (int i = 0; i < 2; ++i) {
      const ConversationId conversation = ids.conversation();
      for (int turn = 0; turn < 2; ++turn) {
        const Sending sending{.conversation = conversation,
                              .newConversation = turn == 0,
                              .title = "A title",
                              .question = ids.message(),
                              .answer = ids.message(),
                              .parts = {{.text = "A question?"}},
                              .snapshot = snapshot};
        must(store.send(sending));
        const DraftDelta deltas[] = {{PartKind::think, "hm ", 1, 5}, {PartKind::answer, "An answer.", 2, 6}};
        must(store.appendDraft(sending.answer, deltas));
        if (i == 1 && turn == 1) continue;
        must(store.seal({.message = sending.answer, .stopReason = "end"}));
        if (turn == 0) {
          const MessageId again = ids.message();
          must(store.regenerate(sending.answer, again, snapshot));
          must(store.seal({.message = again, .stopReason = "end"}));
        }
      }
    }
    must(store.rememberModel({.id = "0123", .name = "Tiny", .architecture = "llama", .bytes = 7, .json = "{}"},
                             "/tmp/none.gguf"));
    must(store.setSetting(Store::Scope::person, "", "temperature", SettingValue(0.5)));
    must(store.setState("window", R"({"version":1})"));
  }
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A row's value, past the checks of the schema; what the engine of the database itself refuses is left as it was.
void change(Db& db, const Column& c, unsigned row, std::string_view bytes) {
  const std::string sql = std::string("UPDATE ") + c.table + " SET " + c.column +
                          " = ?1 WHERE rowid = (SELECT rowid FROM " + c.table + " LIMIT 1 OFFSET " +
                          std::to_string(row) + ")";
  const std::string keyed = std::string("UPDATE ") + c.table + " SET " + c.column + " = ?1";  // tables without a rowid
  const std::string_view table = c.table;
  const std::string& statement = table == "part_draft" || table == "setting" || table == "app_state" ? keyed : sql;
  int64_t whole = 0;
  double real = 0;
  std::memcpy(&whole, bytes.data(), std::min(bytes.size(), sizeof whole));
  std::memcpy(&real, bytes.data(), std::min(bytes.size(), sizeof real));
  switch (c.kind) {
    case kText:
      (void)db.run(statement, bytes);
      break;
    case kBlob:
      (void)db.run(statement, BlobView{bytes.data(), bytes.size()});
      break;
    case kWhole:
      (void)db.run(statement, whole);
      break;
    case kReal:
      (void)db.run(statement, real);
      break;
  }
}

void use(Store& store) {
  IdGenerator ids(fixedClock);
  std::vector<ConversationId> all;
  for (const bool deleted : {false, true}) {
    const auto list = deleted ? store.bin() : store.conversations();
    if (!look(list)) continue;
    for (const Conversation& c : *list) all.push_back(c.id);
  }
  if (all.size() > 8) __builtin_trap();
  for (const ConversationId id : all) {
    const auto thread = store.load(id);
    if (!look(thread)) continue;
    for (const Message& m : thread->messages) {
      if (!m.snapshot.empty()) look(snapshotFromJson(m.snapshot));
      look(store.showBranch(m.id));
      for (const MessageId sibling : m.siblings) look(store.showBranch(sibling));
    }
    look(store.rename(id, "Another", true));
    look(
        store.send({.conversation = id, .question = ids.message(), .answer = ids.message(), .parts = {{.text = "?"}}}));
    if (!thread->messages.empty()) {
      look(store.regenerate(thread->messages.back().id, ids.message(), {}));
      look(store.removeMessage(thread->messages.front().id));
      look(store.restoreMessage(thread->messages.front().id));
    }
    look(store.remove(id));
  }
  look(store.models());
  look(store.checkPlaces("0123"));
  for (const auto scope : {Store::Scope::person, Store::Scope::model, Store::Scope::conversation}) {
    const auto map = store.settings(scope, "");
    if (look(map)) resolve({.person = *map});
  }
  look(store.state("window"));
  look(store.isStreaming());
  look(store.purgeBin(0));
  look(store.check());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const lemma::test::TemporaryFolder kFolder(folderBase());
  static const std::string kPath = kFolder / "lemma.db", kRight = rightFile(kFolder / "right.db");
  for (const char* ending : {"", "-wal", "-shm", "-journal"}) {
    std::error_code none;
    std::filesystem::remove(kPath + ending, none);
  }
  write(kPath, kRight);
  std::string ofFile;
  {
    Db db = must(Db::open(kPath, OpenMode::readWrite));
    must(
        db.exec("PRAGMA ignore_check_constraints=ON; PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF;"
                "DROP TRIGGER part_text_is_final; PRAGMA journal_mode=MEMORY"));
    for (size_t at = 0; at + 3 <= size;) {
      const unsigned what = data[at], row = data[at + 1];
      const size_t length = std::min<size_t>(data[at + 2], size - at - 3);
      const std::string_view bytes(reinterpret_cast<const char*>(data) + at + 3, length);
      at += 3 + length;
      if (what < std::size(kColumns)) {
        change(db, kColumns[what], row, bytes);
      } else if (bytes.size() > 2) {
        ofFile.append(bytes.substr(0, 3));
      }
    }
  }
  if (!ofFile.empty()) {
    std::ifstream in(kPath, std::ios::binary);
    std::string file{std::istreambuf_iterator<char>(in), {}};
    for (size_t i = 0; i + 3 <= ofFile.size(); i += 3) {
      const size_t at = (uint8_t(ofFile[i]) | size_t(uint8_t(ofFile[i + 1])) << 8) * 2 % file.size();
      file[at] = ofFile[i + 2];
    }
    write(kPath, file);
  }
  auto store = Store::open(kPath, {.clock = fixedClock});
  if (look(store)) use(*store);
  return 0;
}
