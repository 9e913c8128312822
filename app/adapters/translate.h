// Values of storage and engine as the window knows them. Pure, any thread.
#pragma once

#include <QString>

#include "engine/api/types.h"
#include "storage/settings.h"
#include "storage/types.h"
#include "ui/ports/chat_values.h"
#include "ui/ports/model_port.h"

namespace lemma::app {

QString toQt(const std::string& s);
QString toQt(const storage::Uuid& id);

ui::Conversation toUi(const storage::Conversation& c);
ui::Message toUi(const storage::Message& m);
QList<ui::Message> toUi(const std::vector<storage::Message>& messages);
bool inBuiltinFormat(const storage::Message& answer);  // it was asked for so
ui::ThoughtEnd toUi(ThoughtEnded::Why why);
ui::ModelCard toUi(const ModelInfo& m);

// As the setting `think` stores it.
std::string toSetting(const ui::Effort& e);
ui::Effort toEffort(const storage::SettingValue& value);

// How an answer ended, as storage keeps it.
inline constexpr const char* kTemplateRefused = "template";  // the reason why it failed
storage::MessageState toState(StopReason reason);
storage::AnswerStats toStats(const Finished& f);

}  // namespace lemma::app
