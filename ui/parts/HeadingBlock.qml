import QtQuick

Item {
    id: root

    required property var content
    required property int level
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
            lineHeight: 1.2
            font.weight: Font.DemiBold
            font.pixelSize: [20, 18, 16, 15, 15, 15][Math.max(1, Math.min(6, root.level)) - 1]
            Accessible.role: Accessible.Heading
            onLinkChosen: link => root.linkChosen(link)
        }
    }
}
