import QtQuick

Item {
    id: root

    required property int gap

    implicitHeight: gap + 9

    Rectangle {
        y: root.gap + 4
        width: root.width
        height: 1
        color: Theme.line
    }
}
