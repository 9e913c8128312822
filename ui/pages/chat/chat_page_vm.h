// The chat page's state: the thread that is shown, the draft below it, and what can be done with them now.
// Owner: WindowVm. UI thread. Talks to the ports; one conversation is shown, others may go on being answered.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QHash>
#include <QObject>
#include <QTimer>

#include "ui/models/message_list_model.h"
#include "ui/pages/chat/model_vm.h"
#include "ui/ports/chat_port.h"
#include "ui/ports/history_port.h"

namespace lemma::ui {

class ChatPageVm : public QObject {
  Q_OBJECT
  QML_ELEMENT
  QML_UNCREATABLE("made by the window's view-model")
  Q_PROPERTY(lemma::ui::MessageListModel* messages READ messages CONSTANT)
  Q_PROPERTY(lemma::ui::ModelVm* model READ model CONSTANT)
  Q_PROPERTY(QString conversationId READ conversationId NOTIFY conversationChanged)
  Q_PROPERTY(QString title READ title NOTIFY titleChanged)
  Q_PROPERTY(bool loading READ loading NOTIFY stateChanged)  // the thread is being read from the store
  Q_PROPERTY(bool empty READ empty NOTIFY stateChanged)      // there is nothing in the thread
  Q_PROPERTY(bool generating READ generating NOTIFY stateChanged)
  Q_PROPERTY(bool thinking READ thinking NOTIFY stateChanged)
  Q_PROPERTY(bool canSend READ canSend NOTIFY stateChanged)
  Q_PROPERTY(QString problem READ problem NOTIFY stateChanged)  // the thread could not be read
  Q_PROPERTY(QString draft READ draft WRITE setDraft NOTIFY draftChanged)
  Q_PROPERTY(QString effortText READ effortText NOTIFY effortChanged)
  Q_PROPERTY(QVariantList efforts READ efforts NOTIFY effortChanged)  // {level, name, explanation, current}
  Q_PROPERTY(QString contextText READ contextText NOTIFY contextChanged)
  Q_PROPERTY(QString contextExplanation READ contextExplanation NOTIFY contextChanged)
  Q_PROPERTY(qreal contextFraction READ contextFraction NOTIFY contextChanged)
  Q_PROPERTY(QString announcement READ announcement NOTIFY announcementChanged)  // for screen readers, sparse

 public:
  ChatPageVm(ChatPort& chat, HistoryPort& history, ModelVm& model, QObject* parent = nullptr);

  MessageListModel* messages() { return &messages_; }
  ModelVm* model() { return &model_; }
  QString conversationId() const { return conversationId_; }
  QString title() const { return title_; }
  bool loading() const { return loading_; }
  bool empty() const { return !messages_.last() && !loading_ && problem_.isEmpty(); }
  bool generating() const { return messages_.generating(); }
  bool thinking() const { return messages_.thinking(); }
  bool canSend() const;
  bool hasAnswer() const;
  QString problem() const { return problem_; }
  QString draft() const { return draft_; }
  void setDraft(const QString& draft);
  QString effortText() const;
  QVariantList efforts() const;
  QString contextText() const;
  QString contextExplanation() const;
  qreal contextFraction() const;
  QString announcement() const { return announcement_; }

  // Shows that conversation; an empty id is a new one, which is made by its first question.
  void show(const QString& conversationId);
  void setTitle(const QString& title);

  Q_INVOKABLE void send();
  Q_INVOKABLE void stop();
  Q_INVOKABLE void answerNow();
  Q_INVOKABLE void regenerate(const QString& answerId);
  Q_INVOKABLE void answerInBuiltinFormat(const QString& answerId);  // a new version of it
  Q_INVOKABLE void continueAnswer(const QString& answerId);
  Q_INVOKABLE void showVersion(const QString& answerId, int step);
  Q_INVOKABLE void setEffortLevel(int level);
  Q_INVOKABLE void copyAnswer(const QString& answerId);
  Q_INVOKABLE void copyThought(const QString& answerId);
  Q_INVOKABLE void copyText(const QString& text);
  Q_INVOKABLE void reload();

  void copyLastAnswer();
  void regenerateLast();
  void continueLast();
  void versionOfLast(int step);
  bool canContinueLast() const;
  bool lastHasVersion(int step) const;

 signals:
  void conversationChanged();
  void conversationStarted(const QString& conversationId);  // by sending the first question
  void titleChanged();
  void stateChanged();
  void draftChanged();
  void effortChanged();
  void contextChanged();
  void announcementChanged();
  void sent();  // the view follows the answer from here

 private:
  void connectPorts();
  void announceState();
  void announce(const QString& text);
  void measureContext();
  SendOptions options(const Message* sameFormatAs = nullptr) const;

  ChatPort& chat_;
  HistoryPort& history_;
  ModelVm& model_;
  MessageListModel messages_;
  QString conversationId_, title_, problem_, draft_, announcement_;
  QHash<QString, QString> drafts_;  // of the conversations that are not shown
  bool loading_ = false;
  bool startingNew_ = false;  // inside send(): the new conversation's rows may come before its id is returned
  int contextUsed_ = 0, contextSize_ = 0;
  QTimer measure_;      // gathers keystrokes
  QTimer stillAtWork_;  // a long answer says now and then that it goes on
  enum class Said { Nothing, Thinking, Answering, Done } said_ = Said::Nothing;
};

}  // namespace lemma::ui
