import QtQuick

Item {
    id: root

    required property string content

    implicitHeight: bubble.height + 14

    Rectangle {
        id: bubble

        anchors.right: parent.right
        width: Math.min(parent.width * 0.85, text.implicitWidth + 31)
        height: text.implicitHeight + 21
        radius: Theme.bubbleRadius
        color: Theme.card

        SpanTextView {
            id: text

            x: 15.5
            y: 10
            width: bubble.width - 31
            content: root.content
            font.pixelSize: Theme.answerSize - 1
            lineHeight: 1.15
            Accessible.name: qsTr("You asked: %1").arg(root.content)
        }
    }
}
