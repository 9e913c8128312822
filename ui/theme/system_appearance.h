// Dark or light, reduced motion and contrast, as the desktop's settings portal says, live.
// Without a portal the application palette decides, and nothing is reduced. Owner: the program. UI thread.
// The first answer comes asynchronously: start-up never waits for the bus.
#pragma once

#include <QDBusMessage>

#include "ui/ports/appearance_port.h"

namespace lemma::ui {

class SystemAppearance : public AppearancePort {
  Q_OBJECT

 public:
  explicit SystemAppearance(QObject* parent = nullptr);

  bool dark() const override { return dark_; }
  bool reducedMotion() const override { return reducedMotion_; }
  bool highContrast() const override { return highContrast_; }

  bool eventFilter(QObject* watched, QEvent* event) override;

 private slots:
  void settingChanged(const QDBusMessage& message);

 private:
  void ask(const QString& group, const QString& key);
  void take(const QString& group, const QString& key, const QVariant& value);
  void followPalette();

  bool dark_ = false, reducedMotion_ = false, highContrast_ = false;
  bool portalKnowsScheme_ = false;
};

}  // namespace lemma::ui
