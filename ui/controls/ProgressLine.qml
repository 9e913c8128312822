// How far something long has come. The figures stand beside it in words.
import QtQuick

Rectangle {
    id: root

    property real fraction: 0

    implicitHeight: 4
    radius: 2
    color: Theme.line
    visible: fraction >= 0
    Accessible.role: Accessible.ProgressBar
    Accessible.name: qsTr("Progress")
    Accessible.description: qsTr("%1 percent").arg(Math.round(fraction * 100))

    Rectangle {
        anchors.left: parent.left
        width: parent.width * Math.max(0, Math.min(1, root.fraction))
        height: parent.height
        radius: 2
        color: Theme.accent
    }
}
