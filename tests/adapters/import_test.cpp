// Files of conversations that the person opens while an answer streams: they are read beside the storage thread.
#include <QSignalSpy>
#include <QUrl>
#include <future>

#include "app/app_services.h"
#include "storage/export/conversation_json.h"
#include "tests/storage/fixture.h"

namespace lemma::app {
namespace {

constexpr int kPatience = 30'000;  // milliseconds; only a test that fails waits so long

std::string fileOf(const std::vector<storage::ConversationTree>& trees) {
  std::vector<std::string> lines;
  for (const storage::ConversationTree& tree : trees) lines.push_back(toJson(tree));
  return storage::conversationsFile(lines, {"Lemma", 1}).value_or("");
}

class ImportTest : public testing::Test {
 protected:
  ImportTest() : services_(paths_) {
    storage::StorageThread::Options options;
    options.path = folder_ / "import.db";
    store_ = std::make_unique<storage::StorageThread>(
        options, [this](std::function<void()> call) { QMetaObject::invokeMethod(&loop_, std::move(call)); },
        storage::StorageThread::Callbacks{});
    history_ = std::make_unique<HistoryAdapter>(*store_, *services_.chat());
  }
  ~ImportTest() override { store_.reset(); }

  QUrl write(const std::string& name, const std::string& bytes) {
    storage::writeFile(folder_ / name, bytes);
    return QUrl::fromLocalFile(QString::fromStdString(folder_ / name));
  }
  storage::ConversationTree tree() {
    storage::ConversationTree out;
    out.conversation.id = ids_.conversation();
    out.conversation.title = "T";
    storage::Message m;
    m.id = ids_.message();
    m.conversation = out.conversation.id;
    m.state = storage::MessageState::complete;
    out.messages = {m};
    return out;
  }

  storage::TempFolder folder_;
  storage::IdGenerator ids_{[] { return storage::Millis(1'800'000'000'000); }};
  Paths paths_{.data = folder_.path(), .state = folder_.path(), .cache = folder_.path(), .runtime = folder_.path()};
  QObject loop_;
  AppServices services_;  // for its ChatAdapter; the store below is the test's own
  std::unique_ptr<HistoryAdapter> history_;
  std::unique_ptr<storage::StorageThread> store_;
};

TEST_F(ImportTest, aFileIsReadWhileTheStorageThreadIsBusy) {
  std::promise<void> go;
  store_->call(
      [go = go.get_future().share()](storage::Store&) {
        go.wait();
        return storage::Result<int>(0);
      },
      [](const storage::Result<int>&) {});
  QSignalSpy failed(history_.get(), &ui::HistoryPort::failed);
  QSignalSpy imported(history_.get(), &ui::HistoryPort::imported);
  history_->importFrom(write("good.json", fileOf({tree(), tree()})));
  history_->importFrom(write("broken.json", R"({"schema":"lemma.conversations/1","conversations":[7]})"));
  // Chosen later and read later, so the first was read as well; the storage thread has done nothing yet.
  const bool toldWhileBusy = failed.wait(kPatience);
  const qsizetype importedWhileBusy = imported.size();
  go.set_value();
  ASSERT_TRUE(toldWhileBusy);
  EXPECT_EQ(importedWhileBusy, 0);
  EXPECT_EQ(failed[0][1].toString().toStdString(), "conversations[0]: must be an object.");
  ASSERT_TRUE(imported.wait(kPatience));
  EXPECT_EQ(imported[0], (QVariantList{2, 0, 0}));
  EXPECT_EQ(failed.size(), 1);
}

TEST_F(ImportTest, filesComeInInTheOrderInWhichTheyWereChosen) {
  const storage::ConversationTree first = tree();
  std::vector<storage::ConversationTree> large = {first};
  for (int i = 0; i < 500; ++i) large.push_back(tree());
  QSignalSpy imported(history_.get(), &ui::HistoryPort::imported);
  history_->importFrom(write("large.json", fileOf(large)));
  history_->importFrom(write("small.json", fileOf({first})));
  while (imported.size() < 2) ASSERT_TRUE(imported.wait(kPatience));
  EXPECT_EQ(imported[0], (QVariantList{501, 0, 0}));
  EXPECT_EQ(imported[1], (QVariantList{0, 1, 0}));
}

TEST_F(ImportTest, theEndWaitsForAFileThatIsRead) {
  const QUrl file = write("a.json", fileOf(std::vector<storage::ConversationTree>(1, tree())));
  history_->importFrom(file);
  store_.reset();  // as AppServices ends: the store before the adapters
  history_.reset();
  QCoreApplication::processEvents();  // nothing is told to what is gone
  auto store = storage::Store::open(folder_ / "import.db");
  ASSERT_OK(store);
  TAKE(list, store->conversations());
  EXPECT_TRUE(list.empty());
}

}  // namespace
}  // namespace lemma::app
