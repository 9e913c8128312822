// Writes conversations until it is killed, and says on standard output what was acknowledged, one line each:
//   sent CONVERSATION QUESTION ANSWER        the question is on the disk
//   draft ANSWER THINK ANSWER_BYTES MS       so much text was handed over at that time
//   sealed ANSWER STATE THINK ANSWER_BYTES   the answer is on the disk
//   title CONVERSATION TITLE | removed CONVERSATION | restored CONVERSATION
// storage-victim DATABASE SEED        writes
// storage-victim DATABASE open        opens (and migrates), nothing else
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/names.h"
#include "storage/storage_thread.h"
#include "tests/storage_kill/pattern.h"

namespace {

using namespace lemma::storage;

void say(const std::string& line) {
  const std::string whole = line + "\n";
  if (::write(STDOUT_FILENO, whole.data(), whole.size()) < 0) std::exit(3);
}

[[noreturn]] void give_up(const Error& error) {
  say("error " + error.what);
  std::exit(2);
}

// Waits for the answer of a call; the executor runs callbacks on the storage thread itself.
class Answer {
 public:
  void operator()(Result<void> result) {
    std::lock_guard lock(mutex_);
    result_ = std::move(result);
    wake_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return result_.has_value(); });
    if (!*result_) give_up(result_->error());
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Result<void>> result_;
};

template <class Work>
void ask(StorageThread& thread, Work work) {
  Answer answer;
  thread.call(
      [&work](Store& store) -> Result<void> {
        auto result = work(store);
        if (!result) return tl::unexpected(result.error());
        return {};
      },
      [&answer](Result<void> result) { answer(std::move(result)); });
  answer.wait();
}

class Writer {
 public:
  Writer(StorageThread& thread, uint64_t seed) : thread_(thread), random_(seed) {}

  void turn() {
    const bool fresh = conversations_.empty() || random_() % 4 == 0;
    if (fresh) conversations_.push_back(ids_.conversation());
    const ConversationId conversation =
        fresh ? conversations_.back() : conversations_[random_() % conversations_.size()];
    const MessageId question = ids_.message();
    MessageId answer = ids_.message();
    // An edited question is a sibling of the old one, whose text stays as it is.
    std::optional<MessageId> edited;
    if (const auto last = questions_.find(conversation); last != questions_.end() && random_() % 3 == 0)
      edited = last->second;
    questions_[conversation] = question;
    ask(thread_, [&](Store& store) {
      return store.send({.conversation = conversation,
                         .newConversation = fresh,
                         .title = "t",
                         .question = question,
                         .answer = answer,
                         .parts = {{.text = question.str()}},
                         .editOf = edited});
    });
    say("sent " + conversation.str() + " " + question.str() + " " + answer.str());
    stream(answer);
    if (random_() % 4 == 0) {  // a branch
      answer = ids_.message();
      ask(thread_, [&](Store& store) { return store.regenerate(question, answer, {}); });
      say("sent " + conversation.str() + " " + question.str() + " " + answer.str());
      stream(answer);
    }
    change(conversation);
  }

 private:
  void stream(MessageId answer) {
    size_t think = 0, text = 0;
    const int deltas = static_cast<int>(random_() % 60);
    for (int i = 0; i < deltas; ++i) {
      const bool thinking = i < deltas / 2;
      size_t& bytes = thinking ? think : text;
      const size_t more = 1 + random_() % 40;
      thread_.appendDraft(answer, thinking ? PartKind::think : PartKind::answer, pattern(bytes, more), 1);
      bytes += more;
      say("draft " + answer.str() + " " + std::to_string(think) + " " + std::to_string(text) + " " +
          std::to_string(utcNow()));
      std::this_thread::sleep_for(std::chrono::microseconds(random_() % 30'000));
    }
    const MessageState state = random_() % 2 ? MessageState::complete : MessageState::stopped;
    Answer sealed;
    thread_.seal({.message = answer, .state = state}, [&sealed](Result<void> result) { sealed(std::move(result)); });
    sealed.wait();
    say("sealed " + answer.str() + " " + std::string(name(state)) + " " + std::to_string(think) + " " +
        std::to_string(text));
  }

  void change(ConversationId conversation) {
    switch (random_() % 4) {
      case 0: {
        const std::string title = "title-" + std::to_string(random_());
        ask(thread_, [&](Store& store) { return store.rename(conversation, title, true); });
        say("title " + conversation.str() + " " + title);
        break;
      }
      case 1:
        ask(thread_, [&](Store& store) { return store.remove(conversation); });
        say("removed " + conversation.str());
        if (random_() % 2) {
          ask(thread_, [&](Store& store) { return store.restore(conversation); });
          say("restored " + conversation.str());
        }
        break;
      default:
        break;
    }
  }

  StorageThread& thread_;
  std::mt19937_64 random_;
  IdGenerator ids_;
  std::vector<ConversationId> conversations_;
  std::map<ConversationId, MessageId> questions_;  // the last of each
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  StorageThread thread({.path = argv[1]}, [](std::function<void()> task) { task(); }, {});
  ask(thread, [](Store&) { return Result<void>(); });
  if (std::string(argv[2]) == "open") {
    say("opened");
    return 0;
  }
  Writer writer(thread, std::strtoull(argv[2], nullptr, 10));
  for (;;) writer.turn();
}
