// All that a window needs from outside. Owner: the program that makes it; every port outlives the window.
#pragma once

#include "ui/ports/appearance_port.h"
#include "ui/ports/chat_port.h"
#include "ui/ports/history_port.h"
#include "ui/ports/model_port.h"

namespace lemma::ui {

struct Ports {
  ChatPort* chat = nullptr;
  HistoryPort* history = nullptr;
  ModelPort* model = nullptr;
  AppearancePort* appearance = nullptr;
};

}  // namespace lemma::ui
