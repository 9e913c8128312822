import QtQuick

Item {
    id: root

    required property var blocks
    signal linkChosen(string link)
    signal copyRequested(string text)

    implicitHeight: list.height + 12
    Accessible.role: Accessible.Grouping
    Accessible.name: qsTr("Answer")

    BlockList {
        id: list

        width: parent.width
        blocks: root.blocks
        onLinkChosen: link => root.linkChosen(link)
        onCopyRequested: text => root.copyRequested(text)
    }
}
