// Where a block stands: the space above it, the rules of its quotes, the indent and mark of its list.
import QtQuick

Item {
    id: root

    property int gap: 0
    property int listDepth: 0
    property int quoteDepth: 0
    property string marker
    default property alias content: holder.data

    readonly property int quoteIndent: 14
    readonly property int listIndent: 24

    implicitHeight: gap + holder.childrenRect.height

    Repeater {
        model: root.quoteDepth

        Rectangle {
            required property int index

            anchors.left: parent.left
            anchors.leftMargin: index * root.quoteIndent
            y: root.gap
            width: 3
            height: root.height - root.gap
            radius: 1
            color: Theme.line
        }
    }
    PlainLabel {
        anchors.right: holder.left
        anchors.rightMargin: 8
        y: root.gap
        visible: root.marker !== ""
        text: root.marker
        color: Theme.secondInk
        font.pixelSize: Theme.answerSize
        lineHeight: Theme.answerLineHeight
    }
    Item {
        id: holder

        anchors.left: parent.left
        anchors.right: parent.right
        anchors.leftMargin: root.quoteDepth * root.quoteIndent + root.listDepth * root.listIndent
        y: root.gap
        height: childrenRect.height
    }
}
