// How the desktop wants programs to look: dark or light, less motion, more contrast.
// Owner: ui itself (ui/theme/system_appearance.h reads the settings portal); tests and pictures fix it.
// UI thread only.
#pragma once

#include <QObject>

namespace lemma::ui {

class AppearancePort : public QObject {
  Q_OBJECT
  Q_PROPERTY(bool dark READ dark NOTIFY changed)
  Q_PROPERTY(bool reducedMotion READ reducedMotion NOTIFY changed)
  Q_PROPERTY(bool highContrast READ highContrast NOTIFY changed)

 public:
  using QObject::QObject;

  virtual bool dark() const = 0;
  virtual bool reducedMotion() const = 0;
  virtual bool highContrast() const = 0;

 signals:
  void changed();
};

}  // namespace lemma::ui
