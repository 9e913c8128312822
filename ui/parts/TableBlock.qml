import QtQuick
import QtQuick.Layouts

Item {
    id: root

    required property var cells
    required property int columns
    required property var aligns
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

        Rectangle {
            width: parent.width
            height: grid.implicitHeight + 2
            radius: Theme.codeRadius
            color: "transparent"
            border.color: Theme.line

            GridLayout {
                id: grid

                x: 1
                y: 1
                width: parent.width - 2
                columns: Math.max(1, root.columns)
                columnSpacing: 0
                rowSpacing: 0

                Repeater {
                    model: root.cells

                    Rectangle {
                        id: cell

                        required property int index
                        required property var modelData
                        readonly property bool head: index < root.columns

                        Layout.fillWidth: true
                        Layout.fillHeight: true
                        Layout.preferredWidth: view.implicitWidth + 20
                        Layout.minimumWidth: 40
                        implicitHeight: view.implicitHeight + 12
                        color: head ? Theme.card : "transparent"

                        Rectangle {
                            visible: !cell.head
                            width: parent.width
                            height: 1
                            color: Theme.line
                        }
                        SpanTextView {
                            id: view

                            x: 10
                            y: 6
                            width: parent.width - 20
                            content: cell.modelData
                            horizontalAlignment: root.aligns[cell.index % root.columns]
                            font.pixelSize: Theme.textSize
                            font.weight: cell.head ? Font.DemiBold : Font.Normal
                            Accessible.role: cell.head ? Accessible.ColumnHeader : Accessible.Cell
                            onLinkChosen: link => root.linkChosen(link)
                        }
                    }
                }
            }
        }
    }
}
