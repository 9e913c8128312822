// A menu of choices above or below what opened it; the chosen one has a mark.
import QtQuick
import QtQuick.Controls.Basic

Menu {
    id: root

    padding: 4
    implicitWidth: 260
    enter: Transition {
        NumberAnimation {
            property: "opacity"
            from: 0
            to: 1
            duration: Theme.quick
        }
    }
    exit: Transition {
        NumberAnimation {
            property: "opacity"
            from: 1
            to: 0
            duration: Theme.quick
        }
    }
    background: Rectangle {
        radius: Theme.cardRadius
        color: Theme.background
        border.color: Theme.line
    }
}
