import QtQuick
import QtQuick.Controls.Basic

MenuItem {
    id: root

    property string explanation
    property bool chosen: false

    implicitHeight: explanation === "" ? 32 : 44
    leftPadding: 10
    rightPadding: 10
    Accessible.role: Accessible.MenuItem
    Accessible.name: text
    Accessible.description: explanation
    Accessible.checkable: chosen
    Accessible.checked: chosen
    // Escape closes the menu; it does not stop an answer.
    Keys.onShortcutOverride: event => event.accepted = event.key === Qt.Key_Escape

    arrow: null
    indicator: null
    contentItem: Item {
        Column {
            anchors.verticalCenter: parent.verticalCenter
            anchors.left: parent.left
            anchors.right: mark.left

            PlainLabel {
                width: parent.width
                text: root.text
                elide: Text.ElideRight
            }
            PlainLabel {
                width: parent.width
                visible: text !== ""
                text: root.explanation
                color: Theme.secondInk
                elide: Text.ElideMiddle
                font.pixelSize: Theme.labelSize
            }
        }
        PlainLabel {
            id: mark

            anchors.verticalCenter: parent.verticalCenter
            anchors.right: parent.right
            width: 16
            text: root.chosen ? "\u2713" : ""
            color: Theme.accent
            horizontalAlignment: Text.AlignRight
        }
    }
    background: Rectangle {
        radius: Theme.rowRadius
        color: root.highlighted ? Theme.chosen : "transparent"
    }
}
