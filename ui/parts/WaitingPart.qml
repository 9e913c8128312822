import QtQuick

Item {
    id: root

    required property string content

    implicitHeight: label.implicitHeight + 16

    PlainLabel {
        id: label

        text: root.content
        color: Theme.secondInk
        Accessible.role: Accessible.StaticText
        Accessible.name: text
    }
}
