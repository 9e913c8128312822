// The reading half of conversation_json.h.
#include <cmath>
#include <set>

#include "storage/export/bounded_json.h"
#include "storage/export/branch_order.h"
#include "storage/export/conversation_json.h"
#include "storage/export/json_limits.h"
#include "storage/names.h"

namespace lemma::storage {
namespace {

using FileJson = nlohmann::ordered_json;

// A value and the way to it, so that an error can name it.
struct JsonPlace {
  const FileJson& json;
  const JsonPlace* up = nullptr;
  const char* key = nullptr;  // of an object's member; nothing: an element of a list
  size_t index = 0;

  std::string path() const {
    if (!up) return {};
    std::string out = up->path();
    if (!key) return out + '[' + std::to_string(index) + ']';
    return out.empty() ? key : out + '.' + key;
  }
};

// Reads on after an error with values that nobody will see, and keeps the first sentence.
class FileReader {
 public:
  Result<std::vector<ConversationTree>> read(const FileJson& json) {
    const JsonPlace file{json};
    if (!json.is_object()) return fail(Err::badValue, "The file must be a JSON object.");
    checkSchema(file);
    std::vector<ConversationTree> out;
    if (const FileJson* list = listOf(file, "conversations", kMostConversations)) {
      const JsonPlace place{*list, &file, "conversations"};
      for (size_t i = 0; i < list->size() && !error_; ++i)
        out.push_back(conversation({(*list)[i], &place, nullptr, i}));
    }
    if (error_) return tl::unexpected(*error_);
    return out;
  }

 private:
  void refuse(const JsonPlace& place, const std::string& what, Err code = Err::badValue) {
    if (!error_) error_ = {code, place.path() + ": " + what};
  }
  void refuse(const JsonPlace& object, const char* key, const std::string& what, Err code = Err::badValue) {
    refuse(JsonPlace{object.json, &object, key}, what, code);
  }

  // Nothing for a key that is missing or null.
  static const FileJson* member(const JsonPlace& object, const char* key) {
    const auto found = object.json.find(key);
    return found == object.json.end() || found->is_null() ? nullptr : &*found;
  }
  const FileJson* required(const JsonPlace& object, const char* key) {
    const FileJson* found = member(object, key);
    if (!found) refuse(object, key, "is missing.");
    return found;
  }
  const FileJson* listOf(const JsonPlace& object, const char* key, size_t most) {
    const FileJson* found = required(object, key);
    if (!found) return nullptr;
    if (!found->is_array()) {
      refuse(object, key, "must be a list.");
      return nullptr;
    }
    if (found->size() > most) {
      refuse(object, key, "has more than " + std::to_string(most) + " elements.", Err::tooLarge);
      return nullptr;
    }
    return found;
  }
  bool isObject(const JsonPlace& place) {
    if (!place.json.is_object()) refuse(place, "must be an object.");
    return place.json.is_object();
  }

  std::string asText(const JsonPlace& object, const char* key, const FileJson* found, size_t most) {
    if (!found) return {};
    if (!found->is_string()) {
      refuse(object, key, "must be a text.");
      return {};
    }
    const auto& value = found->get_ref<const std::string&>();
    if (value.size() > most) refuse(object, key, "is longer than " + std::to_string(most) + " bytes.", Err::tooLarge);
    return value;
  }
  std::string textOf(const JsonPlace& object, const char* key, size_t most) {
    return asText(object, key, required(object, key), most);
  }
  std::optional<int64_t> wholeOr(const JsonPlace& object, const char* key, int64_t most) {
    const FileJson* found = member(object, key);
    if (!found) return std::nullopt;
    // An unsigned number is compared as such: cut down to int64_t it could look like a small one.
    if (found->is_number_unsigned() && found->get<uint64_t>() <= uint64_t(most)) return found->get<int64_t>();
    refuse(object, key, "must be a whole number from 0 to " + std::to_string(most) + ".");
    return std::nullopt;
  }
  std::optional<Millis> timeOr(const JsonPlace& object, const char* key) { return wholeOr(object, key, kLastMoment); }
  Millis timeOf(const JsonPlace& object, const char* key) {
    if (!required(object, key)) return 0;
    return timeOr(object, key).value_or(0);
  }
  std::optional<double> measureOr(const JsonPlace& object, const char* key) {
    const FileJson* found = member(object, key);
    if (!found) return std::nullopt;
    const double value = found->is_number() ? found->get<double>() : 2 * kMostMeasure;
    if (std::abs(value) > kMostMeasure) refuse(object, key, "must be a number of at most 1e15.");
    return value;
  }
  template <class Id>
  std::optional<Id> idOr(const JsonPlace& object, const char* key) {
    const FileJson* found = member(object, key);
    if (!found) return std::nullopt;
    std::optional<Id> id;
    if (found->is_string()) id = Id::parse(found->get_ref<const std::string&>());
    if (!id) refuse(object, key, "must be a UUID.");
    return id;
  }
  template <class Id>
  Id idOf(const JsonPlace& object, const char* key) {
    if (!required(object, key)) return {};
    return idOr<Id>(object, key).value_or(Id());
  }
  template <class Enum, size_t N>
  Enum wordOf(const JsonPlace& object, const char* key, const std::string_view (&names)[N]) {
    const std::string word = textOf(object, key, kMostWord);
    if (const auto value = named<Enum>(names, word)) return *value;
    std::string all;
    for (const std::string_view one : names) all += (all.empty() ? "" : ", ") + std::string(one);
    refuse(object, key, "must be one of " + all + ".");
    return {};
  }
  std::string detailsOr(const JsonPlace& object, const char* key) {
    const FileJson* found = member(object, key);
    if (!found) return {};
    if (found->is_structured()) return found->dump();
    const std::string held = asText(object, key, found, kMostFileBytes);
    if (!FileJson::accept(held)) refuse(object, key, "must be an object, a list, or a text that holds JSON.");
    return held;
  }

  void checkSchema(const JsonPlace& file) {
    static constexpr std::string_view kFamily = "lemma.conversations/";
    const std::string schema = textOf(file, "schema", kMostWord);
    if (error_ || schema == kConversationsSchema) return;
    if (schema.starts_with(kFamily)) {
      refuse(file, "schema",
             schema + " is of another Lemma than this one, which reads " + std::string(kConversationsSchema) +
                 "; try it with a newer Lemma.",
             Err::newerSchema);
    } else {
      refuse(file, "schema", "must be " + std::string(kConversationsSchema) + ".");
    }
  }

  ConversationTree conversation(const JsonPlace& place) {
    ConversationTree tree;
    if (!isObject(place)) return tree;
    Conversation& c = tree.conversation;
    c.id = idOf<ConversationId>(place, "id");
    if (!conversations_.insert(c.id).second) refuse(place, "id", c.id.str() + " stands there twice.");
    c.title = textOf(place, "title", kMostTitle);
    const FileJson* byPerson = member(place, "title_by_person");
    if (byPerson && !byPerson->is_boolean()) refuse(place, "title_by_person", "must be true or false.");
    c.titleByPerson = byPerson && byPerson->is_boolean() && byPerson->get<bool>();
    c.createdAt = timeOf(place, "created_at");
    c.updatedAt = timeOf(place, "updated_at");
    c.currentLeaf = idOr<MessageId>(place, "current");
    readSettings(place, tree.settings);
    if (const FileJson* list = listOf(place, "messages", kMostMessages)) {
      const JsonPlace messages{*list, &place, "messages"};
      for (size_t i = 0; i < list->size() && !error_; ++i)
        tree.messages.push_back(message({(*list)[i], &messages, nullptr, i}, c.id));
      if (!error_) join(messages, tree);
    }
    return tree;
  }

  void readSettings(const JsonPlace& conversation, SettingMap& out) {
    const FileJson* found = member(conversation, "settings");
    if (!found) return;
    const JsonPlace settings{*found, &conversation, "settings"};
    if (!isObject(settings)) return;
    for (const SettingSpec& spec : kSettings) {
      const std::string key(spec.key);
      const FileJson* json = member(settings, key.c_str());
      if (!json) continue;
      const auto value = settingFromJson(json->dump());
      const auto checked =
          value ? checkSetting(spec, *value) : Result<SettingValue>(fail(Err::badValue, "must be a number or a text."));
      if (checked)
        out.emplace(key, *checked);
      else
        refuse(settings, key.c_str(), checked.error().what);
    }
  }

  Message message(const JsonPlace& place, ConversationId conversation) {
    Message m;
    if (!isObject(place)) return m;
    if (++messages_ > kMostMessages)
      refuse(place, "the file has more than " + std::to_string(kMostMessages) + " messages.", Err::tooLarge);
    m.id = idOf<MessageId>(place, "id");
    if (!messageIds_.insert(m.id).second) refuse(place, "id", m.id.str() + " stands there twice.");
    m.conversation = conversation;
    m.parent = idOr<MessageId>(place, "parent");
    m.role = wordOf<Role>(place, "role", kRoleNames);
    m.state = wordOf<MessageState>(place, "state", kStateNames);
    if (m.state == MessageState::streaming && !error_) refuse(place, "state", "nothing streams in a file.");
    m.createdAt = timeOf(place, "created_at");
    m.finishedAt = timeOr(place, "finished_at");
    m.stopReason = asText(place, "stop_reason", member(place, "stop_reason"), kMostWord);
    if (const FileJson* stats = member(place, "stats")) readStats({*stats, &place, "stats"}, m.stats);
    m.snapshot = detailsOr(place, "made_with");
    if (const FileJson* list = listOf(place, "parts", kMostParts)) {
      const JsonPlace parts{*list, &place, "parts"};
      for (size_t i = 0; i < list->size() && !error_; ++i) m.parts.push_back(part({(*list)[i], &parts, nullptr, i}));
    }
    return m;
  }

  void readStats(const JsonPlace& place, AnswerStats& s) {
    if (!isObject(place)) return;
    s.promptTokens = wholeOr(place, "prompt_tokens", kMostCount);
    s.cachedTokens = wholeOr(place, "cached_tokens", kMostCount);
    s.thinkTokens = wholeOr(place, "think_tokens", kMostCount);
    s.answerTokens = wholeOr(place, "answer_tokens", kMostCount);
    s.contextUsed = wholeOr(place, "context_used", kMostCount);
    s.contextSize = wholeOr(place, "context_size", kMostCount);
    s.turnsLeftOut = wholeOr(place, "turns_left_out", kMostCount);
    if (const FileJson* seed = member(place, "seed")) {
      if (seed->is_number_unsigned())
        s.seed = seed->get<uint64_t>();
      else
        refuse(place, "seed", "must be a whole number of 64 bits.");
    }
    s.ttftMs = measureOr(place, "ttft_ms");
    s.thinkMs = measureOr(place, "think_ms");
    s.totalMs = measureOr(place, "total_ms");
    s.promptTps = measureOr(place, "prompt_tps");
    s.genTps = measureOr(place, "gen_tps");
  }

  Part part(const JsonPlace& place) {
    Part p;
    if (!isObject(place)) return p;
    p.kind = wordOf<PartKind>(place, "kind", kPartKindNames);
    p.mime = textOf(place, "mime", kMostWord);
    p.text = textOf(place, "text", kMostFileBytes);
    p.json = detailsOr(place, "details");
    p.tokens = wholeOr(place, "tokens", kMostCount);
    p.startedAt = timeOr(place, "started_at");
    p.endedAt = timeOr(place, "ended_at");
    return p;
  }

  // Messages as a tree, in branch order.
  void join(const JsonPlace& list, ConversationTree& tree) {
    std::set<MessageId> ids;
    for (const Message& m : tree.messages) ids.insert(m.id);
    for (size_t i = 0; i < tree.messages.size(); ++i) {
      const auto& parent = tree.messages[i].parent;
      if (parent && !ids.contains(*parent))
        refuse(JsonPlace{list.json[i], &list, nullptr, i}, "parent", "there is no message " + parent->str() + ".");
    }
    if (const auto& leaf = tree.conversation.currentLeaf; leaf && !ids.contains(*leaf))
      refuse(*list.up, "current", "there is no message " + leaf->str() + ".");
    std::vector<size_t> loose;
    tree.messages = inBranchOrder(std::move(tree.messages), &loose);
    if (!loose.empty())
      refuse(JsonPlace{list.json[loose[0]], &list, nullptr, loose[0]}, "parent",
             "the messages follow one another in a ring.");
  }

  std::optional<Error> error_;
  std::set<ConversationId> conversations_;
  std::set<MessageId> messageIds_;
  size_t messages_ = 0;
};

}  // namespace

Result<std::vector<ConversationTree>> conversationsFromFile(std::string_view bytes) {
  if (bytes.size() > kMostFileBytes)
    return fail(Err::tooLarge, "The file is larger than " + std::to_string(kMostFileBytes >> 20) + " MiB.");
  STORE_TRY(json, parseBounded(bytes));
  return FileReader().read(json);
}

}  // namespace lemma::storage
