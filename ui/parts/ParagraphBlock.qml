import QtQuick

Item {
    id: root

    required property var content
    required property int listDepth
    required property int quoteDepth
    required property string marker
    required property int gap
    signal linkChosen(string link)

    implicitHeight: frame.implicitHeight

    BlockFrame {
        id: frame

        width: root.width
        height: implicitHeight
        gap: root.gap
        listDepth: root.listDepth
        quoteDepth: root.quoteDepth
        marker: root.marker

        SpanTextView {
            width: parent.width
            content: root.content
            lineHeight: Theme.answerLineHeight
            color: root.quoteDepth > 0 ? Theme.secondInk : Theme.ink
            onLinkChosen: link => root.linkChosen(link)
        }
    }
}
