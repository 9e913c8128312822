// An action that looks like a word.
import QtQuick
import QtQuick.Controls.Basic

AbstractButton {
    id: root

    property string explanation
    property color tint: Theme.secondInk

    padding: 0
    implicitWidth: label.implicitWidth
    implicitHeight: Math.max(24, label.implicitHeight)
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Accessible.description: explanation
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: PlainLabel {
        id: label

        text: root.text
        color: root.hovered ? Theme.ink : root.tint
        opacity: root.enabled ? 1 : 0.5
        font.pixelSize: Theme.tinySize
        verticalAlignment: Text.AlignVCenter
    }
    background: Item {
        FocusRing {
            shown: root.visualFocus
            radius: Theme.rowRadius
        }
    }

    Hint {
        text: root.explanation
        visible: root.explanation !== "" && (root.hovered || root.visualFocus)
    }
}
