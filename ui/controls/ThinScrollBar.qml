import QtQuick
import QtQuick.Controls.Basic

ScrollBar {
    id: root

    minimumSize: 0.05
    contentItem: Rectangle {
        implicitWidth: 6
        implicitHeight: 6
        radius: 3
        color: Theme.secondInk
        opacity: root.size < 1 && (root.active || root.pressed) ? 0.6 : 0

        Behavior on opacity {
            NumberAnimation {
                duration: Theme.calm
            }
        }
    }
}
