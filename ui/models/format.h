// Numbers as the window writes them: durations, sizes, counts; in the language and number format of the system.
// Owner: ui. Pure functions.
#pragma once

#include <QString>

#include "ui/ports/chat_values.h"

namespace lemma::ui {

QString formatDuration(qint64 ms);               // "3.2 s", "1 min 23 s"
QString formatBytes(qint64 bytes);               // "98 MB", "4.7 GB" (powers of 1000)
QString formatTokens(int tokens);                // "482 tokens"
QString formatShort(int count);                  // "482", "3.1k", "128k"
QString formatSpeed(const AnswerStats& stats);   // "38.2 tok/s · first token 0.3 s · 911 tokens"
QString explainSpeed(const AnswerStats& stats);  // the same figures, defined, one a line
QString effortName(const Effort& effort);        // "Medium"

}  // namespace lemma::ui
