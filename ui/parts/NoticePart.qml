import QtQuick

Item {
    id: root

    required property string content

    implicitHeight: label.implicitHeight + 16

    PlainLabel {
        id: label

        width: parent.width
        text: root.content
        color: Theme.secondInk
        font.pixelSize: Theme.tinySize
        wrapMode: Text.Wrap
        horizontalAlignment: Text.AlignHCenter
        Accessible.role: Accessible.StaticText
        Accessible.name: text
    }
}
