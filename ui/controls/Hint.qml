// What a control or a figure means, on hover and on keyboard focus.
import QtQuick
import QtQuick.Controls.Basic

ToolTip {
    id: root

    delay: 600
    padding: 8
    contentItem: PlainLabel {
        text: root.text
        font.pixelSize: Theme.tinySize
        wrapMode: Text.Wrap
    }
    background: Rectangle {
        radius: Theme.rowRadius
        color: Theme.card
        border.color: Theme.line
    }
}
